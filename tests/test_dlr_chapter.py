"""Chapter 11: the figures, the exercises, the recipes, and the widget of roots that echo."""

import itertools
import math

import pytest
import torch
import traitlets
from matplotlib import pyplot as plt
from widget_tools import by_keyboard, by_mouse, idle, module, on_page

from ssm_lib import plots
from ssm_lib.check import dlr
from ssm_lib.recipes import dlr as recipes
from ssm_lib.widgets import Echo

# ---- figures ----------------------------------------------------------------------------------------------

ROOTS = torch.exp(2j * math.pi * torch.arange(5) / 5)
KERNELS = torch.tensor([[0.0, 2, 0, 0], [0, 0, 0, -1]])
FIGURES = {
    "circles": lambda: plots.circles({"five": ROOTS, "two": 0.5 * ROOTS[:2]}),
    "responses": lambda: plots.responses(KERNELS, "channel"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_have_labels_and_are_taken_off_pyplots_list(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()
    assert all(ax.get_xlabel() for ax in figure.axes)
    assert figure.axes[0].get_ylabel()


def test_figures_hold_the_data():
    left, right = FIGURES["circles"]().axes
    assert (left.get_title(), right.get_title()) == ("five", "two")
    torch.testing.assert_close(torch.as_tensor(left.lines[1].get_ydata()), ROOTS.imag)
    torch.testing.assert_close(torch.as_tensor(right.lines[1].get_xdata()), 0.5 * ROOTS.real[:2])
    assert left.get_aspect() == 1
    [ax] = FIGURES["responses"]().axes
    rows = torch.stack([torch.as_tensor(line.get_ydata()) for line in ax.lines])
    torch.testing.assert_close(rows - rows[:, :1], KERNELS)  # one scale for all
    assert rows[1, 0] > rows[0].max()  # one above the other
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0", "1"]
    assert ax.get_ylabel() == "channel"


# ---- exercises --------------------------------------------------------------------------------------------


def weights(s, N, sign=-1):
    return torch.exp(sign * 2j * math.pi * s * torch.arange(N, dtype=torch.float64) / N) / N


def unfold(log_a, w, factor=-0.5j):
    return log_a[:, None] + log_a, factor * w[:, None] * w


def upper(N, decay=0.3):
    return 1j * math.pi * (torch.arange(N, dtype=torch.float64) + 0.5) / N - decay


def unwound(Lambda, low=-math.pi):
    return torch.complex(Lambda.real, torch.remainder(Lambda.imag - low, 2 * math.pi) + low)


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        (dlr.phases, unwound, "Right"),
        (dlr.phases, lambda x: unwound(x, 0.0), "less is possible"),
        (dlr.phases, lambda x: torch.complex(x.real, x.imag / 2), "the kernel changes"),
        (dlr.phases, lambda x: x[:4], "shape (8,)"),
        (dlr.phases, lambda x: x.undefined, "raised AttributeError"),
        (dlr.phases, lambda x: None, "Not begun"),
        (dlr.phases, ..., "Not begun"),
        (dlr.smallest, 50, "Right"),
        (dlr.smallest, 100, "their partners say"),
        (dlr.smallest, 51, "waste nothing"),
        (dlr.smallest, 200, "two real"),
        (dlr.smallest, ..., "Not begun"),
        (dlr.echo_weights, weights, "agree"),
        (dlr.echo_weights, lambda s, N: weights(s, N, 1), "case 2"),
        (dlr.echo_weights, lambda s, N: N * weights(s, N), "case 1"),
        (dlr.echo_weights, lambda s, N: weights(s, N)[None], "expected weights of shape (4,), got (1, 4)"),
        (dlr.echo_weights, lambda s, N: None, "Not begun"),
        (dlr.echo_weights, ..., "Not begun"),
        (dlr.product, unfold, "agree"),
        (dlr.product, lambda a, w: unfold(a, w, -1j), "case 1"),
        (dlr.product, lambda a, w: unfold(a, w, 0.5j), "case 1"),
        (dlr.product, lambda a, w: (2 * a, -0.5j * w**2), "case 1"),
        (dlr.product, lambda a, w: ..., "Not begun"),
        (dlr.product, None, "Not begun"),
        (dlr.told, 0.125, "Right"),
        (dlr.told, 1, "which of the 8"),
        (dlr.told, 7 / 8, "that is left"),
        (dlr.told, 1 / 64, "add them up"),
        (dlr.told, 0, "better than nothing"),
        (dlr.echo, upper(7), "Right"),
        (dlr.echo, upper(7, 0.1), "not below 0.05"),
        (dlr.echo, upper(8), "N at most 7, got shape (8,)"),
        (dlr.echo, upper(7, -0.3), "must not be positive"),
        (dlr.echo, upper(6, 0.3), "not below 0.05"),
        (dlr.echo, "far", "got str"),
        (dlr.echo, ..., "Not begun"),
    ],
)  # fmt: skip
def test_exercises(exercise, answer, says, capsys):
    assert exercise(answer) is (says in ("Right", "agree"))
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(("N", "exact"), [(25, False), (26, True)])
def test_undamped_modes_that_make_one_echo(N, exact):
    assert (dlr.echo_error(upper(N, 0.0)) < 1e-6) == exact
    assert 0 <= dlr.echo_error(upper(N, 0.0)) <= 1


def test_a_slow_turn_is_smoother_than_a_fast_one():
    W = torch.ones(1, 1, dtype=torch.complex128)
    slow, fast = (torch.tensor([1j * (-0.3 + turn)]).to(W) for turn in (0.0, 2 * math.pi))
    assert dlr.roughness(slow, W) < 1.1 < 10 < dlr.roughness(fast, W)


# ---- recipes ----------------------------------------------------------------------------------------------


def test_a_recipe_runs_once_for_each_decay():
    settings = dict(recipes.RECIPES["dlr-shift-decay"].settings)
    settings |= {"length": 16, "channels": 8, "modes": 16, "decays": [1e-5, 0.1]}
    settings["fit"] = {"steps": 150, "lr": 2e-2, "weight_decay": 0.0}
    found = recipes.run(settings, seed=0)
    assert [row["decay"] for row in found["decays"]] == [1e-5, 0.1]
    assert all(row["history"][-1]["step"] == 150 for row in found["decays"])
    first, second = (row["test_r2"] for row in found["decays"])
    assert first > 0.5
    assert second != first
    settings["decays"] = [0.1]
    assert recipes.run(settings, seed=0)["decays"] == found["decays"][1:]
    assert recipes.run(settings | {"ssm_lr": 0.0}, seed=0)["decays"] != found["decays"][1:]


# ---- the widget -------------------------------------------------------------------------------------------

CASES = list(
    itertools.product(((0.87, 0.5), (-0.3, -0.4), (0.0, 0.0), (1.2, 0.16), (-1.0, 0.0)), (1, 4, 48), (0, 12))
)


@pytest.fixture(scope="module")
def browser_numbers():
    expression = "cases.map(([[re, im], n, delay]) => [root(re, im), kernel(re, im, n, delay)])"
    return dict(zip(CASES, module(Echo)(expression, cases=CASES), strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_browser_computes_what_the_library_does(browser_numbers, case):
    (re, im), n, delay = case
    root, kernel = browser_numbers[case]
    widget = Echo(re, im, n, delay)
    assert math.isclose(root["size"], widget.root()[0], rel_tol=1e-12)
    assert root["degrees"] == widget.root()[1]
    kernel = torch.tensor(kernel, dtype=torch.float64)
    torch.testing.assert_close(kernel, widget.kernel(), rtol=0, atol=1e-9)


def test_the_questions_have_the_answers_of_the_text():
    every_twelfth = torch.zeros(48).double()
    every_twelfth[::12] = 1
    widget = Echo(0.87, 0.5, 12)
    assert widget.root() == (1.0, 30.0)
    torch.testing.assert_close(widget.kernel(), every_twelfth, rtol=0, atol=1e-9)
    assert (Echo(0.87, 0.5, 13).kernel() - every_twelfth).abs().max() > 0.05
    one = Echo(1.19, 0.16, 48, 12)
    assert one.root() == (1.0, 7.5)
    torch.testing.assert_close(one.kernel(), torch.eye(48)[12].double(), rtol=0, atol=1e-9)
    inside = Echo(0.78, 0.45, 12)
    size, degrees = inside.root()
    assert degrees == 30
    assert math.isclose(float(inside.kernel()[12]), size**12, rel_tol=1e-9)


def test_the_largest_values_are_named():
    found = module(Echo)("[echoes([1, 0, -0.995, 0.5]), echoes(kernel(0.87, 0.5, 12, 0))]")
    assert found[0] == {"top": 1, "lags": [0, 2], "rest": 0.5}
    assert found[1]["lags"] == [0, 12, 24, 36]
    assert found[1]["rest"] < 1e-9


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"re": 1.5}, "re must be a number from -1.2 to 1.2, got 1.5"),
        ({"n": 0}, "n must be an integer from 1 to 48, got 0"),
        ({"delay": 48}, "delay must be an integer from 0 to 47"),
    ],
    ids=str,
)
def test_wrong_settings_say_what_was_expected(setting, message):
    with pytest.raises(traitlets.TraitError, match=message):
        Echo(**setting)


@pytest.mark.browser
def test_the_widget_says_what_it_shows_and_follows_every_control():
    with on_page(Echo(0.87, 0.5, 12), Echo(1.19, 0.16, 48, 12), Echo(0.9, 0.3, 4)) as page:
        comb, one, loose = page.locator(".ssm-echo").all()
        said = comb.locator(".sw-readout").text_content()
        assert "30° apart: one turn takes 12 steps" in said
        assert "at lag 0, 12, 24, 36; elsewhere at most 0." in said
        assert "1 at lag 12; elsewhere at most 0." in one.locator(".sw-readout").text_content()
        assert "it is put on it" in one.locator(".sw-readout").text_content()
        assert "put on it" not in loose.locator(".sw-readout").text_content()
        assert idle(page, loose, by_keyboard) == idle(page, loose, by_mouse) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 340
