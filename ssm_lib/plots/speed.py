"""Chapter 14: times beside what bounds them and what predicts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ssm_lib.bench.measure import Rates, Row, Work
from ssm_lib.plots.style import COLOURS, STYLE, WIDTH, done

MARKERS = "os^Dvx"
GREY = "#555555"


def roofline(rates: Rates, points: Mapping[str, tuple[Work, float]]) -> Figure:
    """What each computation reaches, under the roof of a machine.

    Parameters
    ----------
    rates
        Of the machine: operations and bytes per second.
    points : {label: (work, milliseconds)}
        At most six. Only operations in float32 and bytes count.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 3.6), layout="constrained")
        x = np.logspace(-1, 4, 101)  # operations per byte
        roof = np.minimum(rates.float32, rates.bytes * x) / 1e9
        ax.loglog(x, roof, color=GREY, ls="-", lw=2)
        ridge = rates.float32 / rates.bytes
        ax.text(0.5, 0.22 * rates.bytes / 1e9, f"{rates.bytes / 1e9:.0f} GB/s")
        ax.text(3 * ridge, 1.15 * rates.float32 / 1e9, f"{rates.float32 / 1e9:.0f} GFLOP/s")
        for i, (label, (work, ms)) in enumerate(points.items()):
            operations = work.float32 + work.fft
            look = {"color": COLOURS[i], "marker": MARKERS[i], "mfc": "none", "ms": 7}
            ax.plot(
                operations / work.bytes,
                operations / ms / 1e6,
                ls="",
                label=label,
                **look,  # type: ignore[arg-type]
            )
        ax.set(xlabel="operations per byte", ylabel="GFLOP/s", xlim=(0.1, 1e4))
        ax.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)


def scaling(
    panels: Mapping[str, Mapping[str, tuple[Mapping[int, float], Mapping[int, float]]]],
) -> Figure:
    """Measured times as marks, estimated ones as lines, over a size; one panel for each size.

    Parameters
    ----------
    panels : {axis label: {label: ({size: ms measured}, {size: ms estimated})}}
        At most six curves in each panel, of the same labels in each; a label may be missing.
    """
    labels = list(dict.fromkeys(label for curves in panels.values() for label in curves))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(panels), figsize=(WIDTH, 3.4), squeeze=False, layout="constrained"
        )
        for ax, (xlabel, curves) in zip(axes[0], panels.items(), strict=True):
            for label, (measured, estimated) in curves.items():
                i = labels.index(label)
                ax.loglog(
                    list(measured),
                    list(measured.values()),
                    color=COLOURS[i],
                    marker=MARKERS[i],
                    ls="",
                    mfc="none",
                    label=label,
                )
                ax.loglog(list(estimated), list(estimated.values()), color=COLOURS[i], lw=1)
            ax.set_xscale("log", base=2)
            ax.set(xlabel=xlabel)
        axes[0, 0].set(ylabel="time (ms)")
        _one_legend(figure, list(axes[0]))
    return done(figure)


def benchmark(panels: Mapping[str, Sequence[Row]]) -> Figure:
    """Rows of a benchmark: the library, what it replaces, and the floor, in milliseconds.

    Parameters
    ----------
    panels : {title: rows}
        One panel for each; rows as `ssm_lib.bench.rows` measures them, or `ssm_lib.bench.report.read`
        finds them in a record.
    """
    with plt.rc_context(STYLE):
        height = 1.0 + 0.24 * max(map(len, panels.values()))
        figure, axes = plt.subplots(
            1,
            len(panels),
            figsize=(WIDTH, height),
            squeeze=False,
            sharey=len({tuple(map(_name, rows)) for rows in panels.values()}) == 1,
            layout="constrained",
        )
        for ax, (title, rows) in zip(axes[0], panels.items(), strict=True):
            y = range(len(rows), 0, -1)
            floor, ours, others = (
                [row.floor_ms for row in rows],
                [row.library.ms for row in rows],
                [row.other.ms for row in rows],
            )
            ax.hlines(y, floor, others, color="#bbbbbb", lw=1)
            ax.plot(floor, y, "|", ls="", color=GREY, ms=9, mew=2, label="floor")
            ax.plot(ours, y, "o", ls="", color=COLOURS[0], label="library")
            ax.plot(
                others,
                y,
                "s",
                ls="",
                color=COLOURS[1],
                mfc="none",
                label="what it replaces",
            )
            ax.set(xscale="log", xlabel="time (ms)", title=title)
            ax.set_yticks(list(y), [_name(row) for row in rows])
        _one_legend(figure, list(axes[0]))
    return done(figure)


def _name(row: Row) -> str:
    other = row.other.name.removeprefix("torch ")
    return f"{row.name} / {other}" if row.name == "scan" else row.name


def _one_legend(figure: Figure, axes: list[Axes]) -> None:
    """What all panels show, named once above them."""
    found: dict[Any, Any] = {}
    for ax in axes:
        for line, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, line)
    figure.legend(list(found.values()), list(found), ncols=3, loc="outside upper left")
