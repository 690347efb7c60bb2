"""Chapter 01: its widget's numbers against torch, its figures, and what its exercise checks say."""

import base64
import math

import pytest
import torch
import traitlets
import widget_tools
from matplotlib import pyplot as plt

from ssm_lib import lti, plots
from ssm_lib.check import linear_systems
from ssm_lib.widgets import EigenvaluePair

f64 = torch.float64
PLACES = [
    (-1.0, 5.0),
    (-0.1, 11.0),
    (-3.0, 0.0),
    (-5.1, 0.1),
    (-5.0, -0.1),
    (-4.0, -4.0),
    (-1.0, -4.0),
    (0.5, 3.0),
]
PLACES += [(0.0, 0.0), (-1.0, 0.0), (-8.0, -1.0)]  # on the imaginary axis twice; critical; overdamped
STEPS = (0.01, 0.1, 1.0)


@pytest.fixture(scope="module")
def numbers():
    """What the browser computes at each place and step."""
    evaluate = widget_tools.module(EigenvaluePair)
    return evaluate(
        "places.flatMap(([re, im]) => steps.map((dt) => ({h: [0, 0.3, 2, 6].map((t) => response(re, im, t)),"
        " K: kernel(re, im, dt), gain: [0.5, 5, 50].map((w) => gain(re, im, w)), summary: summary(re, im, dt)})))",
        places=PLACES,
        steps=STEPS,
    )


def near(actual, expected, tolerance=1e-9):
    actual = torch.as_tensor(actual, dtype=f64)
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("dt", STEPS)
def test_widget_computes_what_torch_does(numbers, place, dt):
    found = numbers[PLACES.index(place) * len(STEPS) + STEPS.index(dt)]
    widget = EigenvaluePair(*place, dt)
    A, B, C = widget.system()
    z = torch.linalg.eigvals(A)
    for eigenvalue in widget.eigenvalues():
        assert (z - eigenvalue).abs().min() < 1e-6  # a double eigenvalue is found to half the digits
    near(found["h"], lti.impulse_response(A, B, C, torch.tensor([0, 0.3, 2, 6], dtype=f64)))
    near(found["K"], widget.kernel())
    assert len(found["K"]) == round(6 / dt)
    near(found["gain"], lti.transfer(A, B, C, 1j * torch.tensor([0.5, 5, 50], dtype=f64)).abs())
    said = found["summary"]
    if said["stiffness"] >= 0 and said["damping"] >= 0:  # the constants it names make the same system
        torch.testing.assert_close(lti.spring(2, said["damping"], said["stiffness"])[0], A)
    slowest = widget.eigenvalues().real.max().item()
    assert said["slowest"] == pytest.approx(slowest)
    assert said["pitch"] == pytest.approx(max(place[1], 0) / (2 * math.pi))
    assert said["aliased"] == (place[1] * dt > math.pi)


def test_still_picture_and_settings():
    data, _ = EigenvaluePair()._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert data["text/plain"] == "EigenvaluePair(re=-1.0, im=5.0, dt=0.1)"
    omega, gain = EigenvaluePair().figure().axes[2].lines[0].get_data()  # question 4 of the text
    assert omega[gain.argmax()] == pytest.approx(24**0.5, rel=0.02)  # (Im λ)^2 - (Re λ)^2
    with pytest.raises(traitlets.TraitError, match=r"re must be a number from -8 to 0.5, got 1"):
        EigenvaluePair(re=1.0)


@pytest.mark.browser
def test_point_is_dragged_and_everything_moves():
    with widget_tools.on_page(EigenvaluePair(), width=900) as page:
        root = page.locator(".ssm-eigenvalue-pair")
        readout = root.locator(".sw-readout")
        assert "−1 ± 5 i: underdamped" in readout.text_content()
        assert "damper 4 Ns/m, spring 52 N/m" in readout.text_content()
        point = root.locator(".sw-handle")
        before = root.locator(".response").get_attribute("d")
        box = point.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y + 40, steps=4)
        page.mouse.up()
        assert root.locator(".response").get_attribute("d") != before
        lower = page.evaluate("widgets[0].model.get('im')")
        assert lower < 5
        assert page.evaluate("widgets[0].model.get('re')") == -1
        page.evaluate("widgets[0].model.set('im', 0)")
        assert "−1 (twice): critically damped" in readout.text_content()
        point.focus()
        page.keyboard.press("ArrowDown")
        page.wait_for_function("widgets[0].model.saved?.im === -0.1")
        assert "−0.9 and −1.1: overdamped" in readout.text_content()
        page.evaluate("widgets[0].model.set('im', -4)")
        assert "It does not die out" in readout.text_content()


@pytest.mark.browser
@pytest.mark.parametrize("move", [widget_tools.by_keyboard, widget_tools.by_mouse])
def test_every_control_moves_the_drawing_on_a_phone(move):
    with widget_tools.on_page(EigenvaluePair(), width=340) as page:
        assert widget_tools.idle(page, page.locator(".ssm-eigenvalue-pair"), move) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 340


