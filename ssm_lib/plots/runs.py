"""Data, training runs, and what a trained model says while it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from ssm_lib.plots.style import STYLE, WIDTH, array, bare, done


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
            axes.T, array(u)[..., 0], y.tolist(), strict=True
        ):
            top.imshow(image.reshape(8, 8), cmap="gray_r")
            top.set(title=f"a {label}")
            bare(top)
            bottom.plot(image, lw=0.9)
            bottom.set(xlabel="step", xticks=[0, 32, 64])
        axes[1, 0].set(ylabel="pixel (standardized)")
    return done(figure)


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
    return done(figure)


def run_curve(rows: Sequence[Mapping[str, float]], objective: str) -> Figure:
    """The loss of one run and its score on samples trained and tested on, over the steps.

    Parameters
    ----------
    rows
        Of the log that `ssm_lib.engine` writes: step, loss, train_OBJECTIVE, test_OBJECTIVE.
    objective
        Its name.
    """
    steps = [row["step"] for row in rows]
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(WIDTH, 2.6), layout="constrained"
        )
        marker = {"marker": "o", "ms": 3.5} if len(rows) < 20 else {}
        left.plot(steps, [row["loss"] for row in rows], **marker)
        left.set(xlabel="step", ylabel="training loss")
        if min(row["loss"] for row in rows) > 0:
            left.set_yscale("log")
        for part in ("train", "test"):
            right.plot(
                steps, [row[f"{part}_{objective}"] for row in rows], label=part, **marker
            )
        right.set(xlabel="step", ylabel=objective)
        right.legend(loc="best")
    return done(figure)


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
        left.imshow(array(image).reshape(8, 8), cmap="gray_r")
        bare(left)
        shades = right.imshow(
            array(probabilities).T,
            aspect="auto",
            cmap="Blues",
            vmin=0,
            vmax=1,
            extent=(0.5, 64.5, 9.5, -0.5),
        )
        right.set(xlabel=xlabel, ylabel="digit", yticks=range(10))
        right.grid(visible=False)
        figure.colorbar(shades, ax=right, label="probability")
    return done(figure)
