"""What the library is measured against: the textbook's lines, in the dtype of their arguments."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ssm_lib import S4D, S5, discretize, oracles
from ssm_lib.kernels.matrices import real_form


def s4d_kernel(A: Tensor, B: Tensor, C: Tensor, dt: Tensor, length: int) -> Tensor:
    """The two lines, with all H*N*L powers: (H, N/2) each -> (H, L)."""
    return oracles.diagonal_kernel(*discretize.diagonal(A, B, dt, "zoh"), C, length)


def s4_kernel(
    A: Tensor, P: Tensor, B: Tensor, C: Tensor, dt: Tensor, length: int
) -> Tensor:
    """S4's formula in its plainest form, for rank 1: a table of H*L*N terms for each of its four sums.

    It takes all L nodes, twice as many as a real kernel needs. Chapter 06 writes it with half of them, in
    one table: the same kernel, several times faster. A, B, C (H, N/2) complex and P (1, H, N/2) -> (H, L).
    The node z = -1 takes its limit.
    """
    z = torch.exp(
        -2j * torch.pi * torch.arange(length, dtype=torch.float64, device=A.device) / length
    )
    one_plus = torch.where((1 + z).abs() < 1e-9, 1, 1 + z)
    g = (2 / dt.double()[:, None] * (1 - z) / one_plus).to(A.dtype)  # (H, L)
    both = [torch.cat([x, x.conj()], dim=-1) for x in (A, P[0], B)]
    A2, P2, B2 = both
    C2 = truncated(A, P, B, C, dt, length)
    denominators = 1 / (g[..., None] - A2[:, None])  # (H, L, N)

    def cauchy(left: Tensor, right: Tensor) -> Tensor:
        return ((left * right)[:, None] * denominators).sum(-1)

    CB, CP = cauchy(C2, B2), cauchy(C2, P2)
    QB, QP = cauchy(P2.conj(), B2), cauchy(P2.conj(), P2)
    K_hat = 2 / one_plus.to(A.dtype) * (CB - CP * QB / (1 + QP))
    limit = (dt / 2 * (C2 * B2).sum(-1).real).to(K_hat.dtype)
    K_hat = torch.where((1 + z).abs() < 1e-9, limit[:, None], K_hat)
    return torch.fft.ifft(K_hat).real


def truncated(
    A: Tensor, P: Tensor, B: Tensor, C: Tensor, dt: Tensor, length: int
) -> Tensor:
    """C (I - A_bar^L) of the full complex system, (H, N): what S4's code keeps as its parameter."""
    system = real_form(A, P, B, C, P)
    A_bar, _ = discretize.dense(system.A, system.B, dt.to(system.A.dtype), "bilinear")
    power = torch.linalg.matrix_power(A_bar, length)
    rest = system.C - (system.C[:, None] @ power)[:, 0]  # (H, N), 2 [Re, -Im]
    half = torch.complex(*rest.unflatten(-1, (2, -1)).unbind(-2)).conj() / 2
    return torch.cat([half, half.conj()], dim=-1).to(A.dtype)


def convolution(u: Tensor, k: Tensor) -> Tensor:
    """The textbook's line: (B, H, L), (H, L) -> (B, H, L), padded to twice the length."""
    n = 2 * u.shape[-1]
    y = torch.fft.irfft(torch.fft.rfft(u, n=n) * torch.fft.rfft(k, n=n), n=n)
    return y[..., : u.shape[-1]]


def steps(a: Tensor, b: Tensor) -> Tensor:
    """The recurrence x_l = a x_{l-1} + b_l as a loop: (N,), (B, L, N) -> (B, L, N)."""
    x, out = torch.zeros_like(b[:, 0]), []
    for b_l in b.unbind(1):
        x = a * x + b_l
        out.append(x)
    return torch.stack(out, 1)


def torch_associative_scan() -> Callable[..., Any] | None:
    """PyTorch's own operator, which is private and may move; None before it took CPU tensors (2.5)."""
    try:
        from torch._higher_order_ops.associative_scan import associative_scan as found
    except ImportError:
        return None
    return found if "combine_mode" in inspect.signature(found).parameters else None


def associative_scan(a: Tensor, b: Tensor) -> Tensor:
    """The same by `torch_associative_scan`, which has to be there."""
    torch_scan = torch_associative_scan()
    if torch_scan is None:
        raise RuntimeError(
            f"PyTorch {torch.__version__} has no associative_scan that is of use here"
        )

    def merge(
        first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        return second[0] * first[0], second[0] * first[1] + second[1]

    return torch_scan(
        merge, (a.expand(b.shape).contiguous(), b), dim=1, combine_mode="generic"
    )[1]


def s4d_layer(layer: S4D, u: Tensor) -> Tensor:
    """An S4D layer written with the lines above: (B, L, H) -> (B, L, H)."""
    B, C = (torch.view_as_complex(x) for x in (layer.B, layer.C))
    A = torch.complex(-torch.exp(layer.log_neg_re), layer.imag)
    K = s4d_kernel(A, B, C, torch.exp(layer.log_dt), u.shape[1])
    x = u.transpose(1, 2)
    return (convolution(x, K) + layer.D[:, None] * x).transpose(1, 2)


def jax_layer(layer: S5, u: Tensor) -> tuple[Callable[[], object], ...] | None:
    """S5 by `jax.lax.associative_scan`, compiled: a run forward and one with gradients; None without JAX.

    As in the original the scan is over one sequence, mapped over the batch. Complex numbers enter as
    real pairs, since that is what gradients are taken of.
    """
    if importlib.util.find_spec("jax") is None:
        return None
    import jax
    import jax.numpy as jnp

    def merge(first: tuple[Any, Any], second: tuple[Any, Any]) -> tuple[Any, Any]:
        return second[0] * first[0], second[0] * first[1] + second[1]

    def one(Lambda: Any, B: Any, C: Any, D: Any, log_dt: Any, u: Any) -> Any:
        Lambda, B, C = (x[..., 0] + 1j * x[..., 1] for x in (Lambda, B, C))
        A_bar = jnp.exp(Lambda * jnp.exp(log_dt))  # (P/2,)
        b = (A_bar - 1) / Lambda * (u @ B.T)  # (L, P/2)
        _, x = jax.lax.associative_scan(merge, (jnp.broadcast_to(A_bar, b.shape), b))
        return 2 * (x @ C.T).real + D * u

    batched = jax.vmap(one, in_axes=(None,) * 5 + (0,))
    loss = jax.grad(lambda *x: batched(*x).sum(), argnums=tuple(range(6)))
    Lambda = torch.stack([layer.Lambda_re, layer.Lambda_im], dim=-1)
    tensors = (Lambda, layer.B, layer.C, layer.D, layer.log_dt, u)
    arguments = [jnp.asarray(x.detach().cpu().numpy()) for x in tensors]

    def run(function: Callable[..., Any]) -> Callable[[], object]:
        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled(*arguments))

    return run(batched), run(loss)


def diagonal_oracle(
    A: Tensor, B: Tensor, C: Tensor, dt: Tensor, length: int, block: int = 8
) -> Tensor:
    """`oracles.diagonal_kernel` in complex128, a few channels at a time so that it fits in memory."""
    wide = [x.to(torch.complex128) for x in (A, B, C)]
    rows = []
    for i in range(0, len(A), block):
        part = slice(i, i + block)
        system = discretize.diagonal(wide[0][part], wide[1][part], dt[part].double(), "zoh")
        rows.append(oracles.diagonal_kernel(*system, wide[2][part], length))
    return torch.cat(rows)
