"""`make pages`: what each page of the built book weighs, and when it answers, also in `_build/pages.json`.

A page weighs what it loads beyond `_static`, which all share. It answers once the formulas in view are set, the widgets
in view stand, and a press of the search button has opened the search; it is whole once that holds of all its formulas
and widgets. With ARGS=--shots it is photographed, too.
"""

import json
import sys
import time

from tools import browser
from tools.steps import fail

SHOTS = browser.ROOT / "_build" / "screenshots"
SIZES = {"light": (1280, "light"), "dark": (1280, "dark"), "phone": (390, "light")}


def visit(chromium, address: str, name: str) -> tuple[int, float, float]:
    """The bytes that a page loads for itself; the seconds until it answers and until it is whole, nothing kept."""
    page, sizes = chromium.new_page(viewport={"width": 1280, "height": 900}), {}
    page.on("response", lambda r: sizes.update({r.url: int(r.headers.get("content-length", 0))}))
    start = time.monotonic()
    page.goto(f"{address}/{name}.html", wait_until="load")
    browser.answer(page)
    if name != "search":  # which has its field in the page
        page.locator("button.search-button__button:visible").first.click()
        page.wait_for_selector("#pst-search-dialog[open]")
    answers = time.monotonic() - start
    browser.stand(page)
    whole = time.monotonic() - start
    page.close()
    return sum(size for url, size in sizes.items() if "/_static/" not in url), answers, whole


def photograph(chromium, address: str, name: str) -> None:
    """The whole page in each size and theme."""
    for look, (width, theme) in SIZES.items():
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
        page.goto(f"{address}/{name}.html", wait_until="load")
        browser.stand(page)
        page.screenshot(path=SHOTS / f"{name.replace('/', '-')}-{look}.png", full_page=True, timeout=120_000)
        page.close()


def main(words: list[str]) -> int:
    """Measure the pages whose name holds one of the words, or all; with --shots, photograph them too."""
    path, shots = browser.find(), "--shots" in words
    words = [word for word in words if word != "--shots"]
    if not (browser.HTML / "index.html").is_file():
        return fail("There is no book to measure yet: run make book.")
    if not path:
        return fail(browser.ABSENT)
    names = [name for name in browser.pages() if not words or any(word in name for word in words)]
    table = {}
    with browser.served() as address, browser.launched(path) as chromium:
        print(f"{'page':34s} {'MB':>6s} {'answers':>9s} {'whole':>9s}")
        for name in names:
            own, answers, whole = visit(chromium, address, name)
            table[name] = {
                "megabytes": round(own / 1e6, 2),
                "seconds": round(answers, 2),
                "seconds_whole": round(whole, 2),
            }
            print(f"{name:34s} {own / 1e6:6.2f} {answers:7.2f} s {whole:7.2f} s", flush=True)
            if shots:
                SHOTS.mkdir(exist_ok=True)
                photograph(chromium, address, name)
    out = browser.ROOT / "_build" / "pages.json"
    out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
