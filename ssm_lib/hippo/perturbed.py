"""Perturb, then diagonalize: the eigenvectors of HiPPO + E are usable where those of HiPPO are not.

Symbol      Meaning                                                     Source
A, B        a HiPPO system, `ssm_lib.hippo.transition`                  Gu et al. 2020
E           the perturbation, real                                      Yu et al. 2024 (PTD)
Lambda, V   A + E = V_full diag(Lambda_full) V_full^-1                  Yu et al. 2024
W           rows of V_full^-1; those of real eigenvalues halved         this library

A + E is real: its eigenvalues are conjugate pairs and *some real ones*. One of each pair is kept, and each
real one, with half a weight, so that 2 Re sums over what is kept are right for both.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ssm_lib import validate
from ssm_lib.hippo.matrices import transition

LARGEST_CONDITION = 1e6  # of V: beyond it float32 parameters have no digit left
SLOWEST = 0.5  # decay, 1/s, that `perturbation` asks of every mode: that of S4D


def perturbation(
    measure: str,
    N: int,
    gamma: float = 100.0,
    size: float = 1e-3,
    steps: int = 300,
    seed: int = 0,
) -> Tensor:
    """A small matrix E that makes the eigenvectors of a HiPPO matrix well conditioned, by gradient descent.

    It minimizes |V| |V^-1| + gamma |E| (Frobenius norms, columns of V of length 1) plus the sum of
    max(0, Re lambda + 1/2), from a random E, by Adam through the eigenvectors. The last term is this
    library's: without it some E have growing modes. Deterministic for a seed, and kept: a second call
    costs nothing. About 0.3 s at N = 32, 1 s at 64, 4 s at 128.

    Parameters
    ----------
    measure, N
        As `transition`.
    gamma
        What a unit of |E| costs.
    size
        Spectral norm of the random E to start from, relative to that of A. At 0 the eigenvectors of A
        itself would be needed.
    steps
        Of Adam; the learning rate falls along half a cosine from 3e-3 |A| / N.
    seed
        Of the random E; torch's own random numbers are left alone.

    Returns
    -------
    E : Tensor (N, N), float64

    Raises
    ------
    ValueError, TypeError
        As `transition`; if gamma or size is not positive, or steps not an int >= 1.

    Equation: eq-ptd (Yu et al. 2024, PTD)
    """
    validate.positive("gamma", gamma)
    validate.positive("size", size)
    validate.positive_int("steps", steps)
    transition(measure, N)  # checks
    return _perturbation(measure, N, float(gamma), float(size), steps, seed).clone()


def ptd(
    measure: str, N: int, E: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Perturb, then diagonalize: a HiPPO system A + E, B in the eigenbasis of A + E.

    Parameters
    ----------
    measure, N
        As `transition`.
    E : Tensor (N, N), real, optional
        The perturbation; by default `perturbation(measure, N)`.

    Returns
    -------
    Lambda : Tensor (M,), complex128, by ascending imaginary part: first the r real ones, then one of each
        conjugate pair, that with positive imaginary part. M = (N + r) / 2.
    B : Tensor (M,), complex128: W B, real and positive.
    V : Tensor (N, M), complex128: eigenvectors of length 1, not orthogonal.
    W : Tensor (M, N), complex128: rows of the inverse of the full V, halved for real eigenvalues. So
        A + E = 2 Re V diag(Lambda) W and I = 2 Re V W; a row C of outputs becomes C V.

    Raises
    ------
    ValueError
        If E has another shape, is not real or not finite; if the eigenvectors of A + E have a condition number above
        1e6; if an eigenvalue has Re >= 0. The message says how far.
    ValueError, TypeError
        As `transition`.

    Equation: eq-ptd (Yu et al. 2024, PTD)
    """
    A, B = transition(measure, N)
    if E is None:
        E = perturbation(measure, N)
    if E.shape != A.shape or E.is_complex():
        raise ValueError(
            f"E must be real, of shape (N, N) = {tuple(A.shape)}, got {E.dtype} {tuple(E.shape)}"
        )
    if not bool(E.isfinite().all()):
        raise ValueError("E must be finite: it holds values that are NaN or infinite")
    Lambda, V = torch.linalg.eig(A + E.to(A))  # real A: pairs are conjugate, real ones real
    condition = float(torch.linalg.cond(V))
    if not condition < LARGEST_CONDITION:  # also refuses nan
        raise ValueError(
            f"the eigenvectors of A + E have condition number {condition:.1e}, above "
            f"{LARGEST_CONDITION:.0e}: take a larger E, or hippo.perturbation"
        )
    if not bool((Lambda.real < 0).all()):
        raise ValueError(
            f"A + E has {int((Lambda.real >= 0).sum())} modes that do not decay, the largest Re lambda "
            f"is {float(Lambda.real.max()):.3g}: take a smaller E, or hippo.perturbation"
        )
    W = torch.linalg.inv(V)
    kept = (Lambda.imag >= 0).nonzero()[:, 0]
    kept = kept[Lambda.real[kept].argsort(descending=True)]
    kept = kept[Lambda.imag[kept].argsort(stable=True)]
    Lambda, V, W = Lambda[kept], V[:, kept], W[kept]
    W = W * torch.where(Lambda.imag == 0, 0.5, 1.0)[:, None]
    weight = W @ B.to(W)
    turn = torch.where(weight == 0, 1, weight / weight.abs())  # so that B > 0, as in `nplr`
    V, W = V * turn, W / turn[:, None]
    return Lambda, W @ B.to(W), V, W


@functools.cache
def _perturbation(
    measure: str, N: int, gamma: float, size: float, steps: int, seed: int
) -> Tensor:
    A, _ = transition(measure, N)
    norm = float(torch.linalg.matrix_norm(A, 2))
    # also where a model is built under no_grad or in inference mode
    with torch.inference_mode(False), torch.enable_grad():
        A = A.clone()
        seeded = torch.Generator().manual_seed(seed)
        E = torch.randn(N, N, generator=seeded, dtype=torch.float64)
        E = (E * (size * norm / torch.linalg.matrix_norm(E, 2))).requires_grad_()
        optimizer = torch.optim.Adam([E], lr=3e-3 * norm / N)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            Lambda, V = torch.linalg.eig(A + E)
            V = V / V.norm(dim=0)
            slow = torch.relu(Lambda.real + SLOWEST).sum()
            loss = V.norm() * torch.linalg.inv(V).norm() + gamma * E.norm() + slow
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return E.detach()
