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


def running_sum(x):
    return torch.stack([x[: k + 1].sum() for k in range(len(x))])


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda x: x.cumsum(0), "✓ Right: 2 cases agree"),
        (running_sum, "case 2 of 2: the values are right, but it took"),
        (lambda x: torch.ones(len(x), len(x)).tril() @ x, "case 2 of 2: the values are right, but a tensor of 2500"),
        (lambda x: x[None].expand(len(x), -1).tril().sum(1), "a tensor of 2500 numbers appeared"),
        (lambda x: running_sum(x) + 1, "entry [0]"),
    ],
)  # fmt: skip
def test_function_may_forbid_a_loop_or_a_matrix(answer, says, capsys):
    """By the operations that it calls, and by the largest tensor: on the case that is large enough."""
    cases = [(torch.arange(float(n)),) for n in (5, 50)]
    right = check.function(answer, lambda x: x.cumsum(0), cases, calls=40, numbers=100)
    assert right is ("✓" in says)
    assert says in capsys.readouterr().out


def test_a_matrix_from_outside_counts(capsys):
    ones = torch.ones(50, 50).tril()
    cases = [(torch.arange(50.0),)]
    assert not check.function(lambda x: ones @ x, lambda x: x.cumsum(0), cases, numbers=100)
    assert "do without a matrix" in capsys.readouterr().out
    assert check.function(lambda x: ones @ x, lambda x: x.cumsum(0), cases)  # where it is not forbidden


def test_one_case_agrees(capsys):
    assert check.function(lambda x: x + 1, lambda x: x + 1, [(torch.tensor([1.0]),)])
    assert "1 case agrees with" in capsys.readouterr().out
