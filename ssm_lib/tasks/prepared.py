"""Data sets that are kept as small integers and become what a model reads one batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ssm_lib.tasks.base import Batch, FiniteTask


class PreparedTask(FiniteTask):
    """A data set whose batches pass through a function: bytes become numbers, tokens are looked up.

    Parameters
    ----------
    prepare
        Called with (inputs, y), as they are kept; returns them as a model takes them.
    train, test and the rest
        As `ssm_lib.tasks.base.FiniteTask`.
    """

    def __init__(
        self, prepare: Callable[[Batch], Batch], train: Batch, test: Batch, **more: Any
    ) -> None:
        super().__init__(train, test, **more)
        self.prepare = prepare

    def train_batches(
        self, batch_size: int, seed: int, start: int = 0, step: int = 1
    ) -> Iterator[Batch]:
        """As `Task.train_batches`."""
        return map(self.prepare, super().train_batches(batch_size, seed, start, step))

    def evaluation(self) -> Iterator[Batch]:
        """The test set, in its order."""
        return map(self.prepare, super().evaluation())
