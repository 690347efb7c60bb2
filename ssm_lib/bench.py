"""Measure the library on this machine: each row against the formula or the loop that it replaces.

Both sides run in turn, in one process; what is reported is the median of the ratios, because times on
a shared machine wander together. Errors are against the same computation in float64.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ssm_lib import S4D, discretize, kernels, oracles, scan
from ssm_lib.layers.s4d import initial_eigenvalues


@dataclass
class Row:
    """One measurement: milliseconds of the library and of what it is compared with, and the errors."""

    name: str
    library_ms: float
    other_ms: float
    ratio: float
    error: float
    other_error: float


def measure(
    name: str,
    library: Callable[[], Tensor],
    other: Callable[[], Tensor],
    exact: Tensor,
    repeats: int = 5,
) -> Row:
    """Time two ways to compute the same thing, and hold both against the exact result.

    Parameters
    ----------
    name
        Of the row.
    library, other
        Each computes the result once.
    exact : Tensor
        The result in float64.
    repeats
        Pairs of runs; one more pair before them warms up.

    Returns
    -------
    Row

    Raises
    ------
    RuntimeError
        If either result is off by more than 1 % of the largest value: then the times mean nothing.
    """
    errors = []
    for run in (library, other):
        result = run().detach().double()
        errors.append(float((result - exact).abs().max() / exact.abs().max()))
        if not errors[-1] < 0.01:
            raise RuntimeError(
                f"{name}: relative error {errors[-1]:.1e}, expected the same numbers"
            )
    times = [(_seconds(library), _seconds(other)) for _ in range(repeats)]
    ours, theirs = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
    return Row(name, ours, theirs, statistics.median(b / a for a, b in times), *errors)


def rows(length: int = 4096, channels: int = 64) -> list[Row]:
    """All measurements, on the CPU, in float32.

    Parameters
    ----------
    length, channels
        L and H of kernels and sequences.
    """
    torch.manual_seed(0)
    Lambda, B = initial_eigenvalues("legs", 64)
    shape = (channels, len(Lambda))
    A, B = (x.to(torch.complex64).expand(shape) for x in (Lambda, B))
    C = torch.randn(shape, dtype=torch.complex64, requires_grad=True)
    dt = torch.logspace(-3, -1, channels)
    A2, B2, C2 = (x.detach().to(torch.complex128) for x in (A, B, C))
    exact = _formula(A2, B2, C2, dt.double(), length)

    def gradient(kernel: Callable[[], Tensor]) -> Callable[[], Tensor]:
        return lambda: torch.autograd.grad(kernel().sum(), C)[0].abs()

    C2.requires_grad_()
    (exact_gradient,) = torch.autograd.grad(
        _formula(A2, B2, C2, dt.double(), length).sum(), C2
    )

    def ours() -> Tensor:
        return kernels.diagonal(A, B, C, dt, length)

    def formula() -> Tensor:
        return _formula(A, B, C, dt, length)

    layer, u = S4D(channels, 64), torch.randn(1, length, channels)
    with torch.no_grad():
        stepped = _steps(layer.double(), u.double())
    layer.float()
    a = torch.polar(torch.rand(64).sqrt(), torch.rand(64))
    b = torch.randn(4, length, 64, dtype=torch.complex64)
    looped = torch.view_as_real(_loop(a.to(torch.complex128), b.to(torch.complex128)))
    with torch.no_grad():
        plain = [
            measure("S4D kernel against its formula", ours, formula, exact),
            measure(
                "S4D layer against its steps",
                lambda: layer(u),
                lambda: _steps(layer, u),
                stepped,
                1,
            ),
            measure(
                "scan against its loop",
                lambda: torch.view_as_real(scan.linear(a, b)),
                lambda: torch.view_as_real(_loop(a, b)),
                looped,
            ),
        ]
    both = measure(
        "S4D kernel with gradient",
        gradient(ours),
        gradient(formula),
        exact_gradient.abs(),
        repeats=3,
    )
    return [plain[0], both, *plain[1:]]


def table(results: list[Row]) -> str:
    """The measurements as text, one line each."""
    head = f"{'':34}{'library':>11}{'other':>11}{'ratio':>9}{'error':>10}{'its error':>11}"
    lines = [
        f"{r.name:34}{r.library_ms:8.1f} ms{r.other_ms:8.1f} ms{r.ratio:8.1f}x{r.error:10.0e}{r.other_error:11.0e}"
        for r in results
    ]
    return "\n".join([head, *lines])


def _formula(A: Tensor, B: Tensor, C: Tensor, dt: Tensor, length: int) -> Tensor:
    return oracles.diagonal_kernel(*discretize.diagonal(A, B, dt, "zoh"), C, length)


def _steps(layer: S4D, u: Tensor) -> Tensor:
    state, out = None, []
    for u_t in u.unbind(1):
        y, state = layer.step(u_t, state)
        out.append(y)
    return torch.stack(out, 1)


def _loop(a: Tensor, b: Tensor) -> Tensor:
    x, out = torch.zeros_like(b[:, 0]), []
    for b_k in b.unbind(1):
        x = a * x + b_k
        out.append(x)
    return torch.stack(out, 1)


def _seconds(run: Callable[[], Tensor]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
