"""The synthetic tasks: what they ask, their weights by position and lag, and what models score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from ssm_lib.plots.style import COLOURS, STYLE, WIDTH, array, bare, done
from ssm_lib.records import Spread

OPEN = "#c9c9c9"  # entries that no output depends on
CLASSES = ("background", "not connected", "connected")


def examples(samples: Mapping[str, tuple[Tensor, Tensor]], columns: int = 3) -> Figure:
    """One sample of each task: the first input as bars, the first target as points at the last steps.

    Parameters
    ----------
    samples : {title: (u (T, C), y (S, D))}
        Where there is a second output, it is drawn too, hollow.
    columns
        Panels side by side.
    """
    rows = -(-len(samples) // columns)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            rows, columns, figsize=(WIDTH, 1.45 * rows), squeeze=False, layout="constrained"
        )
        for ax in axes.flat[len(samples) :]:
            ax.set_visible(False)
        for ax, (title, (u, y)) in zip(axes.flat, samples.items(), strict=False):
            T, S = len(u), len(y)
            ax.bar(np.arange(T), array(u[:, 0]), color="#9a9a9a", width=0.6, label="input")
            for d, face in zip(
                range(min(2, y.shape[1])), (COLOURS[1], "white"), strict=False
            ):
                name = "target" if d == 0 else "second target"
                look = {"marker": "os"[d], "ms": 3.2, "ls": "", "color": COLOURS[1]}
                ax.plot(np.arange(T - S, T), array(y[:, d]), mfc=face, label=name, **look)
            ax.set(title=title, xlim=(-1, T), ylim=(-1.25, 1.25), yticks=[-1, 0, 1])
        for ax in axes.flat[max(0, len(samples) - columns) : len(samples)]:
            ax.set(xlabel="step")
        axes[0, 0].set(ylabel="value")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=3, fontsize=8)
    return done(figure)


def lag_matrices(panels: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """Weights by position and lag, in panels side by side; what the task leaves open is grey.

    Parameters
    ----------
    panels : {title: (M (R, T), told (R, T))}
        As of `ssm_lib.tasks.probes.lag_matrix`; at most four. Each has its own scale.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(panels), figsize=(WIDTH, 2.5), squeeze=False, layout="constrained"
        )
        for ax, (title, (M, told)) in zip(axes[0], panels.items(), strict=True):
            values = np.where(array(told), array(M), np.nan)
            largest = np.nanmax(np.abs(values))
            extent = (-0.5, M.shape[1] - 0.5, len(M) - 0.5, -0.5)
            ax.imshow(
                np.zeros(values.shape),
                cmap=ListedColormap([OPEN]),
                aspect="auto",
                extent=extent,
            )
            ax.imshow(
                values,
                cmap="RdBu_r",
                vmin=-largest,
                vmax=largest,
                aspect="auto",
                extent=extent,
                interpolation="nearest",
            )
            ax.set(title=title, xlabel="lag l (steps)")
            ax.grid(visible=False)
        axes[0, 0].set(ylabel="output, from the first asked")
        figure.legend(
            handles=[Patch(color=OPEN, label="open")], loc="outside upper right", fontsize=8
        )
    return done(figure)


def scores(rows: Mapping[str, Mapping[str, Spread]]) -> Figure:
    """R^2 of several models on several tasks: the mean over the seeds, and from the worst to the best.

    Parameters
    ----------
    rows : {task: {model: spread}}
        A model that has no score on a task is left out there. The models are drawn in the order in which
        they first come.
    """
    models = list(dict.fromkeys(model for row in rows.values() for model in row))
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(
            figsize=(WIDTH, 0.9 + 0.42 * len(rows)), layout="constrained"
        )
        for i, model in enumerate(models):
            at = [k for k, row in enumerate(rows.values()) if model in row]
            found = [row[model] for row in rows.values() if model in row]
            y = np.array(at) + 0.7 * ((i + 0.5) / len(models) - 0.5)
            colour = COLOURS[i % len(COLOURS)]
            ax.hlines(
                y,
                [s.low for s in found],
                [s.high for s in found],
                color=colour,
                lw=1.2,
                ls="-",
            )
            ax.plot(
                [s.mean for s in found],
                y,
                "os^Dvx"[i % 6],
                ls="",
                ms=4.2,
                color=colour,
                label=model,
            )
        ax.set(
            xlabel="R² on new samples",
            ylim=(len(rows) - 0.5, -0.5),
            yticks=range(len(rows)),
            yticklabels=list(rows),
        )
        ax.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1), fontsize=8)
    return done(figure)


def segmentations(image: Tensor, masks: Mapping[str, Tensor | Sequence[str]]) -> Figure:
    """A picture of Pathfinder, and the classes of its pixels: true ones, and what models say.

    Parameters
    ----------
    image : Tensor (R, R)
    masks : {title: classes 0, 1 or 2 of the pixels}
        (R, R) ints, or R texts of R digits, as a record keeps them; at most four.
    """
    colours = ("#f2f2f2", COLOURS[1], COLOURS[0])
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            1 + len(masks),
            figsize=(WIDTH, 0.5 + WIDTH / (1 + len(masks))),
            layout="constrained",
        )
        axes[0].imshow(array(image), cmap="gray")
        axes[0].set(title="picture")
        for ax, (title, mask) in zip(axes[1:], masks.items(), strict=True):
            if not isinstance(mask, Tensor):
                mask = Tensor([[int(digit) for digit in row] for row in mask])
            ax.imshow(array(mask), cmap=ListedColormap(colours), vmin=0, vmax=2)
            ax.set(title=title)
        for ax in axes:
            bare(ax)
        handles = [
            Patch(facecolor=c, edgecolor="#888888", label=name)
            for c, name in zip(colours, CLASSES, strict=True)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8)
    return done(figure)
