"""Kernels of dense and of diagonal plus low-rank systems.

Symbol      Meaning                                                Where in S4 (Gu et al. 2022)
Lambda      diagonal, one of each conjugate pair (`A` in calls)    Theorem 1
P, Q        low-rank factors, A = Lambda - P Q*                    Theorem 1
C_tilde     C (I - A_bar^L), the truncated output matrix           Lemma C.3
K_hat(z)    sum_l K_l z^l at the roots of unity                    App. C.3
g(z)        (2/dt) (1 - z) / (1 + z)                               App. C.3
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ssm_lib import validate
from ssm_lib.discretize import to_double


def krylov(
    A_bar: Tensor, B_bar: Tensor, C: Tensor, length: int, dtype: torch.dtype | None = None
) -> Tensor:
    """C A_bar^l B_bar for l = 0 .. length-1, for dense A_bar, by matrix products only.

    With l = q b + r the rows C A_bar^r and the columns A_bar^{b q} B_bar are each found by doubling
    (a set of powers times the next power of two), and their product is the kernel. From 16 columns on
    a further step of 16 costs less than the square of a matrix.

    Parameters
    ----------
    A_bar : Tensor (..., N, N)
    B_bar, C : Tensor (..., N)
    length
        Number of samples L.
    dtype
        Of the result, and of the last product; by default the widest dtype of the arguments.

    Returns
    -------
    K : Tensor (..., L). Powers are formed in double precision, whatever the dtype.

    Raises
    ------
    TypeError, ValueError
        If length is not a positive int or the shapes do not match.

    Equation: eq-krylov, eq-doubling (the Krylov function of Gu et al. 2021, LSSL, Section 2)
    """
    validate.positive_int("length", length)
    N = A_bar.shape[-1]
    if (
        A_bar.ndim < 2
        or A_bar.shape[-2] != N
        or B_bar.shape[-1:] != (N,)
        or C.shape[-1:] != (N,)
    ):
        raise ValueError(
            "expected A_bar (..., N, N), B_bar (..., N) and C (..., N), got "
            f"{tuple(A_bar.shape)}, {tuple(B_bar.shape)} and {tuple(C.shape)}"
        )
    size = max(1, 2**17 // N**2)  # systems whose matrices, 1 MB, stay in the cache
    alike = A_bar.ndim == 3 and A_bar.shape[:1] == B_bar.shape[-2:-1] == C.shape[-2:-1]
    if A_bar.device.type == "cpu" and alike and len(A_bar) > size:
        parts = zip(
            A_bar.split(size), B_bar.split(size, -2), C.split(size, -2), strict=True
        )
        return torch.cat([krylov(*part, length, dtype) for part in parts], dim=-2)
    widest = torch.promote_types(torch.promote_types(A_bar.dtype, B_bar.dtype), C.dtype)
    double = torch.complex128 if widest.is_complex else torch.float64
    dtype = widest if dtype is None else dtype
    b = 1 << math.isqrt(length - 1).bit_length()  # a power of two near sqrt(L)
    Q = -(-length // b)
    with torch.autocast(A_bar.device.type, enabled=False):
        power, rows = (
            A_bar.to(double),
            C.to(double)[..., None, :],
        )  # (..., N, N), (..., 1, N)
        while rows.shape[-2] < b:
            rows = torch.cat([rows, rows @ power], dim=-2)
            power = power @ power
        columns = B_bar.to(double)[..., None]  # (..., N, 1); power is A_bar^b by now
        while columns.shape[-1] < min(Q, 16):
            columns = torch.cat([columns, power @ columns], dim=-1)
            power = power @ power
        blocks = [columns]
        while len(blocks) * columns.shape[-1] < Q:
            blocks.append(power @ blocks[-1])
        columns = torch.cat(blocks, dim=-1)
        K = columns.mT.to(dtype) @ rows.mT.to(dtype)  # (..., Q, N) (..., N, b)
    return K.flatten(-2)[..., :length]


def krylov_transpose(A_bar: Tensor, B_bar: Tensor, u: Tensor) -> Tensor:
    """sum_l A_bar^(L-1-l) B_bar u_l: the state that a sequence leaves, by matrix products.

    Parameters
    ----------
    A_bar : Tensor (H, N, N), real
    B_bar : Tensor (H, N), real
    u : Tensor (B, H, L), real

    Returns
    -------
    x : Tensor (B, H, N), float64

    Equation: eq-unrolled
    """
    L = u.shape[-1]
    b = 1 << (math.isqrt(L - 1).bit_length())
    power, columns = A_bar.double(), B_bar.double()[..., None]  # (H, N, 1)
    with torch.autocast(u.device.type, enabled=False):
        while columns.shape[-1] < b:
            columns = torch.cat([columns, power @ columns], dim=-1)
            power = power @ power
        blocks = torch.nn.functional.pad(u.double().flip(-1), (0, -L % b)).unflatten(
            -1, (-1, b)
        )
        inner = blocks @ columns.transpose(-1, -2)  # (B, H, Q, b) (H, b, N) -> (B, H, Q, N)
        x = torch.zeros_like(inner[:, :, 0])
        for q in range(inner.shape[2] - 1, -1, -1):  # the oldest block first
            x = inner[:, :, q] + torch.einsum("hmn,bhn->bhm", power, x)
    return x


def dplr(
    A: Tensor,
    P: Tensor,
    B: Tensor,
    C: Tensor,
    dt: Tensor,
    length: int,
    Q: Tensor | None = None,
    algorithm: str = "krylov",
) -> Tensor:
    """Kernel of S4: a diagonal plus low-rank system, by the bilinear transform.

    The system is x' = A x - 2 sum_r P_r Re(Q_r* x) + B u, y = 2 Re(C x): one of each conjugate pair
    of modes of the matrix diag(A) - P Q*. No truncated output matrix appears in the interface.

    Parameters
    ----------
    A, B, C : Tensor (H, N/2), complex
    P, Q : Tensor (r, H, N/2), complex
        Low-rank factors; Q = P if absent.
    dt : Tensor (H,)
        Step in seconds.
    length
        Number of samples L.
    algorithm
        ``"krylov"``: matrix powers by doubling. ``"cauchy"``: the paper's, by the truncated generating
        function at the roots of unity; it holds a tensor of H * N/2 * L/2 numbers.

    Returns
    -------
    K : Tensor (H, L), real; float64 if one of A, P, B, C is complex128, else float32.

    Raises
    ------
    TypeError, ValueError
        If length is not a positive int, the shapes do not match, or the algorithm is unknown.

    Equation: eq-dplr (Gu et al. 2022, S4, Algorithm 1; Goel et al. 2022 for Q = P)
    """
    validate.positive_int("length", length)
    validate.one_of("algorithm", algorithm, ("krylov", "cauchy"))
    wide = any(x.dtype in (torch.float64, torch.complex128) for x in (A, P, B, C))
    A, P, B, C = (to_double(x) for x in (A, P, B, C))
    Q = P if Q is None else to_double(Q)
    _check_shapes(A, P, B, C, Q)
    A_bar, B_bar = _bilinear(A, P, B, Q, dt)
    C = 2 * torch.cat([C.real, -C.imag], dim=-1)  # y = 2 Re(C x)
    if algorithm == "cauchy":
        K = cauchy_kernel(A, P, B, Q, A_bar, C, dt, length)
    else:
        K = krylov(A_bar, B_bar, C, length, torch.float64 if wide else torch.float32)
    return K if wide else K.float()


def _bilinear(
    A: Tensor, P: Tensor, B: Tensor, Q: Tensor, dt: Tensor
) -> tuple[Tensor, Tensor]:
    """The real form by the bilinear rule, (H, N, N) and (H, N), with no N x N matrix to invert.

    I - dt/2 A is diagonal plus low-rank, and by Woodbury's identity so is its inverse: R - R P s, with
    R the inverse of the diagonal part.

    Source: Gu et al. 2022, S4, App. C.2.
    """
    dt = dt.double()[:, None]  # (H, 1)
    R = 1 / (1 - dt / 2 * A)  # (H, N/2)
    RP, QR = _pairs(R * P), _pairs(R.conj() * Q)  # (r, H, N)
    capacity = dt[..., None] * torch.einsum("rhn,shn->hrs", _pairs(Q), RP)
    eye = torch.eye(len(P), dtype=dt.dtype, device=A.device)
    s = torch.linalg.solve(eye + capacity, dt[..., None] * QR.transpose(0, 1))
    RP = RP.permute(1, 2, 0)  # (H, N, r), and s (H, r, N)
    with torch.autocast(A.device.type, enabled=False):
        A_bar = torch.baddbmm(_matrix((1 + dt / 2 * A) * R), RP, s, alpha=-2)
        B_bar = _pairs(R * B) - (RP @ (s @ _pairs(B)[..., None]))[..., 0]
    return A_bar, dt * B_bar


class RealSystem(NamedTuple):
    """A real dense system x' = A x + B u, y = C x: A (H, N, N), B and C (H, N), float64."""

    A: Tensor
    B: Tensor
    C: Tensor


