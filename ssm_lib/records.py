"""Records of runs that take too long for a page: what was run, where, and what came out, as JSON.

``python -m ssm_lib record NAME`` runs a recipe of `ssm_lib.recipes` for each of its seeds and writes
``book/results/NAME.json``; a chapter reads it with `load`. No number enters a record but from a run.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch

FOLDER = Path(__file__).resolve().parents[1] / "book" / "results"


@dataclass(frozen=True)
class Recipe:
    """One run that can be repeated: a task, a model, settings, seeds.

    Parameters
    ----------
    task, model
        What is learned, by what: names for a table.
    settings
        Everything that `run` depends on, but the seed: plain data for JSON.
    run
        Called with the settings and a seed; returns what was measured, plain data for JSON.
    seeds
        One run for each.
    source
        Where the task or the settings come from; what a paper reports for it, if that is known.
    """

    task: str
    model: str
    settings: Mapping[str, Any]
    run: Callable[[Mapping[str, Any], int], Mapping[str, Any]] = field(repr=False)
    seeds: tuple[int, ...] = (0,)
    source: str = ""


def record(name: str, recipe: Recipe, folder: Path = FOLDER) -> Path:
    """Run a recipe for each of its seeds and write ``folder/NAME.json``; return its path.

    The file is written once all seeds are done, in one move: an earlier record stays whole until then.

    Raises
    ------
    FileNotFoundError
        If the folder is not there.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder} to write the record to")
    runs = []
    for seed in recipe.seeds:
        start = time.perf_counter()
        measured = recipe.run(recipe.settings, seed)
        seconds = round(time.perf_counter() - start, 1)
        runs.append({"seed": seed, "seconds": seconds, **measured})
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    content = {
        "name": name,
        "task": recipe.task,
        "model": recipe.model,
        "settings": dict(recipe.settings),
        "source": recipe.source,
        "runs": runs,
        **environment(device),
    }
    path = folder / f"{name}.json"
    write(path, content)
    return path


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a record as JSON: first beside its place, then moved there."""
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf8")
    beside.replace(path)


def load(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Read the record of that name.

    Raises
    ------
    FileNotFoundError
        If there is none; it says which there are. Records are part of the repository, and not of an
        installed package.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        there = sorted(p.stem for p in folder.glob("*.json"))
        raise FileNotFoundError(f"no record {name!r} in {folder}; there are {there}")
    return json.loads(path.read_text(encoding="utf8"))


class Spread(NamedTuple):
    """A score over the seeds of a record: its mean, the worst, the best, and how many."""

    mean: float
    low: float
    high: float
    seeds: int


def spread(name: str, score: str, folder: Path = FOLDER) -> Spread:
    """One score of a record over its seeds.

    Parameters
    ----------
    name
        Of the record.
    score
        Its key in each run, such as ``"test_r2"``.
    folder
        Where the record is.

    Raises
    ------
    FileNotFoundError
        As `load`.
    KeyError
        If a run has no such score; it says what it has.
    """
    values = []
    for run in load(name, folder)["runs"]:
        if score not in run:
            raise KeyError(f"no {score!r} in a run of {name!r}; it has {sorted(run)}")
        values.append(float(run[score]))
    return Spread(sum(values) / len(values), min(values), max(values), len(values))


def table(
    rows: Mapping[str, Mapping[str, str]], score: str, folder: Path = FOLDER
) -> dict[str, dict[str, Spread]]:
    """Scores of many records side by side: {row: {column: record's name}} -> {row: {column: spread}}.

    What has not been recorded is left out.

    Raises
    ------
    KeyError
        As `spread`.
    """
    return {
        row: {
            column: spread(name, score, folder)
            for column, name in names.items()
            if (folder / f"{name}.json").is_file()
        }
        for row, names in rows.items()
    }


def environment(device: torch.device) -> dict[str, Any]:
    """The machine, the versions and the commit that a record is of."""
    versions = {"ssm_lib": _version("ssm_lib"), "torch": torch.__version__}
    for name in ("jax", "triton", "accelerated-scan"):
        found = _version(name)
        if found is not None:
            versions[name] = found
    return {
        "device": _processor()
        if device.type == "cpu"
        else torch.cuda.get_device_name(device),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": versions,
        "commit": _commit(),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    }


def _version(package: str) -> str | None:
    if package == "ssm_lib":
        from ssm_lib import __version__  # also where it is not installed

        return __version__
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*: (.*)$", text, re.M)
    return found[1] if found else platform.machine()


def _commit() -> str | None:
    folder = Path(__file__).parent
    command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None
