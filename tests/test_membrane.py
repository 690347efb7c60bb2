"""The recording that comes with matplotlib: its units, its excerpts, its errors."""

import pytest
import torch

from ssm_lib.tasks import membrane


def test_excerpt_rests_jumps_and_fires():
    t, u = membrane.load()
    assert t.shape == u.shape == (500,)
    assert t.dtype == u.dtype == torch.float64
    assert float(t[0]) == pytest.approx(0.002)
    assert float(t[-1]) == pytest.approx(1.0)
    assert -68 < float(u[:120].mean()) < -65  # millivolts, at rest
    assert float(u[:120].std()) < 0.5
    assert float(u[140:].mean()) > -50  # driven
    above = (u > -15).int()
    assert int((above.diff() == 1).sum()) == 8  # spikes


def test_steps_are_means_of_samples():
    fine, coarse = membrane.load(1.0, 0.1, merge=1), membrane.load(1.0, 0.1, merge=8)
    torch.testing.assert_close(coarse.u, fine.u.reshape(-1, 8).mean(1))
    torch.testing.assert_close(coarse.t, fine.t[7::8])
    assert membrane.load(0, 6, 1).u.shape == (12000,)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((5.5, 1.0), ValueError, "inside 0 .. 6 s, got start=5.5"),
        ((-1.0, 1.0), ValueError, "got start=-1"),
        ((0.0, 0.0), ValueError, "seconds=0"),
        ((0.0, 1.0, 0), ValueError, "merge must be at least 1"),
        ((0.0, 1.0, 2.5), TypeError, "merge must be an int"),
    ],
)
def test_bad_input_is_named(arguments, error, words):
    with pytest.raises(error, match=words):
        membrane.load(*arguments)