x = torch.linspace(0, 1, 64, dtype=f64)
Z = torch.polar(x + 0.1, x)
FIGURES = {
    "superposition": lambda: plots.superposition(x, {"a": x, "b": x**2, "c": -x}, x),
    "regimes": lambda: plots.regimes({"a": lti.spring(1, 1, 1), "b": lti.spring(1, 9, 1)}, Z[:, None], x),
    "bins": lambda: plots.bins(x, x**2, 0.125, x[::8]),
    "frequency_response": lambda: plots.frequency_response(
        x + 0.1, {"a": Z, "b": Z / 2}, (x[:3] + 0.1, Z[:3])
    ),
    "one_future": lambda: plots.one_future(x, torch.stack([x, -x]), torch.stack([x, x**2]), 0.5),
    "capacities": lambda: plots.capacities(torch.arange(64), {"a": x, "b": 1 - x}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_labelled_and_told_apart(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()
    assert any(ax.get_xlabel() for ax in figure.axes)
    assert any(ax.get_ylabel() for ax in figure.axes) or figure.get_supylabel()
    for ax in figure.axes:
        curves = [line for line in ax.lines if line.get_label()[0] != "_"]
        looks = {(c.get_linestyle(), str(c._unscaled_dash_pattern), c.get_marker()) for c in curves}
        assert len(looks) == len(curves)


def test_bins_draws_every_sample():
    K = x[::8]
    figure = plots.bins(x, x**2, 0.125, K)
    [dots] = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert list(dots.get_ydata()) == K.tolist()
    assert list(dots.get_xdata()) == pytest.approx([0.125 * (l + 0.5) for l in range(8)])


def columns(A_bar, B_bar, length, order=1):
    found = B_bar[:, None]
    while found.shape[1] < length:
        found = torch.cat([found, A_bar @ found[:, -1:]][::order], 1)
    return found


def one_by_one(A_bar, B_bar, length):
    found = [B_bar]
    while len(found) < length:
        found.append(A_bar @ found[-1])
    return torch.stack(found, 1)


def doubled(A_bar, B_bar, length):
    found, power = B_bar[:, None], A_bar
    while found.shape[1] < length:
        found, power = torch.cat([found, power @ found], 1), power @ power
    return found[:, :length]


def eigenvalues(K, N, dt):
    H = torch.stack([K[i : i + len(K) // 2] for i in range(len(K) // 2)])
    O = torch.linalg.svd(H)[0][:, :N]
    return torch.linalg.eigvals(torch.linalg.lstsq(O[:-1], O[1:]).solution).log() / dt


def stop(A_bar, B_bar, x):
    return torch.linalg.solve(torch.stack([A_bar @ B_bar, B_bar], 1), -A_bar @ A_bar @ x)


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        (linear_systems.stiffness, 202, "Right"),
        (linear_systems.stiffness, 208, "four times the stiffness"),
        (linear_systems.stiffness, 104, "twice the stiffness"),
        (linear_systems.stiffness, 200, "1 + pitch squared"),
        (linear_systems.stiffness, 101, "the mass is 2 kg"),
        (linear_systems.stop, stop, "Right"),
        (linear_systems.stop, lambda *given: stop(*given).flip(0), "entry [0]"),
        (linear_systems.krylov_columns, doubled, "Right"),
        (linear_systems.krylov_columns, columns, "do without a loop"),
        (linear_systems.krylov_columns, one_by_one, "do without a loop"),
        (linear_systems.krylov_columns, lambda A, B, L: columns(A, B, L, -1), "case 2"),
        (linear_systems.krylov_columns, lambda A, B, L: columns(A, B, L).T, "the shape is (1, 5)"),
        (linear_systems.gate, math.log(2**0.1 - 1), "Right"),
        (linear_systems.gate, math.log(math.log(2) / 10), "backward Euler keeps"),
        (linear_systems.gate, 2**0.1 - 1, "is the step"),
        (linear_systems.gate, 1 - 2**-0.1, "that is sigmoid(v)"),
        (linear_systems.gate, math.log(1 - 2**-0.1), "log sigmoid(v)"),
        (linear_systems.gate, 2.634, "sign is wrong"),
        (linear_systems.identify, eigenvalues, "Right"),
        (linear_systems.identify, lambda K, N, dt: eigenvalues(K, N, 1.0), "the chapter's spring"),
        (linear_systems.identify, lambda K, N, dt: eigenvalues(K, 2, dt), "two springs at once"),
        (linear_systems.identify, ..., "Not begun"),
        (linear_systems.identify, lambda K, N, dt: None, "Not begun"),
    ],
)
def test_exercises(exercise, answer, says, capsys):
    assert exercise(answer) is (says == "Right")
    assert says in capsys.readouterr().out
