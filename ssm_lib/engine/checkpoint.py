"""Checkpoints that are whole or are not there: one safetensors file each, whose name tells its contents.

``step-000001000-0123456789abcdef.safetensors`` holds everything that step 1,000 left behind; the last part is
the start of the file's SHA-256. It is written under another name, flushed to the disk, then renamed: a
process that is killed, a full disk or a torn file leave the checkpoints before it as they were. Nothing is
ever unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor

KEPT = 2  # the last good ones
NAME = re.compile(r"step-(\d{9,})-([0-9a-f]{16})\.safetensors")
DAMAGED = ".damaged"
PART = ".part"  # ends the name of a file that is being written


class Checkpoint(NamedTuple):
    """What was read: its file, the tensors by name, and the rest as plain data."""

    path: Path
    tensors: dict[str, Tensor]
    data: dict[str, Any]


def save(
    folder: Path, step: int, tensors: Mapping[str, Tensor], data: Mapping[str, Any]
) -> Path:
    """Write a checkpoint, then remove all but the last `KEPT`.

    Parameters
    ----------
    folder
        Is there already.
    step
        At least 0.
    tensors
        On any device; copied to the memory of the CPU, twice while the file is made.
    data
        Plain data for JSON.

    Raises
    ------
    OSError
        If the disk is full or fails; what was there before still is.
    """
    plain = {name: x.detach().cpu().contiguous().clone() for name, x in tensors.items()}
    content = safetensors.save(plain, {"data": json.dumps(data)})
    path = folder / f"step-{step:09d}-{_digest(content)}.safetensors"
    write(path, content)
    for older in list(_paths(folder))[KEPT:]:
        older.unlink(missing_ok=True)
    return path


def latest(folder: Path, report: Callable[[str], None]) -> Checkpoint | None:
    """Read the newest checkpoint that is whole; None if there are none.

    Parameters
    ----------
    folder
        May be missing.
    report
        Called with a line for each one that is damaged.

    Raises
    ------
    ValueError
        If there are checkpoints, and all of them are damaged.
    """
    damaged = 0
    for path in _paths(folder):
        try:
            return read(path)
        except (OSError, ValueError) as error:
            damaged += 1
            report(f"{path.name} is damaged ({error}); trying the one before")
    if damaged:
        raise ValueError(f"no checkpoint in {folder} is whole: {damaged} are damaged")
    return None


def read(path: Path) -> Checkpoint:
    """Read one file and check it against its name.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or holds something else than was written.
    """
    content = path.read_bytes()
    found = NAME.fullmatch(path.name)
    if found and _digest(content) != found[2]:
        raise ValueError(
            f"{len(content)} bytes with SHA-256 {_digest(content)}…, expected {found[2]}…"
        )
    try:
        size = int.from_bytes(content[:8], "little")
        data = json.loads(content[8 : 8 + size])["__metadata__"]["data"]
        return Checkpoint(path, safetensors.load(content), json.loads(data))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"not a checkpoint: {error}") from error


def write(path: Path, content: bytes) -> None:
    """Write a file in one move: beside its place, through to the disk, renamed; then the folder.

    Raises
    ------
    OSError
        If the disk is full or fails; then the part is removed, and a file that was there stays.
    """
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the disk know the names in a folder; where the system cannot, do nothing."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_parts(folder: Path) -> None:
    """Remove what a killed process left half written."""
    for part in folder.glob(f"*{PART}"):
        part.unlink(missing_ok=True)


def set_aside(folder: Path, newest: Path) -> None:
    """Rename what is newer than the checkpoint that a run goes on from: it is damaged."""
    for path in _paths(folder):
        if path == newest:
            return
        path.replace(path.with_name(path.name + DAMAGED))


def _paths(folder: Path) -> Iterator[Path]:
    """The checkpoints of a folder, newest first."""
    named = [
        (int(found[1]), path)
        for path in folder.glob("step-*")
        if (found := NAME.fullmatch(path.name))
    ]
    return (path for _, path in sorted(named, reverse=True))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
