"""The formulas as the papers print them: small, slow, float64. What the fast paths are proven equal to."""

from __future__ import annotations

import torch
from torch import Tensor


def recurrence(A_bar: Tensor, B_bar: Tensor, C: Tensor, u: Tensor) -> Tensor:
    """y_k = C x_k, x_k = A_bar x_{k-1} + B_bar u_k, x_{-1} = 0: one step after the other.

    Parameters
    ----------
    A_bar : Tensor (N, N)
    B_bar, C : Tensor (N,)
    u : Tensor (L,)

    Returns
    -------
    y : Tensor (L,)

    Equation: eq-recurrence (Gu et al. 2022, S4, Section 2.3)
    """
    x = torch.zeros_like(B_bar)
    y = []
    for u_k in u:
        x = A_bar @ x + B_bar * u_k
        y.append(C @ x)
    return torch.stack(y)


def kernel(A_bar: Tensor, B_bar: Tensor, C: Tensor, length: int) -> Tensor:
    """K_l = C A_bar^l B_bar, by repeated multiplication.

    Parameters
    ----------
    A_bar : Tensor (N, N)
    B_bar, C : Tensor (N,)
    length
        Number of samples L.

    Returns
    -------
    K : Tensor (L,)

    Equation: eq-kernel (Gu et al. 2022, S4, Section 2.4)
    """
    K = []
    for _ in range(length):
        K.append(C @ B_bar)
        B_bar = A_bar @ B_bar
    return torch.stack(K)


def convolution(u: Tensor, k: Tensor) -> Tensor:
    """y_l = sum_{j <= l} k_j u_{l-j}, summed as written, in O(L^2).

    Parameters
    ----------
    u, k : Tensor (L,)

    Returns
    -------
    y : Tensor (L,)

    Equation: eq-convolution (Gu et al. 2022, S4, Section 2.4)
    """
    return torch.stack([(k[: l + 1] * u[: l + 1].flip(0)).sum() for l in range(len(u))])


def circular_convolution(u: Tensor, k: Tensor) -> Tensor:
    """y_l = sum_j k_j u_{(l-j) mod n}: a convolution on a circle, summed as written, in O(n^2).

    Parameters
    ----------
    u, k : Tensor (n,)

    Returns
    -------
    y : Tensor (n,)

    Equation: eq-circular
    """
    l = torch.arange(len(u), device=u.device)
    return (k * u[(l[:, None] - l) % len(u)]).sum(1)


def diagonal_kernel(A_bar: Tensor, B_bar: Tensor, C: Tensor, length: int) -> Tensor:
    """The two-line kernel of S4D: 2 Re of weights times a Vandermonde matrix, with its H*N/2*L powers.

    Parameters
    ----------
    A_bar, B_bar, C : Tensor (H, N/2), one of each conjugate pair
    length
        Number of samples L.

    Returns
    -------
    K : Tensor (H, L)

    Equation: eq-s4d-kernel (Gu et al. 2022, S4D)
    """
    V = A_bar[..., None] ** torch.arange(length, device=A_bar.device)  # (H, N/2, L)
    return 2 * torch.einsum("hn,hnl->hl", C * B_bar, V).real


def dss_kernel(A: Tensor, W: Tensor, dt: Tensor, length: int, variant: str) -> Tensor:
    """The two kernels of DSS as printed, with its H*N*L exponentials (they overflow for Re A > 0).

    Parameters
    ----------
    A : Tensor (N,)
    W : Tensor (H, N)
    dt : Tensor (H,)
    length
        Number of samples L.
    variant
        ``"exp"`` or ``"softmax"``.

    Returns
    -------
    K : Tensor (H, L)

    Equation: eq-dss-exp, eq-dss-softmax (Gupta et al. 2022, DSS)
    """
    z = dt[:, None] * A
    rows = torch.exp(z[..., None] * torch.arange(length))  # (H, N, L)
    if variant == "exp":
        return torch.einsum("hn,hnl->hl", W * (torch.exp(z) - 1) / A, rows).real
    return torch.einsum("hn,hnl->hl", W / A, rows / rows.sum(-1, keepdim=True)).real


def dplr_system(
    A: Tensor, P: Tensor, B: Tensor, C: Tensor, Q: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The full complex system of one channel, diag(A) - P Q* with both halves of the pairs.

    Parameters
    ----------
    A, B, C : Tensor (N/2,)
    P, Q : Tensor (r, N/2)

    Returns
    -------
    A (N, N), B (N,), C (N,), complex

    Source: Gu et al. 2022, S4, Theorem 1.
    """
    A, B, C, P, Q = (torch.cat([x, x.conj()], dim=-1) for x in (A, B, C, P, Q))
    return torch.diag(A) - P.mT @ Q.conj(), B, C


def dplr_kernel(
    A: Tensor, P: Tensor, B: Tensor, C_tilde: Tensor, dt: Tensor, length: int
) -> Tensor:
    """The kernel of S4 by four Cauchy sums as printed, with their H*N*L quotients; low rank 1, Q = P.

    Parameters
    ----------
    A, P, B, C_tilde : Tensor (H, N/2), complex
        One of each conjugate pair; C_tilde = C (I - A_bar^L), the truncated output matrix.
    dt : Tensor (H,)
    length
        Number of samples L.

    Returns
    -------
    K : Tensor (H, L)

    Source: Gu et al. 2022, S4, Algorithm 1. At z = -1, where g is infinite, rounding keeps 1 + z from 0.
    """
    A, P, B, C_tilde = (
        torch.cat([x, x.conj()], dim=-1) for x in (A, P, B, C_tilde)
    )  # (H, N)
    angle = torch.arange(length, dtype=torch.float64) / length
    z = torch.exp(-2j * torch.pi * angle).to(A.dtype)  # the roots of unity
    g = 2 / dt[:, None] * (1 - z) / (1 + z)  # (H, L)

    def cauchy(v: Tensor) -> Tensor:
        return (v[..., None] / (g[:, None] - A[..., None])).sum(1)  # (H, N, L) -> (H, L)

    woodbury = cauchy(C_tilde * P) * cauchy(P.conj() * B) / (1 + cauchy(P.conj() * P))
    return torch.fft.ifft(2 / (1 + z) * (cauchy(C_tilde * B) - woodbury)).real
