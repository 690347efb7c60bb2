"""DLR: roots on the unit circle, and what each output of a linear model answers to an impulse."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from ssm_lib.plots.style import COLOURS, STYLE, WIDTH, array, done


def circles(panels: Mapping[str, Tensor]) -> Figure:
    """Numbers of the complex plane beside the unit circle, one panel for each set of them.

    Parameters
    ----------
    panels : {title: roots (N,), complex}
        At most four.
    """
    turn = np.linspace(0, 2 * np.pi, 361)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            len(panels),
            figsize=(WIDTH, 0.4 + WIDTH / max(3, len(panels))),
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        for ax, (title, roots) in zip(axes[0], panels.items(), strict=True):
            ax.plot(np.cos(turn), np.sin(turn), color="#888888", lw=0.8, ls="-")
            ax.plot(array(roots.real), array(roots.imag), "o", ls="", ms=4.5, mfc="none")
            ax.set(title=title, xlabel="real part", aspect="equal")
            ax.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), xticks=[-1, 0, 1])
        axes[0, 0].set(ylabel="imaginary part", yticks=[-1, 0, 1])
    return done(figure)


def responses(K: Tensor, name: str = "output") -> Figure:
    """Several kernels over the lag, one above the other, all at one scale.

    Parameters
    ----------
    K : Tensor (d, L)
        At most twelve.
    name
        What each of them is, for the axis; they are counted from 0.
    """
    K_rows = array(K)
    step = 1.15 * np.abs(K_rows).max()
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(
            figsize=(WIDTH, 0.8 + 0.32 * len(K_rows)), layout="constrained"
        )
        for i, row in enumerate(K_rows):
            ax.plot(row + i * step, color=COLOURS[0], ls="-", lw=1.0)
        ax.set(xlabel="lag l (steps)", ylabel=name)
        ax.set(yticks=[i * step for i in range(len(K_rows))])
        ax.set_yticklabels([str(i) for i in range(len(K_rows))])
    return done(figure)
