"""Chapter 04: what the measures remember, the figures, the exercises, and the memory explorer."""

import itertools
import math

import pytest
import torch
import traitlets
from matplotlib import pyplot as plt
from widget_tools import by_keyboard, by_mouse, idle, module, on_page

from ssm_lib import discretize, hippo, plots
from ssm_lib.check import measures
from ssm_lib.tasks import delay
from ssm_lib.widgets import MemoryExplorer

# ---- what the measures remember ---------------------------------------------------------------------------


@pytest.mark.parametrize("measure", hippo.MEASURES)
@pytest.mark.parametrize("length", [1, 2, 7])
def test_responses_are_powers_of_the_exponential(measure, length):
    A, B = hippo.transition(measure, 6)
    rows = hippo.responses(measure, 6, 0.3, length)
    assert rows.shape == (length, 6)
    for l, row in enumerate(rows):
        torch.testing.assert_close(row, torch.linalg.matrix_exp((l + 0.5) * 0.3 * A) @ B)


def test_responses_say_what_is_wrong():
    with pytest.raises(ValueError, match="dt must be positive"):
        hippo.responses("legt", 4, 0.0, 5)
    with pytest.raises(ValueError, match="length must be at least 1"):
        hippo.responses("legt", 4, 0.1, 0)
    with pytest.raises(ValueError, match="unknown measure"):
        hippo.responses("legx", 4, 0.1, 5)


@pytest.mark.parametrize("N", [2, 5, 16])
def test_the_ends_of_the_window_give_the_low_rank_part(N):
    """P^T P from g(0) and g(1) themselves, not from P."""
    for measure in hippo.MEASURES:
        if measure == "fourier" and N % 2:
            continue
        A, _ = hippo.transition(measure, N)
        ends = hippo.basis(measure, N, torch.tensor([0.0, 1.0]))
        if measure in ("legs", "lagt"):
            ends = ends[:1]
        if measure == "fourier":  # one point of the circle, with the factor 2 of B
            torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=1e-12)
            ends = 2 * ends[:1]
        c = -0.5 if measure == "legs" else 0.0
        torch.testing.assert_close(
            A + A.T, 2 * c * torch.eye(N, dtype=A.dtype) - ends.T @ ends, rtol=0, atol=1e-11
        )


def test_an_input_in_the_span_of_legt_is_followed_exactly():
    """t^3 with N = 4: the exact coefficients solve the equation, for they know what leaves."""
    N, nodes = 4, 20000
    A, B = hippo.transition("legt", N)
    s = (torch.arange(nodes, dtype=torch.float64) + 0.5) / nodes
    g = hippo.basis("legt", N, s)

    def exact(t, power):
        return ((t - s) ** power) @ g / nodes

    for power, size in ((3, 1e-4), (4, None)):
        slope = (exact(2.0 + 1e-4, power) - exact(2.0 - 1e-4, power)) / 2e-4
        left_over = slope - A @ exact(2.0, power) - B * 2.0**power
        assert (left_over.abs().max() < size) if size else (left_over.abs().max() > 1e-2)


# ---- figures ----------------------------------------------------------------------------------------------

