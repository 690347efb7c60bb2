"""The output of a state space model, C x + D u, with a gradient that makes nothing as large as u but du."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def readout(x: Tensor, C: Tensor, u: Tensor, D: Tensor) -> Tensor:
    """x C + u D: states and inputs to outputs.

    Autograd would write out dy u before it sums it to the gradient of D, and what is added to y in its
    own memory: at 16k steps each of these costs more time than the scan.

    Parameters
    ----------
    x : Tensor (B, L, M), real
    C : Tensor (M, H)
    u : Tensor (B, L, H)
    D : Tensor (H,)

    Returns
    -------
    y : Tensor (B, L, H)

    Source: Smith et al. 2023, S5.
    """
    if torch.compiler.is_compiling():  # which does as well by itself
        return torch.addcmul(x @ C, u, D)
    return _Readout.apply(x, C, u, D)


class _Readout(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, C: Tensor, u: Tensor, D: Tensor) -> Tensor:
        return (x @ C).addcmul_(u, D)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, C, u, D = ctx.saved_tensors
        dx = dC = du = dD = None
        if ctx.needs_input_grad[0]:
            dx = dy @ C.T
        if ctx.needs_input_grad[1]:
            dC = x.flatten(0, 1).T @ dy.flatten(0, 1)
        if ctx.needs_input_grad[2]:
            du = dy * D
        if ctx.needs_input_grad[3]:
            piece = max(64, u.shape[1] // 64)
            pairs = zip(dy.split(piece, 1), u.split(piece, 1))
            dD = sum((s * t).sum((0, 1)) for s, t in pairs)
        return dx, dC, du, dD

    @staticmethod
    def vmap(info: Any, dims: tuple, *inputs: Tensor) -> tuple[Tensor, int]:
        x, C, u, D = (
            t if dim is None else t.movedim(dim, 0) for t, dim in zip(inputs, dims)
        )
        per_map = D if dims[3] is None else D[:, None, None]
        return x @ (C if dims[1] is None else C[:, None]) + u * per_map, 0
