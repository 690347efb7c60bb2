"""Scans written as a plan: which elements are combined on which level. For counting and for drawing.

An element (a, b) is the map x -> a x + b that a stretch of steps applies to the state. A *plan* is a list
of levels, and a level a list of pairs (target, source), all done at once: the target becomes
source • target, the map of the source's stretch followed by its own. `ssm_lib.scan` is what models use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ssm_lib import validate

Plan = list[list[tuple[int, int]]]
Element = tuple[Tensor, Tensor]


def combine(first: Element, second: Element) -> Element:
    """One map after another: x -> a2 (a1 x + b1) + b2, again a pair (a, b).

    Parameters
    ----------
    first, second : (a, b), Tensors of equal shape
        `first` is the earlier of two stretches that touch.

    Returns
    -------
    (a, b) : (a2 a1, a2 b1 + b2)

    Equation: eq-scan-operator (Smith et al. 2023, S5)
    """
    (a1, b1), (a2, b2) = first, second
    return a2 * a1, a2 * b1 + b2


def run(plan: Plan, a: Tensor, b: Tensor) -> Element:
    """Elements after all levels of a plan; after a whole scan b_k is the state x_k, from x_{-1} = 0.

    Parameters
    ----------
    plan
        Levels; a pair of a level reads what was there before the level.
    a, b : Tensor (L, ...)
        One element for each step.

    Returns
    -------
    (a, b) : Tensors (L, ...)
    """
    for level in plan:
        if not level:
            continue
        target, source = torch.tensor(level).T.to(a.device)
        at, bt = combine((a[source], b[source]), (a[target], b[target]))
        a, b = a.index_copy(0, target, at), b.index_copy(0, target, bt)
    return a, b


def work(plan: Plan) -> int:
    """How many pairs a plan combines in all."""
    return sum(map(len, plan))


def size(plan: Plan) -> tuple[int, int]:
    """Levels of a plan, and pairs that it combines in all."""
    return len(plan), work(plan)


def covered(plan: Plan, length: int) -> list[list[int]]:
    """First step of the stretch that each element stands for, before the plan and after each level.

    Returns
    -------
    list of (levels + 1) lists of `length` ints; an element k is finished where it says 0.
    """
    first = list(range(length))
    history = [first]
    for level in plan:
        first = list(first)
        for target, source in level:
            first[target] = history[-1][source]
        history.append(first)
    return history


def loop(length: int) -> Plan:
    """One step after the other: L - 1 levels of one pair."""
    validate.positive_int("length", length)
    return [[(k, k - 1)] for k in range(1, length)]


def hillis_steele(length: int) -> Plan:
    """Every element reaches back twice as far on each level: fewest levels, most work.

    Source: Hillis and Steele 1986.
    """
    validate.positive_int("length", length)
    plan, reach = [], 1
    while reach < length:
        plan.append([(k, k - reach) for k in range(reach, length)])
        reach *= 2
    return plan


def blelloch(length: int) -> Plan:
    """Up a tree that halves the elements on each level, and down again: twice the levels, least work.

    Source: Blelloch 1990; in the form that leaves each state in its place.
    """
    validate.positive_int("length", length)
    up, reach = [], 1
    while reach < length:
        up.append([(k, k - reach) for k in range(2 * reach - 1, length, 2 * reach)])
        reach *= 2
    down = []
    while reach >= 2:
        reach //= 2
        down.append([(k, k - reach) for k in range(3 * reach - 1, length, 2 * reach)])
    return [level for level in up + down if level]


def two_level(length: int, size: int) -> Plan:
    """Blocks of `size` steps, each from zero; then the ends of the blocks; then what the ends pass on."""
    validate.positive_int("length", length)
    validate.positive_int("size", size)
    starts = range(0, length, size)
    inside = [
        [(s + j, s + j - 1) for s in starts if s + j < length] for j in range(1, size)
    ]
    ends = [[(s + size - 1, s - 1)] for s in starts[1:] if s + size <= length]
    rest = [
        (k, s - 1)
        for s in starts[1:]
        for k in range(s, min(s + size, length))
        if k < s + size - 1
    ]
    return [level for level in [*inside, *ends, rest] if level]


PLANS: dict[str, Callable[[int], Plan]] = {
    "loop": loop,
    "Hillis-Steele": hillis_steele,
    "Blelloch": blelloch,
    "blocks": lambda length: two_level(length, max(1, round(length**0.5))),
}


def multiply_adds(function: Callable[[], object]) -> list[int]:
    """Run a function, and return how many numbers each of its `addcmul` operations touched, in order.

    A scan of `ssm_lib.scan` in torch alone is made of them: their number is its depth, their sum its work.
    """

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(
            self, call: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            out = call(*args, **(kwargs or {}))
            if "addcmul" in call.__name__:
                sizes.append(out.numel())
            return out

    sizes: list[int] = []
    with Watch():
        function()
    return sizes


def checked(plan: Sequence[Sequence[tuple[int, int]]], length: int) -> None:
    """Raise ValueError unless a plan is a scan: stretches that touch, and every element finished.

    Parameters
    ----------
    plan
        Levels of pairs (target, source).
    length
        Number of elements.

    Raises
    ------
    ValueError
        If a pair lies outside 0 .. length - 1, a level has one target twice, a source does not end where
        the stretch of its target begins, or some element does not reach back to step 0.
    """
    first = list(range(length))
    for number, level in enumerate(plan, 1):
        before = list(first)
        for target, source in level:
            if not (0 <= source < length and 0 <= target < length):
                raise ValueError(
                    f"level {number}: the pair ({target}, {source}) is outside 0 .. {length - 1}"
                )
            if source != before[target] - 1:
                raise ValueError(
                    f"level {number}: element {target} stands for steps {before[target]} to "
                    f"{target}, so its source is {before[target] - 1}, not {source}"
                )
            if first[target] != before[target]:
                raise ValueError(f"level {number}: element {target} is a target twice")
            first[target] = before[source]
    if unfinished := [k for k in range(length) if first[k]]:
        k = unfinished[0]
        raise ValueError(f"element {k} ends as steps {first[k]} to {k}, not from step 0")
