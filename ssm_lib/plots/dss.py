"""DSS: kernels of one layer at two lengths, and where training moves eigenvalues."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor

from ssm_lib.plots.style import COLOURS, STYLE, WIDTH, array, done


def lengths(panels: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """The kernels that the same parameters give at two lengths, one panel for each model.

    Parameters
    ----------
    panels : {title: (short (L1,), long (L2,))}
        Samples over the lag in steps, from lag 0.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(panels), figsize=(WIDTH, 2.6), squeeze=False, layout="constrained"
        )
        for ax, (title, (short, long)) in zip(axes[0], panels.items(), strict=True):
            ax.plot(array(long), color="#aaaaaa", lw=4, ls="-", label=f"L = {len(long)}")
            ax.plot(array(short), color=COLOURS[1], ls="--", label=f"L = {len(short)}")
            ax.axvline(len(short) - 1, color="#555555", lw=0.8, ls="-")
            ax.set(title=title, xlabel="lag l (steps)")
        axes[0, 0].set(ylabel="kernel")
        handles = axes[0, 0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside upper right", ncols=2)
    return done(figure)


def moved(panels: Mapping[str, tuple[Tensor, Mapping[str, Tensor]]]) -> Figure:
    """Eigenvalues before training and after it, one panel for each model.

    Parameters
    ----------
    panels : {title: (start (N,), {label: end (N,)})}, complex, with positive imaginary parts
        Im is drawn on a logarithmic axis; a thin line joins each start with its end.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            len(panels),
            figsize=(WIDTH, 3.0),
            sharex=True,
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        for ax, (title, (start, ends)) in zip(axes[0], panels.items(), strict=True):
            ax.semilogy(
                array(start.real), array(start.imag), "|", color="#555555", label="start"
            )
            for end in ends.values():
                ax.add_collection(_ways(start, end))
            for (label, end), marker in zip(ends.items(), "os^Dv", strict=False):
                ax.semilogy(
                    array(end.real), array(end.imag), marker, ls="", ms=4.5, label=label
                )
            ax.axvline(0, color="#555555", lw=0.8, ls="-")
            ax.text(0, 1, " grows", transform=ax.get_xaxis_transform(), va="bottom")
            ax.set(title=title, xlabel="Re λ (1/s)")
        low, high = axes[0, 0].get_xlim()
        axes[0, 0].set(ylabel="Im λ (rad/s)", xlim=(low, max(high, 0.15)))
        handles = axes[0, 0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside upper right", ncols=len(handles[0]))
    return done(figure)


def _ways(start: Tensor, end: Tensor) -> LineCollection:
    """Thin lines from each number to the one that it became."""
    ends = [np.stack([array(z.real), array(z.imag)], axis=-1) for z in (start, end)]
    return LineCollection(list(np.stack(ends, axis=1)), colors="#777777", linewidths=0.8)
