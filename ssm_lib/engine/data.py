"""The batches of one process of many, drawn by itself or by worker processes, none of them twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ssm_lib.tasks.base import Batch, Task


class Parts(IterableDataset[Batch]):
    """Every so-manieth batch of a task; in a `DataLoader`, its workers take turns.

    Parameters
    ----------
    task, batch_size, seed, start, step
        As `ssm_lib.tasks.base.Task.train_batches`.
    """

    def __init__(
        self, task: Task, batch_size: int, seed: int, start: int, step: int
    ) -> None:
        super().__init__()
        self.task, self.batch_size, self.seed = task, batch_size, seed
        self.start, self.step = start, step

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        turn, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        start, step = self.start + turn * self.step, self.step * workers
        return self.task.train_batches(self.batch_size, self.seed, start, step)


def stream(parts: Parts, workers: int) -> Iterator[Batch]:
    """The batches in their order, drawn here or by that many worker processes."""
    if not workers:
        return iter(parts)
    own = (
        torch.Generator()
    )  # else the loader takes a number from the generator of the dropout
    return iter(DataLoader(parts, batch_size=None, num_workers=workers, generator=own))


def grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Lists of `size` batches; the last one may be shorter."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
