"""Chapter 10: the figures, the exercises, and the widget of one kernel at other clocks."""

import itertools
import math

import pytest
import torch
import traitlets
from matplotlib import pyplot as plt
from widget_tools import by_keyboard, by_mouse, idle, module, on_page

from ssm_lib import plots
from ssm_lib.check import irregular
from ssm_lib.widgets import AnotherClock
from ssm_lib.widgets.another_clock import READINGS, STEP

# ---- figures ----------------------------------------------------------------------------------------------

M = torch.arange(9.0).view(3, 3)
u, frame = torch.rand(2, 12, 576), torch.arange(24).view(2, 12) * 2
t = torch.linspace(0, 1, 11)
FIGURES = {
    "influence": lambda: plots.influence({"one": M, "two": -M}),
    "tracking": lambda: plots.tracking(t, t.sin(), t[::2], {"a": t[::2], "b": -t[::2]}),
    "variants": lambda: plots.variants({"a": [0.1, 0.2], "b": [0.3]}, {"a": (0.1, 0.01), "b": (0.2, 0.02)}),
    "alias": lambda: plots.alias(3000, 8000, 2, 0.002),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_have_labels_and_are_taken_off_pyplots_list(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()
    assert figure.axes[0].get_xlabel()
    assert figure.axes[0].get_ylabel() or figure.axes[0].get_yticklabels()[0].get_text()


def test_films_show_the_frames_and_the_gaps():
    figure = plots.film(u, frame, start=2, shown=4)
    assert len(figure.axes) == 8
    assert [ax.get_title() for ax in figure.axes[:4]] == ["4 (+2)", "6 (+2)", "8 (+2)", "10 (+2)"]
    image = torch.as_tensor(figure.axes[5].images[0].get_array())
    torch.testing.assert_close(image.flatten(), u[1, 3])
    assert plots.film(u, frame).axes[0].get_title() == "0 (+1)"


def test_figures_hold_the_data():
    left, right, _ = FIGURES["influence"]().axes
    assert left.images[0].get_array().tolist() == M.tolist()
    assert right.images[0].get_clim() == left.images[0].get_clim() == (-8, 8)
    ax = FIGURES["tracking"]().axes[0]
    assert [len(line.get_ydata()) for line in ax.lines] == [11, 6, 6]
    assert len({line.get_marker() for line in ax.lines}) == 3
    ax = FIGURES["variants"]().axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]
    assert sorted(ax.lines[0].get_xdata()) == [0.1, 0.2]
    tone, fine, coarse, low = FIGURES["alias"]().axes[0].lines
    assert len(fine.get_xdata()) == 17
    assert len(coarse.get_xdata()) == 9
    for x, y in zip(coarse.get_xdata(), coarse.get_ydata(), strict=True):
        assert math.isclose(y, math.cos(2 * math.pi * x), abs_tol=1e-9)  # 1 kHz, x in ms
    assert len(tone.get_xdata()) == len(low.get_xdata())


# ---- exercises --------------------------------------------------------------------------------------------


def states(lam, Bu, delta, dt, gain_of=lambda d: 1.0):
    x, found = torch.zeros_like(lam), []
    for b, d in zip(Bu, delta, strict=True):
        x = torch.exp(lam * dt * d) * x + torch.expm1(lam * dt * gain_of(d)) / lam * b
        found.append(x)
    return torch.stack(found)


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        (irregular.stamps, lambda t: torch.cat([torch.ones(1).to(t), t.diff() / 15]), "agree"),
        (irregular.stamps, lambda t: torch.cat([torch.ones(1).to(t), t.diff()]), "case 1"),
        (irregular.stamps, lambda t: torch.cat([torch.zeros(1).to(t), t.diff() / 15]), "case 1"),
        (irregular.stamps, lambda t: t.diff() / 15, "shape"),
        (irregular.stamps, lambda t: torch.ones_like(t), "case 2"),
        (irregular.stamps, lambda t: ..., "Not begun"),
        (irregular.stamps, ..., "Not begun"),
        (irregular.seen, 200 / 3, "Right"),
        (irregular.seen, -200 / 3, "no sign"),
        (irregular.seen, 2600, "above half"),
        (irregular.seen, 2600 / 3, "not divided"),
        (irregular.seen, 1400, "8/3 kHz"),
        (irregular.seen, 4000 / 3, "where folding begins"),
        (irregular.seen, ..., "Not begun"),
        (irregular.thin, lambda dt: dt[:, ::2] + dt[:, 1::2], "agree"),
        (irregular.thin, lambda dt: dt[:, 1::2], "case 1"),
        (irregular.thin, lambda dt: 2 * dt[:, 1::2], "case 1"),
        (irregular.thin, lambda dt: None, "Not begun"),
        (irregular.events, states, "agree"),
        (irregular.events, lambda *a: states(*a, gain_of=lambda d: d), "case 2"),
        (irregular.events, lambda lam, Bu, delta, dt: states(lam, Bu, torch.ones_like(delta), dt), "case 2"),
        (irregular.events, ..., "Not begun"),
    ],
)  # fmt: skip
def test_exercises(exercise, answer, says, capsys):
    assert exercise(answer) is (says in ("Right", "agree"))
    assert says in capsys.readouterr().out


