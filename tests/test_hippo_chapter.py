"""Chapter 03: the widget's numbers against the library, its figures, its exercises."""

import bisect
import math

import pytest
import torch
import traitlets
from matplotlib import pyplot as plt
from widget_tools import by_keyboard, by_mouse, idle, module, on_page

from ssm_lib import hippo, plots
from ssm_lib.check import hippo as check
from ssm_lib.tasks import membrane
from ssm_lib.widgets import HippoMemory

# ---- the widget -----------------------------------------------------------------------------------------------

NUMBERS = """cases.map(([name, memory, k, N]) => {
  const u = signal(name, recording), z = edges(memory, k), past = u.slice(0, k), c = coefficients(past, z, N);
  return {u, c, again: rebuild(c, middles(memory, k)), ...missed(past, z, c)};
})"""
CASES = [
    (name, memory, k, N)
    for name in ("recording", "jump", "sines")
    for memory in ("scaled", "short", "long")
    for k, N in ((10, 1), (10, 96), (137, 32), (500, 7), (500, 96))
]


@pytest.fixture(scope="module")
def browser_numbers():
    cases = [list(case) for case in CASES]
    recording = HippoMemory().recording
    return dict(zip(CASES, module(HippoMemory)(NUMBERS, cases=cases, recording=recording), strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_browser_computes_the_library_s_memory(browser_numbers, case):
    """By integrals of polynomials there, by a recurrence with matrix exponentials here."""
    name, memory, k, N = case
    numbers = {key: torch.tensor(v, dtype=torch.float64) for key, v in browser_numbers[case].items()}
    widget = HippoMemory(name, N, 0.002 * k, memory)
    torch.testing.assert_close(numbers["u"], widget.values(), rtol=0, atol=1e-12)
    expected = widget.coefficients()
    size = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(numbers["c"], expected, rtol=0, atol=1e-8 * size)
    torch.testing.assert_close(numbers["again"], widget.rebuilt(), rtol=0, atol=1e-7 * size)


@pytest.mark.parametrize("memory", ["scaled", "long"])
def test_missed_error_is_what_is_missed(browser_numbers, memory):
    """Pythagoras, against the weighted mean square of the difference on a fine grid."""
    numbers = browser_numbers["sines", memory, 500, 96]
    u = torch.tensor(numbers["u"], dtype=torch.float64)
    z = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000  # uniform weight in z
    s = z if memory == "scaled" else 1 + 0.2 * torch.log(z)  # seconds; before 0 the input was 0
    v = torch.where(s > 0, u[(s / 0.002).long().clamp(0, 499)], 0.0)
    again = hippo.reconstruct(torch.tensor(numbers["c"])[:32], "legs", -torch.log(z))
    assert numbers["left"][31] == pytest.approx(float((v - again).square().mean().sqrt()), rel=1e-3)
    assert numbers["spread"] == pytest.approx(float((v - v.mean()).square().mean().sqrt()), rel=1e-3)


def test_recording_is_the_one_of_the_chapter():
    u = membrane.load().u
    assert HippoMemory().recording == pytest.approx((u - u[:100].mean()).tolist(), abs=6e-4)
    mine = [0.0] * 499 + [2.0]
    assert float(HippoMemory(recording=mine).values()[-1]) == 2
    with pytest.raises(traitlets.TraitError):
        HippoMemory(recording=[1.0])


@pytest.mark.parametrize("signal", ["recording", "jump", "sines"])
@pytest.mark.parametrize("memory", ["scaled", "short"])
def test_still_picture(signal, memory):
    widget = HippoMemory(signal, 8, 0.6, memory)
    figure = widget.figure()
    figure.draw_without_rendering()
    line = figure.axes[0].lines[1].get_ydata()
    torch.testing.assert_close(torch.as_tensor(line), widget.rebuilt())
    assert "N=8" in figure.axes[0].get_title()


@pytest.mark.browser
def test_controls_and_readout():
    with on_page(HippoMemory("jump", N=16), HippoMemory("jump", t=0.3), width=900) as page:
        first, second = (page.locator(".ssm-widget").nth(i) for i in (0, 1))
        assert "Below 20 % needs 16 coefficients" in first.locator(".sw-readout").inner_text()
        assert "has not moved" in second.locator(".sw-readout").inner_text()  # all zero so far
        assert idle(page, first, by_keyboard) == idle(page, first, by_mouse) == []


# ---- the figures ----------------------------------------------------------------------------------------------

x = torch.linspace(0.01, 1, 50)
FIGURES = {
    "basis": lambda: plots.basis(
        {"a": (x, torch.stack([x, -x])), "b": (2 * x, torch.stack([x, -x]))}, "x (s)"
    ),
    "reconstructions": lambda: plots.reconstructions(x, x, {"N = 1": 0 * x, "N = 2": x}, "value"),
    "errors": lambda: plots.errors(torch.arange(1.0, 51), {"a": 1 / x, "b": 2 / x}, "error", slope=-0.5),
    "stretched": lambda: plots.stretched(
        {"fast": (x, x), "slow": (2 * x, x)}, {"fast": x[:5], "slow": x[:5]}, "mV"
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_labelled_and_differ_by_more_than_colour(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()
    assert any(ax.get_xlabel() for ax in figure.axes)
    assert figure.get_supylabel() or figure.axes[0].get_ylabel()
    for ax in figure.axes:
        curves = [line for line in ax.lines if line.get_label()[0] != "_"]
        looks = {
            (str(c._unscaled_dash_pattern), c.get_linestyle(), c.get_marker(), c.get_linewidth())
            for c in curves
        }
        assert len(looks) == len(curves)


def test_figures_hold_the_data():
    panels = FIGURES["reconstructions"]().axes
    assert [ax.get_title(loc="right") for ax in panels] == ["N = 1", "N = 2"]
    torch.testing.assert_close(torch.as_tensor(panels[1].lines[1].get_ydata()), x)
    curves = FIGURES["errors"]().axes[0].lines
    guide = curves[2].get_ydata()
    assert guide[3] / guide[0] == pytest.approx(0.5)
    signals, coefficients = FIGURES["stretched"]().axes
    assert signals.lines[1].get_xdata().max() == 2
    assert all("mV" in ax.get_ylabel() for ax in (signals, coefficients))
    torch.testing.assert_close(torch.as_tensor(coefficients.lines[0].get_ydata()), x[:5])


# ---- the exercises --------------------------------------------------------------------------------------------

A5, B5 = hippo.transition("legs", 5)


def fast(c):
    r = torch.sqrt(2 * torch.arange(c.shape[-1], dtype=torch.float64) + 1)
    s = r * c
    return -(torch.arange(c.shape[-1]) + 1) * c - r * (s.cumsum(-1) - s)


def mirrored(N):
    A, B = hippo.transition("legs", N)
    S = torch.diag((-1.0) ** torch.arange(N)).double()
    return S @ A @ S, S @ B


def needed(u, share):
    def enough(N):
        c = hippo.project(u, "legs", N, method="zoh")[-1]
        return bool(u.square().mean() - c.square().sum() <= share**2 * u.var(correction=0))

    return 1 + bisect.bisect_left(range(1, 65), True, key=enough)


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        (check.jump, 3**0.5 / 4, "Right"),
        (check.jump, 0.25, "sqrt(2n+1)"),
        (check.jump, 3**0.5 / 2, "half missing"),
        (check.jump, 0.5, "the mean"),
        (check.jump, -(3**0.5) / 4, "P_1 is positive"),
        (check.row, [-3, -3 * 3**0.5, -3 * 5**0.5, -3 * 7**0.5, -5], "Right"),
        (check.row, A5[3], "entry [4]"),
        (check.row, [1, 2], "the shape is (2,)"),
        (check.fast_product, fast, "Right"),
        (check.fast_product, lambda c: -c * (torch.arange(c.shape[-1]) + 1), "case 2"),
        (check.fast_product, lambda c: c @ hippo.transition("legs", c.shape[-1])[0].T, "do without a matrix"),
        (check.fast_product, lambda c: None, "Not begun"),
        (check.mirrored, mirrored, "Right"),
        (check.mirrored, lambda N: hippo.transition("legs", N), "first value (A), case 2"),
        (check.mirrored, lambda N: (mirrored(N)[0], hippo.transition("legs", N)[1]), "second value (B)"),
        (check.step_for, -math.log(0.05) / 200, "Right"),
        (check.step_for, 0.015, "Right"),
        (check.step_for, 0.005, "63 %"),
        (check.step_for, -math.log(0.95) / 200, "older"),
        (check.step_for, 2.9957, "200 steps"),
        (check.needed, needed, "Right"),
        (check.needed, lambda u, share: 16, "case"),
        (check.needed, lambda u, share: ..., "Not begun"),
    ],
)
def test_exercises(exercise, answer, says, capsys):
    assert exercise(answer) is (says == "Right")
    assert says in capsys.readouterr().out
