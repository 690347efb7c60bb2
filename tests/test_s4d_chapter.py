"""Chapter 08: the figures, the exercises, and the widget of the four laws."""

import itertools
import math

import pytest
import torch
import traitlets
from matplotlib import pyplot as plt
from widget_tools import by_keyboard, by_mouse, idle, module, on_page

from ssm_lib import hippo, kernels, lti, plots
from ssm_lib.check import s4d
from ssm_lib.layers.s4d import LAWS, initial_eigenvalues
from ssm_lib.widgets import EigenvalueLaws, eigenvalue_laws

# ---- figures ----------------------------------------------------------------------------------------------

t = torch.linspace(0, 1, 9)
omega = torch.logspace(0, 2, 20)
TWO = {"one": torch.cos(9 * t), "two": t}
FIGURES = {
    "laws": lambda: plots.laws({"one": torch.tensor([0.0, 1.0, 5.0])}, t, TWO),
    "weakly": lambda: plots.weakly(t, {"first": TWO, "second": TWO}),
    "weakly, one panel": lambda: plots.weakly(t, {"first": TWO}),
    "gains": lambda: plots.gains(omega, {"one": omega, "two": 1 / omega}, [5.0, 500.0], reference=True),
    "spread": lambda: plots.spread({"a": {"x": [1, 2], "y": [3]}, "b": {"y": [4.0, 6]}}, "accuracy (%)"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_have_labels_and_are_taken_off_pyplots_list(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()
    assert all(ax.get_xlabel() for ax in figure.axes)
    assert figure.axes[0].get_ylabel() or figure.axes[0].get_yticklabels()
    assert figure.legends or any(ax.get_legend() for ax in figure.axes)


def test_figures_hold_the_data():
    left, right = FIGURES["laws"]().axes
    assert left.lines[0].get_ydata().tolist() == [5, 1]  # falling, without the zero
    assert left.lines[0].get_xdata().tolist() == [1, 2]
    assert max(right.lines[1].get_ydata()) == 1
    _, second = FIGURES["weakly"]().axes
    torch.testing.assert_close(torch.as_tensor(second.lines[0].get_ydata()), TWO["one"])
    [ax] = FIGURES["gains"]().axes
    assert ax.lines[0].get_linewidth() > ax.lines[1].get_linewidth()
    assert ax.lines[2].get_xdata().tolist() == [5]  # 500 is beyond the axis
    [ax] = FIGURES["spread"]().axes
    assert [float(x) for x in ax.lines[-1].get_xdata()] == [5]  # the mean of b's y
    assert ax.lines[0].get_marker() != ax.lines[2].get_marker()


# ---- exercises --------------------------------------------------------------------------------------------


def kept(Lambda, w, factor=0.5):
    keep = Lambda.imag >= 0
    return Lambda[keep], torch.where(Lambda.imag == 0, factor * w, w)[keep]


def averages(Lambda, w, dt, length, scale=1.0):
    step = torch.tensor([dt], dtype=torch.float64)
    return kernels.diagonal(Lambda[None], w[None], torch.ones_like(w)[None], step, length)[0] / dt**scale


def upper(Lambda, w):
    return Lambda[Lambda.imag > 0], w[Lambda.imag > 0]


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        (s4d.coarsest, math.pi / float(hippo.nplr("legs", 64)[0].imag[-1]), "Right"),
        (s4d.coarsest, 2 * math.pi / 1303.2738, "whole turn"),
        (s4d.coarsest, 1 / 1303.2738, "one radian"),
        (s4d.coarsest, math.pi**2 / 64**2, "Right"),
        (s4d.coarsest, 0.00241, "Right"),
        (s4d.coarsest, 0.0024, "Right"),
        (s4d.coarsest, 0.0025, "too large"),
        (s4d.coarsest, 414.8, "1/Δ"),
        (s4d.coarsest, ..., "Not begun"),
        (s4d.too_loud, 52.709, "Right"),
        (s4d.too_loud, 105.42, "halve"),
        (s4d.too_loud, 104.42, "1 + p"),
        (s4d.too_loud, 51.71, "the question is"),
        (s4d.too_loud, 1 / 52.71, "other way"),
        (s4d.halves, kept, "agree"),
        (s4d.halves, lambda L, w: kept(L, w, 1.0), "case 1"),
        (s4d.halves, lambda L, w: (L, w / 2), "one of each pair and every real one"),
        (s4d.halves, upper, "every real one"),
        (s4d.halves, lambda L, w: w, "two tensors"),
        (s4d.halves, lambda L, w: None, "Not begun"),
        (s4d.halves, ..., "Not begun"),
        (s4d.averages, averages, "agree"),
        (s4d.averages, lambda *a: averages(*a, scale=0), "case 1"),
        (s4d.averages, ..., "Not begun"),
        (s4d.share, 0.1, "Right"),
        (s4d.share, 0.05, "take more away"),
        (s4d.share, 0.2, "take less away"),
        (s4d.share, 1.0, "between 0 and 1"),
        (s4d.share, "a tenth", "a number is expected"),
        (s4d.share, ..., "Not begun"),
    ],
)
def test_exercises(exercise, answer, says, capsys):
    assert exercise(answer) is (says in ("Right", "agree"))
    assert says in capsys.readouterr().out


def test_constants_of_the_checks_are_the_librarys():
    assert float(hippo.nplr("legs", 64)[0].imag[-1]) == pytest.approx(s4d.TOP, rel=1e-6)
    A, B = hippo.transition("legs", 16)
    P = hippo.low_rank("legs", 16)[0]
    top = 1j * hippo.nplr("legs", 16)[0].imag[-1:]
    p = lti.transfer(A + torch.outer(P, P), P, P, top)
    assert float(abs(1 + p) / 2) == pytest.approx(s4d.LOUD, abs=0.005)


@pytest.mark.parametrize("share", [0.03, 0.1, 0.3])
@pytest.mark.parametrize("N", [8, 32])
def test_the_error_of_a_share_stays_below_its_bound(share, N):
    condition, error = s4d.share_quality(share, N)
    bound = share / 2 / (1 - share)
    assert 0.5 * bound < error < bound
    assert condition < (2 - share) / share


# ---- the widget -------------------------------------------------------------------------------------------

CASES = list(itertools.product(LAWS, (4, 16, 64), (0.001, 0.05, 1.0), (0.1, 1.0, 10.0)))


@pytest.fixture(scope="module")
def browser_numbers():
    expression = "cases.map((c) => [modes(c[0], c[1]), kernel(...c), count(...c)])"
    return dict(zip(CASES, module(EigenvalueLaws)(expression, cases=CASES), strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_browser_computes_what_the_library_does(browser_numbers, case):
    law, N, dt, scale = case
    modes, K, count = browser_numbers[case]
    widget = EigenvalueLaws(*case)
    Lambda, B = (x.to(torch.complex128) for x in initial_eigenvalues(law, N))
    order = Lambda.imag.argsort(stable=True)
    found = torch.tensor([[m["re"], m["im"], m["b"]] for m in modes], dtype=torch.float64)
    expected = torch.stack([Lambda.real, Lambda.imag, B.real], 1)[order]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    stretched = torch.complex(Lambda.real, scale * Lambda.imag)[None]
    step = torch.tensor([dt], dtype=torch.float64)
    expected = kernels.diagonal(stretched, B[None], torch.ones_like(B)[None], step, len(K))[0]
    torch.testing.assert_close(torch.tensor(K, dtype=torch.float64), expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(widget.kernel(), expected, rtol=0, atol=1e-12)
    assert count == widget.count()


def test_counts_are_those_of_the_chapter():
    assert EigenvalueLaws("lin", 64, 0.01).count() == {"all": 32, "turning": 31, "aliased": 0, "useful": 31}
    assert EigenvalueLaws("lin", 64, 0.1).count()["aliased"] == 21  # n = 11 .. 31: n pi dt > pi where n > 10
    assert EigenvalueLaws("lin", 64, 0.01, 0.5).count()["turning"] == 30  # n = 1 turns half a time now
    assert EigenvalueLaws("real", 64, 0.01).count() == {"all": 64, "turning": 0, "aliased": 0, "useful": 0}
    assert EigenvalueLaws("real", 64).count("lin") == EigenvalueLaws("lin", 64).count()


def test_browser_and_python_name_the_same_laws():
    assert module(EigenvalueLaws)("[LAWS, LENGTH]") == [eigenvalue_laws.NAMES, eigenvalue_laws.LENGTH]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"N": 5}, "N must be an integer from 4 to 64 in steps of 2, got 5"),
        ({"dt": 2}, "dt must be a number from 0.001 to 1"),
        ({"scale": 0}, "scale must be a number from 0.1 to 10"),
        ({"law": "ptd"}, "law"),
    ],
    ids=str,
)
def test_wrong_settings_say_what_was_expected(setting, message):
    with pytest.raises(traitlets.TraitError, match=message):
        EigenvalueLaws(**setting)


@pytest.mark.browser
def test_the_widget_says_what_it_shows_and_follows_every_control():
    with on_page(EigenvalueLaws("legs", 64, 0.01), EigenvalueLaws("real", 16, 0.1)) as page:
        legs, real = page.locator(".ssm-eigenvalue-laws").all()
        assert "Of use: 26." in legs.locator(".sw-readout").text_content()
        assert "of 16 modes 0 turn" in real.locator(".sw-readout").text_content()
        page.evaluate("widgets[0].model.set('law', 'lin')")
        assert "Of use: 31." in legs.locator(".sw-readout").text_content()
        assert idle(page, legs, by_keyboard) == idle(page, legs, by_mouse) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 340
