"""ScanTree: four ways to scan eight steps, level by level.

The numbers that move are computed by `scan_tree.js` in the browser; tests/test_s5_chapter.py holds them
equal to those of `ssm_lib.scan_trees`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssm_lib import scan_trees
from ssm_lib.widgets.base import STYLES, Choice, Integer, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LENGTH = 8
PLANS = ("loop", "Hillis-Steele", "Blelloch", "blocks")


class ScanTree(Widget):
    """Step through the levels of a scan of x_k = a_k x_{k-1} + u_k with u = 1, 2, ..., 8.

    Parameters
    ----------
    plan
        ``"loop"``, ``"Hillis-Steele"``, ``"Blelloch"`` or ``"blocks"`` (of three steps).
    level
        Levels done, 0 to 7; beyond a plan's last level nothing changes.
    a
        The multiplier of all steps, 0 to 1.
    start
        Step at which a new episode starts, 1 to 7: there the multiplier is 0. With 0 none starts anew.
    """

    plan = Choice("Blelloch", PLANS)
    level = Integer(0, 0, 7)
    a = Number(0.5, 0, 1, step=0.05)
    start = Integer(0, 0, 7)

    def levels(self) -> scan_trees.Plan:
        """The levels of the whole plan."""
        return scan_trees.PLANS[self.plan](LENGTH)

    def elements(self) -> tuple[Tensor, Tensor]:
        """What each element is after the levels that are done: a and b, each (8,) float64."""
        a = torch.full((LENGTH,), self.a, dtype=torch.float64)
        if self.start:
            a[self.start] = 0
        b = torch.arange(1, LENGTH + 1, dtype=torch.float64)
        return scan_trees.run(self.levels()[: self.level], a, b)

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        plan, (a, b) = self.levels(), self.elements()
        history = scan_trees.covered(plan, LENGTH)
        now = min(self.level, len(plan))
        figure = Figure(figsize=(9, 4.6), layout="constrained")
        ax, table = figure.subplots(2, 1, height_ratios=(3, 1.3), sharex=True)
        for number, pairs in enumerate(plan, 1):
            color = (
                STYLES[1][0]
                if number == now
                else STYLES[0][0]
                if number < now
                else "#bbbbbb"
            )
            for target, source in pairs:
                ends = [1 - number, -number]
                ax.plot(
                    [source, target], ends, color=color, lw=2.4 if number == now else 1.2
                )
        for number, firsts in enumerate(history):
            for k in range(LENGTH):
                marker, fill = ("s", "#555555") if firsts[k] == 0 else ("o", "white")
                ax.plot(k, -number, marker, color="#555555", ms=6, mfc=fill)
        ax.set(
            ylabel="level",
            yticks=range(-len(plan), 1),
            yticklabels=range(len(plan), -1, -1),
        )
        ax.set_title(
            f"{self.plan}: level {now} of {len(plan)}, {scan_trees.work(plan[:now])} combined"
        )
        for k in range(LENGTH):
            first = history[now][k]
            lines = (
                f"{first}–{k}" if first < k else f"{k}",
                f"{float(a[k]):.3g}",
                f"{float(b[k]):.3g}",
            )
            for row, text in enumerate(lines):
                table.text(
                    k,
                    2 - row,
                    text,
                    ha="center",
                    va="center",
                    weight="normal" if first else "bold",
                )
        table.set(
            xlim=(-0.7, LENGTH - 0.3),
            ylim=(-0.5, 2.5),
            xlabel="step k",
            xticks=range(LENGTH),
        )
        table.set(yticks=(2, 1, 0), yticklabels=("steps", "a", "b"))
        for axis in (ax, table):
            axis.spines[["top", "right"]].set_visible(False)
        return figure
