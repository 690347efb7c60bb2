"""The exercise checks of the chapters: a right answer passes, each known slip gets its advice."""

import math

import pytest
import torch

from ssm_lib import SequenceModel
from ssm_lib.check import tour


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        (tour.memory, 200, "Right"),
        (tour.memory, 2, "in seconds"),
        (tour.memory, 100, "-1/2"),
        (tour.memory, 3, "too small"),
        (tour.memory, 20, "here it is 0.01"),
        (tour.largest_step, 1 / 31, "Right"),
        (tour.largest_step, 0.032, "Right"),
        (tour.largest_step, 1 / 63, "both halves"),
        (tour.largest_step, 1 / 32, "n starts at 0"),
        (tour.largest_step, math.pi / 31, "may turn by pi"),
        (
            tour.bilinear,
            lambda lam, dt: ((1 + dt * lam / 2) / (1 - dt * lam / 2), dt / (1 - dt * lam / 2)),
            "Right",
        ),
        (
            tour.bilinear,
            lambda lam, dt: ((1 + dt * lam / 2) / (1 - dt * lam / 2), dt + 0 * lam),
            "second value (B_bar), case 1",
        ),
        (tour.bilinear, lambda lam, dt: (dt / (1 - dt * lam / 2), lam), "first value (A_bar), case 1"),
        (tour.bilinear, lambda lam, dt: None, "Not begun"),
        (
            tour.final_state,
            lambda a, b, u: sum(a ** (len(u) - 1 - l) * b * u[l] for l in range(len(u))),
            "Right",
        ),
        (tour.final_state, lambda a, b, u: sum(a**l * b * u[l] for l in range(len(u))), "case 2"),
    ],
)
def test_tour(exercise, answer, says, capsys):
    assert exercise(answer) is (says == "Right")
    assert says in capsys.readouterr().out


def test_tour_twice_as_fast(capsys):
    model, u = SequenceModel(1, 10, d_model=8, n_layers=1).eval(), torch.randn(40, 16, 1)
    with torch.no_grad():
        model.decoder.bias -= model(u).mean(0)  # so that the classes differ
        right = model(u.repeat_interleave(2, 1), rate=0.5).argmax(-1)
        wrong = model(u.repeat_interleave(2, 1)).argmax(-1)
    assert tour.twice_as_fast(right, model, u)
    assert not torch.equal(right, wrong)
    assert not tour.twice_as_fast(wrong, model, u)
    assert not tour.twice_as_fast(None, model, u)
    assert "Not begun" in capsys.readouterr().out
