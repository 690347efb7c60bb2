"""The exercises of chapter 01, linear state spaces: each answer is checked against the library."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ssm_lib import check, discretize, hippo, kernels, lti


def stiffness(answer: Any) -> bool:
    """Stiffness that doubles the pitch of the chapter's spring: eigenvalues -1 +- 10i, stiffness/mass 101."""
    return check.value(
        answer,
        202,
        {
            208: "four times the stiffness doubles |lambda|; the pitch is Im lambda",
            104: "twice the stiffness multiplies |lambda| by sqrt(2) only",
            200: "stiffness/mass is the product of both eigenvalues, 1 + pitch squared",
            101: "that is stiffness/mass; the mass is 2 kg",
        },
    )


def stop(answer: Any) -> bool:
    """Two held forces that bring a mass from any state to rest: A_bar^2 x + A_bar B_bar u_0 + B_bar u_1 = 0."""

    def reference(A_bar: Tensor, B_bar: Tensor, x: Tensor) -> Tensor:
        reach = torch.stack([A_bar @ B_bar, B_bar], dim=1)
        return torch.linalg.solve(reach, -A_bar @ A_bar @ x)

    cases = []
    for constants, x in [((2, 4, 52), (0.1, 0.0)), ((1, 0, 9), (-0.3, 2.0))]:
        A, B, _ = lti.spring(*constants)
        A_bar, B_bar = discretize.dense(A, B, 0.1, "zoh")
        cases.append((A_bar, B_bar, torch.tensor(x, dtype=torch.float64)))
    return check.function(answer, reference, cases)


def krylov_columns(answer: Any) -> bool:
    """The matrix of the columns A_bar^l B_bar, l = 0 .. length - 1, in fewer steps than columns."""

    def reference(A_bar: Tensor, B_bar: Tensor, length: int) -> Tensor:
        eye = torch.eye(len(B_bar), dtype=B_bar.dtype)
        return kernels.krylov(A_bar, B_bar, eye, length)

    A_bar, B_bar = discretize.dense(*hippo.transition("legs", 5), 0.1, "bilinear")
    cases = [(A_bar, B_bar, length) for length in (1, 2, 64, 100, 1000)]
    return check.function(answer, reference, cases, calls=500)


def gate(answer: Any) -> bool:
    """The v at which a gate forgets half in ten steps: (1 - sigmoid(v))^10 = 1/2."""
    step = 2**0.1 - 1
    return check.value(
        answer,
        math.log(step),
        {
            math.log(
                math.log(2) / 10
            ): "backward Euler keeps 1/(1 + dt) per step, not e^-dt",
            step: "that is the step; v is its logarithm",
            1 - 2**-0.1: "that is sigmoid(v); what is v?",
            math.log(1 - 2**-0.1): "that is log sigmoid(v); the step is dt = e^v",
            -math.log(step): "that gate is almost open; the sign is wrong",
        },
        tolerance=5e-3,
    )


def identify(answer: Any) -> bool:
    """The continuous eigenvalues of a system of N states, from its kernel and its step."""

    def in_order(Lambda: Any) -> Tensor:
        numbers = torch.as_tensor(Lambda).to(torch.complex128).tolist()
        ordered = sorted(numbers, key=lambda z: (round(z.imag, 3), z.real))
        return torch.tensor(ordered, dtype=torch.complex128)

    def theirs(K: Tensor, N: int, dt: float) -> Any:
        found = answer(K, N, dt)
        return found if found is None or found is ... else in_order(found)

    systems: dict[str, list[tuple[float, float, float]]] = {
        "the chapter's spring": [(2, 4, 52)],
        "an overdamped spring": [(1, 10, 9)],
        "two springs at once": [(2, 4, 52), (1, 0.5, 150)],
    }
    for name, parts in systems.items():
        A, B, C = lti.parallel([lti.spring(*constants) for constants in parts])
        K = kernels.krylov(*discretize.dense(A, B, 0.05, "zoh"), C, 80)

        def reference(K: Tensor, N: int, dt: float, A: Tensor = A) -> Tensor:
            return in_order(torch.linalg.eigvals(A))

        if not check.function(
            None if answer is ... else theirs,
            reference,
            [(K, len(B), 0.05)],
            tolerance=1e-5,
            name=name,
        ):
            return False
    return True
