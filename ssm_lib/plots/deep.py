"""Chapter 13: the stream through many blocks, receptive fields, and what each part of a model costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from ssm_lib.plots.style import COLOURS, STYLE, WIDTH, array, done

MARKERS = "os^Dv"


def growth(measured: Mapping[str, Tensor], predicted: Mapping[str, Tensor]) -> Figure:
    """Mean square after each block on a logarithmic axis: marks for what is measured, lines for the rule.

    Parameters
    ----------
    measured, predicted : {label: Tensor (M + 1,)}, positive
        The same labels in both.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 3.0), layout="constrained")
        for i, (label, values) in enumerate(measured.items()):
            blocks = np.arange(len(values))
            ax.semilogy(blocks, array(predicted[label]), lw=1.2, color=COLOURS[i])
            look: Any = {"ls": "", "ms": 4, "mfc": "none", "color": COLOURS[i]}
            ax.semilogy(blocks, array(values), MARKERS[i], label=label, **look)
        ax.set(xlabel="block", ylabel="mean square of the stream")
        ax.legend(ncols=len(measured), loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)


def fields(panels: Mapping[str, Tensor]) -> Figure:
    """Receptive fields over the lag, one panel for each model and one curve for each block.

    Parameters
    ----------
    panels : {title: Tensor (M, L)}
        Each field is drawn as its share of its sum, in percent; at most five blocks.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            len(panels),
            figsize=(WIDTH, 2.9),
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        for ax, (title, field) in zip(axes[0], panels.items(), strict=True):
            for m, row in enumerate(array(field), start=1):
                ax.semilogy(100 * row / row.sum(), lw=1.1, label=f"block {m}")
            ax.set(title=title, xlabel="lag (steps)")
        axes[0, 0].set(ylabel="share of the field (%)")
        axes[0, -1].legend(loc="upper right", ncols=2)
    return done(figure)


def ablation(rows: Mapping[str, Sequence[float]], reference: str) -> Figure:
    """Scores of variants, one mark for each seed, beside the range of the reference's seeds.

    Parameters
    ----------
    rows : {variant: scores in percent}
        From the top down.
    reference
        One of them; the band between its lowest and its highest seed runs through all rows.
    """
    if reference not in rows:
        raise ValueError(
            f"reference must be one of the rows, {list(rows)}, got {reference!r}"
        )
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(
            figsize=(WIDTH, 0.8 + 0.21 * len(rows)), layout="constrained"
        )
        ax.axvspan(min(rows[reference]), max(rows[reference]), color="#bbbbbb", alpha=0.5)
        for i, scores in enumerate(rows.values()):
            mean = sum(scores) / len(scores)
            ax.plot(scores, [i] * len(scores), "o", color=COLOURS[0], ms=4, mfc="none")
            ax.plot([mean], [i], "|", color=COLOURS[1], ms=11, mew=2)
        ax.set(xlabel="test accuracy (%)", ylim=(len(rows) - 0.5, -0.5))
        ax.set_yticks(range(len(rows)), list(rows))
    return done(figure)
