"""AnotherClock: one kernel at other sampling rates, and where its modes' frequencies go.

The numbers that move are computed by `another_clock.js` in the browser; tests/test_irregular_chapter.py
holds them equal to the library's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssm_lib import discretize, kernels
from ssm_lib.widgets.base import STYLES, Choice, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEP, SECONDS, MODES = 0.1, 4.0, 6  # trained at; drawn; -1/2 + i pi n, n = 0 .. 5
READINGS = {
    "scaled": "Δ scaled",
    "kept": "Δ kept",
    "points": "point samples",
}


class AnotherClock(Widget):
    """Run a model at another sampling interval, and tell it so or not.

    Parameters
    ----------
    rate
        Sampling interval over the one trained at, 0.5 to 12; trained at 0.1 s.
    reading
        ``"scaled"``: zero-order hold with rate times the step. ``"kept"``: the step trained at, as if
        nothing had changed. ``"points"``: samples of the impulse response, times the interval, as DLR.
    """

    rate = Number(3, 0.5, 12, step=0.25)
    reading = Choice("scaled", tuple(READINGS))

    def eigenvalues(self) -> Tensor:
        """-1/2 + i pi n, (6,) complex128."""
        n = torch.arange(MODES, dtype=torch.float64)
        return torch.complex(torch.full_like(n, -0.5), math.pi * n)

    def kernel(self) -> Tensor:
        """The kernel over its interval, that of the response in seconds: 1/s, (4 s / interval,) float64."""
        A = self.eigenvalues()[None]
        interval = self.rate * STEP
        length = math.ceil(SECONDS / interval - 1e-9)
        one = torch.ones_like(A)
        if self.reading == "points":
            return kernels.dlr(interval * A[0], 2 * one, length)[0]
        dt = interval if self.reading == "scaled" else STEP
        step = torch.tensor([dt], dtype=torch.float64)
        return kernels.diagonal(A, one, one, step, length)[0] / dt

    def apparent(self) -> Tensor:
        """The frequency that each mode shows at the samples, rad/s: (6,) float64."""
        omega, interval = self.eigenvalues().imag, self.rate * STEP
        if self.reading == "kept":
            return omega * STEP / interval
        return discretize.angle(omega, interval, "zoh").abs() / interval

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        (color, _, marker), A = STYLES[1], self.eigenvalues()
        t = torch.linspace(0, SECONDS, 401, dtype=torch.float64)
        h = 2 * torch.exp(t[:, None] * A).sum(1).real
        interval, K = self.rate * STEP, self.kernel()
        left.plot(t, h, color="#999999", linewidth=3, label="trained: h(t)")
        edges = interval * torch.arange(len(K) + 1)
        left.stairs(K, edges, baseline=None, color=color, lw=1.6, label=self._words())
        left.set(xlim=(0, SECONDS), ylim=(-5, 13), xlabel="time since the input (s)")
        left.set(ylabel="kernel / interval (1/s)")
        left.legend(fontsize=8)
        top = 5.5 * math.pi
        right.plot([0, top], [0, top], color="#999999")
        right.axhline(math.pi / interval, color="#555555", lw=0.8)
        right.plot(A.imag, self.apparent(), marker, color=color)
        right.set(xlim=(-0.5, top), ylim=(-0.5, top), xlabel="true frequency (rad/s)")
        right.set(ylabel="at the samples (rad/s)", title="line: half a turn per step")
        for ax in (left, right):
            ax.spines[["top", "right"]].set_visible(False)
        return figure

    def _words(self) -> str:
        return READINGS[self.reading]
