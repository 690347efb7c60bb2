"""Episodes one after the other in one sequence: carry a bit from the first step of each to its last.

Each episode has a random length. Its first step shows the bit, the steps after it show random bits that do
not matter, and its last step asks. Two further channels of the input mark the first and the last step, so
that a model without a reset can know where an episode starts; only its state does not forget by itself.

Source: in the manner of Lu et al. 2023, who reset S5 between episodes of reinforcement learning.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ssm_lib import validate

CHANNELS = 3  # the bit as -1 or 1; 1 at an episode's first step; 1 at its last


class Episodes(NamedTuple):
    """A batch of windows of L steps, each full of episodes; the last one may be cut by the end."""

    u: Tensor  # (B, L, 3) float32: bit (-1 or 1), mark of the first step, mark of the last
    reset: Tensor  # (B, L) bool, True at the first step of each episode
    asked: Tensor  # (B, L) bool, True at the last step of each
    y: Tensor  # (B, L) int64, the bit (0 or 1) of the episode that a step belongs to


def sample(
    batch: int, length: int, shortest: int, longest: int, seed: int | torch.Generator
) -> Episodes:
    """Draw windows of episodes whose lengths are uniform in shortest .. longest.

    Parameters
    ----------
    batch, length
        B windows of L steps.
    shortest, longest
        Steps of an episode, at least 2.
    seed
        Of the random numbers, or a generator to go on with.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive int, an episode shorter than 2 steps, or shortest above longest.
    """
    for name, value in (("batch", batch), ("length", length), ("longest", longest)):
        validate.positive_int(name, value)
    if not 2 <= validate.positive_int("shortest", shortest) <= longest:
        raise ValueError(
            f"expected 2 <= shortest <= longest, got shortest={shortest}, longest={longest}"
        )
    random = (
        seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    )
    count = -(-length // shortest)  # as many as could ever fit
    lengths = torch.randint(shortest, longest + 1, (batch, count), generator=random)
    starts = torch.cumsum(lengths, 1) - lengths  # (B, episodes)
    steps = torch.arange(length)
    index = torch.searchsorted(starts, steps.expand(batch, -1).contiguous(), right=True) - 1
    reset = steps == starts.gather(1, index)
    asked = steps == (starts + lengths - 1).gather(1, index)
    bits = torch.randint(2, (batch, length), generator=random)
    first = starts.gather(1, index)  # the step at which the step's episode began
    u = torch.stack([2.0 * bits - 1, reset.float(), asked.float()], -1)
    return Episodes(u, reset, asked, bits.gather(1, first))
