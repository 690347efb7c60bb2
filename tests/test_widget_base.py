"""What all widgets are built from, tried on the example of CONTRIBUTING.md and on a widget with every control."""

import cmath
import inspect
import json
import math
import re
import subprocess
import sys

import pytest
import torch
import traitlets
from matplotlib.figure import Figure
from test_browser import violations
from widget_tools import by_keyboard, by_mouse, drawing, idle, module, on_page

from ssm_lib import widgets
from ssm_lib.widgets.base import Choice, Flag, Integer, Number, Widget


@pytest.fixture(scope="module")
def mode(request):
    """The widget that CONTRIBUTING.md shows, from its text."""
    text = (request.config.rootpath / "CONTRIBUTING.md").read_text()
    python, js = (re.search(f"```{kind}\n(.*?)```", text, re.S)[1] for kind in ("python", "js"))
    names = {"__name__": __name__}
    exec(python.replace("step=0.1)", f"step=0.1)\n    _esm = {js!r}"), names)
    return names["Mode"]


class Everything(Widget):
    """Every kind of setting, control and curve."""

    N = Integer(4, 2, 10, step=2)
    dt = Number(0.1, 1e-3, 1, step=0.1, log=True)
    kind = Choice("a", ("a", "b", "c"))
    method = Choice("x", ("x", "y"))
    on = Flag(True)
    signal = traitlets.List(traitlets.Float(), [1.0, -1.0, 0.5]).tag(sync=True)

    _css = ".ssm-everything { color: red; }"
    _esm = """
export default widget({
  name: "everything", label: "Everything",
  controls: [slider("N", "N"), slider("dt", "Step", {unit: "s", format: (v) => v.toFixed(3)}),
    select("kind", "Kind", {a: "A", b: "B", c: "C"}), choice("method", "Method", {x: "X", y: "Y"}), toggle("on", "On")],
  panels: [[chart("curves", ({kind}) => `Curves ${kind}`, (view, {N, dt, kind, on, signal}) => {
    const xs = linspace(1, 100, N), ys = xs.map((x) => x * dt);
    const plot = view.axes(220, {low: 1e-3, high: 100, log: true, title: "x (s)"},
      {low: 1e-4, high: 100, log: true, title: "y_n"});
    plot.line(xs, ys, 1);
    plot.line(xs, ys.map((y, i) => i === 1 ? NaN : y), "ref");
    plot.area(xs, ys, 2);
    if (on) plot.stems(xs, ys, {a: 0, b: 3, c: 4}[kind]);
    plot.vline(10);
    plot.hline(1);
    plot.note(10, 1, "here");
    view.legend("zero", ["ref", "exact"], [0, "stems", "marks"], [3, "bars", "bars"], [1, "both", "line marks"]);
    return `${signal.length} values`;
  }, {points: [{x: "dt", y: () => 1, label: "step"}]})],
  [chart("bars", "Bars", (view, {signal, method}) => {
    const plot = view.axes(220, {low: -1, high: 6, whole: true, title: "n"}, {...range(signal), title: "u_n"});
    if (method === "x") plot.bars(null, signal); else plot.dots(null, signal);
    plot.circle(1, 0, 0.5);
    return "";
  })]],
});
"""

    def figure(self):
        return Figure()


def test_complex_arithmetic():
    z, w = [0.3, -2.0], [-1.5, 0.25]
    got = module(widgets.KernelExplorer)(
        "[cadd(z, w), csub(z, w), cmul(z, w), cdiv(z, w), cexp(z), [cabs(z), 0]]", z=z, w=w
    )
    a, b = complex(*z), complex(*w)
    expected = [a + b, a - b, a * b, a / b, cmath.exp(a), abs(a)]
    assert torch.allclose(
        torch.tensor(got, dtype=torch.float64),
        torch.view_as_real(torch.tensor(expected, dtype=torch.complex128)),
        rtol=1e-14,
    )


def test_expm1_keeps_its_digits_near_zero():
    points = [[0, 0], [1e-12, 0], [0, 1e-12], [1e-9, -1e-9], [-1e-20, 1e-20], [0.5, 3.0]]
    got = module(widgets.KernelExplorer)("points.map(cexpm1)", points=points)
    for (a, b), (re_, im) in zip(points, got):
        z = complex(a, b)
        # the series is exact where exp(z) − 1 has lost its digits
        expected = z + z**2 / 2 + z**3 / 6 if abs(z) < 1e-6 else cmath.exp(z) - 1
        assert math.isclose(re_, expected.real, rel_tol=1e-12, abs_tol=1e-30)
        assert math.isclose(im, expected.imag, rel_tol=1e-12, abs_tol=1e-30)


