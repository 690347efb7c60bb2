"""The exercises of chapter 12, the synthetic tasks: each answer is checked against the library."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ssm_lib import check
from ssm_lib.tasks.atomic import TASKS

FEW, MANY, CONTEXT = "few", "many", "context"
CLASSES = {
    "shift": FEW,
    "cumsum": FEW,
    "solve_fixed": FEW,
    "reverse": MANY,
    "select_fixed": MANY,
    "cummax": CONTEXT,
    "sort": CONTEXT,
    "select": CONTEXT,
    "solve": CONTEXT,
    "context_shift": CONTEXT,
    "mips": CONTEXT,
}
"""What a task needs, by the criteria of the chapter: ours, and not the paper's own list."""

WHY = {
    "shift": "eight lags, the same at every step",
    "cumsum": "one kernel of ones, and a factor that depends on the position",
    "solve_fixed": "each pair of an input and an output has a lag of its own, so one kernel has room for all",
    "reverse": "linear, but output j looks 2 j + 1 steps back: a lag for each output",
    "select_fixed": "linear, but with a lag for each run of neighbouring marks",
    "cummax": "which token it is depends on the tokens",
    "sort": "which token it is depends on the tokens",
    "select": "which token it is depends on the marks, and these differ from sample to sample",
    "solve": "A is an input, and X holds products of A and B",
    "context_shift": "the lag is an input",
    "mips": "which value it is depends on queries and keys",
}


def classes(answer: Any) -> bool:
    """A class for each of the eleven tasks, scored against `CLASSES`; each wrong one is explained."""
    if answer is None or answer is ...:
        return check.value(answer, 0)
    if not isinstance(answer, Mapping):
        print(
            f"✗ Not yet: a dict {{task: class}} is expected, got {type(answer).__name__}."
        )
        return False
    if set(answer) != set(TASKS):
        off = sorted(set(TASKS) ^ set(answer))
        print(
            f"✗ Not yet: each of the {len(TASKS)} tasks needs a class; missing or unknown: {off}."
        )
        return False
    open_ones = [task for task, kind in answer.items() if kind is ...]
    if open_ones:
        print(f"✎ Not begun: {len(open_ones)} of {len(TASKS)} tasks have no class yet.")
        return False
    odd = {task: kind for task, kind in answer.items() if kind not in (FEW, MANY, CONTEXT)}
    if odd:
        print(f"✗ Not yet: a class is 'few', 'many' or 'context', got {odd}.")
        return False
    wrong = [task for task in TASKS if answer[task] != CLASSES[task]]
    for task in wrong:
        print(f"  {task}: {CLASSES[task]}. {WHY[task].capitalize()}.")
    mark = "✗ Not yet" if wrong else "✓ Right"
    print(f"{mark}: {len(TASKS) - len(wrong)} of {len(TASKS)} as the measurements say.")
    return not wrong


def runs(answer: Any) -> bool:
    """Different lags that the answers of SelectFixed have, from the marked places (M,): k - p_k differ."""
    cases = [[1, 3, 4], [0, 1, 2, 3], [5, 9, 10, 11, 30], [2]]

    def count(places: list[int]) -> Tensor | None:
        found = answer(torch.tensor(places))
        return None if found is None or found is ... else torch.as_tensor(found).double()

    def reference(places: list[int]) -> Tensor:
        lags = {k - p for k, p in enumerate(places)}
        return torch.tensor(len(lags)).double()

    whole = answer if answer is None or answer is ... else count
    return check.function(
        whole, reference, [(c,) for c in cases], name="the number of lags"
    )


def combs(answer: Any) -> bool:
    """Kernels (n, 2L) and gates (L, n), n = L/2, that make Reverse exactly, for an even L."""
    verdict = "L/2 kernels and their gates reverse what comes in"
    return _for_lengths(answer, (2, 8, 12), _reversal, verdict)


def _for_lengths(
    answer: Any, lengths: Sequence[int], problem_of: Callable[[Any, int], str], verdict: str
) -> bool:
    if answer is None or answer is ...:
        return check.value(answer, 0)
    for L in lengths:
        try:
            found = answer(L)
        except Exception as error:  # whatever the reader's code raises is told, not thrown
            print(f"✗ Not yet: L = {L} raised {type(error).__name__}: {error}.")
            return False
        if found is None or found is ...:
            return check.value(None, 0)
        problem = problem_of(found, L)
        if problem:
            print(f"✗ Not yet: L = {L}: {problem}.")
            return False
    print(f"✓ Right: {verdict}.")
    return True


