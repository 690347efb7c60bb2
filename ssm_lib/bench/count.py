"""Count what a computation in PyTorch consists of while it runs, operator by operator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ssm_lib.bench.measure import Work
from ssm_lib.operators import IMPLEMENTATIONS

PRODUCTS = ("mm", "bmm", "addmm", "baddbmm", "mv", "addmv", "dot")
EXPONENTIALS = ("exp", "exp_", "pow", "polar", "sin", "cos", "expm1")
COMPLEX = {
    "add": 2,
    "sub": 2,
    "rsub": 2,
    "sum": 2,
    "mul": 6,
    "addcmul": 8,
    "div": 10,
    "reciprocal": 10,
}
COPIES = ("copy", "clone", "cat", "_to_copy", "fill", "zero", "zeros", "constant_pad_nd")
FREE = (
    "_unsafe_view",
    "_reshape_alias",
    "empty",
    "detach",
    "alias",
    "expand",
    "resize",
    "lift_fresh",
    "set_",
)


def count(run: Callable[[], object]) -> Work:
    """Run a function once, and count its work on tensors.

    Products of matrices are 2 operations for each term, or 8 if it is complex. Fourier transforms of n
    numbers are 5 n log2 n, real ones half of it. Of all others each element is one operation, or as many
    as a complex one takes: 2 for a sum, 6 for a product. `passes` is what every operator reads and
    writes, as if nothing stayed in a cache; `bytes` is left at 0. Views of memory and operators on
    integers count nothing.

    Parameters
    ----------
    run
        Called without arguments. Operators of this library are looked into.

    Returns
    -------
    Work
    """
    found = _Count()
    with found, torch.no_grad():
        run()
    return found.work


def ratios(found: Work, model: Work) -> dict[str, float]:
    """Counted over modelled, for each kind of work that the model has but bytes and calls.

    Parameters
    ----------
    found
        As `count` returns it.
    model
        As a function of `ssm_lib.bench.cost` returns it.
    """
    kinds = ("float32", "float64", "fft", "exponentials", "passes")
    expected = {kind: getattr(model, kind) for kind in kinds}
    return {
        kind: round(getattr(found, kind) / value, 2)
        for kind, value in expected.items()
        if value
    }


class _Count(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.work = Work()

    def __torch_dispatch__(
        self, call: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        ours = IMPLEMENTATIONS.get(call.name().split(".")[0])
        with self:  # into what an operator is made of, if it is made of others
            out = ours(*args, **kwargs) if ours else call.decompose(*args, **kwargs)
        if out is not NotImplemented:
            return out
        out = call(*args, **kwargs)
        name = call.name().split("::")[-1].split(".")[0]
        inputs = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        results = [x for x in tree_leaves(out) if isinstance(x, Tensor)]
        if not call.is_view and not name.startswith(FREE) and results:
            self._add(name, inputs, results)
        return out

    def _add(self, name: str, inputs: list[Tensor], results: list[Tensor]) -> None:
        y = results[0]
        operands = [x for x in inputs if x.is_floating_point() or x.is_complex()]
        if not (y.is_floating_point() or y.is_complex()):
            return
        touched = {id(x): x for x in (*operands, y)}.values()
        work = Work(passes=sum(map(_bytes, touched)), calls=1)
        plain = name.rstrip("_")
        if plain in PRODUCTS:
            terms = operands[-2].shape[-1] * y.numel()
            operations = (8.0 if y.is_complex() else 2.0) * terms
        elif plain.startswith("_fft"):
            longer = max(operands[0], y, key=Tensor.numel)
            n = longer.shape[-1]
            real = not (operands[0].is_complex() and y.is_complex())
            work.fft = (2.5 if real else 5) * longer.numel() * math.log2(n)
            operations = 0.0
        elif plain in EXPONENTIALS:
            work.exponentials, operations = y.numel(), 0.0
        elif plain in COPIES:
            operations = 0.0
        else:
            elements = max([y, *operands], key=Tensor.numel)
            each = COMPLEX.get(plain, 1) if elements.is_complex() else 1
            operations = float(each * elements.numel())
        if y.dtype in (torch.float64, torch.complex128):
            work.float64 = operations
        else:
            work.float32 = operations
        self.work = self.work + work


def _bytes(x: Tensor) -> float:
    """Of the elements that there are: what is expanded is there once."""
    there = math.prod(n for n, step in zip(x.shape, x.stride(), strict=True) if step)
    return float(there * x.element_size())
