"""The exercises of chapter 05: each answer is checked against the library."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ssm_lib import check, conv, oracles


def zeros(answer: Any) -> bool:
    """Zeros that 1,000 samples and 65 taps need at least: 64."""
    return check.value(
        answer,
        64,
        {
            65: "one less will do: the last input echoes through M - 1 further samples",
            1064: "that is the whole period n; how many zeros are in it?",
            1065: "that is L + M; the period must be L + M - 1, and the question is for the zeros in it",
            1000: "as many zeros as samples work, but they are not the least",
        },
    )


def fold(answer: Any) -> bool:
    """What a circle of n samples makes of a response."""
    whole = _random(11)

    def reference(whole: Tensor, n: int) -> Tensor:
        return torch.stack([whole[l::n].sum() for l in range(n)])

    return check.function(answer, reference, [(whole, n) for n in (11, 8, 20, 6, 4, 1)])


def kernel_gradient(answer: Any) -> bool:
    """Gradient of the taps of a causal convolution, without a loop and without a matrix of L x L."""

    def reference(u: Tensor, g: Tensor, taps: int) -> Tensor:
        return torch.stack([(u[: len(u) - j] * g[j:]).sum() for j in range(taps)])

    sizes = [(20, 20), (20, 1), (20, 7), (7, 7), (1000, 1000)]
    cases = [(_random(L, 1), _random(L, 2), M) for L, M in sizes]
    return check.function(answer, reference, cases, calls=500, numbers=16 * 1000)


def overlap_add(answer: Any) -> bool:
    """A stream of chunks by adding what hangs over."""

    def reference(chunks: list[Tensor], k: Tensor) -> Tensor:
        return oracles.convolution(
            torch.cat(list(chunks)), _padded(k, sum(map(len, chunks)))
        )

    u, k = _random(30, 5), _random(9, 6)
    cases = [([10, 10, 10], k), ([1, 4, 25], k), ([30], k), ([10, 20], k[:1])]
    return check.function(
        answer, reference, [(list(u.split(parts)), taps) for parts, taps in cases]
    )


def room() -> tuple[Tensor, Tensor]:
    """White noise (4000,) and what a room makes of it (7999,), float64."""
    played = _random(4000, 7)
    return played, conv.causal(torch.cat([played, played.new_zeros(3999)]), _room())


def measured_room(answer: Any) -> bool:
    """The kernel (4000,) of that room."""
    return check.tensor(answer, _room(), tolerance=1e-4)


def _room() -> Tensor:
    k = 0.1 * _random(4000, 8) * torch.exp(-torch.arange(4000) / 900)
    k[:50] = 0
    k[0] = 1
    return k


def _random(n: int, seed: int = 0) -> Tensor:
    seeded = torch.Generator().manual_seed(seed)
    return torch.randn(n, generator=seeded, dtype=torch.float64)


def _padded(k: Tensor, length: int) -> Tensor:
    return torch.cat([k, k.new_zeros(max(0, length - len(k)))])
