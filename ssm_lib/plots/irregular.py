"""Irregular sampling: who influences whom, films with gaps, how their reading ends, and aliases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from ssm_lib.plots.style import COLOURS, STYLE, WIDTH, array, bare, done

MARKERS = "os^Dvx"


def influence(panels: Mapping[str, Tensor]) -> Figure:
    """Matrices of how much each input counts in each state, on one colour scale.

    Parameters
    ----------
    panels : {title: Tensor (L, L), real}
        Row k: the state after step k; column j: the input of step j.
    """
    top = max(float(M.abs().max()) for M in panels.values())
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(panels), figsize=(WIDTH, 2.9), sharey=True, layout="constrained"
        )
        for ax, (title, M) in zip(axes, panels.items(), strict=True):
            shades = ax.imshow(array(M), cmap="RdBu", vmin=-top, vmax=top)
            ax.set(title=title, xlabel="input of step j")
            ax.grid(visible=False)
        axes[0].set(ylabel="state after step k")
        figure.colorbar(shades, ax=axes, label="weight")
    return done(figure)


def film(u: Tensor, frame: Tensor, start: int = 0, shown: int = 9) -> Figure:
    """Frames that were kept, in the order in which a model reads them; a row for each film.

    Parameters
    ----------
    u : Tensor (S, L, side * side), pixels in [0, 1]
    frame : Tensor (S, L), the number of each frame
    start, shown
        The first step drawn, and how many.
    """
    side = round(u.shape[-1] ** 0.5)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(u),
            shown,
            figsize=(WIDTH, 1.05 * len(u)),
            squeeze=False,
            layout="constrained",
        )
        for row, images, numbers in zip(axes, array(u), frame.tolist(), strict=True):
            for ax, k in zip(row, range(start, start + shown), strict=True):
                image = images[k].reshape(side, side)
                ax.imshow(image, cmap="gray", vmin=0, vmax=1)
                gap = numbers[k] - numbers[k - 1] if k else 1
                ax.set_title(f"{numbers[k]} (+{gap})", fontsize=8)
                bare(ax)
    return done(figure)


def tracking(
    time: Tensor, truth: Tensor, kept: Tensor, readings: Mapping[str, Tensor]
) -> Figure:
    """What models say at the frames that were kept, over the whole swing.

    Parameters
    ----------
    time, truth : Tensor (frames,)
        Seconds, and the true value at every frame.
    kept : Tensor (L,), seconds of the frames that the models saw
    readings : {label: Tensor (L,)}
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 2.8), layout="constrained")
        ax.plot(array(time), array(truth), color="#aaaaaa", lw=4, ls="-", label="truth")
        for (label, y), marker, colour in zip(
            readings.items(), MARKERS, COLOURS, strict=False
        ):
            look: Any = {"marker": marker, "ms": 4, "mfc": "none", "color": colour}
            ax.plot(array(kept), array(y), ls="", label=label, **look)
        ax.set(xlabel="time (s)", ylabel="sin θ", ylim=(-1.35, 1.35))
        ax.legend(ncols=1 + len(readings), loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)


def variants(
    ours: Mapping[str, Sequence[float]], paper: Mapping[str, tuple[float, float]]
) -> Figure:
    """Errors of the variants of a model on a logarithmic axis, ours beside those of a paper.

    Parameters
    ----------
    ours : {label: mean squared errors, one per seed}
    paper : {label: (mean, standard deviation)}, the same labels
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 2.5), layout="constrained")
        rows = np.arange(len(ours))[::-1]
        for row, (label, values) in zip(rows, ours.items(), strict=True):
            first = row == rows[0]
            look: Any = {"color": COLOURS[0], "mfc": "none", "ls": ""}
            ax.plot(
                values,
                [row + 0.13] * len(values),
                "o",
                label="ours, one ring per seed" if first else None,
                **look,
            )
            mean, spread = paper[label]
            look = {"color": COLOURS[1], "ls": "", "capsize": 3}
            ax.errorbar(
                mean,
                row - 0.13,
                xerr=spread,
                fmt="s",
                label="paper, mean and deviation" if first else None,
                **look,
            )
        ax.set_yticks(rows, list(ours))
        ax.set(xscale="log", xlabel="mean squared error on unseen films")
        ax.set(ylim=(-0.5, len(rows) - 0.5))
        ax.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)


def alias(tone: float, rate: float, factor: int, seconds: float) -> Figure:
    """A tone, its samples, every factor-th of them, and the lower tone that those look like.

    Parameters
    ----------
    tone, rate
        Frequency of the tone, and samples per second; Hz.
    factor
        Every factor-th sample is left.
    seconds
        Duration drawn.
    """
    coarse = rate / factor
    low = tone - coarse * round(tone / coarse)  # with its sign
    t, k = np.linspace(0, seconds, 2001), np.arange(int(seconds * rate) + 1) / rate
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 2.6), layout="constrained")
        ms = 1000
        name = f"{tone:g} Hz"
        ax.plot(ms * t, np.cos(2 * np.pi * tone * t), color="#aaaaaa", ls="-", label=name)
        look: Any = {"color": "#555555", "ls": "", "ms": 4}
        ax.plot(ms * k, np.cos(2 * np.pi * tone * k), "o", label=f"{rate:g} Hz", **look)
        every = k[::factor]
        look = {"color": COLOURS[1], "ls": "", "ms": 8, "mfc": "none"}
        label = f"every {factor}th" if factor > 2 else "every second"
        ax.plot(ms * every, np.cos(2 * np.pi * tone * every), "s", label=label, **look)
        look = {"color": COLOURS[1], "ls": (0, (5, 2))}
        ax.plot(ms * t, np.cos(2 * np.pi * low * t), label=f"{abs(low):g} Hz", **look)
        ax.set(xlabel="time (ms)", ylabel="signal")
        ax.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)
