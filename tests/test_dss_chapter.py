"""Chapter 07: the figures, the exercises, and the widget of one mode in two kernels."""

import itertools
import math

import pytest
import torch
import traitlets
from matplotlib import pyplot as plt
from widget_tools import by_keyboard, by_mouse, idle, module, on_page

from ssm_lib import kernels, plots
from ssm_lib.check import dss
from ssm_lib.layers.dss import initial_eigenvalues
from ssm_lib.widgets import SoftmaxMode

# ---- figures ----------------------------------------------------------------------------------------------

short, long = torch.linspace(0, 1, 5), torch.linspace(0, 2, 9)
start = initial_eigenvalues("skew", 4)
FIGURES = {
    "lengths": lambda: plots.lengths({"one": (short, long), "two": (long, short)}),
    "moved": lambda: plots.moved({"one": (start, {"end": start + 0.1}), "two": (start, {"end": start - 1})}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_have_labels_and_are_taken_off_pyplots_list(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()
    assert all(ax.get_xlabel() for ax in figure.axes)
    assert figure.axes[0].get_ylabel()
    assert figure.legends


def test_figures_hold_the_data():
    left, right = FIGURES["lengths"]().axes
    assert [len(line.get_ydata()) for line in left.lines[:2]] == [9, 5]
    torch.testing.assert_close(torch.as_tensor(right.lines[1].get_ydata()), long)
    _, right = FIGURES["moved"]().axes
    torch.testing.assert_close(torch.as_tensor(right.lines[1].get_xdata()), start.real - 1)
    assert right.lines[0].get_marker() != right.lines[1].get_marker()
    [ways] = right.collections
    from_start = torch.stack([torch.as_tensor(line) for line in ways.get_segments()])  # (N, 2, 2)
    torch.testing.assert_close(from_start[:, 0], torch.stack([start.real, start.imag], -1))
    torch.testing.assert_close(from_start[:, 1], torch.stack([start.real - 1, start.imag], -1))
    assert right.get_xlim()[1] > 0


# ---- exercises --------------------------------------------------------------------------------------------


def rows(z, length, shift=1):
    exponents = (
        z[:, None] * torch.arange(length) - torch.where(z.real > 0, shift * z * (length - 1), 0)[:, None]
    )
    return torch.exp(exponents) / torch.exp(exponents).sum(-1, keepdim=True)


def spaced(re, wider=1.0):
    return re + 2j * math.pi * wider * (torch.arange(8, dtype=torch.float64) + 0.5) / 256


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        (dss.far, 949, "Right"),
        (dss.far, 50, "which lag is largest"),
        (dss.far, 950, "not L"),
        (dss.far, 999, "go back"),
        (dss.far, 899, "0.02 per step"),
        (dss.far, ..., "Not begun"),
        (dss.partners, lambda W: W / 2, "agree"),
        (dss.partners, lambda W: W, "case 1"),
        (dss.partners, lambda W: W.conj() / 2, "case 1"),
        (dss.partners, lambda W: ..., "Not begun"),
        (dss.partners, ..., "Not begun"),
        (dss.softmax_rows, rows, "agree"),
        (dss.softmax_rows, lambda z, L: rows(z, L, 0), "case 3"),
        (dss.softmax_rows, lambda z, L: rows(z, L).real, "case 1"),
        (dss.softmax_rows, lambda z, L: rows(-z, L), "case 1"),
        (dss.softmax_rows, lambda z, L: None, "Not begun"),
        (dss.fixed_length, lambda A, W, dt, L: W / torch.expm1(L * dt[:, None] * A), "agree"),
        (dss.fixed_length, lambda A, W, dt, L: W / torch.expm1(dt[:, None] * A), "case 2"),
        (dss.fixed_length, lambda A, W, dt, L: W, "case 1"),
        (dss.pulse, spaced(0.04), "Right"),
        (dss.pulse, spaced(0.02), "8 of 8 modes grow"),
        (dss.pulse, spaced(-1e-4, 1.14), "0 of 8 modes grow"),
        (dss.pulse, spaced(-0.02), "0 of 8 modes grow"),
        (dss.pulse, spaced(0.02)[:7], "shape (7,)"),
        (dss.pulse, torch.zeros(8), "z = 0"),
        (dss.pulse, "fast", "got str"),
        (dss.pulse, ..., "Not begun"),
    ],
)  # fmt: skip
def test_exercises(exercise, answer, says, capsys):
    assert exercise(answer) is (says in ("Right", "agree"))
    assert says in capsys.readouterr().out


def test_frozen_weights_give_the_kernel():
    A, W, dt = dss._modes()
    frozen = W / torch.expm1(40 * dt[:, None] * A)
    torch.testing.assert_close(kernels.dss(A, frozen, dt, 40, "exp"), kernels.dss(A, W, dt, 40))


# ---- the widget -------------------------------------------------------------------------------------------

CASES = list(itertools.product((-1.0, -0.05, 0.0, 0.4, 1.0), (0.0, 0.1, 2.0, 10.0), (40, 200)))


@pytest.fixture(scope="module")
def browser_numbers():
    expression = (
        "cases.map(([re, im, L]) => [exponential(re, im, L), softmax(re, im, L), weight(softmax(re, im, L))])"
    )
    return dict(zip(CASES, module(SoftmaxMode)(expression, cases=CASES), strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_browser_computes_what_the_library_does(browser_numbers, case):
    re, im, L = case
    exp, row, weight = browser_numbers[case]
    widget = SoftmaxMode(re, im, L)
    row, exp = (torch.tensor(values, dtype=torch.float64) for values in (row, exp))
    z = torch.tensor([0.1 * complex(re, im)], dtype=torch.complex128)
    torch.testing.assert_close(row[:, 0].sum(), torch.tensor(1.0).double(), rtol=0, atol=1e-9)
    if z != 0:  # without the weights w/λ and w (e^z - 1)/λ of the library's kernels
        one = torch.ones(1).double()
        expected = kernels.dss(z, z[None], one, L, "softmax")[0]
        torch.testing.assert_close(row[:, 0], expected, rtol=1e-9, atol=1e-12)
        expected = kernels.dss(z, (z / torch.expm1(z))[None], one, L, "exp")[0]
        torch.testing.assert_close(exp, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(widget.softmax(), row[:, 0], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(widget.exp(), exp, rtol=1e-9, atol=1e-9)
    sizes = row.norm(dim=1)
    assert math.isclose(weight["total"], float(sizes.sum()), rel_tol=1e-9)
    half = weight["half"]
    assert sizes[:half].sum() <= sizes.sum() / 2 * (1 + 1e-9)
    assert sizes[: half + 1].sum() >= sizes.sum() / 2 * (1 - 1e-9)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"re": 1.5}, "re must be a number from -1 to 1, got 1.5"),
        ({"im": -1}, "im must be a number from 0 to 10"),
        ({"L": 50}, "L must be an integer from 40 to 200 in steps of 20, got 50"),
    ],
    ids=str,
)
def test_wrong_settings_say_what_was_expected(setting, message):
    with pytest.raises(traitlets.TraitError, match=message):
        SoftmaxMode(**setting)


@pytest.mark.browser
def test_the_widget_says_what_it_shows_and_follows_every_control():
    with on_page(SoftmaxMode(0.4, 2, 100), SoftmaxMode(-0.4, 2, 100), SoftmaxMode(0, 0.6, 200)) as page:
        grows, decays, pole = page.locator(".ssm-softmax-mode").all()
        assert "DSS-exp cannot hold this mode" in grows.locator(".sw-readout").text_content()
        assert "cannot hold" not in decays.locator(".sw-readout").text_content()
        assert "leaves the frame at lag" in grows.text_content()
        assert "0 to 16 of 99" in decays.locator(".sw-readout").text_content()
        page.evaluate("widgets[2].model.set('im', 6.3)")
        assert "near 0" in pole.locator(".sw-readout").text_content()
        assert idle(page, grows, by_keyboard) == idle(page, grows, by_mouse) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 340
