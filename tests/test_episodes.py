"""Concatenated episodes: each says its own first bit, and starts where it says it does."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssm_lib.tasks import episodes


@settings(max_examples=40, derandomize=True, deadline=None, database=None)
@given(st.integers(1, 5), st.integers(1, 60), st.integers(1, 9), st.integers(0, 9), st.integers(0, 99))
def test_targets_are_the_bits_of_the_first_steps(batch, length, shortest, more, seed):
    e = episodes.sample(batch, length, shortest, shortest + more, seed)
    assert e.u.shape == (batch, length, episodes.CHANNELS)
    assert e.reset.dtype == torch.bool
    assert bool(e.reset[:, 0].all())
    assert torch.equal(e.u[..., 1].bool(), e.reset)
    assert bool((e.u[..., 0].abs() == 1).all())
    for u, reset, y, age in zip(*e, strict=True):
        begin = 0
        for k in range(length):
            begin = k if reset[k] else begin
            assert int(y[k]) == int(u[begin, 0] > 0)
            assert int(age[k]) == k - begin
        sizes = reset.nonzero()[:, 0].diff().tolist()
        assert all(shortest <= size <= shortest + more for size in sizes)
        assert int(age.max()) < shortest + more


def test_seeds_and_generators_repeat():
    one, two = (episodes.sample(3, 40, 4, 9, 7) for _ in range(2))
    assert all(torch.equal(x, y) for x, y in zip(one, two, strict=True))
    generator = torch.Generator().manual_seed(7)
    first, second = (episodes.sample(3, 40, 4, 9, generator) for _ in range(2))
    assert torch.equal(first.u, one.u)
    assert not torch.equal(second.u, one.u)
    assert abs(float(one.u[..., 0].mean())) < 0.3


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ((0, 8, 2, 3), ValueError, "batch must be at least 1, got 0"),
        ((2, 8, 4, 3), ValueError, "shortest <= longest, got shortest=4, longest=3"),
        ((2, 8, 0, 3), ValueError, "shortest must be at least 1"),
        ((2, 8.0, 2, 3), TypeError, "length must be an int, got 8.0"),
    ],
)
def test_bad_sizes_are_named(sizes, error, message):
    with pytest.raises(error, match=message):
        episodes.sample(*sizes, 0)
