"""Long convolutions by FFT. Lengths are free; no wrap-around; float32 at least."""

from __future__ import annotations

import torch
from torch import Tensor


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
        (also under autocast and for half precision input).

    Raises
    ------
    TypeError
        If u or k is not real floating point.
    ValueError
        If u or k is empty, or their leading dimensions do not broadcast.

    Equation: eq-convolution (Gu et al. 2022, S4, Section 2.4)
    """
    dtype = _check(u, k)
    L = u.shape[-1]
    if (
        u.numel() == 0 or k.numel() == 0
    ):  # an empty batch, which not every FFT library takes
        return u * k.sum(-1, keepdim=True).to(u.dtype)
    k = k[..., :L]
    n = fast_length(L + k.shape[-1] - 1)  # room for the tail, so that nothing wraps around
    with torch.autocast(u.device.type, enabled=False):
        spectrum = torch.fft.rfft(u.to(dtype), n=n) * torch.fft.rfft(k.to(dtype), n=n)
        return torch.fft.irfft(spectrum, n=n)[..., :L].to(u.dtype)


def bidirectional(u: Tensor, k_forward: Tensor, k_backward: Tensor) -> Tensor:
    """Convolution with the past and the future: y_l = sum_j k_j u_{l-j} + sum_j k'_j u_{l+1+j}.

    The backward kernel k' starts at the next input, so the current one is counted once.

    Parameters
    ----------
    u : Tensor (..., L), real.
    k_forward, k_backward : Tensor (..., M), real, as in `causal`.

    Returns
    -------
    y : Tensor (..., L), in the dtype of u.

    Raises
    ------
    TypeError, ValueError
        As `causal`.
    """
    y = causal(u, k_forward)
    if u.shape[-1] == 1:
        return y
    future = causal(u[..., 1:].flip(-1), k_backward).flip(
        -1
    )  # (..., L-1): of u_1 .. u_{L-1}
    return y + torch.nn.functional.pad(future, (0, 1))


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


def _check(u: Tensor, k: Tensor) -> torch.dtype:
    for name, x in (("u", u), ("k", k)):
        if not isinstance(x, Tensor) or not x.is_floating_point():
            got = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"{name} must be a real floating-point tensor, got {got}")
        if x.ndim == 0 or x.shape[-1] == 0:
            raise ValueError(
                f"{name} must have shape (..., length >= 1), got {tuple(x.shape)}"
            )
    try:
        torch.broadcast_shapes(u.shape[:-1], k.shape[:-1])
    except RuntimeError:
        raise ValueError(
            f"leading dimensions of u {tuple(u.shape)} and k {tuple(k.shape)} do not broadcast"
        ) from None
    return torch.float64 if torch.float64 in (u.dtype, k.dtype) else torch.float32