def test_slider_places():
    run = module(Everything)
    assert run("[0, 4.9, 5, 5.1, 99].map((v) => snap('N', v))") == [2, 4, 6, 6, 10]
    assert run("[-9, -3, -2.94, -0.7, 0, 5].map((v) => snap('dt', v))") == [0.001, 0.001, 0.00126, 0.2, 1, 1]
    assert run("gauge('dt', 0.01)") == -2
    assert run("[fmt(-0.25), fmt(12345678), fmt(0.00001234), fmt(0)]") == ["−0.25", "1.23e7", "1.23e-5", "0"]


def test_settings_are_the_constructor_s():
    assert Everything.settings == ("N", "dt", "kind", "method", "on", "signal")
    assert str(inspect.signature(Everything)).startswith("(N=4, dt=0.1, kind='a', method='x', on=True")
    widget = Everything(6, dt=0.5, on=False)
    assert repr(widget) == "Everything(N=6, dt=0.5, kind='a', method='x', on=False, signal=[1.0, -1.0, 0.5])"
    state = widget.get_state()
    assert (state["N"], state["on"]) == (6, False)
    assert state["_esm"].index("export const cadd") < state["_esm"].index(
        'TRAITS = {"N": {"min": 2, "max": 10'
    )
    assert ".ssm-widget" in state["_css"]
    assert ".ssm-everything" in state["_css"]
    assert "image/png" in widget._repr_mimebundle_()[0]
    with pytest.raises(TypeError, match="unexpected keyword argument 'M'; its settings are N, dt, kind"):
        Everything(M=3)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"N": 3}, "N must be an integer from 2 to 10 in steps of 2, got 3"),
        ({"dt": 2.0}, "dt must be a number from 0.001 to 1, got 2.0"),
        ({"dt": math.nan}, "got nan"),
        ({"kind": "d"}, r"expected any of \['a', 'b', 'c'\], not the str 'd'"),
        ({"on": "yes"}, "expected a boolean, not the str 'yes'"),
    ],
    ids=str,
)
def test_wrong_settings(setting, message):
    with pytest.raises(traitlets.TraitError, match=message):
        Everything(**setting)


