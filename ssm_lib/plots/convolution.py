"""Chapter 05: what leaks on a circle, and what a convolution costs."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from ssm_lib.plots.style import COLOURS, STYLE, WIDTH, array, done


def leak(t: Tensor, u: Tensor, right: Tensor, wrong: Tensor) -> Figure:
    """An input, its convolution, and what a circle makes of it; differences are shaded.

    Parameters
    ----------
    t : Tensor (L,), seconds
    u, right, wrong : Tensor (L,)
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            3, 1, figsize=(WIDTH, 4.2), sharex=True, layout="constrained"
        )
        rows = {"input u": u, "right": right, "on a circle": wrong}
        for ax, (label, y), colour in zip(axes, rows.items(), COLOURS, strict=False):
            ax.plot(array(t), array(y), color=colour, ls="-", lw=0.7)
            ax.set(ylabel=label)
        axes[1].sharey(axes[2])
        off = ((wrong - right).abs() > 1e-3 * right.abs().max()).nonzero().flatten()
        if len(off):
            span = [float(t[off[0]]), float(t[off[-1]])]
            axes[2].axvspan(*span, color="#d55e00", alpha=0.12, lw=0)
        axes[2].text(
            0.01, 0.9, "shaded: wrong", transform=axes[2].transAxes, va="top", fontsize=8
        )
        axes[2].set(xlabel="time (s)")
    return done(figure)


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
