"""The widgets: the browser's numbers against torch in float64, the settings' checks, the stored picture."""

import base64
import itertools
import json
import math

import pytest
import torch
import traitlets
from widget_tools import module, on_page

from ssm_lib import discretize, hippo, kernels
from ssm_lib.layers import s4d
from ssm_lib.widgets import KernelExplorer

LENGTH = 200
CASES = list(itertools.product(s4d.LAWS, (2, 4, 16, 64), (1e-3, 0.05, 1.0), s4d.METHODS, (LENGTH,)))
TOLERANCE = 1e-9  # relative to the largest entry; the book promises 1e-6


NUMBERS = """cases.map(([init, N, dt, method, length]) => {
  const lambdas = eigenvalues(init, N);
  return {
    re: lambdas.map((z) => z.re),
    im: lambdas.map((z) => z.im),
    b: lambdas.map((z) => z.b),
    discrete: discretize(lambdas, dt, method).map((z) => [z.re, z.im]),
    modes: modes(init, N, dt, method, length),
    kernel: kernel(init, N, dt, method, length),
    summary: summary(init, N, dt, method),
  };
})"""


@pytest.fixture(scope="module")
def browser_numbers():
    """What the ES module computes for each case, run by node."""
    return dict(zip(CASES, module(KernelExplorer)(NUMBERS, cases=CASES), strict=True))


def system(init, N):
    """Eigenvalues and weights of the library, by ascending imaginary part (by ascending decay if real)."""
    A, B = s4d.initial_eigenvalues(init, N)
    order = A.imag.argsort() if A.is_complex() else (-A).argsort()
    return A[order].to(torch.complex128), B[order].to(torch.complex128)


def assert_near(actual, expected, what):
    actual = torch.as_tensor(actual, dtype=expected.dtype)
    error = ((actual - expected).abs().max() / expected.abs().max()).item()
    assert error < TOLERANCE, f"{what}: relative error {error:.2e}"


@pytest.mark.parametrize("init", s4d.LAWS)
@pytest.mark.parametrize("N", [2, 4, 16, 64])
def test_eigenvalues_and_weights_are_the_library_s(browser_numbers, init, N):
    numbers = browser_numbers[init, N, 0.05, "zoh", LENGTH]
    A, B = system(init, N)
    re, im, b = (torch.tensor(numbers[key], dtype=torch.float64) for key in ("re", "im", "b"))
    assert im.tolist() == sorted(im.tolist())
    assert (((torch.complex(re, im) - A).abs() / A.abs()).max()) < TOLERANCE  # entry by entry
    assert ((b - B).abs() / B.abs()).max() < TOLERANCE


