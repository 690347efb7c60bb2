"""Chapter 05: what leaks on a circle, and what a convolution costs."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from ssm_lib.plots.style import COLOURS, STYLE, WIDTH, array, done


def rows(t: Tensor, signals: Mapping[str, Tensor]) -> Figure:
    """Signals one below the other, each on a scale of its own.

    Parameters
    ----------
    t : Tensor (L,), seconds
    signals : {label: Tensor (L,)}
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(signals), 1, figsize=(WIDTH, 4.2), sharex=True, layout="constrained"
        )
        for ax, (label, y), colour in zip(axes, signals.items(), COLOURS, strict=False):
            ax.plot(array(t), array(y), color=colour, ls="-", lw=0.7)
            ax.set(ylabel=label)
        axes[-1].set(xlabel="time (s)")
        figure.align_ylabels()
    return done(figure)


def leak(t: Tensor, u: Tensor, right: Tensor, wrong: Tensor) -> Figure:
    """An input, its convolution, and what a circle makes of it; differences are shaded.

    Parameters
    ----------
    t : Tensor (L,), seconds
    u, right, wrong : Tensor (L,)
    """
    figure = rows(t, {"input u": u, "correct": right, "on a circle": wrong})
    axes = figure.axes
    axes[1].sharey(axes[2])
    off = ((wrong - right).abs() > 1e-3 * right.abs().max()).nonzero().flatten()
    if len(off):
        span = [float(t[off[0]]), float(t[off[-1]])]
        axes[2].axvspan(*span, color="#d55e00", alpha=0.12, lw=0)
    axes[2].text(
        0.01, 0.9, "shaded: wrong", transform=axes[2].transAxes, va="top", fontsize=8
    )
    return figure


def costs(
    lengths: Tensor,
    operations: Mapping[str, Tensor],
    ylabel: str = "operations for one output",
) -> Figure:
    """How costs grow with the length, on logarithmic axes.

    Parameters
    ----------
    lengths : Tensor (S,), steps
    operations : {label: Tensor (S,)}
    ylabel
        What is counted.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 2.8), layout="constrained")
        for (label, y), marker in zip(operations.items(), "os^Dvx", strict=False):
            ax.loglog(array(lengths), array(y), marker=marker, ms=3.5, label=label)
        ax.set(xlabel="length L (steps)", ylabel=ylabel)
        ax.legend(ncols=len(operations), loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)
