"""The built book in a real browser, with every address but this machine's own blocked: one visit a page."""

import json
import re
from contextlib import contextmanager
from dataclasses import replace
from html.entities import name2codepoint
from pathlib import Path

import pytest
from conftest import HTML, ROOT
from shown_numbers import SHOWN, wrong_numbers
from test_book import public_names
from widget_tools import by_keyboard, by_mouse, drawing, idle

from ssm_lib import widgets
from tools import browser, paper

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
QUESTIONS = (Path(__file__).parent / "page_questions.js").read_text("utf-8")
SHOTS = ROOT / "_build" / "screenshots"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# sphinxcontrib-bibtex and docutils write citations as divs with list roles; not ours to mend.
UPSTREAM = {"book/bibliography": {"aria-deprecated-role", "aria-required-children"}}
PAGES = browser.pages(HTML)
LISTINGS = sorted(p.relative_to(HTML).with_suffix("").as_posix() for p in HTML.glob("_modules/**/*.html"))
TOUR = "notebooks/00_tour"
PHONE = 390  # CSS pixels
FIRST = 5  # results that are seen at once
MODELS = {
    "LSSL": "notebooks/01_linear_state_spaces",
    "HiPPO": "notebooks/03_hippo",
    "LegS": "book/glossary#term-LegS",
    "LegT": "notebooks/04_hippo_measures",
    "LagT": "notebooks/04_hippo_measures",
    "S4": "notebooks/06_s4",
    "DSS": "notebooks/07_dss",
    "S4D": "notebooks/08_s4d",
    "S5": "notebooks/09_s5",
    "DLR": "notebooks/11_dlr",
    "Mamba": "book/field_map",
}
# Texts of many greys on two grounds.
FAINT = """() => {
  const box = Object.assign(document.createElement("div"), {id: "shades"});
  for (const ground of ["#fff", "#222"]) for (let v = 0; v < 250; v += 12) {
    const p = Object.assign(document.createElement("p"), {textContent: `grey ${v} on ${ground}`});
    Object.assign(p.style, {color: `rgb(${v}, ${v}, ${v})`, background: ground, fontSize: v % 24 ? "14px" : "30px"});
    box.append(p);
  }
  document.querySelector("article").append(box);
}"""


@pytest.fixture(scope="module")
def address(html):
    """The book, served on the loopback address."""
    with browser.served(html) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    path = browser.find()
    if not path:
        pytest.fail(f"REQUIRE_BROWSER=1. {browser.ABSENT}")
    with browser.launched(path) as chromium:
        yield chromium


@pytest.fixture
def visit(chromium, address):
    """Open pages; at the end, nothing may have been asked of the network, thrown or logged as an error.

    A page that a test finds fault with is photographed into `_build/screenshots`.
    """
    context = chromium.new_context(color_scheme="light")
    context.add_init_script(QUESTIONS)
    trouble = []

    def asked(what):
        if not what.url.startswith((address, "file://", "data:", "blob:")):
            trouble.append(f"asked the network for {what.url}")

    def failed(request):
        # the next page may be opened before the icon, which nothing waits for, has come
        if not (request.failure == "net::ERR_ABORTED" and request.url.endswith("/favicon.svg")):
            trouble.append(f"failed: {request.url}: {request.failure}")

    def open_page(name, base=address, width=1280, anchor="", until=browser.stand):
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.on("request", asked)
        page.on("console", lambda m: trouble.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda error: trouble.append(f"thrown: {error}"))
        page.on("requestfailed", failed)
        page.on("response", lambda r: trouble.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        page.goto(f"{base}/{name}.html#{anchor}", wait_until="load")
        until(page)
        return page

    yield open_page
    context.close()
    assert not trouble, "\n".join(dict.fromkeys(trouble))


@contextmanager
def photographed(page, name):
    """Keep a picture of the page's top where what is asked of it fails."""
    try:
        yield
    except BaseException:
        SHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SHOTS / f"{name.replace('/', '-')}.png")
        raise


def violations(page, name: str, contrast: bool = True) -> list[str]:
    """What axe finds against WCAG A and AA, one line an element."""
    page.add_script_tag(path=str(AXE))
    options = {"runOnly": WCAG, "resultTypes": ["violations"]}
    options["rules"] = {"color-contrast": {"enabled": contrast}}
    result = page.evaluate(f"axe.run(document, {json.dumps(options)})")
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:160]} ({'; '.join(a['message'] for a in node['any'])[:200]})"
        for rule in result["violations"]
        if rule["id"] not in UPSTREAM.get(name, set())
        for node in rule["nodes"]
    ]


