"""SoftmaxMode: one mode in DSS-exp and in DSS-softmax, while its eigenvalue crosses to Re λ > 0.

The numbers that move are computed by `softmax_mode.js` in the browser; tests/test_dss_chapter.py holds
them equal to the library's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssm_lib import kernels
from ssm_lib.discretize import expm1_ratio
from ssm_lib.widgets.base import STYLES, Integer, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEP = 0.1  # seconds


class SoftmaxMode(Widget):
    """Drag one eigenvalue from decay to growth, and compare what the two kernels of DSS make of it.

    Parameters
    ----------
    re
        Re lambda, -1 to 1 (1/s); the step is 0.1 s.
    im
        Im lambda, 0 to 10 (rad/s).
    L
        Steps that the softmax runs over, 40 to 200; its kernel at L/2 is drawn in grey.
    """

    re = Number(-0.3, -1, 1, step=0.05)
    im = Number(2, 0, 10, step=0.1)
    L = Integer(100, 40, 200, step=20)

    def exp(self) -> Tensor:
        """Re exp(dt lambda l), l < L: DSS-exp up to its weight, (L,) float64."""
        z = torch.tensor([STEP * complex(self.re, self.im)], dtype=torch.complex128)
        return kernels.vandermonde(z, torch.ones_like(z), self.L)

    def softmax(self, length: int | None = None) -> Tensor:
        """Re exp(dt lambda l) / sum_j exp(dt lambda j), over `length` steps (by default L): float64."""
        length = self.L if length is None else length
        grows = self.re > 0
        z = torch.tensor([STEP * complex(self.re, self.im)], dtype=torch.complex128)
        z = -z if grows else z
        w = expm1_ratio(z) / (length * expm1_ratio(length * z))  # 1/L at lambda = 0
        row = kernels.vandermonde(z, w, length)
        return row.flip(-1) if grows else row

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 3.6), layout="constrained")
        axes = figure.subplot_mosaic(
            [["plane", "exp"], ["plane", "softmax"]], width_ratios=[2, 3]
        )
        plane, (color, dash, marker) = axes["plane"], STYLES[0]
        plane.axvspan(-1.1, 0, color="#edf5fb")
        plane.plot(self.re, self.im, marker, color=color)
        plane.set(xlim=(-1.1, 1.1), ylim=(-0.5, 10.5))
        plane.set(xlabel="Re λ (1/s)", ylabel="Im λ (rad/s)", title="Eigenvalue")
        growth = self.exp()
        kept = (
            int((growth.abs() > 1.5).int().argmax()) or self.L - 1
        )  # up to where it leaves
        axes["exp"].plot(growth[: kept + 1], color=color, linestyle=dash)
        axes["exp"].set(xlim=(-5, self.L + 4), ylim=(-1.5, 1.5), title="exp: Re e^(Δλl)")
        axes["softmax"].plot(
            self.softmax(self.L // 2), color="#999999", linewidth=3, label="at L/2"
        )
        color, broken, _ = STYLES[1]
        axes["softmax"].plot(self.softmax(), color=color, linestyle=broken, label="at L")
        axes["softmax"].set(
            xlim=(-5, self.L + 4),
            title=f"softmax over L = {self.L}",
            xlabel="lag l (steps)",
        )
        axes["softmax"].legend(fontsize=8)
        for ax in axes.values():
            ax.spines[["top", "right"]].set_visible(False)
        return figure
