"""Sums of exponentials as matrix products: the two directions of a Vandermonde matrix.

The printed formulas (`ssm_lib.oracles`) raise every eigenvalue to every power: H*N*L exponentials, and
a phase that float32 cannot hold at large l. Here l = q b + r splits exp(a l) = exp(a b q) exp(a r), so
a kernel of length L is one real matrix product (Q x 2N)(2N x b) with Q, b about sqrt(L); exponentials
are taken in float64, the product in the dtype of the weights.

The derivative of w exp(a l) by a is l times it, so gradients are products of the same kind: autograd
would keep, and walk through, every factor. They are operators (opaque to torch.compile), computed for
some systems at a time, so that factors stay in the cache; they may be differentiated again. Where a
kernel has a few thousand terms in all, they are added up as written: the factors would take longer.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ssm_lib import validate
from ssm_lib.discretize import to_double, to_single
from ssm_lib.operators import operator

SMALL = 2**12  # terms of a sum: fewer are added up in less time than factors are made
_COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}


def vandermonde(log_a: Tensor, w: Tensor, length: int) -> Tensor:
    """Re sum_n w_n exp(log_a_n l): weights times a Vandermonde matrix, l = 0 .. length-1.

    Parameters
    ----------
    log_a : Tensor (..., N), real or complex. Logarithms of the multipliers of N modes (dt lambda for
        zoh), radians. Of a real state of size d_state, N = d_state / 2 conjugate pairs are enough.
    w : Tensor (..., N), real or complex; its leading dimensions broadcast with those of log_a.
    length
        Number of samples L, at least 1.

    Returns
    -------
    K : Tensor (..., L), real, in the precision of w (float64 for float64 / complex128, else float32).

    Raises
    ------
    TypeError, ValueError
        If length is not a positive int, or the last dimensions differ.

    Equation: eq-vandermonde (the sum of Gu et al. 2022, S4D; the split is this library's)
    """
    validate.positive_int("length", length)
    w = _matching(log_a, w)
    if _is_small(log_a, w, length):
        l = torch.arange(length, dtype=torch.float64, device=w.device)
        table = torch.exp(to_double(log_a)[..., None] * l).to(w.dtype)  # (..., N, L)
        K = (w[..., None] * table).sum(-2)
        return K.real.contiguous() if K.is_complex() else K
    log_a, w, shape = _by_system(log_a, w)  # (H, N), (H, M, N)
    K = _sums(log_a, w, length)  # `factored_sums`, some systems at a time
    return K.transpose(0, 1).reshape(*shape, length)


def factored_sums(log_a: Tensor, w: Tensor, length: int) -> Tensor:
    """Re sum_n w_n exp(log_a_n l), where M rows of weights share the modes of a system.

    Parameters
    ----------
    log_a : Tensor (H, N), real or complex.
    w : Tensor (H, M, N), complex if log_a is.
    length
        Number of samples L.

    Returns
    -------
    K : Tensor (H, M, L), real
    """
    Q, b = _split(length, w.shape[1])
    rows, columns = powers(log_a, Q, b, real_dtype(w))  # (H, Q, N), (H, b, N)
    rows = (rows[:, None] * w[:, :, None]).conj()  # (H, M, Q, N)
    with torch.autocast(w.device.type, enabled=False):
        # Re x* y = Re x Re y + Im x Im y, one real product: (H, M Q, 2N) (H, 2N, b)
        K = _as_real(rows).flatten(1, 2) @ _as_real(columns).mT
    return K.view(*w.shape[:2], Q * b)[..., :length]  # l = q b + r


def vandermonde_transpose(log_a: Tensor, u: Tensor) -> Tensor:
    """A Vandermonde matrix times a sequence: sum_l exp(log_a_n (L-1-l)) u_l, the state that u leaves.

    Parameters
    ----------
    log_a : Tensor (..., N), real or complex.
    u : Tensor (..., L), real; its leading dimensions broadcast with those of log_a.

    Returns
    -------
    x : Tensor (..., N), real or complex as log_a, in the precision of u.

    Raises
    ------
    ValueError
        If u is empty.
    """
    if u.shape[-1] == 0:
        raise ValueError(f"u must have at least one step, got shape {tuple(u.shape)}")
    log_a, u, shape = _by_system(log_a, u.to(real_dtype(u)))  # (H, N), (H, M, L)
    (x,) = _moments(log_a, u.flip(-1), 1)  # `factored_moments`
    return x.transpose(0, 1).reshape(*shape, x.shape[-1])


def powers(log_a: Tensor, Q: int, b: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Both factors of exp(log_a l), where l = q b + r.

    Parameters
    ----------
    log_a : Tensor (..., N), real or complex.
    Q, b
        How many values q and r take.
    dtype
        torch.float32 or torch.float64, the precision of the result. Exponentials are always in float64.

    Returns
    -------
    rows : Tensor (..., Q, N), exp(log_a b q) for q = 0 .. Q-1
    columns : Tensor (..., b, N), exp(log_a r) for r = 0 .. b-1
    """
    log_a = to_double(log_a)
    return _table(b * log_a, Q, dtype), _table(log_a, b, dtype)


def _table(log_a: Tensor, count: int, dtype: torch.dtype) -> Tensor:
    """exp(log_a k) for k = 0 .. count-1, (..., N) -> (..., count, N); if many, split once more."""
    if count > 8:
        coarse, fine = _table(8 * log_a, -(-count // 8), dtype), _table(log_a, 8, dtype)
        table = coarse[..., :, None, :] * fine[..., None, :, :]  # (..., count / 8, 8, N)
        return table.flatten(-3, -2)[..., :count, :]
    k = torch.arange(count, dtype=torch.float64, device=log_a.device)
    table = torch.exp(log_a[..., None, :] * k[:, None])
    return table if dtype == torch.float64 else to_single(table)


def factored_moments(log_a: Tensor, u: Tensor, orders: int) -> Tensor:
    """sum_l l^order exp(log_a_n l) u_l for order < orders <= 2: (H, N), (H, M, L) -> (orders, H, M, N)."""
    (H, M, L), (Q, b) = u.shape, _split(u.shape[-1], u.shape[1])
    rows, columns = powers(log_a, Q, b, u.dtype)  # (H, Q, N), (H, b, N)
    k = torch.arange(max(Q, b), dtype=u.dtype, device=u.device)[:, None]
    columns = torch.cat([columns, k[:b] * columns][:orders], dim=-1)
    if Q * b > L:
        u = torch.nn.functional.pad(u, (0, Q * b - L))
    with torch.autocast(u.device.type, enabled=False):
        inner = u.reshape(H, M * Q, b) @ _as_real(columns)  # (H, M Q, b) (H, b, 2N orders)
    if rows.is_complex():
        inner = torch.view_as_complex(inner.unflatten(-1, (-1, 2)))
    terms = [rows[:, None] * x.unflatten(1, (M, Q)) for x in inner.chunk(orders, dim=-1)]
    if orders == 2:  # l = q b + r
        terms[1] += b * k[:Q] * terms[0]
    return torch.stack([x.sum(2) for x in terms])  # (H, M, Q, N) -> (H, M, N)


@operator("sums", "(Tensor log_a, Tensor w, int length) -> Tensor")
def _sums(log_a: Tensor, w: Tensor, length: int) -> Tensor:
    """`factored_sums`, with its gradient."""
    K = torch.empty(*w.shape[:2], length, dtype=real_dtype(w), device=w.device)
    for h in _blocks(K):
        K[h] = factored_sums(log_a[h], w[h], length)
    return K


@operator("moments", "(Tensor log_a, Tensor u, int orders) -> Tensor")
def _moments(log_a: Tensor, u: Tensor, orders: int) -> Tensor:
    """`factored_moments`, with its gradient."""
    parts = [factored_moments(log_a[h], u[h], orders) for h in _blocks(u)]
    return torch.cat(parts, dim=1)


@torch.library.register_fake("ssm_lib::sums")
def _(log_a: Tensor, w: Tensor, length: int) -> Tensor:
    return w.real.new_empty(*w.shape[:2], length)


@torch.library.register_fake("ssm_lib::moments")
def _(log_a: Tensor, u: Tensor, orders: int) -> Tensor:
    dtype = _COMPLEX[u.dtype] if log_a.is_complex() else u.dtype
    return u.new_empty(orders, *u.shape[:2], log_a.shape[-1], dtype=dtype)


def _keep(ctx: Any, inputs: tuple, output: object) -> None:
    ctx.save_for_backward(*inputs[:2])


def _backward_of_sums(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
    log_a, w = ctx.saved_tensors
    plain, times_l = _moments(log_a, grad, 2)  # (H, M, N)
    # Not lazily conjugate: an optimizer views gradients as real numbers.
    by_a = (w * times_l).sum(1).conj_physical()
    return by_a.to(log_a.dtype), plain.conj_physical(), None


def _backward_of_moments(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
    log_a, u = ctx.saved_tensors
    l = torch.arange(u.shape[-1], dtype=u.dtype, device=u.device)
    K = [_sums(log_a, g.conj_physical(), len(l)) for g in grad]  # each (H, M, L)
    grad_u = K[0] if len(K) == 1 else K[0] + l * K[1]
    higher = _moments(log_a, l * u, len(grad))
    return (grad * higher.conj()).sum((0, 2)).to(log_a.dtype), grad_u, None


for _name, _gradient in (("sums", _backward_of_sums), ("moments", _backward_of_moments)):
    torch.library.register_autograd(f"ssm_lib::{_name}", _gradient, setup_context=_keep)


def _split(length: int, sums: int) -> tuple[int, int]:
    """Q and b, Q b >= length. Rows exist once for each of the sums that share modes, so they are fewer."""
    b = (
        1 << math.isqrt(length * max(1, min(sums, length)) - 1).bit_length()
    )  # a power of two
    return -(-length // b), b


def _blocks(x: Tensor) -> list[slice]:
    """Slices of the first dimension: about 2^18 numbers each on a CPU, all at once elsewhere."""
    size = max(1, 2**18 // max(1, x[0].numel())) if x.device.type == "cpu" else len(x)
    return [slice(i, i + size) for i in range(0, len(x), size)]


def _by_system(log_a: Tensor, x: Tensor) -> tuple[Tensor, Tensor, torch.Size]:
    """(H, N) and (H, M, ...): the H systems, and what shares the modes of each; the result's shape."""
    shape = validate.broadcast_shapes(log_a.shape[:-1], x.shape[:-1])
    if shape[len(shape) - log_a.ndim + 1 :] != log_a.shape[:-1]:
        log_a = log_a.expand(*shape, -1)
    log_a = log_a.reshape(-1, log_a.shape[-1])
    sums = math.prod(shape) // len(log_a)
    x = x.expand(*shape, -1).reshape(sums, len(log_a), x.shape[-1])
    return log_a, x.transpose(0, 1), shape


def _is_small(log_a: Tensor, w: Tensor, length: int) -> bool:
    """Whether the sum as it is written is faster; compiled, it would be another graph for small lengths."""
    systems = validate.broadcast_shapes(log_a.shape[:-1], w.shape[:-1]).numel()
    small = systems * w.shape[-1] * length <= SMALL
    return small and not torch.compiler.is_compiling()


def _matching(log_a: Tensor, w: Tensor) -> Tensor:
    """w as complex or real as log_a; real powers do not mix its parts, and only Re w remains."""
    if log_a.shape[-1:] != w.shape[-1:]:
        raise ValueError(
            f"log_a {tuple(log_a.shape)} and w {tuple(w.shape)} must have the same number of modes N "
            "in their last dimension"
        )
    dtype = real_dtype(w)
    return w.to(_COMPLEX[dtype]) if log_a.is_complex() else w.real.to(dtype)


def _as_real(x: Tensor) -> Tensor:
    """Complex numbers as twice as many real ones, (..., N) -> (..., 2N); real ones as they are."""
    return torch.view_as_real(x.resolve_conj()).flatten(-2) if x.is_complex() else x


def real_dtype(x: Tensor) -> torch.dtype:
    """torch.float64 for float64 and complex128, torch.float32 for all else."""
    return torch.float64 if x.dtype in (torch.float64, torch.complex128) else torch.float32
