"""The tasks by name, for recipes and the command line: each is a function of plain data that returns a `Task`."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ssm_lib import validate
from ssm_lib.tasks import (
    arena,
    atomic,
    digits,
    films,
    images,
    listops,
    pathfinder,
    speech_commands,
    spoken_digits,
    texts,
)
from ssm_lib.tasks.base import (
    Batch,
    FiniteTask,
    StreamTask,
    Task,
    fixed_length,
    length_between,
)


def digits_task(length: int = digits.LENGTH) -> FiniteTask:
    """Handwritten digits, pixel by pixel: `ssm_lib.tasks.digits`; its length is 64."""
    fixed_length("digits", length, digits.LENGTH)
    data = digits.load()
    return FiniteTask(data.train, data.test, digits.CLASSES, d_input=1)


def spoken_digits_task(length: int = spoken_digits.LENGTH) -> FiniteTask:
    """Spoken digits, sample by sample: `ssm_lib.tasks.spoken_digits`; its length is 4,000."""
    fixed_length("spoken-digits", length, spoken_digits.LENGTH)
    data = spoken_digits.load()
    return FiniteTask(data.train, data.test, spoken_digits.CLASSES, d_input=1)


def delay_task(length: int = 32, lag: int = 4) -> StreamTask:
    """Say again what came `lag` steps ago: white noise (B, L, 1), and itself delayed, zero-filled; R^2."""
    validate.positive_int("lag", lag)
    length_between(f"delay by {lag}", length, lag + 1)

    def sample(batch: int, length: int, generator: torch.Generator) -> Batch:
        u = torch.randn(
            batch, length, 1, generator=generator, device=generator.device
        )  # (B, L, 1)
        y = torch.zeros_like(u)
        y[:, lag:] = u[:, :-lag]
        return u, y

    return StreamTask(sample, length, d_output=1, d_input=1, block=4)


def atomic_task(name: str) -> Callable[..., StreamTask]:
    """One of the eleven atomic tasks of DLR: `ssm_lib.tasks.atomic`; its length is that of the base sequence.

    Batches are drawn on the CPU; with ``device="cuda"`` on the GPU that trains, which draws other numbers.
    """
    task = atomic.TASKS[name]

    def make(length: int = 512, device: str = "cpu") -> StreamTask:
        length_between(name, length, task.shortest)
        return StreamTask(task.sample, length, task.d_output, task.d_input, device=device)

    return make


DOWNLOADED: dict[str, Callable[..., Task]] = {  # whose data come from the network
    "imdb": texts.imdb_task,
    "listops-arena": arena.arena_listops_task,
    "psmnist": images.psmnist_task,
    "retrieval": arena.retrieval_task,
    "scifar": images.scifar_task,
    "scifar-gray": images.scifar_gray_task,
    "smnist": images.smnist_task,
    "speech-commands": speech_commands.speech_commands_task,
}
TASKS: dict[str, Callable[..., Task]] = {
    "delay": delay_task,
    "digits": digits_task,
    "pendulum": films.PendulumTask,
    "spoken-digits": spoken_digits_task,
    "listops": listops.listops_task,
    "listops-subtrees": listops.subtrees_task,
    "pathfinder": pathfinder.pathfinder_task,
    "pathfinder-segmentation": pathfinder.segmentation_task,
    **{name: atomic_task(name) for name in atomic.TASKS},
    **DOWNLOADED,
}