def unreachable(page) -> list[str]:
    """By Tab from the top the link that skips to the text; by Control+K the search; and every kind of control."""
    page.evaluate(
        "document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')"
    )
    page.keyboard.press("Tab")
    skip = page.locator("#pst-skip-link:focus-visible, #pst-skip-link :focus-visible")
    if not skip.count() or not skip.is_visible():
        return ["the first Tab shows no link that skips to the text"]
    found = page.evaluate("ask.unfocused()")
    page.keyboard.press("Control+k")
    page.locator("input[type=search]:focus-visible").wait_for()  # of the dialog, or of the search page itself
    page.keyboard.press("Escape")
    page.locator("#pst-search-dialog").wait_for(state="hidden")
    return found


def unmoved(page, move) -> list[str]:
    """With no kernel behind the page, everything that moves a widget changes what it draws."""
    found = []
    for widget in page.locator(".ssm-widget").all():
        name = widget.get_attribute("aria-label")
        if not drawing(widget):
            found.append(f"{name}: draws nothing")
        elif left := idle(page, widget, move):
            found.append(f"{name}: nothing follows {', '.join(left)}")
    return found


def anchors(name: str) -> list[str]:
    """Where links to a page's equations lead, or else those to its sections."""
    text = (HTML / f"{name}.html").read_text("utf8")
    return re.findall(r'id="(equation-[^"]+)"', text) or re.findall(r'<section[^>]* id="([^"]+)"', text)


