"""Chapter 06: the widget's numbers against the library, its figures, its exercises."""

import math

import pytest
import torch
import traitlets
from matplotlib import pyplot as plt
from widget_tools import by_keyboard, by_mouse, idle, module, on_page

from ssm_lib import discretize, hippo, plots
from ssm_lib.check import s4 as check
from ssm_lib.widgets import RankOne, rank_one

# ---- the widget -----------------------------------------------------------------------------------------------

NUMBERS = """cases.map(([rho, N, dt, n]) => (
  {kernel: kernel(N, dt, rho, n), response: response(N, dt, rho, n), thetas}
))"""
CASES = [
    (rho, N, dt, n)
    for rho in (0.0, 0.5, 1.0)
    for N, dt in ((4, 0.1), (16, 0.0158), (64, 0.001), (64, 0.1))
    for n in (0, 3)
]


@pytest.fixture(scope="module")
def browser_numbers():
    return dict(zip(CASES, module(RankOne)(NUMBERS, cases=CASES), strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_browser_computes_the_library_s_numbers(browser_numbers, case):
    """By running sums and Woodbury there, by dense matrices here."""
    numbers = {key: torch.tensor(v, dtype=torch.float64) for key, v in browser_numbers[case].items()}
    widget = RankOne(*case)
    torch.testing.assert_close(numbers["thetas"], widget.frequencies(), rtol=1e-12, atol=0)
    for name in ("kernel", "response"):
        expected = getattr(widget, name)(widget.rho)
        size = float(expected.abs().max())
        torch.testing.assert_close(numbers[name], expected, rtol=0, atol=1e-9 * size)


def test_browser_and_library_cut_at_the_same_places():
    assert module(RankOne)("[LENGTH, NODES]") == [rank_one.LENGTH, rank_one.NODES]


def test_whole_matrix_gives_the_warped_polynomials():
    """At rho = 1 and a small step the kernel of x_n is the impulse response of LegS."""
    widget = RankOne(1.0, 16, 0.001, 2)
    middles = 0.001 * (torch.arange(rank_one.LENGTH, dtype=torch.float64) + 0.5)
    expected = hippo.basis("legs", 16, middles)[:, 2] * torch.exp(-middles)
    torch.testing.assert_close(widget.kernel(1.0), expected, rtol=0, atol=2e-3)


def test_without_the_rank_one_part_the_kernel_is_twice_as_large():
    """What the chapter claims: 2 / (1 + rho), the better the larger N, as far as the samples see."""
    far = []
    for N in (4, 64):
        widget = RankOne(0.0, N, 0.1, 1)
        whole = widget.kernel(1.0)
        far.append(float((widget.kernel(0.0) - 2 * whole).norm() / (2 * whole).norm()))
    assert far[1] < 0.3 < 0.6 * far[0]


def test_still_picture_and_limits():
    figure = RankOne(0.5, 8, 0.02, 3).figure()
    figure.draw_without_rendering()
    line = figure.axes[0].lines[2].get_ydata()
    torch.testing.assert_close(torch.as_tensor(line), RankOne(0.5, 8, 0.02, 3).kernel(0.5))
    with pytest.raises(traitlets.TraitError, match="N must be"):
        RankOne(N=5)


@pytest.mark.browser
def test_controls_and_readout():
    with on_page(RankOne(), RankOne(rho=1.0), width=740) as page:
        first, second = (page.locator(".ssm-widget").nth(i) for i in (0, 1))
        assert "away from S4's times 2." in first.locator(".sw-readout").inner_text()
        assert "0 % away from S4's times 1." in second.locator(".sw-readout").inner_text()
        assert idle(page, first, by_keyboard) == idle(page, first, by_mouse) == []


# ---- the figures ----------------------------------------------------------------------------------------------

sizes = [2, 4, 8]
few = torch.arange(6, dtype=torch.float64)
FIGURES = {
    "conditioning": lambda: plots.conditioning(
        sizes, {"a": [1e2, 1e4, 1e8], "b": sizes}, {"a": [1e-9] * 3, "b": [1e-15] * 3}
    ),
    "decomposition": lambda: plots.decomposition(
        {"A": torch.ones(3, 3), "one": torch.eye(3), "two": torch.ones(3, 3) - torch.eye(3)}
    ),
    "nodes": lambda: plots.nodes(
        torch.polar(torch.ones_like(few), -torch.pi * few / 3),
        torch.complex(0 * few, torch.tan(torch.pi * few / 6)),
        torch.tensor([-0.5 + 1j]),
        reach=3,
    ),
    "sampled_response": lambda: plots.sampled_response(1 + few, 1 / (1 + few), 2 * (1 + few), few + 0.5),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_labelled_and_differ_by_more_than_colour(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()
    assert all(ax.get_xlabel() for ax in figure.axes if ax.get_label() != "<colorbar>")
    assert figure.axes[0].get_ylabel()
    for ax in figure.axes:
        curves = [line for line in ax.lines if line.get_label()[0] != "_"]
        looks = {(str(c._unscaled_dash_pattern), c.get_marker()) for c in curves}
        assert len(looks) == len(curves)


def test_figures_hold_the_data():
    left, right = FIGURES["conditioning"]().axes
    assert list(left.lines[0].get_ydata()) == [1e2, 1e4, 1e8]
    assert right.get_ylim()[1] >= 1e3  # the words at 1 are inside
    first, second, *_ = FIGURES["decomposition"]().axes
    assert (first.get_title(), second.get_title()) == ("A", "= one")
    assert first.images[0].get_clim() == second.images[0].get_clim() == (-1, 1)  # one scale
    circle, axis = FIGURES["nodes"]().axes
    assert len(circle.texts) == 6
    assert "3" not in [text.get_text() for text in axis.texts]  # at infinity
    [ax] = FIGURES["sampled_response"]().axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    torch.testing.assert_close(torch.as_tensor(ax.lines[1].get_xdata()), 2 * (1 + few))
    torch.testing.assert_close(torch.as_tensor(ax.lines[1].get_ydata()), few + 0.5)


# ---- the exercises --------------------------------------------------------------------------------------------


def solve(d, P, Q, b):
    s = (Q.conj() @ (b / d)) / (1 + Q.conj() @ (P / d))
    return (b - P * s) / d


def dense_solve(d, P, Q, b):
    return torch.linalg.solve(torch.diag(d) + torch.outer(P, Q.conj()), b)


def longer(C_tilde, A_bar, L):
    return C_tilde + C_tilde @ torch.linalg.matrix_power(A_bar, L)


def circle(Lambda, P, B, C, dt, L, rho=None):
    rho = 10 ** (-8 / L) if rho is None else rho
    A = torch.diag(Lambda) - torch.outer(P, P.conj())
    A_bar, B_bar = discretize.dense(A, B, dt, "bilinear")
    k = torch.arange(L // 2 + 1, dtype=torch.float64)
    z = rho * torch.polar(torch.ones_like(k), -2 * math.pi * k / L)
    eye = torch.eye(len(B), dtype=B.dtype)
    K_hat = torch.linalg.solve(eye - z[:, None, None] * A_bar, B_bar) @ C
    return torch.fft.irfft(K_hat, n=L) / rho ** torch.arange(L, dtype=torch.float64)


ANSWERS = [
    (check.node, 20.0, -20.0, "z = -i"),
    (check.node, 20.0, 10.0, "2/dt"),
    (check.cauchy_sums, 9, 4, "rank 1"),
    (check.cauchy_sums, 9, 8, "independent"),
    (check.rank_one_solve, solve, lambda d, P, Q, b: solve(d, P, Q.conj(), b), "case 1 of 3"),
    (check.rank_one_solve, solve, dense_solve, "do without a matrix"),
    (check.longer, longer, lambda c, A, L: c - c @ torch.linalg.matrix_power(A, L), "expected"),
    (check.small_circle, circle, lambda *a: circle(*a, rho=1.0), "the kernel, case 1"),
]


@pytest.mark.parametrize(("verdict", "right", "wrong", "words"), ANSWERS)
def test_exercises(capsys, verdict, right, wrong, words):
    assert verdict(right)
    assert not verdict(wrong)
    assert words in capsys.readouterr().out
    assert not verdict(...)
    assert "Not begun" in capsys.readouterr().out
