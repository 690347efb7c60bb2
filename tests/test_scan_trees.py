"""Plans of scans: that they scan, what they cost, and that a wrong one is seen."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssm_lib import scan, scan_trees

LENGTHS = [1, 2, 3, 7, 8, 9, 16, 31, 100]


def elements(L):
    generator = torch.Generator().manual_seed(L)
    return torch.randn(2, L, 3, generator=generator, dtype=torch.complex128).unbind()


@pytest.mark.parametrize("L", LENGTHS)
@pytest.mark.parametrize("name", scan_trees.PLANS)
def test_every_plan_gives_the_states(name, L):
    plan, (a, b) = scan_trees.PLANS[name](L), elements(L)
    scan_trees.checked(plan, L)
    product, x = scan_trees.run(plan, a, b)
    torch.testing.assert_close(x, scan.linear(a[None], b[None])[0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(product, a.cumprod(0), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("m", range(1, 11))
def test_levels_and_work_are_those_of_the_formulas(m):
    L = 2**m
    sizes = {name: (len(make(L)), scan_trees.work(make(L))) for name, make in scan_trees.PLANS.items()}
    assert sizes["loop"] == (L - 1, L - 1)
    assert sizes["Hillis-Steele"] == (m, m * L - L + 1)
    assert sizes["Blelloch"] == (2 * m - 1, 2 * L - 2 - m)
    if m % 2 == 0:
        root = math.isqrt(L)
        assert sizes["blocks"] == (2 * (root - 1) + 1, 2 * L - 2 * root)


@pytest.mark.parametrize("size", [1, 2, 5, 16, 40])
def test_blocks_of_any_size(size):
    for L in LENGTHS:
        scan_trees.checked(scan_trees.two_level(L, size), L)


@settings(max_examples=50, derandomize=True, deadline=None, database=None)
@given(st.integers(1, 300), st.sampled_from(list(scan_trees.PLANS)))
def test_plans_of_any_length_are_scans(L, name):
    plan = scan_trees.PLANS[name](L)
    scan_trees.checked(plan, L)
    assert scan_trees.covered(plan, L)[-1] == [0] * L


def test_the_operator_is_associative_and_not_commutative():
    e = [elements(50) for _ in range(3)]
    e[1], e[2] = (e[1][1], e[1][0]), (e[2][0] * 2, e[2][1].conj())
    left = scan_trees.combine(scan_trees.combine(e[0], e[1]), e[2])
    right = scan_trees.combine(e[0], scan_trees.combine(e[1], e[2]))
    for x, y in zip(left, right, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(scan_trees.combine(e[0], e[1])[1], scan_trees.combine(e[1], e[0])[1])


def test_a_level_reads_what_was_there_before_it():
    a, b = torch.tensor([2.0, 3.0, 5.0]), torch.ones(3)
    product, _ = scan_trees.run([[(1, 0), (2, 1)]], a, b)
    assert product.tolist() == [2, 6, 15]  # not 30


def test_what_is_given_is_left_unchanged():
    a, b = elements(8)
    before = a.clone(), b.clone()
    scan_trees.run(scan_trees.blelloch(8), a, b)
    assert torch.equal(a, before[0])
    assert torch.equal(b, before[1])


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ([], "element 1 ends as steps 1 to 1, not from step 0"),
        ([[(2, 0)]], "level 1: element 2 stands for steps 2 to 2, so its source is 1, not 0"),
        ([[(1, 0)], [(1, 0)]], "level 2: element 1 stands for steps 0 to 1"),
        ([[(3, 2)]], r"level 1: the pair \(3, 2\) is outside 0 .. 2"),
        ([[(2, 1), (2, 1)]], "level 1: element 2 is a target twice"),
    ],
)
def test_a_wrong_plan_is_named(plan, message):
    with pytest.raises(ValueError, match=message):
        scan_trees.checked(plan, 3)


@pytest.mark.parametrize("make", [scan_trees.loop, scan_trees.hillis_steele, scan_trees.blelloch])
def test_lengths_are_checked(make):
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        make(0)
    with pytest.raises(TypeError, match="size must be an int"):
        scan_trees.two_level(8, 2.0)
