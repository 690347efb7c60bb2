"""Linear recurrences in parallel, with their gradient."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import Tensor

from ssm_lib.operators import operator

BLOCK = (
    8  # steps done one after the other on each level; with more of them, rounding adds up
)
HAS_TRITON = importlib.util.find_spec("triton") is not None


def linear(a: Tensor, b: Tensor, x0: Tensor | None = None, reverse: bool = False) -> Tensor:
    """All states of x_l = a_l x_{l-1} + b_l, elementwise: a few steps for all blocks at once.

    The sequence is cut into blocks of `BLOCK` steps. The ends of the blocks, each run from zero, are
    themselves such a recurrence, with the product of a block's multipliers as its multiplier: it is solved
    first, in the same way, and then every block runs once more from the state that it starts in. Each level
    takes 2 `BLOCK` steps and is `BLOCK` times shorter than the one below: 16384 steps of the recurrence
    become 63. On CUDA, where triton is installed, `ssm_lib.scan_triton` does the same.

    The gradient is a recurrence too, in the other direction: g_l = conj(a_{l+1}) g_{l+1} + dx_l for b_l, and
    g_l conj(x_{l-1}) for a_l. It needs a and x only, and may be differentiated again.

    Parameters
    ----------
    a : Tensor (N,) or (B, L, N), real or complex. Multiplier, constant or one per step.
    b : Tensor (B, L, N). What is added at each step.
    x0 : Tensor (B, N), optional. State before the first step; zero if absent.
    reverse
        Run from the last step to the first: x_l = a_l x_{l+1} + b_l, with x0 after the last.

    Returns
    -------
    x : Tensor (B, L, N), the state after each step; complex if a or b is, in the precision of b. An a
        of more precision than b pays: a multiplier rounded to float32 is off by 1e-3 after 16k steps,
        while states rounded at each step are not.

    Raises
    ------
    ValueError
        If the shapes do not match those named here.

    Equation: eq-recurrence (Smith et al. 2023, S5)
    Equation: eq-scan-gradient, eq-elapsed
    """
    if b.ndim != 3:
        raise ValueError(f"b must have shape (B, L, N), got {tuple(b.shape)}")
    if a.shape != b.shape and a.shape != b.shape[-1:]:
        raise ValueError(
            f"a must have shape ({b.shape[-1]},) or {tuple(b.shape)}, got {tuple(a.shape)}"
        )
    if x0 is not None and x0.shape != (b.shape[0], b.shape[2]):
        raise ValueError(
            f"x0 must have shape {(b.shape[0], b.shape[2])}, got {tuple(x0.shape)}"
        )
    b = b.to(torch.promote_types(b.dtype, torch.complex32)) if a.is_complex() else b
    a = a.to(torch.promote_types(a.dtype, b.dtype))  # its products in its own precision
    x0 = None if x0 is None else x0.to(b.dtype)
    return _differentiable(a, b, x0, reverse)


@operator("scan", "(Tensor a, Tensor b, Tensor? x0, bool reverse) -> Tensor")
def _scan(a: Tensor, b: Tensor, x0: Tensor | None, reverse: bool) -> Tensor:
    """What `linear` returns, of checked arguments; opaque to torch.compile, which cannot do better."""
    if b.is_cuda and HAS_TRITON and torch.finfo(b.dtype).bits >= 32:
        from ssm_lib import scan_triton

        return scan_triton.states(a, b, x0, reverse)
    return states(a, b, x0, reverse)


@torch.library.register_fake("ssm_lib::scan")
def _(a: Tensor, b: Tensor, x0: Tensor | None, reverse: bool) -> Tensor:
    return torch.empty_like(b, memory_format=torch.contiguous_format)


def _keep(ctx: Any, inputs: tuple, output: Tensor) -> None:
    a, _, x0, ctx.reverse = inputs
    ctx.save_for_backward(a, x0, output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients of a, b and x0: the recurrence in the other direction, and products with its states."""
    a, x0, x = ctx.saved_tensors
    past, future, first = _neighbours(ctx.reverse)
    back = a if a.ndim == 1 else _earlier(a, None, not ctx.reverse)  # a_{l+1} at step l
    g = _differentiable(torch.conj_physical(back), grad, None, not ctx.reverse)
    grad_a = grad_x0 = None
    if ctx.needs_input_grad[0] and a.ndim == 3:
        grad_a = (g * _earlier(x, x0, ctx.reverse).conj()).to(a.dtype)
    elif ctx.needs_input_grad[0]:
        grad_a = torch.zeros_like(a)
        if x0 is not None:
            grad_a = grad_a + (g[:, first] * x0[:, None].conj()).sum((0, 1))
        piece = max(64, x.shape[1] // 64)  # so that no product is as large as x
        for before, now in zip(x[:, past].split(piece, 1), g[:, future].split(piece, 1)):
            grad_a = grad_a + torch.linalg.vecdot(before, now, dim=1).sum(0)
    if x0 is not None and ctx.needs_input_grad[2]:
        grad_x0 = (_at(a, first).to(g.dtype).conj() * g[:, first]).sum(1)
    return grad_a, g, grad_x0, None


torch.library.register_autograd("ssm_lib::scan", _backward, setup_context=_keep)


class _Scan(torch.autograd.Function):
    forward = staticmethod(_scan)
    setup_context = staticmethod(_keep)
    backward = staticmethod(_backward)

    @staticmethod
    def vmap(info: Any, dims: tuple, *inputs: Any) -> tuple[Tensor, int]:
        """The mapped dimension becomes more states: (V, B, L, N) -> (B, L, N V)."""

        def last(x: Tensor | None, dim: int | None) -> Tensor | None:
            if x is None:
                return None
            x = x[..., None] if dim is None else x.movedim(dim, -1)
            return x.expand(*x.shape[:-1], info.batch_size).flatten(-2)

        a, b, x0 = map(last, inputs[:3], dims)
        x = _Scan.apply(a, b, x0, inputs[3])
        return x.unflatten(-1, (-1, info.batch_size)), 3


def _differentiable(a: Tensor, b: Tensor, x0: Tensor | None, reverse: bool) -> Tensor:
    # torch.compile takes the gradient registered with an operator, torch.func only a Function's.
    return (_scan if torch.compiler.is_compiling() else _Scan.apply)(a, b, x0, reverse)


def states(a: Tensor, b: Tensor, x0: Tensor | None, reverse: bool) -> Tensor:
    """All states of x_l = a_l x_{l-1} + b_l, in torch alone; the arguments are those of `linear`.

    Parameters
    ----------
    a : Tensor (N,) or (B, L, N), complex if b is, of at least its precision.
    b : Tensor (B, L, N)
    x0 : Tensor (B, N) or None, in the dtype of b.
    reverse
        As in `linear`.

    Returns
    -------
    x : Tensor (B, L, N), in the dtype of b.

    Source: Smith et al. 2023, S5.
    """
    if a.ndim == 1:  # the product of a few multipliers in double costs nothing
        a = a.to(torch.promote_types(a.dtype, torch.float64))
    x = b.clone(memory_format=torch.contiguous_format)
    if x0 is not None:
        _, _, first = _neighbours(reverse)
        x[:, first].addcmul_(_at(a, first).to(x.dtype), x0[:, None])
    _run(a, x, reverse)
    return x


def _run(a: Tensor, x: Tensor, reverse: bool) -> None:
    """Turn x (B, L, N), which holds b, into the states, in place."""
    L = x.shape[1]
    order = range(L)[:: -1 if reverse else 1]
    whole = L - L % BLOCK if L >= 2 * BLOCK else 0
    if whole:
        past, future, _ = _neighbours(reverse)
        inside = slice(L - whole, None) if reverse else slice(whole)
        steps = _steps(x[:, inside], reverse)  # each (B, blocks, N)
        factors = _steps(a[:, inside], reverse) if a.ndim == 3 else (a,) * BLOCK
        end, product = steps[0], factors[0]
        for now, factor in zip(steps[1:], factors[1:]):  # every block from zero
            end = torch.addcmul(now, factor.to(x.dtype), end)
            product = factor * product
        end = end.to(a.dtype)  # few: a wider type costs little here
        _run(product, end, reverse)  # the true ends of the blocks
        factor = _at(factors[0], future).to(x.dtype)
        steps[0][:, future].addcmul_(factor, end[:, past].to(x.dtype))
        for before, now, factor in zip(steps, steps[1:], factors[1:]):
            now.addcmul_(factor.to(x.dtype), before)
    for l, k in zip(order[max(whole, 1) :], order[max(whole - 1, 0) :]):
        x[:, l].addcmul_(_at(a, l).to(x.dtype), x[:, k])  # k comes before l


def _steps(x: Tensor, reverse: bool) -> tuple[Tensor, ...]:
    """(B, blocks * BLOCK, N) -> BLOCK views (B, blocks, N), in the order in which they are run."""
    return x.unflatten(1, (-1, BLOCK)).unbind(2)[:: -1 if reverse else 1]


def _at(a: Tensor, where: slice | int) -> Tensor:
    """The multiplier of some steps; the same for all if it is constant."""
    return a[:, where] if a.ndim == 3 else a


def _neighbours(reverse: bool) -> tuple[slice, slice, slice]:
    """All steps but the last one run, all but the first, and the first."""
    if reverse:
        return slice(1, None), slice(None, -1), slice(-1, None)
    return slice(None, -1), slice(1, None), slice(1)


def _earlier(x: Tensor, x0: Tensor | None, reverse: bool) -> Tensor:
    """At each step the x of the step run before it, at the first x0 or zero."""
    first = torch.zeros_like(x[:, :1]) if x0 is None else x0[:, None]
    return torch.cat([x[:, 1:], first] if reverse else [first, x[:, :-1]], dim=1)
