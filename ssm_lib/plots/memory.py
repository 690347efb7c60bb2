"""What a memory holds: the past that its coefficients give back, and the error against their number."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from ssm_lib.plots.style import COLOURS, STYLE, WIDTH, array, done

GREY = "#8c8c8c"


def basis(
    panels: Mapping[str, tuple[Tensor, Tensor]], xlabel: str, ylabel: str = "value"
) -> Figure:
    """Functions side by side on the same axes, numbered from n = 0.

    Parameters
    ----------
    panels : {title: (x, g)}, Tensor (L,) and Tensor (N, L)
        At most six functions in each.
    xlabel, ylabel
        With units.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            len(panels),
            figsize=(WIDTH, 2.9),
            sharex=True,
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        for ax, (title, (x, g)) in zip(axes[0], panels.items(), strict=True):
            for n, g_n in enumerate(array(g)):
                ax.plot(array(x), g_n, label=f"n = {n}")
            ax.set(title=title, xlabel=xlabel)
        axes[0, 0].set(ylabel=ylabel)
        lines, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(lines, labels, ncols=len(lines), loc="outside upper left")
    return done(figure)


def reconstructions(
    t: Tensor, u: Tensor, panels: Mapping[str, Tensor], ylabel: str = "value"
) -> Figure:
    """A signal and what memories give back of it, one panel for each memory.

    Parameters
    ----------
    t : Tensor (L,)
        Seconds.
    u : Tensor (L,)
        Drawn in each panel as a broad grey line.
    panels : {title: Tensor (L,)}
        The rebuilt signals; nan where a memory gives nothing back.
    ylabel
        With units.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(panels),
            1,
            figsize=(WIDTH, 0.5 + 1.35 * len(panels)),
            sharex=True,
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        for ax, (title, again) in zip(axes[:, 0], panels.items(), strict=True):
            ax.plot(array(t), array(u), color=GREY, ls="-", lw=3, alpha=0.6, label="signal")
            ax.plot(
                array(t), array(again), color=COLOURS[0], ls="-", lw=1.2, label="memory"
            )
            ax.set_title(title, loc="right", fontsize=9)
        axes[0, 0].legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderpad=0.1)
        axes[-1, 0].set(xlabel="time (s)")
        figure.supylabel(ylabel, fontsize=9)
        span = float(u.max() - u.min())
        axes[0, 0].set(ylim=(float(u.min()) - 0.25 * span, float(u.max()) + 0.15 * span))
    return done(figure)


def errors(
    n: Tensor, ys: Mapping[str, Tensor], ylabel: str, slope: float | None = None
) -> Figure:
    """Errors against the number of coefficients, both axes logarithmic.

    Parameters
    ----------
    n : Tensor (M,)
        Numbers of coefficients.
    ys : {label: Tensor (M,)}, positive
        As shares: 0.1 is drawn at 10 %.
    ylabel
        What they are shares of.
    slope
        If given, a thin line n^slope through the first point of the last curve, as a guide.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 3.0), layout="constrained")
        for label, y in ys.items():
            ax.loglog(array(n), array(y), label=label)
        if slope is not None:
            last = array(list(ys.values())[-1])
            guide = 0.6 * last[0] * (array(n) / array(n)[0]) ** slope
            ax.loglog(array(n), guide, color="#555555", ls="-", lw=0.8)
            ax.text(array(n)[3], 0.8 * guide[3], f"$N^{{{slope:g}}}$", va="top", ha="right")
        ticks = [2**i for i in range(20) if 2**i <= float(n.max())]
        ax.set_xticks(ticks, [str(tick) for tick in ticks])
        ax.set_xticks([], minor=True)
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        ax.set(xlabel="coefficients kept, N", ylabel=ylabel)
        ax.legend(loc="lower left")
    return done(figure)


def stretched(
    signals: Mapping[str, tuple[Tensor, Tensor]], c: Mapping[str, Tensor], unit: str
) -> Figure:
    """Signals of different speed, and the coefficients that each of them leaves.

    Parameters
    ----------
    signals : {label: (t, u)}, each Tensor (L,); the lengths may differ
    c : {label: Tensor (N,)}, of the same labels
    unit
        Of the signals, and so of the coefficients.
    """
    looks = (
        {"marker": "o", "ms": 7, "mfc": "none"},
        {"marker": "x", "ms": 5},
        {"marker": "+", "ms": 8},
    )
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(WIDTH, 2.8), layout="constrained"
        )
        for label, (t, u) in signals.items():
            left.plot(array(t), array(u), label=label)
        for (label, x), look in zip(c.items(), looks, strict=False):
            right.plot(array(x), ls="", label=label, **look)
        right.axhline(0, color="#555555", lw=0.8, ls="-")
        left.set(xlabel="time (s)", ylabel=f"signal ({unit})")
        right.set(xlabel="coefficient n", ylabel=f"$c_n$ at the end ({unit})")
        left.legend(loc="lower left", bbox_to_anchor=(0, 1))
        right.legend(loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)
