"""From counts to times: what a machine reaches in each kind of work, and what that predicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ssm_lib.bench import cost
from ssm_lib.bench.measure import Work

COMPUTATIONS: dict[str, Callable[[int, int, int, int], Work]] = {  # of B, H, N, L
    "S4D layer": cost.s4d_layer,
    "S5 layer": cost.s5_layer,
    "S4D kernel": lambda B, H, N, L: cost.products_kernel(H, N, L),
    "S4D kernel, formula": lambda B, H, N, L: cost.formula_kernel(H, N, L),
    "convolution": lambda B, H, N, L: cost.convolution(B, H, L),
}


@dataclass
class Speeds:
    """What a machine reaches: what `Rates` holds, and four kinds of work that stay far below it.

    All per second: operations in products of float32 and float64, bytes, operations in Fourier
    transforms, elements of a complex exponential, bytes through operators one by one, calls.
    """

    float32: float
    float64: float
    bytes: float
    fft: float
    exponentials: float
    passes: float
    calls: float

    def parts_ms(self, work: Work) -> dict[str, float]:
        """Milliseconds that each kind of work takes."""
        return {
            kind: 1e3 * getattr(work, kind) / speed for kind, speed in vars(self).items()
        }

    def estimate_ms(self, work: Work) -> float:
        """Milliseconds for all kinds of work, one after the other.

        Equation: eq-estimate
        """
        return sum(self.parts_ms(work).values())


def speeds(record: Mapping[str, Any]) -> Speeds:
    """The speeds of the machine of a benchmark, from its rates and four of its rows.

    Exponentials are timed by the printed S4D kernel, Fourier transforms by the convolution in blocks,
    passes by the scan, calls by the loop over the steps, which has two a step.

    Parameters
    ----------
    record
        As `ssm_lib.records.load("benchmark-cpu")` returns it.

    Raises
    ------
    KeyError
        If one of these rows is not there.
    """
    s = record["sizes"]
    formula = _row(record, "S4D kernel", "formula")["other"]["ms"]
    blocks = _row(record, "convolution", "one line")["library"]["ms"]
    loop = _row(record, "scan", "loop")
    return Speeds(
        **record["rates"],
        fft=1e3 * cost.convolution(s["B"], s["H"], s["L"]).fft / blocks,
        exponentials=1e3
        * cost.formula_kernel(s["H"], s["N"], s["L"]).exponentials
        / formula,
        passes=1e3 * cost.scan(s["B"], s["N"], s["L"]).passes / loop["library"]["ms"],
        calls=1e3 * 2 * s["L"] / loop["other"]["ms"],
    )


def curves(
    record: Mapping[str, Any], what: str, along: str
) -> tuple[dict[int, float], dict[int, float]]:
    """Times of a record over one size, {size: ms}: as measured, and as estimated with its speeds.

    Parameters
    ----------
    record
        A benchmark's, with its points of scaling.
    what
        "S4D layer", "S5 layer", "S4D kernel", "S4D kernel, formula" or "convolution".
    along
        "L", "N" or "B"; the other sizes are those of `ssm_lib.bench.scaling`.

    Raises
    ------
    KeyError
        If the model has no such computation.
    """
    machine = speeds(record)
    measured = {
        point["value"]: point["ms"]
        for point in record["scaling"]
        if (point["what"], point["along"]) == (what, along)
    }
    estimated = {}
    for value in measured:
        size = {"L": 4096, "N": 64, "B": 1} | {along: value}
        estimated[value] = machine.estimate_ms(
            COMPUTATIONS[what](size["B"], 16, size["N"], size["L"])
        )
    return measured, estimated


def crossing(first: Mapping[int, float], second: Mapping[int, float]) -> float | None:
    """Where the second of two growing curves falls below the first, between two sizes that both have.

    Both are taken as straight lines on logarithmic axes between the sizes.

    Parameters
    ----------
    first, second : {size: time}

    Returns
    -------
    size, or None if the second is nowhere the smaller one; the first size if it is from there on.
    """
    sizes = sorted(first.keys() & second.keys())
    gaps = [math.log(second[size] / first[size]) for size in sizes]
    for i, gap in enumerate(gaps):
        if gap < 0:
            if i == 0:
                return float(sizes[0])
            part = gaps[i - 1] / (gaps[i - 1] - gap)
            return sizes[i - 1] * (sizes[i] / sizes[i - 1]) ** part
    return None


def _row(record: Mapping[str, Any], name: str, other: str) -> Mapping[str, Any]:
    for row in record["rows"]:
        if row["name"] == name and row["other"]["name"] == other:
            return row
    raise KeyError(f"the record has no row {name!r} against {other!r}")
