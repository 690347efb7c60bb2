"""What linear maps can do of an atomic task, and how many kernels it takes them.

Symbol   Meaning                                                              Shape
u, y     inputs without the two that tell the position; targets               (B, T, C), (B, S, D)
G        best map, its own weights at every step; + constants for each step   (S, D, T, C)
K        best kernel: weights of the lag alone; + constants for each step     (D, C, T)
M        G by position and lag, for a task with one input that varies         (S D, T)

A map that may add a constant at each step is affine. Every model may: it is told the position.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssm_lib import validate
from ssm_lib.tasks.atomic import TASKS

RIDGE = 1e-9  # of the mean square of the inputs: what decides where they leave weights open


class Affine(NamedTuple):
    """The best affine map of a task.

    `r2` on new samples; `weights` G (S, D, T, C), float64; `varies` (T, C), bool: the inputs that are not
    the same in all samples. The others have the weight 0.
    """

    r2: float
    weights: Tensor
    varies: Tensor


class Gated(NamedTuple):
    """Kernels that are read out by gates.

    `r2` for a white input, over all rows; `gates` (R, n) of each row, `kernels` (n, T), float64.
    """

    r2: float
    gates: Tensor
    kernels: Tensor


def best_affine(task: str, length: int, samples: int = 4000, seed: int = 0) -> Affine:
    """Fit y = b + G u to a task by least squares: any weight at any step, no matter what the lag.

    Parameters
    ----------
    task
        A key of `ssm_lib.tasks.atomic.TASKS`.
    length
        Its length L.
    samples
        To fit; there must be more than inputs that vary. A quarter as many are drawn to score.
    seed
        Of the samples.

    Raises
    ------
    TypeError, ValueError
        On an unknown task, a length that it does not have, or too few samples.

    Equation: eq-affine-task
    """
    u, y = _draw(task, length, samples, seed)
    new_u, new_y = _draw(task, length, max(1, samples // 4), seed + 1)
    varies = (u != u[:1]).any(0)  # (T, C)
    X = u[:, varies]
    if samples <= X.shape[1]:
        raise ValueError(
            f"samples must exceed the {X.shape[1]} inputs that vary in {task} with length={length}, got "
            f"{samples}"
        )
    mean_x, mean_y = X.mean(0), y.mean(0)
    weights = _solve(X - mean_x, (y - mean_y).flatten(1))  # (inputs, S D)
    fitted = mean_y + ((new_u[:, varies] - mean_x) @ weights).unflatten(1, mean_y.shape)
    G = y.new_zeros(*y.shape[1:], *varies.shape)
    G[..., varies] = weights.T.unflatten(0, y.shape[1:])
    return Affine(_r2(new_y, fitted), G, varies)


def best_kernel(
    task: str, length: int, samples: int = 500, seed: int = 0
) -> tuple[float, Tensor]:
    """Fit one causal kernel for each input and output to a task, and a constant for each step.

    Parameters
    ----------
    task, length, samples, seed
        As `best_affine`.

    Returns
    -------
    r2 : float, on new samples
    K : Tensor (D, C, T), float64

    Raises
    ------
    TypeError, ValueError
        As `best_affine`.

    Equation: eq-kernel-task
    """
    u, y = _draw(task, length, samples, seed)
    new_u, new_y = _draw(task, length, max(1, samples // 4), seed + 1)
    S, T, C = y.shape[1], *u.shape[1:]
    unknown = C * T
    if samples * S <= unknown:
        raise ValueError(
            f"samples must exceed {unknown // S} for the {unknown} weights of {task} with "
            f"length={length}, got {samples}"
        )
    X = _past(u, S)
    mean_x, mean_y = X.mean(0), y.mean(0)
    weights = _solve((X - mean_x).flatten(0, 1), (y - mean_y).flatten(0, 1))  # (C T, D)
    fitted = mean_y + (_past(new_u, S) - mean_x) @ weights
    return _r2(new_y, fitted), weights.T.unflatten(1, (C, T))


def lag_matrix(weights: Tensor, varies: Tensor) -> tuple[Tensor, Tensor]:
    """Weights by position and lag, M[t, l] = G[t, t - l], and which of them the task tells.

    An entry is told where the input l steps before t exists and varies. What the others hold does not
    change any output: they are 0 here, and open.

    Parameters
    ----------
    weights : Tensor (S, D, T, C)
        Of the last S of T steps, as of `best_affine`.
    varies : Tensor (T, C), bool

    Returns
    -------
    M : Tensor (D S, T)
        Row d S + j is output d of the j-th of the last S steps.
    told : Tensor (D S, T), bool

    Raises
    ------
    ValueError
        If the shapes do not match, or not exactly one of the C inputs varies.

    Equation: eq-lag-matrix
    """
    if weights.ndim != 4 or weights.shape[2:] != varies.shape:
        raise ValueError(
            "expected weights (S, D, T, C) and varies (T, C), got "
            f"{tuple(weights.shape)} and {tuple(varies.shape)}"
        )
    moving = varies.any(0).nonzero().flatten().tolist()
    if len(moving) != 1:
        raise ValueError(
            f"expected one input that varies, got {len(moving)} of {varies.shape[1]}"
        )
    S, D, T, _ = weights.shape
    source = torch.arange(T - S, T)[:, None] - torch.arange(T)  # (S, T): t - l
    told = (source >= 0) & varies[source.clamp(min=0), moving[0]]
    M = (
        weights[..., moving[0]]
        .transpose(0, 1)
        .gather(2, source.clamp(min=0).expand(D, S, T))
    )
    return torch.where(told, M, 0).flatten(0, 1), told.repeat(D, 1)


def gated(
    M: Tensor, told: Tensor, n: int, sweeps: int = 100, starts: int = 2, seed: int = 0
) -> Gated:
    """Look for n kernels and a gate at each row for each, so that their sum is M where it is told.

    Least squares for the gates and for the kernels in turn, from several random starts. What it finds can
    be done; that more cannot be, it does not prove.

    Parameters
    ----------
    M, told : Tensor (R, T)
        As of `lag_matrix`.
    n
        Number of kernels.
    sweeps, starts, seed
        Of the search.

    Raises
    ------
    TypeError, ValueError
        If n, sweeps or starts is not a positive int, the shapes of M and told differ, or M is 0.

    Equation: eq-gated-kernels
    """
    for name, value in {"n": n, "sweeps": sweeps, "starts": starts}.items():
        validate.positive_int(name, value)
    if M.ndim != 2 or M.shape != told.shape:
        raise ValueError(
            f"expected M and told (R, T), got {tuple(M.shape)} and {tuple(told.shape)}"
        )
    generator = torch.Generator().manual_seed(seed)
    target, weight = M.double(), told.double()
    if not bool((weight * target).any()):
        raise ValueError("M is 0 wherever it is told: any kernels will do")
    best: Gated | None = None
    for _ in range(starts):
        K = torch.randn(n, M.shape[1], generator=generator, dtype=torch.float64)
        for _ in range(sweeps):
            gates = _weighted(K, target, weight)  # (R, n)
            K = F.normalize(_weighted(gates.T, target.T, weight.T).T)
        gates = _weighted(K, target, weight)
        left = (weight * (target - gates @ K)).square().sum()
        r2 = 1 - float(left / (weight * target).square().sum())
        if best is None or r2 > best.r2:
            best = Gated(r2, gates, K)
    assert best is not None
    return best


def mean_jacobian(model: nn.Module, u: Tensor, steps: int) -> Tensor:
    """How the last outputs of a model answer to its inputs: the derivative, averaged over sequences.

    Parameters
    ----------
    model
        Of sequences: (B, T, C) -> (B, T, D).
    u : Tensor (B, T, C)
        On the model's device.
    steps
        Number S of outputs, 1 .. T.

    Returns
    -------
    Tensor (S, D, T, C), on the CPU; of an affine model it is `Affine.weights`.

    Raises
    ------
    TypeError, ValueError
        If steps is not a positive int, or larger than T.
    """
    if validate.positive_int("steps", steps) > u.shape[1]:
        raise ValueError(
            f"steps must be at most {u.shape[1]}, the length of u, got {steps}"
        )
    u = u.detach().requires_grad_()
    y = model(u)[:, -steps:].sum(0)  # (S, D)
    rows = [
        torch.autograd.grad(one, u, retain_graph=True)[0].mean(0) for one in y.flatten()
    ]
    return torch.stack(rows).unflatten(0, y.shape).cpu()


def _draw(task: str, length: int, samples: int, seed: int) -> tuple[Tensor, Tensor]:
    """Inputs (B, T, C) without the position, and targets (B, S, D), float64."""
    validate.one_of("task", task, TASKS)
    validate.positive_int("samples", samples)
    u, y = TASKS[task].sample(samples, length, torch.Generator().manual_seed(seed))
    return u[..., :-2].double(), y.double()


def _past(u: Tensor, steps: int) -> Tensor:
    """The inputs 0, 1, ... T-1 steps before each of the last steps: (B, T, C) -> (B, steps, C T)."""
    T = u.shape[1]
    before = F.pad(u.mT, (T - 1, 0)).unfold(2, T, 1).flip(-1)  # (B, C, T, T)
    return before[:, :, -steps:].transpose(1, 2).flatten(2)


def _solve(X: Tensor, y: Tensor) -> Tensor:
    """Least squares, (n, p) and (n, q) -> (p, q), with a little ridge: the smallest of equal ones."""
    A = X.mT @ X
    ridge = RIDGE * A.diagonal().mean().clamp_min(1e-30)
    return torch.linalg.solve(A + ridge * torch.eye(len(A)).to(A), X.mT @ y)


def _weighted(K: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """For each row of the target (R, T), the best combination of K (n, T): (R, n)."""
    A = torch.einsum("nt,rt,mt->rnm", K, weight, K)
    eye = torch.eye(len(K), dtype=K.dtype)
    scale = A.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-12)[:, None, None]
    b = torch.einsum("nt,rt->rn", K, weight * target)
    return torch.linalg.solve(A + 1e-8 * scale * eye, b)


def _r2(y: Tensor, fitted: Tensor) -> float:
    return 1 - float((y - fitted).square().mean() / y.var(correction=0))
