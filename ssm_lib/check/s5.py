"""The exercises of chapter 09, S5: each answer is checked against the library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ssm_lib import check, kernels, scan, scan_trees

Element = tuple[Tensor, Tensor]


def combinations(answer: Any) -> bool:
    """Pairs that Hillis and Steele's scan combines for 1,024 steps: 10 * 1024 - 1023 = 9217."""
    return check.value(
        answer,
        scan_trees.work(scan_trees.hillis_steele(1024)),
        {
            10240: "after d levels the first 2^d elements have no partner left, and rest",
            10: "that is the number of levels",
            1023: "that is the loop",
            2036: "that is Blelloch's tree",
            9216: "on the last level 512 pairs are combined, on the first 1,023",
        },
        tolerance=1e-9,
    )


def envelope(answer: Any) -> bool:
    """The operator of m_k = max(a_k m_{k-1}, b_k), a >= 0: (a2 a1, max(a2 b1, b2))."""
    generator = torch.Generator().manual_seed(0)
    numbers = torch.rand(3, 2, 5, generator=generator).double()
    one, two, three = ((a, b) for a, b in numbers)

    def applied(operator: Callable[[Element, Element], Any]) -> Callable[..., Any]:
        def outputs(pair: tuple[Element, Element], m: Tensor) -> Tensor | None:
            result = operator(*pair)
            if result is None or result is ...:
                return None
            a, b = result
            return torch.maximum(a * m, b)

        return outputs

    def right(first: Element, second: Element) -> Element:
        (a1, b1), (a2, b2) = first, second
        return a2 * a1, torch.maximum(a2 * b1, b2)

    if answer is None or answer is ...:
        return check.function(answer, _nothing, [])
    pairs = [(one, two), (two, one), (right(one, two), three)]
    starts = [torch.zeros(5).double(), torch.full((5,), 2.0).double()]
    cases = [(pair, m) for pair in pairs for m in starts]
    return check.function(applied(answer), applied(right), cases, name="max(a m, b)")


def recursive(answer: Any) -> bool:
    """All states of x_k = a_k x_{k-1} + b_k for a, b (L,), any L >= 1, without a loop over the steps."""
    generator = torch.Generator().manual_seed(0)
    cases = [
        tuple(torch.randn(2, L, generator=generator).double().unbind())
        for L in (1, 2, 3, 8, 13, 64, 1000)
    ]

    def reference(a: Tensor, b: Tensor) -> Tensor:
        return scan.linear(a[None, :, None], b[None, :, None])[0, :, 0]

    return check.function(answer, reference, cases, calls=500)


def start_mask(answer: Any) -> bool:
    """reset (B, L) of a chunk from done (B, L), and from the last done (B,) of the chunk before it."""

    def reference(done: Tensor, done_before: Tensor) -> Tensor:
        return torch.cat([done_before[:, None], done[:, :-1]], dim=1).double()

    generator = torch.Generator().manual_seed(0)
    cases = [
        (torch.rand(3, L, generator=generator) < 0.3, torch.tensor([True, False, True]))
        for L in (6, 1)
    ]
    return check.function(answer, reference, cases)


def bank(answer: Any) -> bool:
    """Lambda, dt (H M,), B (H M, H), C (H, H M) of the one system that equals H systems of M modes each."""
    if answer is None or answer is ...:
        return check.function(answer, _nothing, [])
    generator = torch.Generator().manual_seed(0)
    H, M = 3, 4
    Lambda, B, C = torch.randn(3, H, M, generator=generator, dtype=torch.complex128)
    Lambda = torch.complex(-Lambda.real.abs(), Lambda.imag)
    dt = torch.tensor([0.1, 0.03, 0.3], dtype=torch.float64)

    def response(Lambda: Tensor, dt: Tensor, B: Tensor, C: Tensor) -> Tensor | None:
        """2 Re C diag(...) B at lags 0 .. 19, (H, H, 20): channel j in, channel i out."""
        found = answer(Lambda, dt, B, C)
        if found is None or found is ...:
            return None
        names, sizes = (
            ("Lambda", "dt", "B", "C"),
            ((H * M,), (H * M,), (H * M, H), (H, H * M)),
        )
        if len(found) != 4:
            raise ValueError(f"expected Lambda, dt, B, C, got {len(found)} things")
        for name, x, size in zip(names, found, sizes, strict=True):
            if tuple(x.shape) != size:
                raise ValueError(f"{name} has shape {tuple(x.shape)}, expected {size}")
        one, steps, inputs, outputs = found
        A_bar = torch.exp(steps * one)[:, None] ** torch.arange(20)  # (HM, 20)
        gain = torch.expm1(steps * one) / one
        return 2 * torch.einsum("im,m,mj,ml->ijl", outputs, gain, inputs + 0j, A_bar).real

    def expected(Lambda: Tensor, dt: Tensor, B: Tensor, C: Tensor) -> Tensor:
        return torch.diag_embed(kernels.diagonal(Lambda, B, C, dt, 20).T).permute(1, 2, 0)

    return check.function(response, expected, [(Lambda, dt, B, C)], name="the response")


def _nothing(*_: Any) -> Tensor:
    raise AssertionError("an answer that is not begun is not called")