def test_widgets_load_with_the_traitlets_of_colab():
    """Version 5.7 has no `Int[int, int]`."""
    program = (
        "import anywidget, traitlets\n"
        "for kind in (traitlets.Int, traitlets.Float, traitlets.Enum, traitlets.Bool):\n"
        "    kind.__class_getitem__ = None\n"
        "import ssm_lib.widgets\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_figure_is_demanded():
    class Bare(Widget):
        _esm = "export default widget({name: 'bare', label: 'Bare', panels: []});"

    with pytest.raises(NotImplementedError, match="Bare has no figure"):
        Bare().figure()


@pytest.mark.parametrize("name", widgets.__all__)
def test_widget_is_light_enough_for_a_page(name):
    state = getattr(widgets, name)().get_state()
    size = len(json.dumps({key: state[key] for key in ("_esm", "_css")}))
    assert size < 45_000, f"{name} adds {size} bytes to each page that shows it"


@pytest.mark.browser
@pytest.mark.parametrize("move", [by_keyboard, by_mouse])
def test_every_control_moves_the_drawing(mode, move):
    with on_page(mode()) as page:
        assert idle(page, page.locator(".ssm-widget"), move) == []
    with on_page(Everything()) as page:
        root = page.locator(".ssm-widget")
        assert idle(page, root, move) == []
        names = page.locator("li").all_text_contents()
        assert names == ["zero", "exact", "stems", "bars", "both"]
        drawn = page.locator("li svg").evaluate_all("all => all.map(e => e.children.length)")
        assert drawn == [1, 1, 1, 1, 2]
        labels = page.locator(".sw-bars .sw-tick[text-anchor=middle]").all_text_contents()
        assert labels == ["0", "5"]  # not 2.5
        assert page.locator("[name=dt]").get_attribute("aria-valuetext").endswith("\u00a0s")
        assert page.evaluate("document.documentElement.scrollWidth") <= 340


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible(mode, theme):
    with on_page(mode(), Everything(), color_scheme=theme) as page:
        found = violations(page, "")
    assert not found, "\n".join(found)


@pytest.mark.browser
def test_idle_control_is_noticed():
    with on_page(Everything()) as page:
        page.locator("[name=on]").evaluate(
            "box => box.parentNode.addEventListener('input', (e) => e.stopPropagation(), true)"
        )
        assert idle(page, page.locator(".ssm-widget"), by_keyboard) == ["on"]
        assert idle(page, page.locator(".ssm-widget"), by_mouse) == ["on"]


@pytest.mark.browser
def test_options_are_python_s():
    class Wrong(Widget):
        kind = Choice("a", ("a", "b"))
        _esm = """export default widget({name: "wrong", label: "Wrong",
          panels: [[choice("kind", "Kind", {a: "A"})]]});"""

    from playwright.sync_api import Error

    with pytest.raises(Error, match="kind offers a; Python declares a,b"), on_page(Wrong()):
        pass


def at(page):
    """The middle of the point, on the screen."""
    box = page.locator(".sw-handle .sw-ring").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def settings(page):
    return page.evaluate(
        "(({re, im}) => [re, im])({re: widgets[0].model.get('re'), im: widgets[0].model.get('im')})"
    )


@pytest.mark.browser
def test_point_by_mouse(mode):
    with on_page(mode(-0.5, 3), width=800) as page:
        root, (x, y) = page.locator(".ssm-widget"), at(page)
        before = drawing(root)
        page.mouse.move(x + 9, y)  # not in its middle: it must not jump
        page.mouse.down()
        page.mouse.move(x + 49, y - 30, steps=4)
        page.mouse.up()
        assert at(page) == pytest.approx((x + 40, y - 30), abs=4)
        moved = settings(page)
        assert moved[0] > -0.5
        assert moved[1] > 3
        assert drawing(root) != before
        assert page.evaluate("widgets[0].model.saved") == dict(zip(("re", "im"), moved))
        page.mouse.move(x - 50, y)  # let go, it stays
        assert settings(page) == moved
        page.mouse.move(*at(page))
        page.mouse.down()
        page.mouse.move(5000, 5000)
        page.mouse.up()
        assert settings(page) == [0.5, -8]  # clamped
        page.mouse.click(x, y)  # a tap brings it
        assert at(page) == pytest.approx((x, y), abs=4)


@pytest.mark.browser
def test_point_by_touch_does_not_scroll(mode):
    with on_page(mode(), width=390, has_touch=True, is_mobile=True) as page:
        page.evaluate("document.body.style.paddingBottom = '2000px'")
        x, y = at(page)
        session = page.context.new_cdp_session(page)

        def touch(kind, *points):
            points = [{"x": a, "y": b} for a, b in points]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        before = settings(page)
        touch("touchStart", (x, y))
        for i in range(1, 9):
            touch("touchMove", (x + 3 * i, y - 8 * i))
        touch("touchEnd")
        page.wait_for_timeout(100)
        assert at(page) == pytest.approx((x + 24, y - 64), abs=4)
        assert settings(page) != before
        assert page.evaluate("scrollY") == 0
        x, y = at(page)
        page.touchscreen.tap(x - 40, y + 30)
        page.wait_for_timeout(100)
        assert at(page) == pytest.approx((x - 40, y + 30), abs=4)


@pytest.mark.browser
def test_point_by_keyboard(mode):
    with on_page(mode(-0.5, 3)) as page:
        point = page.get_by_role("slider", name="λ", exact=True)
        point.focus()
        assert (
            page.evaluate("getComputedStyle(document.activeElement.querySelector('.sw-ring')).strokeWidth")
            == "3px"
        )
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert settings(page) == [-0.45, 2.9]
        page.keyboard.press("Shift+ArrowLeft")
        page.keyboard.press("Shift+ArrowUp")
        assert settings(page) == [-0.95, 3.9]
        assert point.get_attribute("aria-valuetext") == "−0.95, 3.9"
        assert page.locator("input[name=re]").input_value() == "-0.95"
        for _ in range(5):
            page.keyboard.press("Shift+ArrowLeft")
        assert settings(page) == [-2, 3.9]
        assert (
            page.evaluate("document.activeElement.getAttribute('aria-label')") == "λ"
        )  # through every drawing


def test_example_s_numbers(mode):
    times = [0.0, 0.5, 2.0]
    got = module(mode)("mode(-0.5, 3, times)", times=times)
    assert got == pytest.approx([cmath.exp((-0.5 + 3j) * t).real for t in times])
