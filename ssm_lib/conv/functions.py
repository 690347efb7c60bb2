"""Convolutions of sequences with long kernels: causal, in both directions, and chunk by chunk."""

from __future__ import annotations

import torch
from torch import Tensor

from ssm_lib import validate
from ssm_lib.conv.blocks import compute_dtype, fast_length, negacyclic

# Padded samples in all: for fewer, blocks take longer to call than they save.
SMALL = 2**18
# A period: of longer ones real FFTs take twice as long as the complex ones of the blocks.
SHORT = 2**16


def causal(u: Tensor, k: Tensor) -> Tensor:
    """Causal convolution y_l = sum_{j <= l} k_j u_{l-j}, by FFT in O(L log L).

    Parameters
    ----------
    u : Tensor (..., L), real. Input.
    k : Tensor (..., M), real. Kernel, of any length M >= 1; its leading dimensions broadcast with
        those of u. Taps beyond L never meet an input.

    Returns
    -------
    y : Tensor (..., L), in the dtype of u; computed in float64 if u or k is, else in float32
        (also under autocast and for half precision input). An FFT mixes all samples: where the sum
        would be untouched by a later input, or zero, y carries rounding of about 1e-7 (float64: 1e-16)
        of the largest value in its sequence.

    Raises
    ------
    TypeError
        If u or k is not real floating point.
    ValueError
        If u or k is empty, or their leading dimensions do not broadcast.

    Equation: eq-convolution (Gu et al. 2022, S4, Section 2.4), eq-padding, eq-negacyclic,
    eq-conv-gradient
    """
    _check(u=u, k=k)
    L = u.shape[-1]
    k = k[..., :L]
    n = _half(L + k.shape[-1] - 1)  # room for the tail: nothing wraps around
    return _apply(u, k, n)


def bidirectional(u: Tensor, k_forward: Tensor, k_backward: Tensor) -> Tensor:
    """Convolution with the past and the future: y_l = sum_j k_j u_{l-j} + sum_j k'_j u_{l+1+j}.

    The backward kernel k' starts at the next input, so the current one is counted once. Both
    kernels go into one period, the backward one reversed at its end, so this costs what `causal` does.

    Parameters
    ----------
    u : Tensor (..., L), real.
    k_forward, k_backward : Tensor (..., M), real, as in `causal`; their lengths may differ.

    Returns
    -------
    y : Tensor (..., L), in the dtype of u.

    Raises
    ------
    TypeError, ValueError
        As `causal`.

    Equation: eq-bidirectional
    """
    _check(u=u, k_forward=k_forward, k_backward=k_backward)
    L = u.shape[-1]
    past, future = k_forward[..., :L], k_backward[..., : L - 1]
    n = _half(L + max(past.shape[-1] - 1, future.shape[-1]))
    leading = validate.broadcast_shapes(past.shape[:-1], future.shape[:-1])
    gap = past.new_zeros(*leading, 2 * n - past.shape[-1] - future.shape[-1])
    past, future = (x.expand(*leading, x.shape[-1]) for x in (past, future))
    # What wraps around changes its sign, except in one line.
    wrapped = future.flip(-1) if _is_small(n, u, past) else -future.flip(-1)
    return _apply(u, torch.cat([past, gap, wrapped], dim=-1), n)


