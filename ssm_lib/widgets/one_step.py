"""OneStep: what five rules make of one mode, while its λΔ is dragged over the complex plane.

The numbers that move are computed by `one_step.js` in the browser; `tests/test_discretization_chapter.py`
holds them equal to the library's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssm_lib import discretize
from ssm_lib.widgets.base import STYLES, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 20
RULES = {  # in the order of the slots in one_step.js
    "Euler": "euler",
    "backward Euler": "backward_euler",
    "GBT(α)": "gbt",
    "bilinear": "bilinear",
    "ZOH": "zoh",
}


class OneStep(Widget):
    """Compare the discrete eigenvalues and the step responses that five rules give to one mode.

    Parameters
    ----------
    re, im
        z = lambda dt, what the mode decays and turns per step: -4 to 0.5, and 0 to 4.5 (radians).
    alpha
        Weight of the implicit part in the generalized bilinear transform, 0 to 1.
    """

    re = Number(-0.2, -4, 0.5, step=0.05)
    im = Number(1.2, 0, 4.5, step=0.05)
    alpha = Number(0.25, 0, 1, step=0.05)

    def a_bar(self) -> Tensor:
        """The discrete eigenvalues, (5,) complex128, in the order of `RULES`."""
        z = torch.tensor([complex(self.re, self.im)], dtype=torch.complex128)
        one = torch.ones_like(z)
        found = [
            discretize.diagonal(z, one, 1.0, m, self.alpha if m == "gbt" else None)[0]
            for m in RULES.values()
        ]
        return torch.cat(found)

    def responses(self) -> Tensor:
        """Step responses over 0 .. 20 steps, (5, 21) float64, scaled so that they settle at 1.

        The state after k steps of the input 1 is B_bar (1 - A_bar^k) / (1 - A_bar); every rule keeps
        the resting place -1/lambda, so that all that is left is 1 - A_bar^k. Its real part is returned.
        """
        factors = torch.ones(5, STEPS + 1, dtype=torch.complex128)
        factors[:, 1:] = self.a_bar()[:, None]
        return 1 - factors.cumprod(1).real

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 4.6), layout="constrained")
        axes = figure.subplot_mosaic(
            [["plane", *([name] * 2)] for name in RULES], width_ratios=[2, 1, 1]
        )
        plane, z = axes["plane"], complex(self.re, self.im)
        circle = torch.polar(torch.ones(200), torch.linspace(0, 2 * torch.pi, 200))
        plane.fill(circle.real, circle.imag, facecolor="#edf5fb", edgecolor="#aab2bb")
        t = torch.linspace(0, STEPS, 401, dtype=torch.float64)
        exact = 1 - torch.exp(z * t).real
        k = torch.arange(STEPS + 1)
        drawn = zip(RULES, STYLES, self.a_bar().tolist(), self.responses(), strict=True)
        for name, (color, dash, marker), a_bar, y in drawn:
            plane.plot(a_bar.real, a_bar.imag, marker, color=color, label=name)
            lane = axes[name]
            lane.plot(t, exact, color="#57606a", linewidth=3, alpha=0.4)
            left = int((y - 1).abs().gt(1.2).int().argmax())  # 0: stays in its lane
            kept = left or STEPS + 1
            lane.plot(
                k[:kept],
                y[:kept],
                marker,
                color=color,
                linestyle=dash,
                linewidth=0.8,
                markersize=4,
            )
            lane.set(
                ylim=(-0.2, 2.2), yticks=[0, 1], xlim=(0, STEPS), xticks=range(0, 21, 5)
            )
            lane.set_ylabel(name, rotation=0, ha="right", va="center")
            lane.tick_params(labelbottom=name == "ZOH")
            lane.spines[["top", "right"]].set_visible(False)
        axes["ZOH"].set(xlabel="steps (grey: exact)")
        plane.set(
            aspect="equal", xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), xlabel="Re λ̄", ylabel="Im λ̄"
        )
        plane.set(title=f"λΔ = {self.re:g} + {self.im:g}i, α = {self.alpha:g}")
        plane.legend(loc="lower left", fontsize=8)
        return figure
