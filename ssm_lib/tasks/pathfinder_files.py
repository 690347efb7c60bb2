"""Pathfinder on disk: pictures drawn once, by several processes, into files that say what they are.

`write` fills a folder with numbered shards and a manifest; broken off, it goes on where it was. `load` reads
them back. What stands in picture i depends on settings, seed and i alone, so any number of processes, and any
size of a shard, give the same pictures.
"""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ssm_lib import validate
from ssm_lib.tasks.contours import draw
from ssm_lib.tasks.pathfinder import render
from ssm_lib.tasks.pathfinder_settings import Settings

MANIFEST, FORMAT = "manifest.json", 1
ARRAYS = ("images", "classes", "connected")


class Pictures(NamedTuple):
    """S pictures: `images` and `classes` (S, R, R), uint8, and `connected` (S,), bool."""

    images: Tensor
    classes: Tensor
    connected: Tensor


def write(
    folder: str | Path,
    settings: Settings,
    count: int,
    seed: int = 0,
    shard: int = 500,
    processes: int | None = None,
) -> Path:
    """Draw the first `count` pictures of a seed into a folder; return the path of its manifest.

    Each shard is written beside its place, flushed, and moved there; its sha256 then enters the manifest in
    the same way. Called again with the same arguments, only shards that are missing or damaged are drawn.

    Parameters
    ----------
    folder
        Made if it is not there. It may hold nothing but pictures of these settings.
    settings, seed
        As `ssm_lib.tasks.contours.draw`.
    count
        Number of pictures.
    shard
        Pictures in one file.
    processes
        None: one for each core. 0: none but this one. A script that asks for several must guard its
        start with ``if __name__ == "__main__"``.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, or the folder has pictures of other settings; nothing is changed.
    """
    validate.positive_int("count", count)
    validate.positive_int("shard", shard)
    if processes is None:
        processes = os.cpu_count() or 1
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 0:
        raise ValueError(
            f"processes must be None or an int that is not negative, got {processes!r}"
        )
    folder = Path(folder)
    what = {"format": FORMAT, "settings": asdict(settings), "seed": seed, "count": count}
    manifest = json.loads(json.dumps({**what, "shard": shard, "sha256": {}}))
    path = folder / MANIFEST
    if path.is_file():
        found = _manifest(folder)
        for key in set(manifest) - {"sha256"}:
            if found[key] != manifest[key]:
                raise ValueError(
                    f"{folder} holds pictures with {key}={found[key]}, asked for {manifest[key]}; "
                    "choose another folder"
                )
        manifest["sha256"] = found["sha256"]
    elif folder.is_dir() and any(folder.iterdir()):
        raise ValueError(
            f"{folder} is not empty and has no {MANIFEST}; choose another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    _move_into_place(path, json.dumps(manifest, indent=1).encode())
    jobs = []
    for number in range(-(-count // shard)):
        name, first = f"{number:05}.npz", number * shard
        if _sha256(folder / name) != manifest["sha256"].get(name, "no such shard"):
            jobs.append((folder / name, settings, seed, first, min(shard, count - first)))
    done = count - sum(job[-1] for job in jobs)
    with tqdm(total=count, initial=done, unit="picture", desc="drawing") as bar:
        for name, digest, size in _each(jobs, processes):
            manifest["sha256"][name] = digest
            _move_into_place(path, json.dumps(manifest, indent=1).encode())
            bar.update(size)
    return path


def load(
    folder: str | Path, first: int = 0, count: int | None = None, verify: bool = True
) -> Pictures:
    """Read pictures that `write` has drawn.

    Parameters
    ----------
    folder
        That was written to.
    first, count
        Which pictures; None: all that follow. They are alike and independent, so any range of them is as
        good for training or testing as another.
    verify
        Whether to compare each file with its sha256.

    Raises
    ------
    FileNotFoundError
        If the folder, its manifest or a shard is missing.
    ValueError
        If there are fewer pictures, or a file is not what the manifest says.
    """
    folder = Path(folder)
    manifest = _manifest(folder)
    total, shard = manifest["count"], manifest["shard"]
    count = total - first if count is None else count
    if first < 0 or count < 1 or first + count > total:
        raise ValueError(
            f"{folder} has pictures 0 .. {total - 1}; asked for {count} from {first} on"
        )
    parts: list[dict[str, np.ndarray]] = []
    for number in range(first // shard, (first + count - 1) // shard + 1):
        path = folder / f"{number:05}.npz"
        expected = manifest["sha256"].get(path.name)
        if expected is None or not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: call write(...) with the same arguments again to draw it"
            )
        if verify and _sha256(path) != expected:
            raise ValueError(
                f"{path} is damaged: its sha256 is not {expected}; call write(...) again"
            )
        with np.load(path) as arrays:
            part = slice(max(first - number * shard, 0), first + count - number * shard)
            parts.append({name: arrays[name][part] for name in ARRAYS})
    joined = [np.concatenate([part[name] for part in parts]) for name in ARRAYS]
    return Pictures(*map(torch.from_numpy, joined))


Job = tuple[Path, Settings, int, int, int]  # file, settings, seed, first picture, number


def _each(jobs: list[Job], processes: int) -> Iterator[tuple[str, str, int]]:
    """Do the jobs, and say of each that is done: name of the file, sha256, number of pictures."""
    if processes == 0:
        yield from map(_draw_shard, jobs)
        return
    context = multiprocessing.get_context(
        "spawn"
    )  # a fork of a process with threads may hang
    with _one_thread(), ProcessPoolExecutor(processes, context) as pool:
        waiting = [pool.submit(_draw_shard, job) for job in jobs]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            for future in waiting:
                future.cancel()


def _draw_shard(job: Job) -> tuple[str, str, int]:
    path, settings, seed, first, count = job
    drawings = [draw(settings, seed, index) for index in range(first, first + count)]
    images, classes = zip(*(render(drawing, settings) for drawing in drawings))
    buffer = io.BytesIO()
    connected = np.array([drawing.connected for drawing in drawings])
    arrays = dict(zip(ARRAYS, (np.stack(images), np.stack(classes), connected)))
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    _move_into_place(path, buffer.getvalue())
    return path.name, hashlib.sha256(buffer.getvalue()).hexdigest(), count


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes started inside have one thread each: they are as many as the cores already."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        os.environ.pop("OMP_NUM_THREADS")
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(
            f"no {MANIFEST} in {folder}: write(folder, settings, count) draws pictures there"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf8"))
        keys = {"format", "settings", "seed", "count", "shard", "sha256"} - set(manifest)
    except (ValueError, TypeError):
        raise ValueError(f"{path} is not the manifest of pictures") from None
    if keys or manifest["format"] != FORMAT:
        raise ValueError(f"{path} is of another version: expected format {FORMAT}")
    return manifest


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _move_into_place(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, whatever happens meanwhile."""
    beside = path.with_name(path.name + ".part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
