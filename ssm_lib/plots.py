"""The book's figures, one call each: labelled axes with units, never told apart by colour alone.

Every function returns a figure that a notebook shows when it is the last value of a cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

# Okabe and Ito's colours, told apart also by their dashes
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b4538a", "#8a6a00", "#56b4e9")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1.5, 2)), (0, (3, 1.5)), (0, (9, 3)))
WIDTH = 7.2  # inches
STYLE: Any = {
    "figure.dpi": 160,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#d9d9d9",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=DASHES),
    "savefig.facecolor": "white",
}


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
            ax.plot(_array(x), _array(y), label=label)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.legend(ncols=len(ys), loc="lower left", bbox_to_anchor=(0, 1))
    return _done(figure)


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
        edges = np.concatenate([[2 * _array(t)[0] - _array(t)[1]], _array(t)])
        top.stairs(
            _array(u), edges, color="#333333", linewidth=1.6, zorder=3, baseline=None
        )
        top.set(ylabel="input u", yticks=sorted({0.0, *_array(u).tolist()}))
        looks = (
            {"lw": 5, "alpha": 0.35},
            {"ls": "", "marker": "o", "ms": 5, "mfc": "none"},
            {"ls": "", "marker": "x"},
        )
        for (label, y), look in zip(ys.items(), looks, strict=False):
            bottom.plot(_array(t), _array(y), label=label, **look)  # type: ignore[arg-type]
        bottom.set(xlabel="time (s)", ylabel="output y")
        bottom.legend(ncols=len(ys), loc="lower left", bbox_to_anchor=(0, 1))
    return _done(figure)


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
            for n, k in enumerate(_array(K)):
                ax.plot(_array(t), k, label=f"n = {n}")
            ax.set(title=title, xlabel=xlabel)
        axes[0, 0].set(ylabel="response")
        axes[0, -1].legend(loc="upper right", fontsize=8, handlelength=3)
    return _done(figure)


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
                _array(v),
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
    return _done(figure)


def digits(u: Tensor, y: Tensor) -> Figure:
    """Images of 8 x 8 pixels above the sequences of 64 steps that a model reads.

    Parameters
    ----------
    u : Tensor (S, 64, 1)
    y : Tensor (S,), labels
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            2, len(u), figsize=(WIDTH, 2.6), layout="constrained", sharey="row"
        )
        for (top, bottom), image, label in zip(
            axes.T, _array(u)[..., 0], y.tolist(), strict=True
        ):
            top.imshow(image.reshape(8, 8), cmap="gray_r")
            top.set(title=f"a {label}")
            _bare(top)
            bottom.plot(image, lw=0.9)
            bottom.set(xlabel="step", xticks=[0, 32, 64])
        axes[1, 0].set(ylabel="pixel (standardized)")
    return _done(figure)


def training(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Loss and test accuracy of training runs over their epochs.

    Parameters
    ----------
    histories : {label: what `ssm_lib.train.fit` returned}
    """
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(WIDTH, 2.6), layout="constrained"
        )
        for (label, rows), marker in zip(histories.items(), "os^Dvx", strict=False):
            epochs = [row["epoch"] for row in rows]
            left.plot(
                epochs, [row["loss"] for row in rows], marker=marker, ms=3.5, label=label
            )
            right.plot(
                epochs,
                [100 * row["test_accuracy"] for row in rows],
                marker=marker,
                ms=3.5,
                label=label,
            )
        left.set(xlabel="epoch", ylabel="training loss (nats)", ylim=(0, None))
        right.set(xlabel="epoch", ylabel="test accuracy (%)", ylim=(0, 101))
        right.legend(loc="lower right")
        for ax in (left, right):
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return _done(figure)


def belief(image: Tensor, probabilities: Tensor, xlabel: str = "pixels read") -> Figure:
    """A digit, and the probability of each class while its pixels are read one after the other.

    Parameters
    ----------
    image : Tensor (64,)
    probabilities : Tensor (64, 10)
    xlabel
        What the steps are.
    """
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(WIDTH, 2.6), width_ratios=(1, 2.6), layout="constrained"
        )
        left.imshow(_array(image).reshape(8, 8), cmap="gray_r")
        _bare(left)
        shades = right.imshow(
            _array(probabilities).T,
            aspect="auto",
            cmap="Blues",
            vmin=0,
            vmax=1,
            extent=(0.5, 64.5, 9.5, -0.5),
        )
        right.set(xlabel=xlabel, ylabel="digit", yticks=range(10))
        right.grid(visible=False)
        figure.colorbar(shades, ax=right, label="probability")
    return _done(figure)


def _bare(ax: Axes) -> None:
    """Nothing but the picture."""
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def _array(x: Tensor | Sequence[float]) -> np.ndarray:
    return torch.as_tensor(x).detach().cpu().numpy()


def _done(figure: Figure) -> Figure:
    """Take the figure off pyplot's list, so that a notebook shows it once."""
    plt.close(figure)
    return figure