def real_form(A: Tensor, P: Tensor, B: Tensor, C: Tensor, Q: Tensor) -> RealSystem:
    """The real system whose state is [Re x, Im x], of x' = A x - 2 sum_r P_r Re(Q_r* x) + B u.

    Parameters
    ----------
    A, B, C : Tensor (H, N/2), complex
    P, Q : Tensor (r, H, N/2), complex

    Returns
    -------
    RealSystem, with y = 2 Re(C x).

    Raises
    ------
    ValueError
        If the shapes do not match.

    Equation: eq-dplr
    """
    _check_shapes(A, P, B, C, Q)
    p, q = _pairs(P), _pairs(Q)  # (r, H, N)
    dense = _matrix(A) - 2 * torch.einsum("rhm,rhn->hmn", p, q)
    return RealSystem(dense, _pairs(B), 2 * torch.cat([C.real, -C.imag], dim=-1))


def _check_shapes(A: Tensor, P: Tensor, B: Tensor, C: Tensor, Q: Tensor) -> None:
    alike = A.ndim == 2 and A.shape == B.shape == C.shape == P.shape[1:] == Q.shape[1:]
    if not alike or len(P) != len(Q):
        shapes = [tuple(x.shape) for x in (A, B, C, P, Q)]
        raise ValueError(f"expected A, B, C (H, N/2) and P, Q (r, H, N/2), got {shapes}")


