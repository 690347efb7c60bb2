"""Episodes one after the other in one sequence: say at each step the bit that the episode began with.

Each episode has a random length. Its first step shows the bit, and all steps after it show random bits that do
not matter. A second channel of the input marks the first step, so that a model without a reset can know where
an episode starts; only its state does not forget by itself.

Source: in the manner of Lu et al. 2023, who reset S5 between episodes of reinforcement learning.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ssm_lib import validate

CHANNELS = 2


class Episodes(NamedTuple):
    """A batch of windows of L steps, full of episodes; the last one of each may be cut off by its end."""

    u: Tensor  # (B, L, 2) float32: a bit as -1 or 1, and 1 at the first step of an episode
    reset: Tensor  # (B, L) bool, True at the first step of each episode
    y: Tensor  # (B, L) int64, the bit (0 or 1) that the step's episode began with
    age: Tensor  # (B, L) int64, steps since the episode's first


def sample(
    batch: int, length: int, shortest: int, longest: int, seed: int | torch.Generator
) -> Episodes:
    """Draw windows of episodes whose lengths are uniform in shortest .. longest.

    Parameters
    ----------
    batch, length
        B windows of L steps.
    shortest, longest
        Steps of an episode.
    seed
        Of the random numbers, or a CPU generator to go on with.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive int, or shortest is above longest.
    """
    sizes = {"batch": batch, "length": length, "shortest": shortest, "longest": longest}
    for name, value in sizes.items():
        validate.positive_int(name, value)
    if shortest > longest:
        raise ValueError(
            f"expected shortest <= longest, got shortest={shortest}, longest={longest}"
        )
    random = seed if isinstance(seed, torch.Generator) else None
    if random is None:
        random = torch.Generator().manual_seed(int(seed))  # type: ignore[arg-type]
    count = -(-length // shortest)  # as many as could ever fit
    lengths = torch.randint(shortest, longest + 1, (batch, count), generator=random)
    starts = torch.cumsum(lengths, 1) - lengths  # (B, episodes)
    steps = torch.arange(length).expand(batch, -1).contiguous()  # (B, L)
    episode = torch.searchsorted(starts, steps, right=True) - 1
    first = starts.gather(1, episode)  # the step at which each step's episode began
    bits = torch.randint(2, (batch, length), generator=random)
    reset = steps == first
    u = torch.stack([2.0 * bits - 1, reset.float()], -1)
    return Episodes(u, reset, bits.gather(1, first), steps - first)
