"""The delay task: its noise keeps to its band, and its readout finds what a state holds and nothing else."""

import pytest
import torch

from ssm_lib.tasks import delay


def test_noise_keeps_to_its_band():
    u = delay.band_limited((3, 500), 0.1, seed=4)
    assert u.dtype == torch.float64
    assert float(u.square().mean()) == pytest.approx(1)
    power = torch.fft.rfft(u).abs()
    frequency = torch.fft.rfftfreq(500)
    assert float(power[:, frequency > 0.1001].max()) < 1e-10 * float(power.max())
    assert float(power[:, 0].max()) < 1e-10 * float(power.max())
    assert float(power[:, (frequency > 0) & (frequency <= 0.1)].min()) > 0
    assert not torch.equal(u, delay.band_limited((3, 500), 0.1, seed=5))
    torch.testing.assert_close(u, delay.band_limited((3, 500), 0.1, seed=4))


@pytest.mark.parametrize(
    ("shape", "cutoff", "words"),
    [
        ((100,), 0.6, r"cutoff must lie in \(0, 0.5\]"),
        ((100,), 0.0, "cutoff must be positive"),
        ((100,), 0.009, "no frequency below 0.009"),
    ],
)
def test_noise_says_what_is_wrong(shape, cutoff, words):
    with pytest.raises(ValueError, match=words):
        delay.band_limited(shape, cutoff, 0)


def test_a_shift_register_reads_its_delays_exactly_and_no_others():
    u = delay.band_limited((400,), 0.5, seed=0)
    register = torch.stack([torch.roll(u, n) for n in (3, 7)], dim=1)  # (L, 2)
    for lag in (0, 3, 7):  # 0 is the term D u
        assert delay.readout_error(register, u, lag) < 1e-9
    assert delay.readout_error(register, u, 5) > 0.9
    assert delay.readout_error(torch.zeros(400, 2, dtype=u.dtype), u, 5) > 0.9  # dead states harm nothing


def test_readout_says_what_is_wrong():
    u = delay.band_limited((400,), 0.5, seed=0)
    with pytest.raises(ValueError, match=r"x must have shape \(L=400, N\)"):
        delay.readout_error(torch.zeros(399, 2), u, 5)
    with pytest.raises(ValueError, match=r"delay must lie in 0 .. 100"):
        delay.readout_error(torch.zeros(400, 2), u, 101)
    with pytest.raises(ValueError, match="150 steps are too few to fit 201 numbers"):
        delay.readout_error(torch.zeros(400, 200), u, 5)
