"""For the tests of widgets: their numbers, run by node, and their controls, moved in a browser."""

import functools
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tools.browser import ABSENT, find

SCRIPT = """
import {readFileSync} from "node:fs";
import * as own from %s;
const {expression, values} = JSON.parse(readFileSync(0, "utf8"));
const names = {...own, ...values};
delete names.default;
const result = new Function(...Object.keys(names), `return (${expression})`)(...Object.values(names));
process.stdout.write(JSON.stringify(result, (key, value) => ArrayBuffer.isView(value) ? Array.from(value) : value));
"""


def module(widget_class):
    """The widget's ES module in node: a function of a JavaScript expression and of values by name.

    >>> module(KernelExplorer)("kernel(init, 16, 0.05, 'zoh', 4)", init="lin")
    [...]

    The expression may use all that `base.js` and the widget's own file export. Its value comes back as JSON does:
    typed arrays as lists, NaN and Infinity as None.
    """
    node = shutil.which("node")
    if node is None:
        message = "node is not installed: the widget's numbers were not compared"
        pytest.fail(message) if os.environ.get("REQUIRE_BROWSER") == "1" else pytest.skip(message)

    def evaluate(expression, **values):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "widget.mjs")  # named .mjs, node reads it as the browser does
            source.write_text(str(widget_class._esm), "utf-8")
            script = Path(folder, "script.mjs")
            script.write_text(SCRIPT % json.dumps(source.as_uri()), "utf-8")
            words = json.dumps({"expression": expression, "values": values})
            run = subprocess.run([node, script], input=words, capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    return evaluate


# As anywidget does it: every widget imports the module anew, from a blob, and gets a model.
START = """async (given) => {
  window.widgets = await Promise.all(given.map(async ({esm, css, state}) => {
    document.head.append(Object.assign(document.createElement("style"), {textContent: css}));
    const el = document.body.appendChild(document.createElement("div"));  // imports may finish in any order
    const url = URL.createObjectURL(new Blob([esm], {type: "text/javascript"}));
    const {default: widget} = await import(url);
    const listeners = [];
    const model = {
      get: (name) => state[name],
      set(name, value) {
        state[name] = value;
        listeners.filter((l) => l[0] === `change:${name}`).forEach((l) => l[1]());
      },
      save_changes() { model.saved = {...state}; },
      on: (event, call) => listeners.push([event, call]),
      off: (event, call) => listeners.splice(listeners.findIndex((l) => l[0] === event && l[1] === call), 1),
    };
    return {model, el, listeners, dispose: widget.render({model, el})};
  }));
}"""


_running = ExitStack()  # the browser of the module whose tests run


@functools.cache
def _chromium():
    path = find()
    if not path:
        pytest.fail(f"REQUIRE_BROWSER=1. {ABSENT}")
    from playwright.sync_api import sync_playwright

    playwright = _running.enter_context(sync_playwright())
    browser = playwright.chromium.launch(executable_path=path)
    _running.callback(browser.close)
    return browser


def close():
    """End the browser that the pages of a module share: Playwright allows one at a time in a process."""
    _chromium.cache_clear()
    _running.close()


@contextmanager
def on_page(*widgets, width=340, **options):
    """A page with these widgets and no Python behind them; nothing may be thrown there.

    `window.widgets` holds each one's `model`, `el` and `dispose`; `model.saved` is what Python would have got.
    """
    given = [
        {"esm": w._esm, "css": w._css, "state": {name: getattr(w, name) for name in w.settings}}
        for w in widgets
    ]
    errors = []
    with _chromium().new_context(viewport={"width": width, "height": 800}, **options) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.set_content(
            "<!doctype html><html lang='en'><meta name='viewport' content='width=device-width'>"
            "<title>Widgets</title><body style='margin: 0'></body></html>"
        )
        page.evaluate(START, given)
        yield page
    assert not errors


def drawing(root):
    """What a widget draws: the shapes of its charts, without texts and without the points that one drags."""
    return root.locator(".sw-chart").evaluate_all(
        """charts => charts.flatMap(c => [...c.querySelectorAll('path, circle, rect')])
        .filter(e => !e.closest('.sw-handle')).map(e => [...e.attributes].map(a => a.value).join(' '))"""
    )


def idle(page, root, move):
    """The controls and points of a widget that change nothing in what it draws, moved one after another.

    move(page, control, kind) tries one; kind is "range", "select-one", "radio", "checkbox" or "point". What is idle
    at first is tried again with the other options, since a setting may belong to one option alone.
    """
    found = root.locator("input[type=range], select, .sw-choices, input[type=checkbox], .sw-handle").all()
    left = [control for control in found if not _answers(page, root, control, move)]
    for select in root.locator("select").all():
        for value in select.locator("option").evaluate_all("options => options.map(o => o.value)"):
            select.select_option(value)
            left = [control for control in left if not _answers(page, root, control, move)]
    for other in root.locator("input[type=radio], input[type=checkbox]").all():
        if left:
            other.click()
            left = [control for control in left if not _answers(page, root, control, move)]
    return [c.evaluate("c => c.name ?? c.getAttribute('aria-label') ?? c.innerText") for c in left]


def _answers(page, root, control, move):
    kind = control.evaluate("c => c.type ?? (c.matches('.sw-choices') ? 'radio' : 'point')")
    before = drawing(root)
    for _ in move(page, control, kind):
        if drawing(root) != before:
            return True
        page.wait_for_timeout(100)  # the page may handle an event after the call that made it has returned
        if drawing(root) != before:
            return True
    return False


def by_keyboard(page, control, kind):
    """For `idle`: focus and keys alone."""
    (control.locator("input:checked") if kind == "radio" else control).focus()
    # up as well as down: it may stand at an end
    for key in ["Space"] if kind == "checkbox" else ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"]:
        page.keyboard.press(key)
        yield


def by_mouse(page, control, kind):
    """For `idle`: what can be pressed or dragged with a mouse (a list of options is the browser's own)."""
    control.evaluate(
        "c => c.scrollIntoView({block: 'center', behavior: 'instant'})"
    )  # not below the page's header
    box = (control.locator(".sw-ring") if kind == "point" else control).bounding_box()
    if kind in ("radio", "range"):
        for part in (0.1, 0.5, 0.9):
            page.mouse.click(box["x"] + part * box["width"], box["y"] + box["height"] / 2)
            yield
    elif kind == "point":
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for dx, dy in ((30, -30), (-60, 60)):
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + dx, y + dy, steps=3)
            page.mouse.up()
            x, y = x + dx, y + dy
            yield
    elif kind == "checkbox":
        control.click()
        yield
    else:
        for value in control.locator("option").evaluate_all("options => options.map(o => o.value)"):
            control.select_option(value)
            yield
