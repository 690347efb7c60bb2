"""Fewer samples: tones below the limit stay, those above are gone, or fold where the formula says."""

import pytest
import torch

from ssm_lib import resample

L, FACTOR = 240, 3  # half of the new rate is 40 cycles per length


def tone(cycles, length=L, phase=0.0):
    t = torch.arange(length, dtype=torch.float64) / length
    return torch.cos(2 * torch.pi * cycles * t + phase)[None, :, None]


@pytest.mark.parametrize("cycles", [0, 1, 17, 39])
def test_tones_below_the_limit_are_kept(cycles):
    expected = tone(cycles, L // FACTOR, phase=0.4)
    torch.testing.assert_close(resample.decimate(tone(cycles, phase=0.4), FACTOR), expected)


@pytest.mark.parametrize("cycles", [40, 41, 77, 119, 120])
def test_tones_above_it_are_removed(cycles):
    assert float(resample.decimate(tone(cycles), FACTOR).abs().max()) < 1e-12


@pytest.mark.parametrize("cycles", [41, 77, 80, 81, 119])
def test_without_the_limit_they_fold(cycles):
    rate = L / FACTOR
    seen = abs(cycles - rate * round(cycles / rate))
    folded = resample.decimate(tone(cycles), FACTOR, band_limited=False)
    torch.testing.assert_close(folded, tone(seen, L // FACTOR), rtol=0, atol=1e-10)


def test_every_channel_and_sequence_by_itself():
    u = torch.randn(3, L, 2)
    v = resample.decimate(u, FACTOR)
    assert v.shape == (3, L // FACTOR, 2)
    assert v.dtype == u.dtype
    torch.testing.assert_close(v[1:2, :, 1:], resample.decimate(u[1:2, :, 1:], FACTOR))
    assert torch.equal(resample.decimate(u, 1), u)
    assert torch.equal(resample.decimate(u, FACTOR, band_limited=False), u[:, ::FACTOR])


@pytest.mark.parametrize(
    ("shape", "factor", "error", "message"),
    [
        ((2, 10, 1), 3, ValueError, r"a multiple of factor=3, got \(2, 10, 1\)"),
        ((10, 1), 2, ValueError, r"shape \(S, L, C\)"),
        ((2, 10, 1), 0, ValueError, "factor must be at least 1"),
        ((2, 10, 1), 2.0, TypeError, "factor must be an int"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said(shape, factor, error, message):
    with pytest.raises(error, match=message):
        resample.decimate(torch.ones(shape), factor)
