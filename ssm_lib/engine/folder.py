"""The folder of a run: its settings, its log, its checkpoints; one process at a time, and nothing overwritten."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from ssm_lib.engine import checkpoint
from ssm_lib.engine.errors import InputError


class RunFolder:
    """``config.json``, ``log.jsonl``, ``checkpoints/``, and at the end ``result.json`` and ``curve.png``.

    Parameters
    ----------
    path
        Need not exist.
    report
        Called with a line on what went wrong and was survived.
    """

    def __init__(self, path: Path, report: Callable[[str], None] | None = None) -> None:
        self.path, self.report = path, report or print
        self.config_file = path / "config.json"
        self.log_file = path / "log.jsonl"
        self.checkpoints = path / "checkpoints"
        self.result_file = path / "result.json"
        self.curve_file = path / "curve.png"
        self._lock: IO[bytes] | None = None

    @property
    def holds_a_run(self) -> bool:
        """Whether training began here."""
        return self.config_file.is_file() or any(self.checkpoints.glob("step-*"))

    def create(self, config: Mapping[str, Any]) -> None:
        """Make the folder and write the settings; InputError if a run is there, or anything else."""
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path} is a file, not a folder for a run")
        self.path.mkdir(parents=True, exist_ok=True)
        self.lock()
        if self.holds_a_run:
            raise InputError(
                f"{self.path} already holds a run: go on with --resume, or choose another --name"
            )
        ours = {"lock", "checkpoints", self.config_file.name + checkpoint.PART}
        if others := sorted(p.name for p in self.path.iterdir() if p.name not in ours):
            raise InputError(
                f"{self.path} is not empty ({others[0]}, …): choose another --name"
            )
        self.checkpoints.mkdir(exist_ok=True)
        checkpoint.sync_folder(self.path)
        checkpoint.write(self.config_file, _json(config))

    def open(self) -> dict[str, Any]:
        """Lock the folder, tidy up what a killed process left, and read the settings."""
        config = self.config()
        self.lock()
        self.checkpoints.mkdir(exist_ok=True)
        checkpoint.remove_parts(self.path)
        checkpoint.remove_parts(self.checkpoints)
        return config

    def config(self) -> dict[str, Any]:
        """The settings; InputError if the folder holds no run."""
        if not self.config_file.is_file():
            raise InputError(f"{self.path} holds no run: there is no config.json")
        try:
            return json.loads(self.config_file.read_bytes())
        except ValueError as error:
            raise InputError(f"{self.config_file} cannot be read: {error}") from error

    def lock(self) -> None:
        """Hold the folder until `close` or the end of the process; InputError if another one does."""
        try:
            import fcntl
        except (
            ImportError
        ):  # Windows has other locks, and needs no such guard to be correct
            return
        self._lock = (self.path / "lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise InputError(f"another process is training in {self.path}") from None

    def close(self) -> None:
        """Let other processes in."""
        if self._lock is not None:
            self._lock.close()

    def rows(self) -> list[dict[str, Any]]:
        """The log, but for a last line that is torn."""
        if not self.log_file.is_file():
            return []
        found = []
        for line in self.log_file.read_bytes().splitlines(keepends=True):
            try:
                row = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n"):
                break
            found.append(row)
        return found

    def keep_rows(self, step: int) -> None:
        """Drop the rows of steps after this one: they will come again."""
        kept = [row for row in self.rows() if row["step"] <= step]
        checkpoint.write(self.log_file, b"".join(_line(row) for row in kept))

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row to the log, through to the disk. A full disk is reported and costs the row."""
        before = self.log_file.stat().st_size if self.log_file.exists() else 0
        try:
            with self.log_file.open("ab") as file:
                file.write(_line(row))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.report(f"the row of step {row['step']} is not in the log: {error}")
            if self.log_file.exists():
                os.truncate(self.log_file, before)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write what came out."""
        checkpoint.write(self.result_file, _json(result))


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def _line(row: Mapping[str, Any]) -> bytes:
    return (json.dumps(row, allow_nan=False) + "\n").encode()
