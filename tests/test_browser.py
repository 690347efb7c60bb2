"""The built book in a real browser, with every address but this machine's own blocked."""

import functools
import http.server
import json
import threading
from pathlib import Path

import pytest
from conftest import HTML, ROOT, find_browser
from widget_tools import by_keyboard, by_mouse, drawing, idle

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
SHOTS = ROOT / "_build" / "screenshots"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# sphinxcontrib-bibtex and docutils write citations as divs with list roles; not ours to mend.
UPSTREAM = {"book/bibliography": {"aria-deprecated-role", "aria-required-children"}}


def pages() -> list[str]:
    """Every page of the book but the library's source listings."""
    found = (path.relative_to(HTML).with_suffix("").as_posix() for path in sorted(HTML.rglob("*.html")))
    return [p for p in found if not p.startswith(("_modules/", "_static/")) and p != "index"]


PAGES = pages()
PHONE_PAGES = PAGES + sorted(
    p.relative_to(HTML).with_suffix("").as_posix() for p in HTML.glob("_modules/**/*.html")
)
TOUR = "notebooks/00_tour"
# What sticks out to the right and lies in no box that scrolls.
WIDER = """() => {
    if (document.scrollingElement.scrollWidth <= innerWidth) return [];
    const boxed = (e) => e !== document.body && (getComputedStyle(e).overflowX !== "visible" || boxed(e.parentElement));
    return [...document.querySelectorAll("body *")]
        .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !boxed(e))
        .slice(0, 8).map((e) => `${e.tagName}.${e.className} ${(e.textContent || "").slice(0, 50)}`);
}"""
VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_PAGES = [name for name in PAGES if VIEW in (HTML / f"{name}.html").read_text("utf-8")]


@pytest.fixture(scope="module")
def address(html):
    """The book, served on the loopback address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(html))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def chromium():
    path = find_browser()
    if not path:
        pytest.fail("REQUIRE_BROWSER=1, and there is no Chromium: apt install chromium, or set CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-quic", "--no-first-run"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    """Open a page; at the end, nothing may have been blocked, thrown or logged as an error."""
    contexts, trouble = [], []

    def route(request_route):
        url = request_route.request.url
        if url.startswith((address, "file://", "data:", "blob:")):
            request_route.continue_()
        else:
            trouble.append(f"asked the network for {url}")
            request_route.abort()

    def open_page(name, base=address, width=1280, theme="light"):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        contexts.append(context)
        context.add_init_script(
            f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')"
        )
        context.route("**/*", route)
        page = context.new_page()
        page.on("console", lambda m: trouble.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda error: trouble.append(f"thrown: {error}"))
        page.on("requestfailed", lambda r: trouble.append(f"failed: {r.url}"))
        page.on("response", lambda r: trouble.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        page.goto(f"{base}/{name}.html", wait_until="load")
        if views := page.locator(f"script[type='{VIEW}']").count():
            page.wait_for_function(f"document.querySelectorAll('.ssm-widget').length === {views}")
        if page.locator(".math").count():
            page.evaluate("MathJax.startup.promise.then(() => null)")
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not trouble, "\n".join(dict.fromkeys(trouble))


def violations(page, name: str) -> list[str]:
    """What axe finds against WCAG A and AA, one line an element."""
    page.add_script_tag(path=str(AXE))
    result = page.evaluate(f"axe.run(document, {{runOnly: {json.dumps(WCAG)}}})")
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:160]} ({'; '.join(a['message'] for a in node['any'])[:200]})"
        for rule in result["violations"]
        if rule["id"] not in UPSTREAM.get(name, set())
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_accessible(visit, name, theme):
    page = visit(name, theme=theme)
    found = violations(page, name)
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name.replace('/', '-')}-{theme}.png", full_page=True)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", PHONE_PAGES)
def test_phone_width(visit, name):
    page = visit(name, width=390)
    if not name.startswith("_modules"):
        SHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SHOTS / f"{name.replace('/', '-')}-phone.png", full_page=True)
    wide = page.evaluate(WIDER)
    assert not wide, "wider than a phone:\n" + "\n".join(wide)


def test_math_is_rendered(visit):
    page = visit(TOUR)
    page.wait_for_selector("mjx-container")
    assert page.locator("div.math").count() > 0
    assert page.locator("mjx-container").count() >= page.locator("div.math").count()
    assert page.locator("mjx-merror").count() == 0


@pytest.mark.parametrize("from_disk", [False, True], ids=["served", "from file"])
def test_search_finds_s4d(visit, html, from_disk):
    page = visit(TOUR, **({"base": html.as_uri()} if from_disk else {}))
    page.locator("button.search-button__button:visible").first.click()
    box = page.locator("input[type=search]:visible").first
    box.fill("S4D")
    box.press("Enter")
    page.wait_for_selector("#search-results li a[href*='00_tour']")


@pytest.mark.parametrize("name", WIDGET_PAGES)
def test_every_control_changes_its_widget_by_keyboard(visit, name):
    check_widgets(visit(name), by_keyboard)


@pytest.mark.parametrize("name", WIDGET_PAGES)
def test_every_control_changes_its_widget_by_mouse(visit, name):
    check_widgets(visit(name, width=390), by_mouse)


def test_widgets_move_from_disk(visit, html):
    check_widgets(visit(TOUR, base=html.as_uri()), by_keyboard)


def check_widgets(page, move):
    """With no kernel behind the page, everything that moves a widget changes what it draws."""
    for widget in page.locator(".ssm-widget").all():
        assert drawing(widget), "the widget draws nothing"
        left = idle(page, widget, move)
        assert not left, f"{widget.get_attribute('aria-label')}: nothing follows {', '.join(left)}"