def _pairs(x: Tensor) -> Tensor:
    """[Re x, Im x], (..., N/2) -> (..., N)."""
    return torch.cat([x.real, x.imag], dim=-1)


def _matrix(a: Tensor) -> Tensor:
    """The matrix that multiplies [Re x, Im x] by a, mode by mode: (H, N/2) -> (H, N, N)."""
    blocks = torch.diag_embed(torch.stack([a.real, -a.imag, a.imag, a.real], dim=1))
    blocks = blocks.unflatten(1, (2, 2)).transpose(2, 3)  # (H, 2, N/2, 2, N/2)
    return blocks.flatten(3, 4).flatten(1, 2)


def cauchy_kernel(
    A: Tensor,
    P: Tensor,
    B: Tensor,
    Q: Tensor,
    A_bar: Tensor,
    C: Tensor,
    dt: Tensor,
    length: int,
) -> Tensor:
    """The kernel from its generating function at the roots of unity, as in the paper.

    Parameters
    ----------
    A, B : Tensor (H, N/2), complex
    P, Q : Tensor (r, H, N/2), complex
    A_bar : Tensor (H, N, N), real
        The bilinear transform of the real form, for the truncation.
    C : Tensor (H, N), real
        Output weights of the real form.
    dt : Tensor (H,)
    length
        Number of samples L.

    Returns
    -------
    K : Tensor (H, L), float64

    The node z = -1, where g is infinite, takes its limit K_hat(-1) = (dt/2) C_tilde B.

    Equation: eq-generating, eq-resolvent, eq-s4-nyquist, eq-woodbury, eq-cauchy (Gu et al. 2022, S4,
        Algorithm 1 and App. C.3)
    """
    H, L = len(A), length
    eye = torch.eye(A_bar.shape[-1], dtype=A_bar.dtype, device=A_bar.device)
    truncated = torch.linalg.matrix_power(A_bar, L)
    C_tilde = (C[:, None] @ (eye - truncated))[:, 0]  # (H, N): 2 [Re, -Im]
    half = torch.complex(*C_tilde.unflatten(-1, (2, -1)).unbind(-2)).conj() / 2  # (H, N/2)
    k = torch.arange(L // 2 + 1, dtype=torch.float64, device=A.device)
    z = torch.polar(torch.ones_like(k), -2 * torch.pi * k / L)  # the nodes of a real FFT
    nyquist = 2 * k == L
    one_plus = torch.where(nyquist, 1, 1 + z)
    g = (2 / dt.double()[:, None]) * (1 - z) / one_plus  # (H, nodes)

    def cauchy(v: Tensor) -> Tensor:
        """Both halves of sum_n v_n / (g - lambda_n): (..., H, N/2) -> (..., H, nodes)."""
        g_n = g[..., None]  # (H, nodes, 1)
        one = v[..., None, :] / (g_n - A[:, None])
        other = v.conj()[..., None, :] / (g_n - A.conj()[:, None])
        return (one + other).sum(-1)

    CB, CP = cauchy(half * B), cauchy(half * P)  # (H, nodes), (r, H, nodes)
    QB, QP = cauchy(Q.conj() * B), cauchy(Q.conj()[:, None] * P)  # (r, ...), (r, r, ...)
    middle = torch.eye(len(P), dtype=QP.dtype, device=QP.device) + QP.permute(2, 3, 0, 1)
    s = torch.linalg.solve(middle, QB.permute(1, 2, 0)[..., None])  # (H, nodes, r, 1)
    K_hat = 2 / one_plus * (CB - (CP.permute(1, 2, 0) * s[..., 0]).sum(-1))
    limit = dt.double() * (half * B).sum(-1).real  # (dt/2) C_tilde B, both halves
    K_hat = torch.where(nyquist, limit[:, None].to(K_hat.dtype), K_hat)
    return torch.fft.irfft(K_hat, n=L).reshape(H, L)
