"""Atomic tasks in small: eight tokens to draw, and what each of the eleven tasks asks for.

The numbers that move are computed by `atomic_tasks.js` in the browser; tests/test_synthetic_chapter.py holds
them equal to the targets here, and these to samples of `ssm_lib.tasks.atomic`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssm_lib.tasks.atomic import TASKS
from ssm_lib.widgets.base import STYLES, Choice, Integer, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LENGTH, ORDER = 8, 2  # tokens; unknowns of `solve`


def _token(default: float) -> Number:
    return Number(default, -1, 1, step=0.05)


class AtomicTasks(Widget):
    """Draw eight tokens: what does the task ask for, and where does each answer come from?

    Parameters
    ----------
    task
        A key of `ssm_lib.tasks.atomic.TASKS`. Three tokens are marked in `select`, and `mips` has vectors
        of two numbers: a key has the angle pi v, its query points the other way, its value is v.
    s
        0 to 5: the output that is shown of `shift`; the number told in `context_shift`; which tokens are
        marked in `select`; the matrix A in `solve`, which turns by s/8 of a circle.
    token
        The one that the slider beside it moves, 0 to 7.
    v0, v1, v2, v3, v4, v5, v6, v7
        The tokens, -1 to 1. `context_shift` has told numbers in the place of the first two; `solve` has
        A B row by row, so that only v2 and v5 are free.
    """

    in_repr = ("task", "s")

    task = Choice("reverse", tuple(TASKS))
    s = Integer(2, 0, LENGTH - 3)
    token = Integer(0, 0, LENGTH - 1)
    v0 = _token(0.4)
    v1 = _token(-0.6)
    v2 = _token(0.9)
    v3 = _token(-0.2)
    v4 = _token(0.55)
    v5 = _token(-0.9)
    v6 = _token(0.15)
    v7 = _token(0.7)

    def tokens(self) -> Tensor:
        """What a model reads, without blanks, marks and positions: (8,) float64."""
        v = torch.tensor(
            [getattr(self, f"v{i}") for i in range(LENGTH)], dtype=torch.float64
        )
        if self.task == "context_shift":
            angle = 2 * math.pi * self.s / LENGTH
            v[0], v[1] = math.cos(angle), math.sin(angle)
        if self.task.startswith("solve"):
            rows = torch.cat([self.matrix(), v[[2, 5], None]], dim=1).flatten()
            v = torch.nn.functional.pad(rows, (0, LENGTH - len(rows)))
        return v

    def matrix(self) -> Tensor:
        """A of `solve`, a rotation by s/8 of a circle; of `solve_fixed`, by 1/8: (2, 2) float64."""
        angle = torch.tensor(
            2 * math.pi * (1 if self.task == "solve_fixed" else self.s) / LENGTH
        )
        cos, sin = angle.double().cos(), angle.double().sin()
        return torch.stack([torch.stack([cos, -sin]), torch.stack([sin, cos])])

    def marked(self) -> list[int]:
        """The marked tokens of `select` and `select_fixed`, in their order; else none."""
        if not self.task.startswith("select"):
            return []
        first = 1 if self.task == "select_fixed" else self.s
        return sorted((first + step) % LENGTH for step in (0, 2, 3))

    def sources(self) -> Sequence[int | None]:
        """Which token each answer copies; None: none, or not one alone."""
        x = self.tokens()
        if self.task in ("shift", "context_shift"):
            return [t - self.s if t >= self.s else None for t in range(LENGTH)]
        if self.task == "cummax":
            return [int(x[: t + 1].argmax()) for t in range(LENGTH)]
        if self.task == "reverse":
            return list(range(LENGTH))[::-1]
        if self.task == "sort":
            return (x - x[0]).abs().argsort(stable=True).tolist()
        if self.task == "mips":
            apart = (x[:, None] - x).abs()  # of two keys, in half turns
            product = torch.minimum(apart, 2 - apart)  # grows with that of key and query
            return [int(product[t, : t + 1].argmax()) for t in range(LENGTH)]
        if self.marked():
            return list(self.marked())
        return [None] * (ORDER if self.task.startswith("solve") else LENGTH)

    def target(self) -> Tensor:
        """The answers, at the last steps of the input: (S,) float64."""
        x = self.tokens()
        if self.task == "cumsum":
            return x.cumsum(0) / torch.arange(1, LENGTH + 1).double().sqrt()
        if self.task.startswith("solve"):
            return self.matrix().T @ x[[2, 5]]  # A is orthogonal
        return torch.stack([x.new_zeros(()) if i is None else x[i] for i in self.sources()])

    def steps(self) -> int:
        """Steps of the input, with the blank ones."""
        blank = LENGTH if self.task in ("reverse", "sort") else len(self.marked())
        return LENGTH + blank

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 4.6), layout="constrained")
        top, middle, bottom = figure.subplots(3, 1, sharex=True)
        (blue, _, dot), (red, _, square), (green, _, triangle) = STYLES[:3]
        first, y = self.steps() - len(self.target()), self.target()
        at = torch.arange(first, self.steps())
        top.vlines(range(LENGTH), 0, self.tokens(), color=blue)
        top.plot(self.tokens(), dot, color=blue)
        for i in self.marked():
            top.annotate("marked", (i, -1.15), ha="center", color="#444444")
        top.set(ylabel="input", title=repr(self), ylim=(-1.3, 1.3))
        middle.vlines(at, 0, y, color=red)
        middle.plot(at, y, square, color=red)
        middle.set(ylabel="target")
        lags = {int(t): int(t) - i for t, i in zip(at, self.sources()) if i is not None}
        bottom.vlines(list(lags), 0, list(lags.values()), color=green)
        bottom.plot(list(lags), list(lags.values()), triangle, color=green)
        bottom.set(ylabel="steps back", xlabel="step", ylim=(-1, 16), xlim=(-1, 16))
        for ax in (top, middle, bottom):
            ax.axhline(0, color="#888888", lw=0.8)
            ax.spines[["top", "right"]].set_visible(False)
        return figure