x = torch.linspace(0, 1, 20)
FIGURES = {
    "past": lambda: plots.past(x, x, {"a": x, "b": -x, "c": x, "d": x**2}, {"b": 0.5}),
    "bases": lambda: plots.bases(
        x, {"a": (torch.rand(20, 3) - 2, torch.rand(20, 3)), "b": (x[:, None],) * 2}
    ),
    "log_curves": lambda: plots.log_curves(
        x + 1, {"a": x + 1, "b": x + 2}, "N", "error", {"here": 1.5}, log2=True
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_labelled_and_taken_off_pyplots_list(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()
    last = figure.axes[-1]
    assert last.get_xlabel()
    assert figure.axes[0].get_ylabel()
    assert all(ax.get_xlabel() or ax.get_shared_x_axes().joined(ax, last) for ax in figure.axes)


def test_figures_hold_the_data():
    upper, shaded = FIGURES["past"]().axes[:2]
    torch.testing.assert_close(torch.as_tensor(shaded.lines[1].get_ydata()), -x)
    assert len(shaded.patches) == 1
    assert not upper.patches
    curves = [line for line in FIGURES["log_curves"]().axes[0].lines if line.get_label()[0] != "_"]
    torch.testing.assert_close(torch.as_tensor(curves[1].get_ydata()), x + 2)
    assert len({(c.get_marker(), str(c._unscaled_dash_pattern)) for c in curves}) == 2
    for ax in FIGURES["bases"]().axes:  # nothing leaves the frame
        assert ax.get_ylim()[1] > max(abs(line.get_ydata()).max() for line in ax.lines)


# ---- exercises --------------------------------------------------------------------------------------------


def lmu(N, sign=-1.0):
    A, B = hippo.transition("legt", N)
    T = torch.sqrt(2 * torch.arange(N, dtype=A.dtype) + 1) * sign ** torch.arange(N)
    return T[:, None] * A / T, T * B


def fading(N, a, sign=-1):
    A, B = hippo.transition("legt", N)
    return A + sign * a * torch.eye(N), B


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        (measures.window, 1 / 4000, "Right"),
        (measures.window, 1 / 2000, "halved matrices"),
        (measures.window, 1 / 16000, "one second"),
        (measures.window, 0.25, "in seconds"),
        (measures.window, 4000, "one over that"),
        (measures.window, ..., "Not begun"),
        (measures.lmu, lmu, "B, 2 cases agree"),
        (measures.lmu, lambda N: lmu(N, 1.0), "A, case 1"),
        (measures.lmu, lambda N: hippo.transition("legt", N), "A, case 1"),
        (measures.lmu, lambda N: (lmu(N)[0], hippo.transition("legt", N)[1]), "B, case 1"),
        (measures.lmu, lambda N: (..., ...), "Not begun"),
        (measures.fading, fading, "B, 3 cases agree"),
        (measures.fading, lambda N, a: fading(N, a, 1), "A, case 2"),
        (measures.fading, lambda N, a: None, "Not begun"),
        (measures.waves, ..., "Not begun"),
        (measures.waves, {"legt": [14, 28]}, "expected {"),
        (measures.waves, [14, 28, 42], "expected {"),
        (measures.waves, {"legt": [15, 28, 42], "fourier": [14, 24, 34]}, "an even int"),
        (measures.waves, {"legt": [12, 28, 42], "fourier": [14, 24, 34]}, "not below 0.3"),
        (measures.waves, {"legt": [16, 28, 42], "fourier": [14, 24, 34]}, "with 14 already"),
    ],
)
def test_exercises(exercise, answer, says, capsys):
    assert exercise(answer) is (says == "Right" or "agree" in says)
    assert says in capsys.readouterr().out


def test_the_price_of_waves_is_found_by_a_search(capsys):
    def smallest(measure, cutoff, N=4):
        u = delay.band_limited((6000,), cutoff, seed=0)
        while delay.readout_error(hippo.project(u, measure, N, 0.01, "zoh"), u, 100) >= 0.3:
            N += 2
        return N

    found = {m: [smallest(m, f) for f in measures.CUTOFFS] for m in ("legt", "fourier")}
    assert measures.waves(found)


# ---- the memory explorer ----------------------------------------------------------------------------------

CASES = list(itertools.product(hippo.MEASURES, (2, 6, 32), (0.002, 0.02, 0.5), (0, 3, 100)))
NUMBERS = """cases.map(([measure, N, dt, lag]) => ({
  ...transition(measure, N), g: basis(measure, N, (lag + 0.5) * dt), rows: responses(measure, N, dt, 300),
  copy: copy(measure, N, dt, lag, 300), pulse: pulse(copy(measure, N, dt, lag, 300)),
}))"""


@pytest.fixture(scope="module")
def browser_numbers():
    return dict(zip(CASES, module(MemoryExplorer)(NUMBERS, cases=CASES), strict=True))


def assert_near(actual, expected, what, scale=None):
    actual = torch.as_tensor(actual, dtype=torch.float64)
    error = float((actual - expected).abs().max() / (scale or expected.abs().max().clamp_min(1e-30)))
    # the book promises 1e-6; torch.linalg.matrix_exp itself is off by 1e-10 where the norm is about 0.04
    assert error < 1e-8, f"{what}: relative error {error:.1e}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_browser_computes_what_the_library_does(browser_numbers, case):
    measure, N, dt, lag = case
    numbers = browser_numbers[case]
    A, B = hippo.transition(measure, N)
    assert_near(numbers["A"], A, "A")
    assert_near(numbers["B"], B, "B")
    g = hippo.basis(measure, N, torch.tensor([(lag + 0.5) * dt], dtype=torch.float64))[0]
    assert_near(numbers["g"], g, "basis", scale=1.0)
    A_bar, row = discretize.dense(A, B, dt, "zoh")
    rows = []
    for _ in range(300):
        rows.append(row)
        row = A_bar @ row
    rows = torch.stack(rows)
    assert_near(numbers["rows"], rows, "responses")
    assert_near(numbers["copy"], rows @ g, "copy", scale=float(rows.abs().max()))
    widget = MemoryExplorer(measure, N, dt, lag)
    assert_near(widget.responses(), rows, "responses of the picture")
    assert_near(widget.copy(), rows @ g, "copy of the picture", scale=1.0)


def test_pulse_is_found_where_it_is():
    evaluate = module(MemoryExplorer)
    weights = [0.0, 0.2, 0.4, 0.9, 1.0, 0.6, 0.5, 0.0, 0.8]
    assert evaluate("pulse(weights)", weights=weights) == {"at": 4, "height": 1, "width": 3}
    shifted = evaluate("pulse(copy('legt', 32, 0.008, 100, 300))")
    assert shifted["at"] == 100
    halved = evaluate("pulse(copy('legt', 32, 0.004, 100, 300))")
    assert math.isclose(halved["width"] / shifted["width"], 2, rel_tol=0.15)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"measure": "legx"}, "not the str 'legx'"),
        ({"N": 7}, "N must be an integer from 2 to 32 in steps of 2, got 7"),
        ({"N": 34}, "N must be an integer from 2 to 32"),
        ({"dt": 0.001}, "dt must be a number from 0.002 to 0.5, got 0.001"),
        ({"lag": -1}, "lag must be an integer from 0 to 250, got -1"),
    ],
    ids=str,
)
def test_wrong_settings_say_what_was_expected(setting, message):
    with pytest.raises(traitlets.TraitError, match=message):
        MemoryExplorer(**setting)


@pytest.mark.browser
def test_the_explorer_says_what_it_shows_and_follows_every_control():
    with on_page(MemoryExplorer("legt", 32, 0.008, 100), MemoryExplorer("fourier", 32, 0.01, 100)) as page:
        first, second = page.locator(".ssm-memory-explorer").all()
        assert "1/Δ = 125 steps" in first.locator(".sw-readout").text_content()
        assert "peaks at step 100" in first.locator(".sw-readout").text_content()
        assert "The window holds the steps 0 to 99; step 100 has left it." in second.text_content()
        assert idle(page, first, by_keyboard) == idle(page, first, by_mouse) == []
        page.evaluate("widgets[0].model.set('measure', 'lagt')")
        assert "LagT has no end" in first.locator(".sw-readout").text_content()
        assert page.evaluate("document.documentElement.scrollWidth") <= 340