def _reversal(found: Any, L: int) -> str:
    try:
        gates, kernels = (torch.as_tensor(x).double() for x in found)
    except (TypeError, ValueError, RuntimeError):
        return f"expected (gates, kernels), got {type(found).__name__}"
    expected = (L, L // 2), (L // 2, 2 * L)
    shapes = tuple(gates.shape), tuple(kernels.shape)
    if shapes != expected:
        return f"expected gates {expected[0]} and kernels {expected[1]}, got {shapes[0]} and {shapes[1]}"
    M = gates @ kernels
    for j in range(L):
        lags = torch.arange(j + 1, L + j + 1)  # at which output j meets tokens
        off = M[j, lags] - (lags == 2 * j + 1).double()
        worst = int(off.abs().argmax())
        if float(off.abs().max()) > 1e-6:
            lag = int(lags[worst])
            wanted = int(lag == 2 * j + 1)
            return f"output {j} has the weight {float(M[j, lag]):.3g} at lag {lag}, expected {wanted}"
    return ""


def superposition(answer: Any) -> bool:
    """Four inputs of ContextShift as rows (4, L), tokens only, on which no affine map is right.

    u[0] - u[1] = u[2] - u[3], but the targets break it: two told s, each with and without noise.
    """
    if answer is None or answer is ...:
        return check.value(answer, 0)
    try:
        u = torch.as_tensor(answer).double()
    except (TypeError, ValueError, RuntimeError):
        print(f"✗ Not yet: a tensor (4, L) is expected, got {type(answer).__name__}.")
        return False
    if u.ndim != 2 or u.shape[0] != 4 or u.shape[1] < 4:
        print(f"✗ Not yet: expected (4, L) with L at least 4, got {tuple(u.shape)}.")
        return False
    L = u.shape[1]
    told = torch.atan2(u[:, 1], u[:, 0]) % (2 * math.pi) * L / (2 * math.pi)
    s = told.round().long() % L
    on_circle = (u[:, 0] ** 2 + u[:, 1] ** 2 - 1).abs().max() < 1e-6
    if (
        not on_circle
        or float((told - told.round()).abs().max()) > 1e-4
        or int(s.max()) > L - 3
    ):
        print(
            "✗ Not yet: the first two numbers of each row must be cos and sin of 2π s/L, s = 0 … L - 3."
        )
        return False
    if float((u[0] - u[1] - u[2] + u[3]).abs().max()) > 1e-6:
        print(
            "✗ Not yet: an affine map says nothing here: u[0] - u[1] must equal u[2] - u[3]."
        )
        return False
    before = torch.arange(L) - s[:, None]
    y = torch.where(before >= 0, u.gather(1, before.clamp(min=0)), 0)
    gap = float((y[0] - y[1] - y[2] + y[3]).abs().max())
    if gap < 1e-6:
        print(
            "✗ Not yet: on these four an affine map could be right: the targets obey it too."
        )
        return False
    print(f"✓ Right: the targets break what every affine map keeps, by {gap:.3g}.")
    return True


def reverser(answer: Any) -> bool:
    """Gates g, h, f (L,) and a kernel K (2L - 1,) of any L: f (K * (h (K * (g x)))) is x (L,) reversed.

    K stands over the lags -(L - 1) .. L - 1; all four are complex. The check applies them.
    """
    verdict = "three gates and one kernel, used twice, reverse what comes in"
    return _for_lengths(answer, (1, 2, 5, 8, 33), _twice, verdict)


def _twice(found: Any, L: int) -> str:
    try:
        g, h, f, K = (torch.as_tensor(x).to(torch.complex128) for x in found)
    except (TypeError, ValueError, RuntimeError):
        return f"expected (g, h, f, K), got {type(found).__name__}"
    shapes = [tuple(x.shape) for x in (g, h, f, K)]
    if shapes != [(L,), (L,), (L,), (2 * L - 1,)]:
        return f"expected three gates {(L,)} and a kernel {(2 * L - 1,)}, got {shapes}"
    t = torch.arange(L)
    T = K[t[:, None] - t + L - 1]  # (L, L), by t - k alone
    M = f[:, None] * (T @ (h[:, None] * T)) * g
    off = (M - torch.eye(L).flip(0)).abs()
    j, k = divmod(int(off.argmax()), L)
    if float(off.max()) <= 1e-6:
        return ""
    return f"output {j} has the weight {complex(M[j, k]):.3g} at token {k}, expected {int(j + k == L - 1)}"
