"""Checks for the exercises: they say what is right or what is wrong, and never stop the notebook."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def value(
    answer: Any,
    expected: float,
    hints: Mapping[float, str] | None = None,
    tolerance: float = 1e-3,
) -> bool:
    """Check a number.

    Parameters
    ----------
    answer
        What the reader found; None (or ...) as long as nothing has been filled in.
    expected
        The right answer.
    hints
        For known wrong answers, what led there: {wrong number: advice}.
    tolerance
        Largest relative difference (absolute, where the right answer is 0).

    Returns
    -------
    bool
        Whether the answer is right. The verdict is also printed.
    """
    if answer is None or answer is ...:
        return _todo()
    try:
        number = float(answer)
    except (TypeError, ValueError):
        return _wrong(f"a number is expected, got {answer!r} ({type(answer).__name__})")
    for wrong, advice in (hints or {}).items():
        if _close(number, wrong, tolerance):
            return _wrong(f"{number:.6g} is not it: {advice}")
    if not _close(number, expected, tolerance):
        size = "too large" if number > expected else "too small"
        return _wrong(f"{number:.6g} is {size}")
    return _right(f"{number:.6g}")


def tensor(answer: Any, expected: Tensor, tolerance: float = 1e-5) -> bool:
    """Check a tensor: its shape first, then its values, naming the entry that is most wrong.

    Parameters
    ----------
    answer
        The reader's tensor (anything `torch.as_tensor` takes); None while nothing is filled in.
    expected
        The right one.
    tolerance
        Largest difference, relative to the largest entry of `expected`.

    Returns
    -------
    bool
        Whether the answer is right. The verdict is also printed.
    """
    if answer is None or answer is ...:
        return _todo()
    problem = _difference(answer, expected, tolerance)
    return (
        _wrong(problem)
        if problem
        else _right(f"shape {tuple(expected.shape)}, all values agree")
    )


def function(
    answer: Any,
    reference: Callable[..., Tensor],
    cases: Sequence[tuple[Any, ...]],
    tolerance: float = 1e-5,
    name: str = "",
    calls: float = math.inf,
    numbers: float = math.inf,
) -> bool:
    """Check a function on several inputs against a reference.

    Parameters
    ----------
    answer
        The reader's function; a body that is still `...` (so that it returns None) counts as not begun.
    reference
        A function known to be right.
    cases
        Argument tuples to try.
    tolerance
        As in `tensor`.
    name
        Of what the function returns, for the verdict.
    calls, numbers
        Where a loop or a matrix is forbidden: how many operations on tensors a case may take, and how many
        numbers any tensor in it may hold. Give one case that is large enough to tell.

    Returns
    -------
    bool
        Whether all cases agree. The verdict is also printed.
    """
    if answer is None or answer is ...:
        return _todo()
    prefix = f"{name}, " if name else ""
    for i, arguments in enumerate(cases, start=1):
        watch = _Watch()
        try:
            with watch:
                result = answer(*arguments)
        except Exception as error:  # whatever the reader's code raises is told, not thrown
            return _wrong(
                f"{prefix}case {i} of {len(cases)} raised {type(error).__name__}: {error}"
            )
        if result is None or result is ...:
            return _todo()
        problem = _difference(result, reference(*arguments), tolerance)
        if problem:
            return _wrong(f"{prefix}case {i} of {len(cases)}: {problem}")
        right = f"{prefix}case {i} of {len(cases)}: the values are right, but"
        if watch.numbers > numbers:
            return _wrong(
                f"{right} a tensor of {watch.numbers} numbers appeared: do without a matrix"
            )
        if watch.calls > calls:
            return _wrong(
                f"{right} it took {watch.calls} operations on tensors: do without a loop"
            )
    agree = "1 case agrees" if len(cases) == 1 else f"{len(cases)} cases agree"
    return _right(f"{prefix}{agree} with the reference")


class _Watch(TorchDispatchMode):
    """Count operations on tensors, and the numbers in the largest tensor that any of them reads or makes."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.numbers = 0, 0

    def __torch_dispatch__(
        self, call: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = call(*args, **(kwargs or {}))
        tensors = [x for x in tree_leaves((args, kwargs, out)) if isinstance(x, Tensor)]
        self.calls += 1
        self.numbers = max([self.numbers, *(x.numel() for x in tensors)])
        return out


def _difference(answer: Any, expected: Tensor, tolerance: float) -> str | None:
    """What is wrong with a tensor, None if nothing is."""
    try:
        got = torch.as_tensor(answer)
    except (TypeError, ValueError, RuntimeError):
        return f"a tensor is expected, got {type(answer).__name__}"
    if got.shape != expected.shape:
        return f"the shape is {tuple(got.shape)}, expected {tuple(expected.shape)}"
    if got.is_complex() and not expected.is_complex():
        return "the values are complex, expected real ones: is a 2 Re(...) missing?"
    if got.numel() == 0:
        return None
    got = got.detach().to(expected)  # its device and its dtype
    gap = (got - expected).abs().nan_to_num(nan=float("inf"))
    if float(gap.max()) <= tolerance * max(float(expected.abs().max()), 1e-30):
        return None
    flat = int(gap.argmax())
    where = tuple(int(i) for i in torch.unravel_index(torch.tensor(flat), expected.shape))
    return f"entry {list(where)} is {_number(got.flatten()[flat])}, expected {_number(expected.flatten()[flat])}"


def _number(x: Tensor) -> str:
    return f"{x.item():.6g}"


def _close(a: float, b: float, tolerance: float) -> bool:
    return abs(a - b) <= tolerance * (abs(b) or 1.0)


def _todo() -> bool:
    print("✎ Not begun: replace the `...` in this cell and run it again.")
    return False


def _right(what: str) -> bool:
    print(f"✓ Right: {what}.")
    return True


def _wrong(what: str) -> bool:
    print(f"✗ Not yet: {what}.")
    return False
