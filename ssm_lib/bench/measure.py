"""How things are measured: times in pairs, the peak of memory, errors against float64, floors.

Both sides of a comparison run in turn, in one process, and the ratio is the median of the ratios:
times on a shared machine wander together. A floor is the time that the arithmetic or the traffic
to memory alone would take on this machine, at rates measured in the same run.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ssm_lib import validate

WORST = 0.01  # two sides that differ by more do not compute the same thing


@dataclass
class Rates:
    """What the machine does at best: operations per second in float32 and float64, bytes per second."""

    float32: float
    float64: float
    bytes: float


@dataclass
class Side:
    """One way to compute something: milliseconds, peak of memory in MB, relative error."""

    name: str
    ms: float
    memory: float | None
    error: float


@dataclass
class Row:
    """The library beside something else; ratio is time of the other over time of the library."""

    name: str
    sizes: dict[str, int]
    library: Side
    other: Side
    ratio: float
    floor_ms: float

    @property
    def share(self) -> float:
        """The floor over the library's time: 1 is at the floor."""
        return self.floor_ms / self.library.ms


@dataclass
class Work:
    """What a computation consists of.

    Products and sums in float32 and in float64; the bytes that must be read and written; what Fourier
    transforms take (in float32); elements of exponential functions; bytes that go through operators one
    by one, on tables larger than a cache; and calls of operators, which wait for one another.
    """

    float32: float = 0.0
    float64: float = 0.0
    bytes: float = 0.0
    fft: float = 0.0
    exponentials: float = 0.0
    passes: float = 0.0
    calls: float = 0.0

    def floor_ms(self, rates: Rates) -> float:
        """The larger of the time to compute and the time to move, in milliseconds, at rates that were reached.

        Equation: eq-roofline (Williams et al. 2009)
        """
        compute = (self.float32 + self.fft) / rates.float32 + self.float64 / rates.float64
        return 1e3 * max(compute, self.bytes / rates.bytes)

    def __add__(self, other: Work) -> Work:
        """One computation after the other."""
        mine, theirs = dataclasses.astuple(self), dataclasses.astuple(other)
        return Work(*(a + b for a, b in zip(mine, theirs, strict=True)))


def rates(device: torch.device) -> Rates:
    """Measure a machine: the best of ten matrix products, and of ten copies of 64 MB.

    Parameters
    ----------
    device
        Where to measure.
    """
    n = 1024 if device.type == "cpu" else 8192
    found = {}
    for dtype in (torch.float32, torch.float64):
        a = torch.randn(n, n, dtype=dtype, device=device)
        best = min(
            seconds(functools.partial(torch.matmul, a, a), device) for _ in range(10)
        )
        found[dtype] = 2 * n**3 / best
    x = torch.zeros(2**24, device=device)
    y = torch.empty_like(x)
    copy = min(seconds(lambda: y.copy_(x), device) for _ in range(10))
    return Rates(found[torch.float32], found[torch.float64], 2 * 4 * len(x) / copy)


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """How long one run takes; on a GPU until it has finished."""
    _wait(device)
    start = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - start


def best_ms(run: Callable[..., object], *given: Any, repeats: int = 3) -> float:
    """Milliseconds of the fastest of some runs on the CPU, after one that warms up.

    Parameters
    ----------
    run, given
        A function and its arguments.
    repeats
        How many runs are timed.
    """
    validate.positive_int("repeats", repeats)
    call, cpu = functools.partial(run, *given), torch.device("cpu")
    call()
    return 1e3 * min(seconds(call, cpu) for _ in range(repeats))


def peak_memory(run: Callable[[], object], device: torch.device) -> float | None:
    """Memory that a run needs beyond what is there before it, in MB; None where nothing tells.

    On the CPU from the kernel's high-water mark of the process (Linux), on a GPU from its allocator.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        return (torch.cuda.max_memory_allocated(device) - before) / 1e6
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    try:
        ctypes.CDLL(None).malloc_trim(
            0
        )  # what earlier runs left in the heap would be used again unseen
        reset.write_text("5")  # the mark goes down to what is in use now
    except (OSError, AttributeError):
        return None
    before = _kilobytes(status, "VmHWM")
    run()
    return (_kilobytes(status, "VmHWM") - before) * 1024 / 1e6


def compare(
    name: str,
    sizes: dict[str, int],
    library: Callable[[], Tensor],
    other: Callable[[], Tensor],
    exact: Tensor,
    floor_ms: float,
    other_name: str = "formula",
    repeats: int = 5,
) -> Row:
    """Time two ways to compute the same thing, and hold both against the exact result.

    Parameters
    ----------
    name, sizes, other_name
        For the table.
    library, other
        Each computes the result once.
    exact : Tensor
        The result in float64.
    floor_ms
        The floor of the library's side: see `Work`.
    repeats
        Pairs of runs; one more of each before them warms up, and one measures memory.

    Returns
    -------
    Row

    Raises
    ------
    RuntimeError
        If either result is off by more than 1 % of the largest value: then the times mean nothing.
    """
    validate.positive_int("repeats", repeats)
    device, errors = exact.device, []
    for run in (library, other):
        result = run().detach().double()
        errors.append(float((result - exact).abs().max() / exact.abs().max()))
        if not errors[-1] < WORST:
            raise RuntimeError(
                f"{name}: relative error {errors[-1]:.1e}, expected the same numbers"
            )
    memory = [peak_memory(run, device) for run in (library, other)]
    times = [(seconds(library, device), seconds(other, device)) for _ in range(repeats)]
    ours, theirs = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
    return Row(
        name,
        sizes,
        Side("library", ours, memory[0], errors[0]),
        Side(other_name, theirs, memory[1], errors[1]),
        statistics.median(b / a for a, b in times),
        floor_ms,
    )


def _kilobytes(status: Path, field: str) -> int:
    return next(
        int(line.split()[1])
        for line in status.read_text().splitlines()
        if line.startswith(field)
    )


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
