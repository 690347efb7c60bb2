"""Echo: roots at equal angles, dragged together, and the kernel that they sum to.

The numbers that move are computed by `echo.js` in the browser; tests/test_dlr_chapter.py holds them equal
to the library's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssm_lib import kernels
from ssm_lib.widgets.base import STYLES, Integer, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAGS = 48
SMALLEST = 0.01  # of a root's size


class Echo(Widget):
    """Drag the first of N roots; the others follow at multiples of its angle, N = 1 to 48.

    Parameters
    ----------
    re, im
        Where the root is dragged to, -1.2 to 1.2. Outside the circle it is put on the circle; its angle
        is rounded to half a degree.
    n
        How many roots, at the angles 0, 1, ... n-1 times that angle; each has weight of size 1/n.
    delay
        The lag at which all weights make the roots agree, 0 to 47 steps.
    """

    re = Number(0.9, -1.2, 1.2, step=0.01)
    im = Number(0.3, -1.2, 1.2, step=0.01)
    n = Integer(4, 1, LAGS)
    delay = Integer(0, 0, LAGS - 1)

    def root(self) -> tuple[float, float]:
        """Size and angle (degrees) of the first root."""
        size = min(1.0, max(SMALLEST, math.hypot(self.re, self.im)))
        return size, math.floor(2 * math.degrees(math.atan2(self.im, self.re)) + 0.5) / 2

    def log_roots(self) -> Tensor:
        """log of each root, (n,) complex128."""
        size, degrees = self.root()
        phase = math.radians(degrees) * torch.arange(self.n, dtype=torch.float64)
        return torch.complex(torch.full_like(phase, math.log(size)), phase)

    def kernel(self) -> Tensor:
        """Re sum_n w_n e^{lambda_n l} for 48 lags, (48,) float64."""
        log_a = self.log_roots()
        w = torch.exp(-1j * log_a.imag * self.delay) / self.n
        return kernels.dlr(log_a, w[None], LAGS)[0]

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 3.4), layout="constrained")
        plane, lags = figure.subplots(1, 2, width_ratios=[2, 3])
        turn = torch.linspace(0, 2 * math.pi, 181)
        plane.plot(turn.cos(), turn.sin(), color="#888888", lw=0.8)
        roots = torch.exp(self.log_roots())
        (blue, _, dot), (red, _, square) = STYLES[:2]
        plane.plot(roots.real, roots.imag, dot, color=blue, mfc="none")
        size, degrees = self.root()
        x, y = (
            size * math.cos(math.radians(degrees)),
            size * math.sin(math.radians(degrees)),
        )
        plane.plot(x, y, square, color=red)
        plane.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
        plane.set(
            xlabel="real part", ylabel="imaginary part", title="Roots, and the one dragged"
        )
        lags.vlines(range(LAGS), 0, self.kernel(), color=blue, lw=1)
        lags.plot(self.kernel(), dot, color=blue, ms=4)
        lags.axhline(0, color="#888888", lw=0.8)
        lags.set(xlabel="lag l (steps)", title="Kernel", ylim=(-1.1, 1.1))
        for ax in (plane, lags):
            ax.spines[["top", "right"]].set_visible(False)
        return figure
