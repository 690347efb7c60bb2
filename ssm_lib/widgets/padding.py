"""Padding: a convolution by FFT on a circle, with as many zeros as you like.

The numbers that move are computed by `padding.js` in the browser; the tests hold them equal to
`ssm_lib.oracles`. Python's part is the settings and a still picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssm_lib import oracles
from ssm_lib.widgets.base import Integer, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LENGTH = 64


class Padding(Widget):
    """A burst and its echo, 64 samples, on a circle of 64 samples and some zeros.

    Parameters
    ----------
    zeros
        Appended to the signal, 0 to 63.
    taps
        Length M of the echo, 1 to 48.
    at
        Where the burst begins, 0 to 60.
    """

    zeros = Integer(0, 0, 63)
    taps = Integer(32, 1, 48)
    at = Integer(50, 0, 60)

    def signal(self) -> Tensor:
        """The burst of four samples, (64,) float64."""
        u = torch.zeros(LENGTH, dtype=torch.float64)
        u[self.at : self.at + 4] = torch.tensor([1, 0.8, -0.6, 0.4]).to(u)
        return u

    def kernel(self) -> Tensor:
        """The echo, (taps,) float64: an exponential that falls to 5 % at its end."""
        l = torch.arange(self.taps, dtype=torch.float64)
        return 0.05 ** (l / self.taps)

    def outputs(self) -> tuple[Tensor, Tensor]:
        """On the circle, and right: (64,) each, float64."""
        u, k = self.signal(), self.kernel()
        n = LENGTH + self.zeros
        around = oracles.circular_convolution(
            torch.nn.functional.pad(u, (0, n - LENGTH)),
            torch.nn.functional.pad(k, (0, n - len(k))),
        )
        k = torch.nn.functional.pad(k, (0, LENGTH - len(k)))
        return around[:LENGTH], oracles.convolution(u, k)

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        around, right = self.outputs()
        figure = Figure(figsize=(9, 4.4), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True)
        off = (around - right).abs() > 1e-9
        steps = torch.arange(LENGTH)
        top.plot(around, "o-", color="#0072b2", ms=3, lw=0.8)
        top.plot(steps[off], around[off], "x", color="#d55e00", label="wrong")
        top.set(ylabel="on the circle", title=repr(self))
        if off.any():
            top.legend()
        bottom.plot(right, "o-", color="#00835f", ms=3, lw=0.8)
        bottom.plot(self.signal(), color="#777777", lw=0.8, label="input u")
        bottom.set(ylabel="correct", xlabel="step l")
        bottom.legend()
        return figure
