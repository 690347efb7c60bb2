"""Chapter 08: laws of eigenvalues, weak convergence, frequency responses with their spikes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from ssm_lib.plots.style import COLOURS, DASHES, STYLE, WIDTH, array, done

QUIET = "#777777"
MARKERS = "os^Dv"


def laws(
    frequencies: Mapping[str, Tensor], t: Tensor, kernels: Mapping[str, Tensor]
) -> Figure:
    """Frequencies of several laws in falling order, and their kernels one above the other.

    Parameters
    ----------
    frequencies : {law: Tensor (N/2,)}
        Im lambda, rad/s; zeros are left out of the logarithmic axis.
    t : Tensor (L,), seconds
    kernels : {law: Tensor (L,)}
        Each is scaled to height 1. A law without frequencies has a kernel only.
    """
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(WIDTH, 3.2), layout="constrained"
        )
        for i, (law, K) in enumerate(kernels.items()):
            look: Any = {"color": COLOURS[i]}
            if law in frequencies:
                omega = np.sort(array(frequencies[law]))[::-1]
                rank = np.arange(1, len(omega) + 1)
                left.loglog(
                    rank[omega > 0], omega[omega > 0], MARKERS[i], ms=4, label=law, **look
                )
            curve = array(K) / float(K.abs().max())
            right.axhline(-2.2 * i, color=QUIET, lw=0.5, ls="-")
            right.plot(array(t), curve - 2.2 * i, lw=1.1, ls="-", **look)
            right.text(float(t[-1]), -2.2 * i + 0.5, law, ha="right", va="bottom", **look)
        left.set(xlabel="rank, the fastest first", ylabel=r"Im $\lambda$ (rad/s)")
        left.legend(loc="lower left")
        right.set(xlabel="time since the input (s)", ylabel="kernel, scaled", yticks=[])
    return done(figure)


def weakly(t: Tensor, panels: Mapping[str, Mapping[str, Tensor]]) -> Figure:
    """Several views of one kernel side by side, each with what it should be.

    Parameters
    ----------
    t : Tensor (L,), seconds
    panels : {title: {label: Tensor (L,)}}
        The first curve of each panel is a grey band that lets the others show through.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            len(panels),
            figsize=(WIDTH, 2.7),
            sharex=True,
            squeeze=False,
            layout="constrained",
        )
        for ax, (title, curves) in zip(axes[0], panels.items(), strict=True):
            for i, (label, y) in enumerate(curves.items()):
                if i == 0:
                    band: Any = {"color": "#999999", "lw": 4, "ls": "-", "alpha": 0.6}
                    ax.plot(array(t), array(y), zorder=3, label=label, **band)
                else:
                    look: Any = {"color": COLOURS[i - 1], "ls": DASHES[i - 1], "lw": 1.0}
                    ax.plot(array(t), array(y), label=label, **look)
            ax.set(title=title, xlabel="time (s)")
        axes[0, 0].set(ylabel="value")
        handles = axes[0, 0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside upper right", ncols=len(handles[0]))
    return done(figure)


def gains(
    omega: Tensor,
    curves: Mapping[str, Tensor],
    spikes: Tensor | Sequence[float] = (),
    ylabel: str = "gain |G(iω)|",
    reference: bool = False,
) -> Figure:
    """Sizes of responses over frequency, both axes logarithmic, with frequencies marked at the lower edge.

    Parameters
    ----------
    omega : Tensor (F,), rad/s
    curves : {label: Tensor (F,)}, positive
    spikes
        Frequencies to mark, rad/s.
    ylabel
        What is drawn, with units.
    reference
        Draw the first curve as a grey band, so that one that lies on it is seen.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 3.0), layout="constrained")
        for i, (label, y) in enumerate(curves.items()):
            look: Any = {"color": COLOURS[i], "ls": DASHES[i]}
            if reference and i == 0:
                look = {"color": "#aaaaaa", "lw": 5, "ls": "-"}
            ax.loglog(array(omega), array(y), label=label, **look)
        shown = array(spikes)
        shown = shown[(shown >= float(omega.min())) & (shown <= float(omega.max()))]
        ax.plot(
            shown,
            np.full(len(shown), 0.02),
            "|",
            color="#333333",
            ms=9,
            ls="",
            transform=ax.get_xaxis_transform(),
            label="eigenvalues" if len(shown) else None,
        )
        ax.set(xlabel="frequency ω (rad/s)", ylabel=ylabel)
        ax.legend(ncols=len(curves) + 1, loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)


def spread(groups: Mapping[str, Mapping[str, Sequence[float]]], xlabel: str) -> Figure:
    """One row for each group, one dot for each run, and a stroke at the mean of each kind.

    Parameters
    ----------
    groups : {row: {kind: values}}
    xlabel
        What the values are, with units.
    """
    kinds = list(dict.fromkeys(kind for row in groups.values() for kind in row))
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(
            figsize=(WIDTH, 0.9 + 0.42 * len(groups)), layout="constrained"
        )
        for i, row in enumerate(groups.values()):
            for kind, values in row.items():
                k = kinds.index(kind)
                y = -i - 0.26 * (k - (len(kinds) - 1) / 2)
                look: Any = {"color": COLOURS[k], "ls": ""}
                label = kind if i == 0 else None
                ax.plot(
                    values,
                    [y] * len(values),
                    MARKERS[k],
                    ms=5,
                    mfc="none",
                    label=label,
                    **look,
                )
                ax.plot([float(np.mean(values))], [y], "|", ms=13, mew=2, **look)
        ax.set(xlabel=xlabel, ylim=(-len(groups) + 0.4, 0.6))
        ax.set_yticks([-i for i in range(len(groups))], list(groups))
        ax.legend(ncols=len(kinds), loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)
