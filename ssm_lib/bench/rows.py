"""The rows of the benchmark: each part of the library against what it replaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssm_lib import S4D, S5, conv, hippo, kernels, scan
from ssm_lib.bench import cost, formulas
from ssm_lib.bench.measure import Rates, Row, Work, compare
from ssm_lib.layers.s4d import initial_eigenvalues


@dataclass
class Sizes:
    """L steps, H channels, N the real state size, B sequences."""

    L: int
    H: int
    N: int = 64
    B: int = 8


QUICK = Sizes(L=4096, H=32, B=4)
FULL = Sizes(L=16384, H=128)  # the sizes of the published figures


def rows(
    sizes: Sizes, machine: Rates, device: torch.device, repeats: int = 5
) -> Iterator[Row]:
    """Measure everything, one row after the other; in float32.

    Parameters
    ----------
    sizes
        `QUICK` or `FULL`, or others.
    machine
        What `ssm_lib.bench.measure.rates` found.
    device
        Where to run.
    repeats
        Pairs of runs in each row.
    """
    torch.manual_seed(0)
    for part in (_diagonal, _dplr, _convolution, _scan, _s4d_layer, _s5_layer):
        for name, library, other, exact, work, other_name in part(sizes, device):
            yield compare(
                name,
                vars(sizes),
                library,
                other,
                exact,
                work.floor_ms(machine),
                other_name,
                repeats,
            )


Part = Iterator[tuple[str, Callable[[], Tensor], Callable[[], Tensor], Tensor, Work, str]]


def gradient(run: Callable[[], Tensor], *of: Tensor) -> Callable[[], Tensor]:
    """A run that computes the output and the gradients of its weighted sum; it returns that of the first.

    The weights are made by the first run, which is not timed, and lie as the output does.
    """
    weights: list[Tensor] = []

    def both() -> Tensor:
        y = run()
        if not weights:
            waves = torch.cos(torch.arange(y.numel(), device=y.device)).view(y.shape)
            weights.append(torch.empty_like(y).copy_(waves))
        found, *_ = torch.autograd.grad(y, of, weights)
        return torch.view_as_real(found) if found.is_complex() else found

    return both


def _diagonal(s: Sizes, device: torch.device) -> Part:
    A, B, C, dt = s4d_system(s, device)
    exact = formulas.diagonal_oracle(A, B, C.detach(), dt, s.L)
    work = cost.products_kernel(s.H, s.N, s.L)

    def ours() -> Tensor:
        return kernels.diagonal(A, B, C, dt, s.L)

    def formula() -> Tensor:
        return formulas.s4d_kernel(A, B, C, dt, s.L)

    yield "S4D kernel", _plain(ours), _plain(formula), exact, work, "formula"
    wide = C.detach().to(torch.complex128).requires_grad_()
    exact = gradient(lambda: formulas.diagonal_oracle(A, B, wide, dt, s.L), wide)()
    work = Work(float32=3 * work.float32, bytes=2 * work.bytes)
    ours_too, formula_too = gradient(ours, C), gradient(formula, C)
    yield "S4D kernel, gradient", ours_too, formula_too, exact, work, "formula"


def _dplr(s: Sizes, device: torch.device) -> Part:
    A, P, B, C, dt = s4_system(s, device)
    exact = kernels.dplr(A, P, B, C, dt, s.L)
    a, p, b, c = (x.to(torch.complex64) for x in (A, P, B, C))
    c.requires_grad_()
    work = cost.krylov_kernel(s.H, s.N, s.L)

    def ours() -> Tensor:
        return kernels.dplr(a, p, b, c, dt.float(), s.L)

    def formula() -> Tensor:
        return formulas.s4_kernel(a, p, b, c, dt.float(), s.L)

    yield "S4 kernel", _plain(ours), _plain(formula), exact, work, "formula"
    wide = C.requires_grad_()
    exact = gradient(lambda: kernels.dplr(A, P, B, wide, dt, s.L), wide)()
    work = Work(3 * work.float32, 3 * work.float64, 2 * work.bytes)
    ours_too, formula_too = gradient(ours, c), gradient(formula, c)
    yield "S4 kernel, gradient", ours_too, formula_too, exact, work, "formula"


def _convolution(s: Sizes, device: torch.device) -> Part:
    u = torch.randn(s.B, s.L, s.H, device=device).transpose(1, 2)  # as a layer has it
    k = torch.randn(s.H, s.L, device=device) / s.L**0.5
    u.requires_grad_()
    exact = formulas.convolution(u.detach().double(), k.double())
    work = cost.convolution(s.B, s.H, s.L)

    def ours() -> Tensor:
        return conv.causal(u, k)

    def line() -> Tensor:
        return formulas.convolution(u, k)

    yield "convolution", _plain(ours), _plain(line), exact, work, "one line"
    wide = u.detach().double().requires_grad_()
    exact = gradient(lambda: formulas.convolution(wide, k.double()), wide)()
    work = Work(fft=3 * work.fft, bytes=3 * work.bytes)
    k.requires_grad_()
    ours_too, line_too = gradient(ours, u, k), gradient(line, u, k)
    yield "convolution, gradient", ours_too, line_too, exact, work, "one line"


def _scan(s: Sizes, device: torch.device) -> Part:
    n = s.N // 2
    a = torch.polar(torch.rand(n).sqrt(), torch.rand(n)).to(device)
    b = torch.randn(s.B, s.L, n, dtype=torch.complex64, device=device)
    exact = torch.view_as_real(
        formulas.steps(a.to(torch.complex128), b.to(torch.complex128))
    )
    work = cost.scan(s.B, s.N, s.L)

    def real(run: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], Tensor]:
        return _plain(lambda: torch.view_as_real(run(a, b)))

    ours = real(scan.linear)
    yield "scan", ours, real(formulas.steps), exact, work, "loop"
    if formulas.torch_associative_scan() is not None:
        theirs = real(formulas.associative_scan)
        yield "scan", ours, theirs, exact, work, "torch associative_scan"


def _s4d_layer(s: Sizes, device: torch.device) -> Part:
    layer = S4D(s.H, s.N).to(device)
    u = torch.randn(s.B, s.L, s.H, device=device)
    wide = S4D(s.H, s.N).to(device).double()
    wide.load_state_dict(layer.state_dict())
    with torch.no_grad():
        exact = wide(u.double())
    work = cost.s4d_layer(s.B, s.H, s.N, s.L)
    ours, formula = (lambda: layer(u)), (lambda: formulas.s4d_layer(layer, u))
    yield "S4D layer", _plain(ours), _plain(formula), exact, work, "formulas"
    exact = gradient(lambda: wide(u.double()), wide.C)()
    work = Work(3 * work.float32, bytes=3 * work.bytes, fft=3 * work.fft)
    u.requires_grad_()
    of = (layer.C, u, *layer.parameters())  # as inside a deep model
    ours_too, formula_too = gradient(ours, *of), gradient(formula, *of)
    yield "S4D layer, gradient", ours_too, formula_too, exact, work, "formulas"


def _s5_layer(s: Sizes, device: torch.device) -> Part:
    layer, u = S5(s.H, s.N).to(device), torch.randn(s.B, s.L, s.H, device=device)
    runs = formulas.jax_layer(layer, u)
    if runs is None or device.type != "cpu":
        return
    forward, loss = runs
    wide = S5(s.H, s.N).double()
    wide.load_state_dict(layer.state_dict())
    with torch.no_grad():
        exact = wide(u.double())
    work = cost.s5_layer(s.B, s.H, s.N, s.L)

    def tensor(run: Callable[[], object], pick: int | None) -> Callable[[], Tensor]:
        def call() -> Tensor:
            found = run()
            return torch.from_numpy(np.array(found if pick is None else found[pick]))  # type: ignore[index]

        return call

    u.requires_grad_()
    of = (layer.log_dt, u, *layer.parameters())
    ours = _plain(lambda: layer(u))
    yield "S5 layer", ours, tensor(forward, None), exact, work, "JAX associative_scan"

    def ours_too() -> Tensor:
        return torch.autograd.grad(layer(u).sum(), of)[0]

    (exact,) = torch.autograd.grad(wide(u.double()).sum(), wide.log_dt)
    work = Work(float32=3 * work.float32, bytes=3 * work.bytes)
    yield (
        "S5 layer, gradient",
        ours_too,
        tensor(loss, 4),
        exact,
        work,
        "JAX associative_scan",
    )


def s4d_system(s: Sizes, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A, B, C (H, N/2), complex64, and dt (H,): HiPPO's modes, with random weights C."""
    Lambda, B = initial_eigenvalues("legs", s.N)
    shape = (s.H, len(Lambda))
    A, B = (x.to(device, torch.complex64).expand(shape) for x in (Lambda, B))
    C = torch.randn(shape, dtype=torch.complex64).to(device).requires_grad_()
    return A, B, C, torch.logspace(-3, -1, s.H).to(device)


def s4_system(s: Sizes, device: torch.device) -> tuple[Tensor, ...]:
    """A, B, C (H, N/2) and P (1, H, N/2), complex128, and dt (H,), in the order A, P, B, C, dt."""
    Lambda, P, B, _ = hippo.nplr("legs", s.N)
    shape = (s.H, s.N // 2)
    A, B = (x.to(device).expand(shape) for x in (Lambda, B))
    P = P[:, None].to(device).expand(-1, *shape)
    C = torch.randn(shape, dtype=torch.complex128).to(device)
    return A, P, B, C, torch.logspace(-3, -1, s.H, dtype=torch.float64).to(device)


def _plain(run: Callable[[], Tensor]) -> Callable[[], Tensor]:
    return torch.no_grad()(run)
