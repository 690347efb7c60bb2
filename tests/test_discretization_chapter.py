"""Chapter 02: its figures, the numbers and the handling of its widget, the checks of its exercises."""

import math

import pytest
import torch
import traitlets
from matplotlib import pyplot as plt
from widget_tools import by_keyboard, idle, module, on_page

from ssm_lib import discretize, plots
from ssm_lib.check import discretization
from ssm_lib.widgets import OneStep, one_step

RULES = {"Euler": ("euler", None), "GBT": ("gbt", 0.25), "bilinear": ("bilinear", None), "ZOH": ("zoh", None)}
x = torch.logspace(-3, 0, 8)
MODES = torch.tensor([-0.05 + 0j, -0.05 + 1j, -0.05 + 2j], dtype=torch.complex128)
FIGURES = {
    "loglog": lambda: plots.loglog(x, {"a": x, "b": x**2}, "step (s)", "error"),
    "stability": lambda: plots.stability(RULES, MODES),
    "half_plane": lambda: plots.half_plane(RULES),
    "warping": lambda: plots.warping(RULES),
    "resampled": lambda: plots.resampled(x, x, {"a": (0.1, x[:4]), "b": (0.2, x[:2])}),
    "rates": lambda: plots.rates({"a": {0.5: [0.9, 0.8], 1: [1, 0.9]}, "b": {0.5: [0.5], 1: [0.6]}}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_labelled_and_taken_off_pyplots_list(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()  # warnings are errors
    assert any(ax.get_xlabel() for ax in figure.axes)
    assert any(ax.get_ylabel() for ax in figure.axes)


@pytest.mark.parametrize("name", ["loglog", "half_plane", "warping"])
def test_curves_differ_by_more_than_colour(name):
    for ax in FIGURES[name]().axes:
        curves = [line for line in ax.lines if line.get_label()[0] != "_"]
        looks = {(str(c._unscaled_dash_pattern), c.get_marker(), c.get_linewidth()) for c in curves}
        assert len(looks) == len(curves) > 1


def test_stability_counts_and_marks_the_modes_that_explode():
    """Of -0.05, -0.05 +- i, -0.05 +- 2i only the first is inside Euler's disc."""
    figure = FIGURES["stability"]()
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[0] == "Euler: 4 of 5 explode"
    assert titles[2:] == ["bilinear: none of 5 explode", "ZOH: none of 5 explode"]
    kept, lost = figure.axes[0].lines[-2:]
    assert (len(kept.get_xdata()), len(lost.get_xdata())) == (1, 4)


def test_half_plane_draws_the_images_of_the_lines():
    """Bilinear: Re z = -2 goes to the circle of radius 1/2 around -1/2; ZOH: to one of radius e^-2."""
    _, _, bilinear, zoh = FIGURES["half_plane"]().axes
    for ax, centre, radius in ((bilinear, -0.5, 0.5), (zoh, 0, math.exp(-2))):
        line = next(line for line in ax.lines if line.get_label() == "−2")
        w = torch.complex(torch.as_tensor(line.get_xdata()), torch.as_tensor(line.get_ydata()))
        torch.testing.assert_close((w - centre).abs(), torch.full_like(w.real, radius))


def test_warping_has_a_gap_where_zoh_wraps():
    line = next(line for line in FIGURES["warping"]().axes[0].lines if line.get_label() == "ZOH")
    y = torch.as_tensor(line.get_ydata())
    assert y.isnan().sum() == 1
    assert y.diff().nan_to_num().max() < 0.1


@pytest.mark.parametrize("method", ["zoh", "bilinear", "euler", "backward_euler"])
def test_angle_against_closed_forms(method):
    omega, dt = torch.linspace(-3, 3, 25, dtype=torch.float64), 0.7
    exact = {"zoh": omega * dt, "bilinear": 2 * torch.arctan(omega * dt / 2)}
    torch.testing.assert_close(
        discretize.angle(omega, dt, method), exact.get(method, torch.arctan(omega * dt))
    )


def test_angle_wraps_under_zoh_only():
    omega = torch.tensor([4.0, 7.0], dtype=torch.float64)
    torch.testing.assert_close(discretize.angle(omega, 1.0, "zoh"), omega - 2 * math.pi)
    assert (discretize.angle(omega, 1.0, "bilinear") > 2).all()


CASES = [
    (re, im, alpha) for re in (-4, -2.4, -0.2, 0, 0.5) for im in (0, 1.2, 3.15, 4.5) for alpha in (0, 0.25, 1)
]


@pytest.fixture(scope="module")
def browser_numbers():
    js = """cases.map(([re, im, alpha]) => ({bars: eigenvalues(re, im, alpha),
        responses: eigenvalues(re, im, alpha).map(response), exact: exact(re, im, [0, 0.5, 3]),
        ...verdict(re, im, alpha)}))"""
    return dict(zip(CASES, module(OneStep)(js, cases=CASES), strict=True))


def test_rules_have_one_order():
    rules = module(OneStep)("[RULES, STEPS]")
    assert rules == [list(one_step.RULES), one_step.STEPS]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_browser_and_torch_agree(browser_numbers, case):
    numbers, widget = browser_numbers[case], OneStep(*case)
    bars = torch.view_as_complex(torch.tensor(numbers["bars"], dtype=torch.float64))
    torch.testing.assert_close(bars, widget.a_bar(), rtol=1e-9, atol=1e-12)
    got = torch.tensor(numbers["responses"], dtype=torch.float64)
    torch.testing.assert_close(got, widget.responses(), rtol=1e-9, atol=1e-9)
    z, t = complex(*case[:2]), torch.tensor([0, 0.5, 3], dtype=torch.float64)
    torch.testing.assert_close(torch.tensor(numbers["exact"]).double(), 1 - torch.exp(z * t).real)
    a_bar = widget.a_bar()
    named = [name for name, bar in zip(one_step.RULES, a_bar, strict=True) if abs(bar) > 1 + 1e-12]
    assert numbers["explode"] == named
    assert math.isclose(numbers["apart"], float(abs(a_bar[3] - a_bar[4])), rel_tol=1e-9, abs_tol=1e-12)


def test_response_is_the_scaled_recurrence():
    """1 - A_bar^k is what x_k = A_bar x_{k-1} + B_bar makes of the input 1, over the resting place."""
    z = torch.tensor([-0.2 + 1.2j], dtype=torch.complex128)
    for row, method in zip(OneStep(-0.2, 1.2).responses(), one_step.RULES.values(), strict=True):
        a, b = discretize.diagonal(z, torch.ones_like(z), 1.0, method, 0.25 if method == "gbt" else None)
        state, seen = torch.zeros_like(z), [0.0]
        for _ in range(one_step.STEPS):
            state = a * state + b
            seen.append(float((state * -z).real))
        torch.testing.assert_close(row, torch.tensor(seen, dtype=torch.float64), rtol=1e-9, atol=1e-9)


def test_verdicts(browser_numbers):
    assert browser_numbers[-2.4, 0, 0.25]["alternate"] == ["Euler", "GBT(α)", "bilinear"]
    assert browser_numbers[-0.2, 1.2, 0.25]["explode"] == ["Euler", "GBT(α)"]
    assert browser_numbers[-0.2, 1.2, 0.25]["alternate"] == []


def test_still_picture_and_settings():
    figure = OneStep(-2.4, 0.0).figure()
    figure.draw_without_rendering()
    lanes = figure.axes[1:]
    assert [len(ax.lines[1].get_xdata()) for ax in lanes] == [1, 21, 21, 21, 21]  # Euler leaves at once
    with pytest.raises(traitlets.TraitError, match=r"re must be a number from -4 to 0.5, got 0.6"):
        OneStep(re=0.6)


@pytest.mark.browser
def test_the_point_moves_by_keyboard_and_pointer():
    with on_page(OneStep(), width=740) as page:
        root = page.locator(".ssm-one-step")
        assert idle(page, root, by_keyboard) == []
        point = root.locator(".sw-handle")
        box = point.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 60, y + 20, steps=4)
        page.mouse.up()
        page.wait_for_function("widgets[0].model.saved?.re < -0.8 && widgets[0].model.saved?.im < 1.1")
        page.evaluate("widgets[0].model.set('re', -2.4); widgets[0].model.set('im', 0)")
        said = root.locator(".sw-readout").text_content()
        assert "Explodes: Euler." in said
        assert "Alternates in sign: Euler, GBT(α), bilinear." in said


@pytest.mark.browser
def test_widget_fits_a_phone():
    with on_page(OneStep(), width=340) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 340


LAM = torch.tensor([-0.5 + 2j], dtype=torch.complex128)


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        (discretization.largest_euler_step, 1 / 100.25, "Right"),
        (discretization.largest_euler_step, 0.00998, "Right"),
        (discretization.largest_euler_step, 4, "the swing counts too"),
        (discretization.largest_euler_step, 2 / 100.25, "Re(lambda) is -1/2"),
        (discretization.largest_euler_step, 1 / math.sqrt(100.25), "at that step |z| = 1"),
        (discretization.largest_euler_step, 0.2, "too large"),
        (discretization.gate_step, lambda v: torch.log(1 + torch.exp(v)), "Right"),
        (discretization.gate_step, lambda v: torch.exp(v), "step of backward Euler"),
        (discretization.gate_step, lambda v: v, "entry"),
        (discretization.gate_step, lambda v: 1 / 0, "raised ZeroDivisionError"),
        (discretization.gate_step, lambda v: None, "Not begun"),
        (discretization.gate_step, ..., "Not begun"),
        (discretization.prewarp, lambda w, dt: 2 / dt * torch.tan(w * dt / 2), "Right"),
        (discretization.prewarp, lambda w, dt: torch.tan(w * dt / 2), "case 1"),
        (discretization.prewarp, lambda w, dt: 2 / dt * torch.arctan(w * dt / 2), "case 1"),
        (discretization.translate, lambda lam, B, dt: (torch.log(lam), B), "new eigenvalues"),
        (discretization.translate, lambda lam, B, dt: None, "Not begun"),
    ],
)
def test_exercises(exercise, answer, says, capsys):
    assert exercise(answer) is (says == "Right")
    assert says in capsys.readouterr().out


def test_translated_modes_do_the_same_under_zoh(capsys):
    """A right answer gives the bilinear recurrence; the weights left as they were do not pass."""

    def renamed(lam, B, dt):
        bar, _ = discretize.diagonal(lam, B, dt, "bilinear")
        return torch.log(bar) / dt[:, None], B * torch.log(bar) / dt[:, None] / lam

    assert discretization.translate(renamed)
    lam, B, dt = LAM[None], torch.ones_like(LAM)[None], torch.tensor([0.6], dtype=torch.float64)
    theirs, ours = (
        discretize.diagonal(*renamed(lam, B, dt), dt, "zoh"),
        discretize.diagonal(lam, B, dt, "bilinear"),
    )
    for a, b in zip(theirs, ours, strict=True):
        torch.testing.assert_close(a, b)
    assert not discretization.translate(lambda lam, B, dt: (renamed(lam, B, dt)[0], B))
    assert "new input weights" in capsys.readouterr().out
