"""Convolutions of period 2n that change sign as they wrap around, in blocks that stay in the cache.

The line irfft(rfft(u) * rfft(k)) writes and reads the spectra of all sequences: at a batch of 8, with 128
channels and 16k steps, half a gigabyte through memory, in pages that the system has to clear first. The
same on blocks of a few sequences, whose spectra fit in the cache, does the same work in about half of
the time. Autograd would also keep both spectra until the backward pass; here the gradient transforms u and k
once more, which costs less than to read what was stored.

Real signals need no complex numbers in the result, but complex FFTs are the faster ones. With
z_l = (x_l + i x_{l+n}) w^l and w = exp(i pi / 2n), a step of n multiplies by w^n = i: a product of two
such transforms of length n, turned back and weighted by w^-l, holds y_l + i y_{l+n}, and what wraps
around, at 2n, comes back with i^2 = -1. (The usual real FFT of length 2n takes as long up to some 65k
samples, and with MKL twice as long beyond.)

The operators are opaque to torch.compile, which so keeps the blocks and compiles the rest around them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ssm_lib.operators import operator

FALLBACK_CACHE = 2**25  # bytes, where the system does not tell
LARGEST_BLOCK = 2**24  # bytes, on a CPU: more would gain nothing, and count as memory
BLOCK_ON_ACCELERATOR = 2**28  # bytes: large enough to keep every core busy


@operator("negacyclic", "(Tensor u, Tensor k, int n) -> Tensor")
def _operator(u: Tensor, k: Tensor, n: int) -> Tensor:
    """What `negacyclic` computes, as one operator."""
    y, w = torch.empty_like(u), _weights(n, u, k)
    back = w.conj_physical()
    for channels, batches, work in _blocks(u, w):
        k_hat = _transform(k[None, channels], w, work[:1])
        for batch in batches:
            y_hat = _transform(u[batch, channels], w, work)
            _put(y[batch, channels], y_hat.mul_(k_hat), back, work)
    return y


@operator(
    "negacyclic_gradients", "(Tensor u, Tensor k, Tensor dy, int n) -> (Tensor, Tensor)"
)
def _operator_of_gradients(
    u: Tensor, k: Tensor, dy: Tensor, n: int
) -> tuple[Tensor, Tensor]:
    """Gradients of sum(dy * negacyclic(u, k, n)): correlations of dy with k, and of dy with u.

    Parameters
    ----------
    u, dy : Tensor (B, H, L)
    k : Tensor (H, M)
    n
        Half the period.

    Returns
    -------
    du : Tensor (B, H, L)
    dk : Tensor (H, M), summed over the batch
    """
    du, dk, w = torch.empty_like(u), torch.empty_like(k), _weights(n, u, k)
    back = w.conj_physical()
    for channels, batches, work in _blocks(u, w):
        k_hat = _transform(k[None, channels], w, work[:1]).conj_physical_()
        dk_hat = torch.zeros_like(k_hat)
        for batch in batches:
            dy_hat = _transform(dy[batch, channels], w, work)
            u_hat = _transform(u[batch, channels], w, work).conj_physical_()
            dk_hat += u_hat.mul_(dy_hat).sum(0, keepdim=True)
            _put(du[batch, channels], dy_hat.mul_(k_hat), back, work)
        _put(dk[None, channels], dk_hat, back, work[:1])
    return du, dk


@torch.library.register_fake("ssm_lib::negacyclic")
def _(u: Tensor, k: Tensor, n: int) -> Tensor:
    return torch.empty_like(u)


@torch.library.register_fake("ssm_lib::negacyclic_gradients")
def _(u: Tensor, k: Tensor, dy: Tensor, n: int) -> tuple[Tensor, Tensor]:
    return torch.empty_like(u), torch.empty_like(k)


def negacyclic(u: Tensor, k: Tensor, n: int) -> Tensor:
    """First L samples of a convolution of period 2n whose wrapped terms count negative.

    y_l = sum over all i, j of k_i u_j if i + j = l, and of -k_i u_j if i + j = l + 2n. Differentiable any
    number of times (not in forward mode).

    Parameters
    ----------
    u : Tensor (B, H, L), real, L <= 2n.
    k : Tensor (H, M), real, M <= 2n. A tap at -j, which reads the future, has its place at 2n - j,
        with its sign changed.
    n
        Half the period: an FFT length, as `fast_length` gives it.

    Returns
    -------
    y : Tensor (B, H, L), in the dtype and the memory layout of u; computed in float64 if u or k is,
        else in float32.
    """
    # torch.compile takes the gradient registered with the operator, torch.func only a Function's.
    return (_operator if torch.compiler.is_compiling() else _Convolve.apply)(u, k, n)


def _gradients(u: Tensor, k: Tensor, dy: Tensor, n: int) -> tuple[Tensor, Tensor]:
    compiling = torch.compiler.is_compiling()
    return (_operator_of_gradients if compiling else _Gradients.apply)(u, k, dy, n)


def _keep(ctx: Any, inputs: tuple, output: object) -> None:
    *tensors, ctx.n = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, None]:
    u, k = ctx.saved_tensors
    return *_gradients(u, k, dy, ctx.n), None


def _backward_of_gradients(
    ctx: Any, to_u: Tensor, to_k: Tensor
) -> tuple[Tensor, Tensor, Tensor, None]:
    # <to_u, du> + <to_k, dk> = <dy, negacyclic(to_u, k) + negacyclic(u, to_k)>: the same two again.
    u, k, dy = ctx.saved_tensors
    to_dy = negacyclic(to_u, k, ctx.n) + negacyclic(u, to_k, ctx.n)
    return *_gradients(to_u, to_k, dy, ctx.n), to_dy, None


class _Convolve(torch.autograd.Function):
    generate_vmap_rule = True
    forward = staticmethod(_operator)
    setup_context = staticmethod(_keep)
    backward = staticmethod(_backward)


class _Gradients(torch.autograd.Function):
    generate_vmap_rule = True
    forward = staticmethod(_operator_of_gradients)
    setup_context = staticmethod(_keep)
    backward = staticmethod(_backward_of_gradients)


torch.library.register_autograd("ssm_lib::negacyclic", _backward, setup_context=_keep)
torch.library.register_autograd(
    "ssm_lib::negacyclic_gradients", _backward_of_gradients, setup_context=_keep
)


def _spread(x: Tensor, dim: int | None, size: int) -> Tensor:
    """The dimension that torch.vmap maps over, as more channels: (B, V H, L), or (V H, M)."""
    x = x.expand(size, *x.shape) if dim is None else x.movedim(dim, 0)
    return x.flatten(0, 1) if x.ndim == 3 else x.transpose(0, 1).flatten(1, 2)


def _map(op: Callable, info: Any, dims: tuple, *args: Any) -> tuple[Any, Any]:
    *tensors, n = args
    V = info.batch_size
    out = op(*(_spread(x, dim, V) for x, dim in zip(tensors, dims[:-1], strict=True)), n)
    if isinstance(out, Tensor):
        return out.unflatten(1, (V, -1)), 1
    du, dk = out
    return (du.unflatten(1, (V, -1)), dk.unflatten(0, (V, -1))), (1, 0)


if hasattr(torch.library, "register_vmap"):  # from PyTorch 2.5 on
    torch.library.register_vmap(_operator, functools.partial(_map, _operator))
    torch.library.register_vmap(
        _operator_of_gradients, functools.partial(_map, _operator_of_gradients)
    )


def fast_length(n: int) -> int:
    """Smallest length >= n of the form 2^i 3^j 5^k, for which FFTs are fast."""
    best = 1 << (n - 1).bit_length()
    five = 1
    while five < best:
        three = five
        while three < best:
            best = min(best, three << max(0, (-(-n // three) - 1).bit_length()))
            three *= 3
        five *= 5
    return best


@functools.cache
def block_bytes(device: str) -> int:
    """Bytes that the spectra of one block may take: a quarter of the last cache of the CPU."""
    if device != "cpu":
        return BLOCK_ON_ACCELERATOR
    try:
        caches = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
        size = max(
            1024 * int(file.read_text().strip().removesuffix("K")) for file in caches
        )
    except (OSError, ValueError):  # not Linux, or not told to guests
        size = FALLBACK_CACHE
    return min(size // 4, LARGEST_BLOCK)


def _blocks(u: Tensor, w: Tensor) -> Iterator[tuple[slice, list[slice], Tensor]]:
    """Slices of the channels, each with the slices of the batch, that are computed at once."""
    B, H, _ = u.shape
    n = len(w)
    # A row takes a work space, two spectra and a kernel's: n complex numbers each.
    rows = max(1, block_bytes(u.device.type) // (4 * n * w.itemsize))
    channels = min(H, rows)
    batch = min(B, rows // channels)
    # Rows a power of two apart would all compete for the same few places of the cache.
    work = w.new_empty(batch, channels, n + 8)[..., :n]
    for h in range(0, H, channels):
        these = min(channels, H - h)
        yield (
            slice(h, h + these),
            [slice(b, b + batch) for b in range(0, B, batch)],
            work[:, :these],
        )


def compute_dtype(u: Tensor, k: Tensor) -> torch.dtype:
    """float64 if u or k is, else float32."""
    return torch.float64 if torch.float64 in (u.dtype, k.dtype) else torch.float32


def _weights(n: int, u: Tensor, k: Tensor) -> Tensor:
    """w^l = exp(i pi l / 2n) for l = 0 .. n-1, in the precision of the computation."""
    angle = torch.arange(n, dtype=torch.float64, device=u.device) * (math.pi / (2 * n))
    w = torch.polar(torch.ones_like(angle), angle)
    return w.to(compute_dtype(u, k).to_complex())


def _transform(x: Tensor, w: Tensor, work: Tensor) -> Tensor:
    """Spectrum of the weighted and folded rows of x (..., up to 2n) -> (..., n), complex."""
    n = len(w)
    if (
        x.stride(-1) > 1
    ):  # channels lie together: gather by whole cache lines, then transpose
        x = x.mT.contiguous().mT
    low, high, z = x[..., :n], x[..., n:], work[: len(x)]
    torch.mul(low.to(w.real.dtype), w[: low.shape[-1]], out=z[..., : low.shape[-1]])
    z[..., low.shape[-1] :] = 0
    if high.shape[-1]:
        z[..., : high.shape[-1]] += high * (1j * w[: high.shape[-1]])
    return torch.fft.fft(z)


def _put(out: Tensor, x_hat: Tensor, back: Tensor, work: Tensor) -> None:
    """Write the first samples of the rows whose spectra are given; back holds w^-l."""
    n, length = len(back), out.shape[-1]
    z = torch.mul(torch.fft.ifft(x_hat), back, out=work[: len(x_hat)])
    out[..., :n] = z[..., :length].real
    if length > n:
        out[..., n:] = z[..., : length - n].imag
