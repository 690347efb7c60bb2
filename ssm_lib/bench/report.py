"""The benchmark as a table on the screen and as a record in a file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from ssm_lib import records
from ssm_lib.bench.measure import Rates, Row, Side
from ssm_lib.bench.scaling import Point

HEAD = (
    f"{'':24}{'against':24}{'library':>12}{'other':>12}{'ratio':>8}"
    f"{'MB':>8}{'its MB':>9}{'error':>9}{'its error':>11}{'of floor':>10}"
)


def line(row: Row) -> str:
    """One row of the table."""
    return (
        f"{row.name:24}{row.other.name:24}{row.library.ms:9.1f} ms{row.other.ms:9.1f} ms"
        f"{row.ratio:7.1f}x{_megabytes(row.library.memory):>8}{_megabytes(row.other.memory):>9}"
        f"{row.library.error:9.0e}{row.other.error:11.0e}{100 * row.share:8.0f} %"
    )


def save(
    folder: Path,
    device: torch.device,
    sizes: dict[str, int],
    machine: Rates,
    rows: Iterable[Row],
    points: Iterable[Point],
) -> Path:
    """Write ``benchmark-cpu.json``, or with the name of the GPU; return its path.

    Raises
    ------
    FileNotFoundError
        If the folder is not there.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder} to write the record to")
    record = {
        **records.environment(device),
        "sizes": sizes,
        "rates": dataclasses.asdict(machine),
        "rows": [dataclasses.asdict(row) | {"share": row.share} for row in rows],
        "scaling": [dataclasses.asdict(point) for point in points],
    }
    name = "cpu" if device.type == "cpu" else torch.cuda.get_device_name(device)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    path = folder / f"benchmark-{slug}.json"
    records.write(path, record)
    return path


def read(record: Mapping[str, Any]) -> dict[tuple[str, str], Row]:
    """The rows of a record, by what was measured and what it was held against.

    Parameters
    ----------
    record
        As `ssm_lib.records.load` returns it.
    """
    found = {}
    for entry in record["rows"]:
        sides = {name: Side(**entry[name]) for name in ("library", "other")}
        values = {k: v for k, v in entry.items() if k != "share"}  # follows from the others
        row = Row(**{**values, **sides})
        found[row.name, row.other.name] = row
    return found


def _megabytes(memory: float | None) -> str:
    return "-" if memory is None else f"{memory:.0f}"
