"""What every task is to training: endless batches that are a function of a seed, and batches to test on.

The samples of a seed form one endless stream. The batch size, the processes and the worker processes only
cut it: batch i of size b is samples b i .. b (i + 1) - 1, whoever asks for it and whenever. So two processes
with half of a batch see what one sees with the whole, no sample comes twice, and a run that goes on from
step 10,000 replays nothing. `FiniteTask` and `StreamTask` keep this promise for data sets and for samplers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ssm_lib import validate

Inputs = Tensor | Mapping[str, Tensor]  # u, or what a model takes by name, "u" among it
Batch = tuple[Inputs, Tensor]  # inputs and targets
INDICES = 2**31  # of blocks of samples, for each seed


@runtime_checkable
class Task(Protocol):
    """What training needs to know of a task.

    Attributes
    ----------
    d_input
        Size of one real input; None if the inputs are tokens.
    vocabulary
        Number of tokens; None if the inputs are real.
    d_output
        Size of one output: classes, or numbers.
    objective
        A key of `ssm_lib.objectives.OBJECTIVES`: what is minimized and what is reported.
    """

    d_input: int | None
    vocabulary: int | None
    d_output: int
    objective: str

    def train_batches(
        self, batch_size: int, seed: int, start: int = 0, step: int = 1
    ) -> Iterator[Batch]:
        """Batches start, start + step, start + 2 step, … of the stream of a seed, without end.

        Process r of n asks for start = r, step = n. The same arguments give the same numbers.
        """
        ...

    def evaluation(self) -> Iterable[Batch]:
        """The batches to test on, the same at every call and for every seed; no sample is trained on."""
        ...


class FiniteTask:
    """A data set: each pass takes every sample once, in an order of its own.

    Parameters
    ----------
    train, test : (inputs, y)
        Inputs (S, ...), or a dict of such tensors by the model's names; targets (S, ...).
    d_output, d_input, vocabulary, objective
        As `Task`; exactly one of d_input and vocabulary.
    test_batch
        Sequences in one batch of `evaluation`.

    Raises
    ------
    ValueError
        If inputs and targets differ in number, or there are none.
    """

    def __init__(
        self,
        train: Batch,
        test: Batch,
        d_output: int,
        d_input: int | None = None,
        vocabulary: int | None = None,
        objective: str = "accuracy",
        test_batch: int = 256,
    ) -> None:
        one_kind_of_input(d_input, vocabulary)
        for name, (inputs, y) in (("train", train), ("test", test)):
            for count in {len(x) for x in _parts(inputs)}:
                if count != len(y) or not count:
                    raise ValueError(f"{name} has {count} inputs and {len(y)} targets")
        self.train, self.test, self.test_batch = train, test, test_batch
        self.d_input, self.vocabulary, self.d_output = d_input, vocabulary, d_output
        self.objective = objective

    def train_batches(
        self, batch_size: int, seed: int, start: int = 0, step: int = 1
    ) -> Iterator[Batch]:
        """As `Task.train_batches`; a batch may hold the end of one pass and the start of the next."""
        count = len(self.train[1])

        @lru_cache(maxsize=2)
        def order(epoch: int) -> Tensor:
            return torch.randperm(count, generator=generator(seed, epoch))

        for first in _starts(batch_size, start, step):
            rows, end = [], first + batch_size
            while first < end:
                epoch, begin = divmod(first, count)
                rows.append(order(epoch)[begin : begin + end - first])
                first += len(rows[-1])
            yield _take(self.train, torch.cat(rows))

    def evaluation(self) -> Iterator[Batch]:
        """The test set, in its order."""
        for rows in torch.arange(len(self.test[1])).split(self.test_batch):
            yield _take(self.test, rows)


class StreamTask:
    """Fresh samples without end, from a function that draws them.

    Parameters
    ----------
    sample
        Called with (batch, length, generator): draws that many samples with the generator, on its
        device, and returns (inputs, y).
    length
        Of the sequences, handed to `sample`.
    d_output, d_input, vocabulary, objective
        As `Task`; exactly one of d_input and vocabulary.
    block
        Samples drawn in one call. The stream is made of such blocks, each with a generator of its own, so
        another size is another stream. A batch size that it divides wastes nothing.
    test_size, test_batch
        Samples of `evaluation`, and in one batch of it.
    device
        Where the samples are drawn. CPU and GPU draw different numbers.

    Raises
    ------
    ValueError
        If a number is out of range, or nothing can be drawn on that device.
    """

    def __init__(
        self,
        sample: Callable[[int, int, torch.Generator], Batch],
        length: int,
        d_output: int,
        d_input: int | None = None,
        vocabulary: int | None = None,
        objective: str = "r2",
        block: int = 16,
        test_size: int = 256,
        test_batch: int = 64,
        device: str = "cpu",
    ) -> None:
        one_kind_of_input(d_input, vocabulary)
        for name, value in (("length", length), ("block", block), ("test_size", test_size)):
            validate.positive_int(name, value)
        try:
            torch.Generator(device)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"samples cannot be drawn on {device!r}: {reason}") from error
        self.sample, self.length, self.block, self.device = sample, length, block, device
        self.test_size, self.test_batch = test_size, test_batch
        self.d_input, self.vocabulary, self.d_output = d_input, vocabulary, d_output
        self.objective = objective

    def train_batches(
        self, batch_size: int, seed: int, start: int = 0, step: int = 1
    ) -> Iterator[Batch]:
        """As `Task.train_batches`."""
        for first in _starts(batch_size, start, step):
            yield self._samples(seed, first, batch_size, test=False)

    def evaluation(self) -> Iterator[Batch]:
        """The first samples of a stream that no seed trains on."""
        for first in range(0, self.test_size, self.test_batch):
            size = min(self.test_batch, self.test_size - first)
            yield self._samples(0, first, size, test=True)

    def _samples(self, seed: int, first: int, count: int, test: bool) -> Batch:
        """Samples first .. first + count - 1: the blocks that hold them, cut at both ends."""
        blocks = range(first // self.block, (first + count - 1) // self.block + 1)
        drawn = [
            self.sample(self.block, self.length, generator(seed, index, test, self.device))
            for index in blocks
        ]
        whole = drawn[0] if len(drawn) == 1 else _join(drawn)
        begin = first - blocks[0] * self.block
        return _take(whole, slice(begin, begin + count))


def generator(
    seed: int, index: int, test: bool = False, device: str = "cpu"
) -> torch.Generator:
    """The generator of one block of samples: a function of the seed of the run and the block's index.

    Parameters
    ----------
    seed
        Any int.
    index
        0 .. 2^31 - 1. All of one seed differ: torch's CPU generator has only 2^32 seeds, and hashed
        numbers of blocks would meet in it after some ten thousand.
    test
        Generators to test with; none of them is ever one to train with, whatever the seeds.
    device
        Where it draws.

    Raises
    ------
    ValueError
        If the index is out of range.
    """
    if not 0 <= index < INDICES:
        raise ValueError(f"index must lie in 0 .. 2^31 - 1, got {index}")
    first = _mix(_mix(seed % 2**32) ^ (seed // 2**32 % 2**32))
    own = (first + index) % INDICES + (INDICES if test else 0)
    return torch.Generator(device).manual_seed(_mix(own))


def fixed_length(task: str, length: int, only: int) -> int:
    """Return the length if it is the only one that the task has, else raise ValueError."""
    if validate.positive_int("length", length) != only:
        raise ValueError(
            f"{task} has sequences of {only} steps, and no others; got length {length}"
        )
    return length


def length_between(task: str, length: int, least: int, most: int | None = None) -> int:
    """Return the length if the task can have it, else raise ValueError with those that it can have."""
    validate.positive_int("length", length)
    if length < least or (most is not None and length > most):
        allowed = f"at least {least}" if most is None else f"{least} .. {most}"
        raise ValueError(f"{task} needs a length of {allowed}, got {length}")
    return length


def one_kind_of_input(d_input: int | None, vocabulary: int | None) -> None:
    """Raise ValueError unless exactly one of both is given."""
    if (d_input is None) == (vocabulary is None):
        raise ValueError(
            "expected d_input or vocabulary, and not both; got "
            f"d_input={d_input}, vocabulary={vocabulary}"
        )


def _starts(batch_size: int, start: int, step: int) -> Iterator[int]:
    validate.positive_int("batch_size", batch_size)
    validate.positive_int("step", step)
    if start < 0:
        raise ValueError(f"start must be at least 0, got {start}")
    index = start
    while True:
        yield index * batch_size
        index += step


def _mix(x: int) -> int:
    """A bijection of 32 bits under which neighbours part (the finalizer of MurmurHash3)."""
    x ^= x >> 16
    x = x * 0x85EBCA6B % 2**32
    x ^= x >> 13
    x = x * 0xC2B2AE35 % 2**32
    return x ^ x >> 16


def _parts(inputs: Inputs) -> list[Tensor]:
    return [inputs] if isinstance(inputs, Tensor) else list(inputs.values())


def _take(batch: Batch, rows: Any) -> Batch:
    inputs, y = batch
    if isinstance(inputs, Tensor):
        return inputs[rows], y[rows]
    return {name: x[rows] for name, x in inputs.items()}, y[rows]


def _join(batches: list[Batch]) -> Batch:
    y = torch.cat([y for _, y in batches])
    first = batches[0][0]
    if isinstance(first, Tensor):
        return torch.cat([u for u, _ in batches if isinstance(u, Tensor)]), y
    named = [u for u, _ in batches if not isinstance(u, Tensor)]
    return {name: torch.cat([u[name] for u in named]) for name in first}, y
