"""MemoryExplorer: what a HiPPO system remembers, by measure, state size and step.

The numbers that move are computed by `memory_explorer.js` in the browser; tests/test_measures_chapter.py
holds them equal to the library's. Python's part is the settings, their checks, and a still picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssm_lib import discretize, hippo
from ssm_lib.widgets.base import STYLES, Choice, Integer, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LENGTH = 300  # steps drawn


class MemoryExplorer(Widget):
    """Explore the responses of a HiPPO system, and the copy that it makes of one step of the past.

    Parameters
    ----------
    measure
        ``"legs"``, ``"legt"``, ``"lagt"`` or ``"fourier"``, as in `ssm_lib.hippo.transition`.
    N
        State size, even, 2 to 32.
    dt
        Step, 0.002 to 0.5 (seconds); one window is 1/dt steps.
    lag
        Which step to copy: 0 to 250 steps ago.
    """

    measure = Choice("legt", hippo.MEASURES)
    N = Integer(16, 2, 32, step=2)
    dt = Number(0.01, 0.002, 0.5, step=0.02, log=True)
    lag = Integer(100, 0, 250)

    def responses(self) -> Tensor:
        """What each state holds of one step of input, so many steps later: A_bar^l B_bar, (L, N)."""
        A, B = hippo.transition(self.measure, self.N)
        A_bar, x = discretize.dense(A, B, self.dt, "zoh")
        rows = []
        for _ in range(LENGTH):
            rows.append(x)
            x = A_bar @ x
        return torch.stack(rows)

    def copy(self) -> Tensor:
        """The weights (L,) with which the drawing of the input of `lag` steps ago depends on each step."""
        age = torch.tensor([(self.lag + 0.5) * self.dt], dtype=torch.float64)
        return self.responses() @ hippo.basis(self.measure, self.N, age)[0]

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        rows, weights = self.responses() / self.dt, self.copy()
        drawn = [n for n in range(self.N) if self.measure != "fourier" or n != 1][:4]
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for n, (color, dash, _) in zip(drawn, STYLES, strict=False):
            left.plot(
                rows[:, n], color=color, linestyle=dash, linewidth=1.2, label=f"n = {n}"
            )
        first = max(2, int(0.02 / self.dt) + 1)  # fourier starts at twice its height
        top = 1.15 * max(1.0, float(rows[first:, drawn].abs().max()))
        figure.suptitle(repr(self), fontsize=10)
        left.set(
            xlabel="steps since the pulse",
            ylabel="response / Δ",
            ylim=(-top, top),
            title="responses to a pulse",
        )
        left.legend(fontsize=8, loc="upper right", ncols=2)
        right.fill_between(range(LENGTH), weights, color=STYLES[0][0], alpha=0.15)
        right.plot(weights, color=STYLES[0][0], linewidth=1)
        right.set(
            xlabel="input of so many steps ago",
            ylabel="weight in the copy",
            title=f"copy of {self.lag} steps back",
        )
        for ax in (left, right):
            if 1 / self.dt <= LENGTH:
                ax.axvline(1 / self.dt, color="#b34700", linestyle="--", linewidth=1)
            ax.set_xlim(0, LENGTH)
            ax.spines[["top", "right"]].set_visible(False)
        return figure