@pytest.mark.parametrize("name", PAGES)
def test_page(visit, name):
    """On a phone, by a link to its middle, by mouse; light, by keyboard, by its widgets' numbers; dark; on paper."""
    deep = anchors(name)
    page, found = visit(name, width=PHONE, anchor=deep[len(deep) // 2] if deep else ""), {}
    with photographed(page, name):
        found["link"] = page.evaluate("ask.missed()")
        found["phone"] = page.evaluate("ask.wider()")
        found["widgets by mouse"] = unmoved(page, by_mouse)
        page.mouse.move(0, 0)
        page.set_viewport_size({"width": 1280, "height": 900})
        page.evaluate("ask.still()")
        found["light"] = page.evaluate("[...ask.unset(), ...ask.faint()]") + violations(
            page, name, contrast=False
        )
        found["keyboard"] = unreachable(page)
        found["numbers"] = wrong_numbers(page)
        found["widgets by keyboard"] = unmoved(page, by_keyboard)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        page.evaluate("ask.still()")
        found["dark"] = page.evaluate("[...ask.faint(), ...ask.unlitFigures()]")
        page.set_viewport_size({"width": paper.WIDTH, "height": 900})
        page.emulate_media(media="print", color_scheme="dark")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        found["paper"] = page.evaluate("[...ask.faint(), ...ask.unprintable(), ...ask.wider()]")
        wrong = [f"{where}: {what}" for where, answers in found.items() for what in answers]
        assert not wrong, "\n".join(wrong)


def test_contrast_is_measured_as_axe_does(visit):
    """Our own measure reads all text, formulas and charts too, in a fraction of the time: here beside axe's."""
    page = visit("book/intro")
    page.evaluate(FAINT)
    rule = "{runOnly: {type: 'rule', values: ['color-contrast']}, resultTypes: ['violations']}"
    page.add_script_tag(path=str(AXE))
    nodes = f"axe.run('#shades', {rule}).then((r) => r.violations.flatMap((v) => v.nodes.map((n) => n.html)))"
    by_axe = {re.search(">(.*)<", html)[1] for html in page.evaluate(nodes)}
    ours = page.evaluate("ask.faint()")
    assert {shade.split("> ")[1] for shade in ours} == by_axe
    assert 5 < len(by_axe) < 25


@pytest.fixture
def restless(chromium):
    """A page that never waits for its reader: only what it must do at once is done."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(QUESTIONS + "window.requestIdleCallback = () => {};")
    yield page
    page.close()


def test_what_is_in_view_comes_first(restless, address):
    """Where a link leads, the formula is set while most of the page is yet to come."""
    equation = anchors("notebooks/06_s4")[-1]
    restless.goto(f"{address}/notebooks/06_s4.html#{equation}", wait_until="load")
    browser.answer(restless)
    assert not restless.evaluate("ask.missed()")
    assert restless.locator(f"#{equation} mjx-container").count()
    assert len(restless.evaluate("ask.unset()")) > 100


def test_what_is_printed_early_is_whole(restless, address):
    restless.goto(f"{address}/{TOUR}.html", wait_until="load")
    browser.answer(restless)
    assert restless.evaluate("ask.unset()")
    restless.evaluate("dispatchEvent(new Event('beforeprint'))")
    browser.stand(restless)
    assert not restless.evaluate("ask.unset()")


def test_a_link_followed_early_leads_there(visit):
    """It is pressed while the formulas on the way, which change their height as they are set, are yet to come."""
    page = visit("notebooks/03_hippo", width=PHONE, until=browser.answer)
    equation = anchors("notebooks/03_hippo")[-1]
    page.evaluate("name => { location.hash = name; }", equation)
    browser.stand(page)
    assert not page.evaluate("ask.missed()")


def test_listings_fit_a_phone(visit, address):
    """The library's source, beside the pages."""
    page, found = visit(LISTINGS[0], width=PHONE), {}
    for name in LISTINGS:
        page.goto(f"{address}/{name}.html", wait_until="load")
        found[name] = page.evaluate("ask.wider()")
    assert not any(found.values()), {name: wide for name, wide in found.items() if wide}


def test_widgets_move_from_disk(visit, html):
    page = visit(TOUR, base=html.as_uri())
    assert page.locator(".ssm-widget").count()
    assert not unmoved(page, by_keyboard) + wrong_numbers(page)


def test_every_widget_is_asked_for_a_number():
    assert set(SHOWN) == set(widgets.__all__)


def test_wrong_numbers_are_noticed(visit, monkeypatch):
    """Expected of another setting than the page's, both a number in words and a curve are found wrong."""
    page, shown = visit(TOUR), SHOWN["KernelExplorer"]
    monkeypatch.setitem(SHOWN, "KernelExplorer", replace(shown, settings=shown.moves | {"dt": 0.03}))
    found = "\n".join(wrong_numbers(page))
    assert "says '1/e in" in found
    assert ".kernel-curve is off by" in found


@pytest.mark.parametrize("from_disk", [False, True], ids=["served", "from file"])
def test_search_finds_s4d(visit, html, from_disk):
    page = visit(TOUR, **({"base": html.as_uri()} if from_disk else {}))
    page.locator("button.search-button__button:visible").first.click()
    box = page.locator("input[type=search]:visible").first
    box.fill("S4D")
    box.press("Enter")
    page.wait_for_selector("#search-results li a[href*='08_s4d']")


@pytest.fixture(scope="module")
def search(chromium, address):
    """What the search page lists for each of some words, in its order: {word: [page, or page#anchor]}."""
    page = chromium.new_page()
    page.goto(f"{address}/search.html")
    page.wait_for_function("Search._index")
    yield lambda words: page.evaluate(
        """words => Object.fromEntries(words.map((w) => [w, Search._performSearch(...Search._parseQuery(w))
            .reverse().map(([page, , anchor]) => page + (anchor ?? ""))]))""",
        list(words),
    )
    page.close()


def test_search_finds_every_model(search):
    """Its chapter is among the first results."""
    found = search(MODELS)
    late = {word: found[word][:FIRST] for word, page in MODELS.items() if page not in found[word][:FIRST]}
    assert not late


def test_search_finds_every_public_name(search):
    names = public_names()
    found = search({name.rsplit(".", 1)[1] for name in names})
    assert len(names) > 500
    missing = [name for name in names if f"book/api#{name}" not in found[name.rsplit(".", 1)[1]]]
    assert not missing


def test_search_finds_every_symbol(search, root):
    """By its name in code (not A, which is a word of English), by its Greek letter's name, by the letter itself."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", (root / "book" / "notation.md").read_text("utf8"), re.M)
    words = {w.rsplit(".", 1)[-1] for _, code in rows for w in re.findall(r"(?<!})`([\w.]+)`", code)}
    names = {w for symbol, _ in rows for w in re.findall(r"\\([A-Za-z]+)", symbol)}
    greek = {w: chr(c) for w, c in name2codepoint.items() if w in names and 0x370 <= c < 0x400}
    asked = {*(words - {"A"}), *greek, *greek.values(), "Ā", "A bar", "step size"}
    found = search(asked)
    assert len(greek) > 10
    assert not [word for word in asked if "book/notation" not in found[word]]


@pytest.mark.parametrize("name", [TOUR, "book/notation"])
def test_printed(visit, name, tmp_path):
    page = visit(name, width=paper.WIDTH)
    paper.write(page, tmp_path / "page.pdf")
    printed = (tmp_path / "page.pdf").read_bytes()
    assert printed.startswith(b"%PDF-")
    assert printed.rstrip().endswith(b"%%EOF")
    pages = int(re.search(rb"/Type\s*/Pages\b[^>]*?/Count (\d+)", printed)[1])
    assert 3 <= pages <= 40
    assert page.title().split(" ")[0].encode() in printed


def test_pdf_names_the_pages_there_are(capsys, html):
    assert paper.main(["15_selection"]) == 1
    said = capsys.readouterr().err
    assert "No page's name holds 15_selection" in said
    assert "notebooks/00_tour" in said
