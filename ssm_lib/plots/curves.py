"""Curves over time or index: signals, kernels, spectra."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from ssm_lib.plots.style import STYLE, WIDTH, array, done


def signals(
    x: Tensor, ys: Mapping[str, Tensor], xlabel: str = "time (s)", ylabel: str = "value"
) -> Figure:
    """Several curves over one axis.

    Parameters
    ----------
    x : Tensor (L,)
    ys : {label: Tensor (L,)}
    xlabel, ylabel
        With units.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 2.6), layout="constrained")
        for label, y in ys.items():
            ax.plot(array(x), array(y), label=label)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.legend(ncols=len(ys), loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)


def views(t: Tensor, u: Tensor, ys: Mapping[str, Tensor]) -> Figure:
    """An input held over its steps, and the outputs of several ways to compute the same system.

    Parameters
    ----------
    t : Tensor (L,)
        Times at the end of the steps, in seconds.
    u : Tensor (L,)
    ys : {label: Tensor (L,)}
        Drawn with markers of different kind and size, so that equal curves stay visible.
    """
    with plt.rc_context(STYLE):
        figure, (top, bottom) = plt.subplots(
            2,
            1,
            figsize=(WIDTH, 3.6),
            sharex=True,
            height_ratios=(1, 2),
            layout="constrained",
        )
        edges = np.concatenate([[2 * array(t)[0] - array(t)[1]], array(t)])
        top.stairs(array(u), edges, color="#333333", linewidth=1.6, zorder=3, baseline=None)
        top.set(ylabel="input u", yticks=sorted({0.0, *array(u).tolist()}))
        looks = (
            {"lw": 5, "alpha": 0.35},
            {"ls": "", "marker": "o", "ms": 5, "mfc": "none"},
            {"ls": "", "marker": "x"},
        )
        for (label, y), look in zip(ys.items(), looks, strict=False):
            bottom.plot(array(t), array(y), label=label, **look)  # type: ignore[arg-type]
        bottom.set(xlabel="time (s)", ylabel="output y")
        bottom.legend(ncols=len(ys), loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)


def kernels(
    t: Tensor, panels: Mapping[str, Tensor], xlabel: str = "time since the input (s)"
) -> Figure:
    """Side by side, the responses of the states of several systems.

    Parameters
    ----------
    t : Tensor (L,)
    panels : {title: Tensor (H, L)}
        At most six curves in each.
    xlabel
        With units.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            len(panels),
            figsize=(WIDTH, 2.8),
            sharex=True,
            squeeze=False,
            layout="constrained",
        )
        for ax, (title, K) in zip(axes[0], panels.items(), strict=True):
            for n, k in enumerate(array(K)):
                ax.plot(array(t), k, label=f"n = {n}")
            ax.set(title=title, xlabel=xlabel)
        axes[0, 0].set(ylabel="response")
        axes[0, -1].legend(loc="upper right", fontsize=8, handlelength=3)
    return done(figure)


def spectrum(values: Mapping[str, Tensor], floor: float, ylabel: str) -> Figure:
    """Numbers in falling order on a logarithmic axis, with the floor below which they do not count.

    Parameters
    ----------
    values : {label: Tensor (N,)}, positive, falling
    floor
        Drawn as a line.
    ylabel
        What the numbers are, with units.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 2.6), layout="constrained")
        for (label, v), marker in zip(values.items(), "os^Dvx", strict=False):
            ax.semilogy(
                np.arange(1, len(v) + 1),
                array(v),
                marker=marker,
                ms=3.5,
                lw=0.8,
                label=label,
            )
        ax.axhline(floor, color="#555555", lw=0.8, ls="-")
        ax.text(
            len(v), floor, f"{100 * floor:g} %", ha="right", va="bottom", color="#333333"
        )
        ax.set(xlabel="direction, in falling order", ylabel=ylabel, ylim=(floor / 100, 2))
        ax.legend(loc="lower left")
    return done(figure)
