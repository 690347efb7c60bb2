"""HippoMemory: how much of a signal's past N coefficients hold, with the factor 1/t and without.

The numbers are computed by `hippo_memory.js` in the browser; `tests/test_hippo_chapter.py` holds them
equal to `ssm_lib.hippo`. Python's part is the settings, the recording, and a still picture.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import traitlets
from torch import Tensor

from ssm_lib import hippo
from ssm_lib.tasks import membrane
from ssm_lib.widgets.base import STYLES, Choice, Integer, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DT = 0.002  # seconds
LENGTH = 500
T = {"short": 0.05, "long": 0.2}  # seconds


class HippoMemory(Widget):
    """Explore the past that a LegS memory holds: drag the number of coefficients and the time.

    Parameters
    ----------
    signal
        ``"recording"`` (a nerve cell), ``"jump"`` (0, then 1 from 0.5 s on) or ``"sines"`` (3 and 7 Hz).
    N
        Number of coefficients, 1 to 96.
    t
        The time at which the past is rebuilt, 0.02 to 1 (seconds).
    memory
        ``"scaled"``: HiPPO's own, c' = (A c + B u) / t. ``"short"`` and ``"long"``: x' = (A x + B u) / T
        as in S4, where an input T seconds ago weighs 1/e, with T = 0.05 and 0.2.
    recording
        500 samples, 2 ms apart, for ``"recording"``; by default those of `membrane.load`, above rest.
    """

    signal = Choice("recording", ("recording", "jump", "sines"))
    N = Integer(32, 1, 96)
    t = Number(1.0, 0.02, 1.0, step=0.01)
    memory = Choice("scaled", ("scaled", "short", "long"))
    recording = traitlets.List(traitlets.Float(), minlen=LENGTH, maxlen=LENGTH).tag(
        sync=True
    )
    in_repr = ("signal", "N", "t", "memory")

    @traitlets.default("recording")
    def _from_matplotlib(self) -> list[float]:
        u = membrane.load().u
        return [round(v, 3) for v in (u - u[:100].mean()).tolist()]

    def values(self) -> Tensor:
        """The chosen signal, held over each of its steps: (500,), float64."""
        s = DT * (torch.arange(LENGTH, dtype=torch.float64) + 0.5)
        if self.signal == "recording":
            return torch.tensor(self.recording, dtype=torch.float64)
        if self.signal == "jump":
            return (s > 0.5).double()
        return torch.sin(6 * math.pi * s) + torch.sin(14 * math.pi * s)

    def coefficients(self) -> Tensor:
        """The state at time t, exact for the held signal: (N,), float64."""
        past = self.values()[: self._steps()]
        dt = None if self.memory == "scaled" else DT / T[self.memory]
        return hippo.project(past, "legs", self.N, dt=dt, method="zoh")[-1]

    def rebuilt(self) -> Tensor:
        """The past that the state gives back, in the middle of each step: (steps until t,), float64."""
        k = self._steps()
        j = torch.arange(k, dtype=torch.float64) + 0.5
        ages = (
            -torch.log(j / k) if self.memory == "scaled" else (k - j) * DT / T[self.memory]
        )
        return hippo.reconstruct(self.coefficients(), "legs", ages)

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        s = DT * (torch.arange(LENGTH, dtype=torch.float64) + 0.5)
        c, again = self.coefficients(), self.rebuilt()
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        past, bars = figure.subplots(1, 2, width_ratios=(3, 2))
        past.plot(s, self.values(), color="#8c8c8c", lw=3, alpha=0.6, label="signal")
        past.plot(s[: len(again)], again, color=STYLES[0][0], lw=1.2, label="rebuilt")
        past.axvline(self.t, color="#b34700", ls="--", lw=1)
        past.set(xlabel="time s (s)", ylabel="signal", title=repr(self))
        past.title.set_fontsize(9)
        past.legend(frameon=False)
        bars.bar(range(self.N), c.numpy(), color=STYLES[0][0], alpha=0.7)
        bars.set(xlabel="n", ylabel="coefficient $c_n$")
        for ax in (past, bars):
            ax.spines[["top", "right"]].set_visible(False)
        return figure

    def _steps(self) -> int:
        return round(self.t / DT)