# ---- the widget -------------------------------------------------------------------------------------------

CASES = list(itertools.product((0.5, 1.0, 2.0, 3.25, 10.0, 12.0), READINGS))


@pytest.fixture(scope="module")
def browser_numbers():
    expression = (
        "cases.map(([rate, reading]) => [kernel(rate, reading), apparent(rate, reading), aliased(rate)])"
    )
    return dict(zip(CASES, module(AnotherClock)(expression, cases=CASES), strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_browser_computes_what_the_library_does(browser_numbers, case):
    rate, reading = case
    K, apparent, aliased = browser_numbers[case]
    widget = AnotherClock(rate, reading)
    torch.testing.assert_close(torch.tensor(K, dtype=torch.float64), widget.kernel(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        torch.tensor(apparent, dtype=torch.float64), widget.apparent(), rtol=1e-9, atol=1e-9
    )
    assert len(K) == math.ceil(4 / (rate * STEP) - 1e-9)
    turn = widget.eigenvalues().imag * rate * STEP
    assert aliased == [n for n in range(6) if float(turn[n]) > math.pi + 1e-9]


def test_readings_are_what_they_say():
    trained = AnotherClock(1, "scaled").kernel()  # 40 samples
    coarse = AnotherClock(4, "scaled").kernel()
    torch.testing.assert_close(coarse, trained.view(-1, 4).mean(1))
    torch.testing.assert_close(AnotherClock(4, "kept").kernel(), trained[:10])
    fine = AnotherClock(0.5, "points").kernel()
    torch.testing.assert_close(AnotherClock(4, "points").kernel(), fine[::8])
    omega = AnotherClock().eigenvalues().imag
    torch.testing.assert_close(AnotherClock(2, "kept").apparent(), omega / 2)
    torch.testing.assert_close(AnotherClock(1, "scaled").apparent(), omega)
    whole = AnotherClock(10, "points").apparent()
    assert float(whole[[2, 4]].max()) < 1e-9


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"rate": 0.4}, "rate must be a number from 0.5 to 12, got 0.4"),
        ({"rate": 13}, "rate must be a number from 0.5 to 12"),
        ({"reading": "dlr"}, "dlr"),
    ],
    ids=str,
)
def test_wrong_settings_say_what_was_expected(setting, message):
    with pytest.raises(traitlets.TraitError, match=message):
        AnotherClock(**setting)


@pytest.mark.browser
def test_the_widget_says_what_it_shows_and_follows_every_control():
    with on_page(AnotherClock(3, "scaled"), AnotherClock(3, "kept"), AnotherClock(1, "points")) as page:
        scaled, kept, points = page.locator(".ssm-another-clock").all()
        assert "Aliased: n = 4, 5." in scaled.locator(".sw-readout").text_content()
        assert "off by the factor 3" in kept.locator(".sw-readout").text_content()
        assert "Aliased" not in points.locator(".sw-readout").text_content()
        page.evaluate("widgets[2].model.set('rate', 10)")
        assert "Aliased: n = 2, 3, 4, 5" in points.locator(".sw-readout").text_content()
        assert idle(page, scaled, by_keyboard) == idle(page, scaled, by_mouse) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 340
