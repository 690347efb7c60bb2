"""S5: plans of scans as diagrams, and the time scales that a layer starts with."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from ssm_lib import scan_trees
from ssm_lib.plots.style import COLOURS, STYLE, WIDTH, array, bare, done


def plans(panels: Mapping[str, scan_trees.Plan], length: int) -> Figure:
    """Scans as diagrams: steps from left to right, levels downward, a line for each pair combined.

    Parameters
    ----------
    panels : {title: plan}, up to four
    length
        Number of steps L of all of them.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            len(panels),
            figsize=(WIDTH, 3.4),
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        for ax, (title, plan) in zip(axes[0], panels.items(), strict=True):
            history = scan_trees.covered(plan, length)
            for level, pairs in enumerate(plan):
                for target, source in pairs:
                    ax.plot(
                        [source, target], [level, level + 1], "-", color=COLOURS[1], lw=1.1
                    )
            for level, first in enumerate(history):
                finished = [k for k in range(length) if first[k] == 0]
                open_ = [k for k in range(length) if first[k] > 0]
                ax.plot(
                    open_,
                    [level] * len(open_),
                    "o",
                    ls="",
                    ms=3.5,
                    mfc="white",
                    color="#555555",
                )
                ax.plot(
                    finished, [level] * len(finished), "s", ls="", ms=3.8, color=COLOURS[0]
                )
            for k in range(length):
                ax.plot([k, k], [0, len(plan)], "-", color="#bbbbbb", lw=0.8, zorder=0)
            ax.set_title(
                f"{title}\n{len(plan)} levels, {scan_trees.work(plan)} combined",
                fontsize=8.5,
            )
            bare(ax)
            ax.set(xlabel="step k", xticks=[0, length - 1])
        depth = max(map(len, panels.values()))
        axes[0, 0].set(
            ylabel="level", yticks=range(0, depth + 1, 2), ylim=(depth + 0.5, -0.5)
        )
    return done(figure)


def timescales(panels: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """Where modes start: how long each remembers, and how fast it turns, in steps.

    Parameters
    ----------
    panels : {title: (Lambda (M,) complex, dt (M,))}
        Eigenvalues with negative real and positive imaginary part, and the step of each.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            len(panels),
            figsize=(WIDTH, 2.8),
            sharex=True,
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        for ax, (title, (Lambda, dt)) in zip(axes[0], panels.items(), strict=True):
            z = Lambda.detach().cpu() * dt.detach().cpu()
            ax.loglog(
                array(-1 / z.real), array(2 * pi / z.imag), "o", ls="", ms=3, mfc="none"
            )
            ax.axhline(2, color="#555555", lw=0.8, ls="-")
            ax.set(title=title, xlabel="falls to 1/e after (steps)")
        axes[0, -1].text(
            0.98,
            2,
            "half a turn per step",
            transform=axes[0, -1].get_yaxis_transform(),
            ha="right",
            va="top",
        )
        axes[0, 0].set(ylabel="one turn takes (steps)")
    return done(figure)
