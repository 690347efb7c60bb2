"""The exercise checks: what they accept, and what they say otherwise."""

import math

import pytest
import torch

from ssm_lib import check


@pytest.mark.parametrize(
    ("answer", "right", "says"),
    [
        (0.5, True, "✓ Right: 0.5"),
        (torch.tensor(0.5), True, "✓ Right"),
        (0.25, False, "0.25 is not it: you forgot the factor 2"),
        (0.7, False, "0.7 is too large"),
        (0.1, False, "0.1 is too small"),
        (None, False, "Not begun"),
        (..., False, "Not begun"),
        ("half", False, "a number is expected, got 'half' (str)"),
        (math.nan, False, "nan is"),
    ],
)
def test_value(answer, right, says, capsys):
    assert check.value(answer, 0.5, {0.25: "you forgot the factor 2"}) is right
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "right", "says"),
    [
        (torch.tensor([1.0, 2.0]), True, "✓ Right: shape (2,)"),
        ([1.0, 2.0], True, "✓ Right"),
        (torch.tensor([1.0, 2.0], requires_grad=True), True, "✓ Right"),
        (torch.tensor([1.0, 2.0], dtype=torch.float16), True, "✓ Right"),
        (torch.tensor([1.0, 3.0]), False, "entry [1] is 3, expected 2"),
        (torch.tensor([1.0, math.nan]), False, "entry [1] is nan"),
        (torch.tensor([[1.0, 2.0]]), False, "the shape is (1, 2), expected (2,)"),
        (torch.tensor([1.0 + 0j, 2.0]), False, "complex"),
        ("no", False, "a tensor is expected, got str"),
        (None, False, "Not begun"),
    ],
)
def test_tensor(answer, right, says, capsys):
    assert check.tensor(answer, torch.tensor([1.0, 2.0])) is right
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "right", "says"),
    [
        (lambda x: x + 1, True, "✓ Right: 2 cases agree"),
        (lambda x: x * 2, False, "case 2 of 2: entry [0] is 4, expected 3"),
        (lambda x: 1 / 0, False, "case 1 of 2 raised ZeroDivisionError"),
        (lambda x: None, False, "Not begun"),
        (None, False, "Not begun"),
    ],
)
def test_function(answer, right, says, capsys):
    cases = [(torch.tensor([1.0]),), (torch.tensor([2.0]),)]
    assert check.function(answer, lambda x: x + 1, cases) is right
    assert says in capsys.readouterr().out


def test_one_case_agrees(capsys):
    assert check.function(lambda x: x + 1, lambda x: x + 1, [(torch.tensor([1.0]),)])
    assert "1 case agrees with" in capsys.readouterr().out
