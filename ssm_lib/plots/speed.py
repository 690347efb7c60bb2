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
        At most six. Only operations in float32 and bytes count. Beside each is its share of the roof.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 3.6), layout="constrained")
        ridge = rates.float32 / rates.bytes  # operations per byte
        per_byte = [(work.float32 + work.fft) / work.bytes for work, _ in points.values()]
        x = np.array([min(*per_byte, ridge) / 3, ridge, 3 * max(*per_byte, ridge)])
        roof = np.minimum(rates.float32, rates.bytes * x) / 1e9
        ax.loglog(x, roof, color=GREY, ls="-", lw=2)
        ax.text(1.1 * x[0], 1.9 * roof[0], f"{rates.bytes / 1e9:.0f} GB/s")
        ax.text(ridge, 1.1 * roof[1], f"{rates.float32 / 1e9:.0f} GFLOP/s")
        for i, (label, (work, ms)) in enumerate(points.items()):
            share = work.floor_ms(rates) / ms
            height = (work.float32 + work.fft) / ms / 1e6
            ax.vlines(per_byte[i], height, height / share, color=COLOURS[i], lw=0.8)
            look = {"color": COLOURS[i], "marker": MARKERS[i], "mfc": "white", "ms": 7}
            ax.plot(per_byte[i], height, ls="", label=label, **look)  # type: ignore[arg-type]
            ax.text(1.15 * per_byte[i], height, f"{100 * share:.1f} %", va="center")
        ax.set(xlabel="operations per byte", ylabel="GFLOP/s", xlim=(x[0], x[-1]))
        ax.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)


def scaling(
    panels: Mapping[str, Mapping[str, tuple[Mapping[int, float], Mapping[int, float]]]],
    limit: str,
    limits: Sequence[float],
) -> Figure:
    """Measured times as marks, estimated ones as lines, over a size; one panel for each size.

    Parameters
    ----------
    panels : {axis label: {label: ({size: ms measured}, {size: ms estimated})}}
        At most six curves in each panel, of the same labels in each; a label may be missing.
    limit, limits
        What a vertical line says in the legend, and its size in each panel.
    """
    labels = list(dict.fromkeys(label for curves in panels.values() for label in curves))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(panels), figsize=(WIDTH, 3.4), squeeze=False, layout="constrained"
        )
        for ax, (xlabel, curves), size in zip(axes[0], panels.items(), limits, strict=True):
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
                ax.loglog(
                    list(estimated),
                    list(estimated.values()),
                    color=COLOURS[i],
                    ls="-",
                    lw=1,
                )
            ax.plot([], [], "o", color=GREY, mfc="none", label="measured")
            ax.plot([], [], color=GREY, ls="-", lw=1, label="estimated")
            ax.axvline(size, color=GREY, ls=":", lw=1, label=limit)
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
    figure.legend(list(found.values()), list(found), ncols=4, loc="outside upper left")