def stream(u: Tensor, k: Tensor, tail: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Causal convolution of a sequence that arrives in chunks: feed each with the tail of the last.

    The outputs of all chunks, one after the other, are `causal` of the whole sequence with k. What is
    carried are the last M-1 inputs, so a chunk costs O((L + M) log(L + M)), however short it is; a
    state space model carries N numbers instead.

    Parameters
    ----------
    u : Tensor (..., L), real. The next chunk, of any length L >= 1.
    k : Tensor (..., M), real. The same kernel for every chunk; leading dimensions as in `causal`.
    tail : Tensor (..., M-1), optional
        What the call for the preceding chunk returned; zeros, as before the first input, if absent.

    Returns
    -------
    y : Tensor (..., L), in the dtype of u, computed as in `causal`.
    tail : Tensor (..., M-1), the last inputs, for the next chunk; in the dtype of u.

    Raises
    ------
    TypeError
        If u, k or tail is not real floating point.
    ValueError
        If u or k is empty, their leading dimensions do not broadcast, or tail has another shape.

    Equation: eq-stream
    """
    _check(u=u, k=k)
    before = k.shape[-1] - 1
    shape = (*u.shape[:-1], before)
    if tail is None:
        tail = u.new_zeros(shape)
    if not isinstance(tail, Tensor) or tail.dtype != u.dtype:
        got = tail.dtype if isinstance(tail, Tensor) else type(tail).__name__
        raise TypeError(f"tail must be a tensor of dtype {u.dtype}, as u, got {got}")
    if tail.shape != shape:
        raise ValueError(
            f"tail must have shape {shape}, the M-1 inputs before u, got {tuple(tail.shape)}"
        )
    u = torch.cat([tail, u], dim=-1)
    # What wraps around meets only the outputs of the tail, which are known already.
    y = _apply(u, k, _half(u.shape[-1]))[..., before:]
    return y, u[..., u.shape[-1] - before :]


def _half(period: int) -> int:
    """Half of the next period that has a fast FFT."""
    return fast_length(-(-period // 2))


def _apply(u: Tensor, k: Tensor, n: int) -> Tensor:
    """`negacyclic`, for leading dimensions that broadcast; what is small in one line, where signs stay."""
    L, M = u.shape[-1], k.shape[-1]
    leading = validate.broadcast_shapes(u.shape[:-1], k.shape[:-1])
    if 0 in leading:  # an empty batch, which not every FFT library takes
        return u * k.sum(-1, keepdim=True).to(u.dtype)
    if _is_small(n, u, k):
        return _line(u, k, 2 * n)
    while k.ndim > 1 and k.shape[0] == 1:
        k = k[0]
    split = (
        len(leading) - k.ndim + 1
    )  # dimensions before are batch, those from here channels
    u = u.expand(*leading, L).reshape(leading[:split].numel(), -1, L)
    k = k.expand(*leading[split:], M).reshape(-1, M)
    return negacyclic(u, k, n).reshape(*leading, L)


def _is_small(n: int, u: Tensor, k: Tensor) -> bool:
    """Whether one line is faster; torch.compile takes the blocks, it has no code for complex numbers."""
    rows = validate.broadcast_shapes(u.shape[:-1], k.shape[:-1]).numel()
    small = 2 * n * rows <= SMALL and 2 * n <= SHORT
    return small and not torch.compiler.is_compiling()


def _line(u: Tensor, k: Tensor, period: int) -> Tensor:
    """The textbook's line, and autograd's gradient, which keeps both spectra."""
    dtype = compute_dtype(u, k)
    y_hat = torch.fft.rfft(u.to(dtype), period) * torch.fft.rfft(k.to(dtype), period)
    y = torch.fft.irfft(y_hat, period)[..., : u.shape[-1]].to(u.dtype)
    if u.ndim > 1 and u.stride(-1) > u.stride(-2):  # channels lie together: also in y
        return y.mT.contiguous().mT
    return y.contiguous()


def _check(u: Tensor, **kernels: Tensor) -> None:
    for name, x in {"u": u, **kernels}.items():
        if not isinstance(x, Tensor) or not x.is_floating_point():
            got = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"{name} must be a real floating-point tensor, got {got}")
        if x.ndim == 0 or x.shape[-1] == 0:
            raise ValueError(
                f"{name} must have shape (..., length >= 1), got {tuple(x.shape)}"
            )
    try:
        validate.broadcast_shapes(u.shape[:-1], *(k.shape[:-1] for k in kernels.values()))
    except ValueError:
        shapes = " and ".join(f"{name} {tuple(k.shape)}" for name, k in kernels.items())
        raise ValueError(
            f"leading dimensions of u {tuple(u.shape)} and {shapes} do not broadcast"
        ) from None