def test_legs_is_the_normal_part_of_the_hippo_matrix(browser_numbers):
    """Against a dense eigensolver on A + P P^T itself, and the known largest eigenvalue."""
    for N in (2, 4, 16, 64):
        numbers = browser_numbers["legs", N, 0.05, "zoh", LENGTH]
        A, B = hippo.transition("legs", N)
        S = A + torch.outer(B, B) / 2 + torch.eye(N, dtype=torch.float64) / 2
        imag, V = torch.linalg.eigh(-1j * S)
        assert_near(numbers["im"], imag[N // 2 :], f"imaginary parts, N={N}")
        assert_near(numbers["b"], (V.mH @ B.to(V.dtype)).abs()[N // 2 :], f"weights, N={N}")
    assert math.isclose(numbers["im"][-1], 1303.27, abs_tol=0.01)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_modes_and_kernel_are_torch_s(browser_numbers, case):
    init, N, dt, method, length = case
    numbers = browser_numbers[case]
    A, B = system(init, N)
    if method == "zoh":
        A_bar, B_bar = torch.exp(dt * A), (torch.exp(dt * A) - 1) / A * B
    else:
        A_bar, B_bar = (1 + dt * A / 2) / (1 - dt * A / 2), dt * B / (1 - dt * A / 2)
    factors = torch.cat([B_bar[:, None], A_bar[:, None].expand(-1, length - 1)], dim=1)
    modes = 2 * factors.cumprod(1).real  # not a complex power: 0 ** 0 is nan there, and A_bar can be 0
    assert_near([complex(*z) for z in numbers["discrete"]], A_bar, "discrete eigenvalues")
    assert_near(numbers["modes"], modes, "modes")
    assert_near(numbers["kernel"], modes.sum(0), "kernel")
    K = kernels.diagonal(
        A[None], B[None], torch.ones_like(B)[None], torch.tensor([dt], dtype=torch.float64), length, method
    )
    assert_near(numbers["kernel"], K[0], "kernel of the library")


def test_readout(browser_numbers):
    zoh = browser_numbers["lin", 64, 0.05, "zoh", LENGTH]["summary"]
    assert math.isclose(zoh["decay"], 1 / (0.5 * 0.05))  # samples to 1/e: 40
    assert math.isclose(zoh["phase"], 31 * math.pi * 0.05)  # radians a sample: 4.87
    assert sum(zoh["aliased"]) == 11  # n = 21 .. 31: n pi dt > pi where n > 20
    assert not any(browser_numbers["lin", 16, 0.05, "zoh", LENGTH]["summary"]["aliased"])
    for case, numbers in browser_numbers.items():
        if case[3] == "bilinear":  # squeezed below pi, never aliased
            A_bar, _ = discretize.diagonal(*system(case[0], case[1]), case[2], "bilinear")
            assert not any(numbers["summary"]["aliased"])
            assert math.isclose(numbers["summary"]["phase"], A_bar.angle().max().item(), rel_tol=1e-9)
            slowest = (-1 / A_bar.abs().max().log()).item()
            assert math.isclose(numbers["summary"]["decay"], slowest, rel_tol=1e-6)


@pytest.mark.parametrize("init", s4d.LAWS)
@pytest.mark.parametrize("method", s4d.METHODS)
def test_still_picture_has_the_same_numbers(init, method):
    """Also where a mode dies in one step: bilinear, S4D-Real, dt = 1 has an eigenvalue 0."""
    widget = KernelExplorer(init, 16, 1.0, method)
    A, B = system(init, 16)
    K = kernels.diagonal(
        A[None], B[None], torch.ones_like(B)[None], torch.ones(1, dtype=torch.float64), LENGTH, method
    )
    assert_near(widget.modes().sum(0), K[0], "kernel of the picture")


@pytest.mark.parametrize("init", s4d.LAWS)
@pytest.mark.parametrize("method", s4d.METHODS)
def test_still_picture_numbers_the_modes_as_the_browser_does(browser_numbers, init, method):
    modes = KernelExplorer(init, 16, 1.0, method).modes()
    assert_near(browser_numbers[init, 16, 1.0, method, LENGTH]["modes"], modes, "modes of the picture")


@pytest.mark.parametrize("view", ["discrete", "continuous"])
def test_mime_bundle_has_the_widget_a_picture_and_a_stable_text(view):
    widget = KernelExplorer("lin", 16, 0.05, "zoh", view=view)
    data, _ = widget._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert data["text/plain"] == "KernelExplorer(init='lin', N=16, dt=0.05, discretization='zoh')"


def test_settings_reach_the_browser():
    state = KernelExplorer("inv", 8, 0.1, "bilinear", "continuous", 50).get_state()
    settings = {
        "init": "inv",
        "N": 8,
        "dt": 0.1,
        "discretization": "bilinear",
        "view": "continuous",
        "length": 50,
    }
    assert settings.items() <= state.items()
    assert "export default" in state["_esm"]
    assert ".ssm-kernel-explorer" in state["_css"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"init": "fout"}, r"expected any of \['legs', 'lin', 'inv', 'real'\], not the str 'fout'"),
        ({"N": 7}, "N must be an integer from 2 to 64 in steps of 2, got 7"),
        ({"N": 0}, "N must be an integer from 2 to 64 in steps of 2, got 0"),
        ({"N": 66}, "N must be an integer from 2 to 64 in steps of 2, got 66"),
        ({"N": 4.5}, "expected an int, not the float 4.5"),
        ({"dt": 0.0}, "dt must be a number from 0.001 to 1, got 0.0"),
        ({"dt": -0.1}, "dt must be a number from 0.001 to 1, got -0.1"),
        ({"dt": math.nan}, "dt must be a number from 0.001 to 1, got nan"),
        ({"dt": "fast"}, "expected a float, not the str 'fast'"),
        ({"discretization": "euler"}, r"expected any of \['zoh', 'bilinear'\], not the str 'euler'"),
        ({"view": "both"}, "not the str 'both'"),
        ({"length": 1}, "length must be an integer from 2 to 1000, got 1"),
    ],
    ids=str,
)
def test_wrong_settings_say_what_was_expected(setting, message):
    with pytest.raises(traitlets.TraitError, match=message):
        KernelExplorer(**setting)
    widget = KernelExplorer()
    for name, value in setting.items():
        with pytest.raises(traitlets.TraitError, match=message):
            setattr(widget, name, value)


def test_unknown_setting():
    with pytest.raises(TypeError, match="initialization"):
        KernelExplorer(initialization="lin")


@pytest.fixture
def page():
    """A page with two widgets, S4D-Lin and S4D-LegS, and no Python behind them."""
    with on_page(KernelExplorer("lin", 16, 0.05), KernelExplorer("legs", 16, 0.05)) as page:
        yield page


@pytest.mark.browser
def test_controls_move_their_own_widget_and_tell_python(page):
    first, second = page.locator(".ssm-kernel-explorer").all()
    curve, other = (w.locator(".kernel-curve").get_attribute("d") for w in (first, second))
    assert curve != other

    def changed():
        nonlocal curve
        before, curve = curve, first.locator(".kernel-curve").get_attribute("d")
        return before != curve

    def saved(name, value):
        """The page may handle a key after the call that pressed it has returned."""
        page.wait_for_function(f"widgets[0].model.saved?.{name} === {json.dumps(value)}", timeout=5000)

    first.locator("input[name=dt]").focus()
    page.keyboard.press("ArrowRight")
    assert changed()
    saved("dt", 0.0525)  # three digits: what is shown is what is used
    assert first.locator("input[name=dt]").get_attribute("aria-valuetext") == "0.0525"
    first.locator("input[name=N]").focus()
    page.keyboard.press("ArrowRight")
    assert changed()
    saved("N", 18)
    first.locator("select[name=init]").select_option("inv")
    assert changed()
    first.locator("input[name=discretization][value=zoh]").focus()
    page.keyboard.press("ArrowRight")
    assert changed()
    saved("discretization", "bilinear")
    description = first.locator(".sw-plane desc").text_content()
    first.locator("input[name=view][value=continuous]").check()
    assert first.locator(".sw-plane desc").text_content() != description
    assert second.locator(".kernel-curve").get_attribute("d") == other
    assert second.locator("input[name=discretization][value=zoh]").is_checked()


@pytest.mark.browser
def test_widget_follows_python_and_stops_when_disposed(page):
    first = page.locator(".ssm-kernel-explorer").first
    page.evaluate("widgets[0].model.set('N', 64)")
    assert first.locator("input[name=N]").input_value() == "64"
    readout = first.locator(".sw-readout").text_content()
    assert "1/e in 40 samples" in readout
    assert "4.87 rad per sample" in readout
    assert "Aliased" in readout
    page.evaluate("widgets[0].dispose()")
    assert page.evaluate("widgets[0].listeners.length") == 0
    page.evaluate("widgets[0].model.set('N', 2)")
    assert first.locator("input[name=N]").input_value() == "64"


@pytest.mark.browser
def test_two_widgets_share_no_id_and_fit_a_phone(page):
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids)) > 10
    referred = page.evaluate(
        "[...document.querySelectorAll('[aria-labelledby], [for]')]"
        ".flatMap((e) => (e.getAttribute('aria-labelledby') ?? e.getAttribute('for')).split(' '))"
    )
    assert set(referred) <= set(ids)
    assert page.evaluate("document.documentElement.scrollWidth") <= 340
