"""Linear recurrences in parallel."""

from __future__ import annotations

import torch
from torch import Tensor


def linear(a: Tensor, b: Tensor, x0: Tensor | None = None, reverse: bool = False) -> Tensor:
    """All states of x_l = a_l x_{l-1} + b_l, elementwise, in log2(L) parallel steps.

    Two affine maps x -> a x + b follow each other as one: (a', b') after (a, b) is
    (a' a, a' b + b'). The operation is associative, so the maps of all prefixes are found by
    doubling: after step s each position holds the composition of the last 2^s maps.

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
    L = b.shape[1]
    if reverse:
        b = b.flip(1)
        a = a.flip(1) if a.ndim == 3 else a
    x = b.to(torch.promote_types(b.dtype, torch.complex32)) if a.is_complex() else b
    a = a.to(torch.promote_types(a.dtype, x.dtype))  # its powers in its own precision
    if x0 is not None and L > 0:
        first = x[:, :1] + (a[:, :1] if a.ndim == 3 else a).to(x.dtype) * x0[:, None]
        x = torch.cat([first, x[:, 1:]], dim=1)
    span = 1
    while span < L:
        earlier = (a[:, span:] if a.ndim == 3 else a).to(x.dtype) * x[:, :-span]
        x = torch.cat([x[:, :span], x[:, span:] + earlier], dim=1)
        if a.ndim == 3:
            a = torch.cat([a[:, :span], a[:, span:] * a[:, :-span]], dim=1)
        else:
            a = a * a
        span *= 2
    return x.flip(1) if reverse else x
