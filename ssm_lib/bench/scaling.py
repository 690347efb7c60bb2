"""How times grow: with the length, with the state size, with the batch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from ssm_lib import S4D, S5, conv, kernels
from ssm_lib.bench.measure import peak_memory, seconds

LARGEST = {"L": 20, "N": 12, "B": 6}  # as powers of two
LIMIT = 2.5e8  # numbers that a formula may hold before it is left out: 2 GB in complex64


@dataclass
class Point:
    """One time: what, along which size, at which value; memory in MB."""

    what: str
    along: str
    value: int
    ms: float
    memory: float | None


def points(device: torch.device, quick: bool = True) -> Iterator[Point]:
    """Times over L = 2^10 .. 2^20, N = 16 .. 4096 and B = 1 .. 64, the best of three.

    Parameters
    ----------
    device
        Where to run.
    quick
        Every second power only, and no lengths beyond 2^18.
    """
    step, parts = 2 if quick else 1, {"L": _over_length, "N": _over_state, "B": _over_batch}
    for along, smallest in (("L", 10), ("N", 4), ("B", 0)):
        largest = LARGEST[along] - (2 if quick and along == "L" else 0)
        for power in range(smallest, largest + 1, step):
            for what, run in parts[along](2**power, device):
                yield _point(what, along, 2**power, run, device)


Runs = Iterator[tuple[str, Callable[[], object]]]


def _over_length(L: int, device: torch.device) -> Runs:
    """One sequence, H = 16, N = 64."""
    for name, layer in (("S4D", S4D(16, 64)), ("S5", S5(16, 64))):
        layer, u = layer.to(device), torch.randn(1, L, 16, device=device)
        yield f"{name} layer", functools.partial(layer, u)
    layer = S4D(16, 64).to(device)
    yield "S4D kernel", lambda: layer.kernel(L)
    if 16 * 32 * L <= LIMIT:
        yield "S4D kernel, formula", lambda: _two_lines(layer, L)
    u = torch.randn(16, L, device=device)
    yield "convolution", lambda: conv.causal(u, u)


def _over_state(N: int, device: torch.device) -> Runs:
    """L = 4096, H = 16; DLR's N modes are shared by the channels."""
    layer = S4D(16, N, init="lin").to(device)
    yield "S4D kernel", lambda: layer.kernel(4096)
    if 16 * N // 2 * 4096 <= LIMIT:
        yield "S4D kernel, formula", lambda: _two_lines(layer, 4096)
    log_a = torch.complex(-torch.rand(N), torch.rand(N)).to(device)
    W = torch.randn(16, N, dtype=torch.complex64, device=device)
    yield "DLR kernel", lambda: kernels.dlr(log_a, W, 4096)


def _over_batch(B: int, device: torch.device) -> Runs:
    """L = 4096, H = 16, N = 64."""
    u = torch.randn(B, 4096, 16, device=device)
    for name, layer in (("S4D", S4D(16, 64)), ("S5", S5(16, 64))):
        layer = layer.to(device)
        yield f"{name} layer", functools.partial(layer, u)
    layer, u_t = S4D(16, 64).to(device), torch.randn(B, 16, device=device)
    state = layer.initial_state(B)
    yield "S4D step", lambda: layer.step(u_t, state)


def _two_lines(layer: S4D, L: int) -> object:
    from ssm_lib.bench.formulas import s4d_kernel

    B, C = (torch.view_as_complex(x) for x in (layer.B, layer.C))
    A = torch.complex(-torch.exp(layer.log_neg_re), layer.imag)
    return s4d_kernel(A, B, C, torch.exp(layer.log_dt), L)


@torch.no_grad()
def _point(
    what: str, along: str, value: int, run: Callable[[], object], device: torch.device
) -> Point:
    memory = peak_memory(run, device)
    best = min(seconds(run, device) for _ in range(3))
    return Point(what, along, value, 1e3 * best, memory)
