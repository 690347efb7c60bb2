"""The built book in a Chromium of this machine, for `make pdf`, `make pages` and the tests."""

import contextlib
import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HTML = ROOT / "_build" / "html"
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
ABSENT = "There is no Chromium or Chrome: apt install chromium, or name it with CHROMIUM=/path/to/browser."
VIEW = "script[type='application/vnd.jupyter.widget-view+json']"
LACKING = f"""(asked) => [[".math", "mjx-container"], ["div:has(> {VIEW})", ".ssm-widget"]].flatMap(
  ([place, thing]) => [...document.querySelectorAll(place)].filter((e) => asked(e) && !e.querySelector(thing)))"""
IN_VIEW = """(e) => {
  const {width, top, bottom} = e.getBoundingClientRect();
  return width > 0 && bottom >= 0 && top <= innerHeight;
}"""
ANSWERS = f"document.fonts.status === 'loaded' && ({LACKING})({IN_VIEW}).length === 0"
STANDS = f"""({LACKING})(() => true).length === 0
  && document.querySelectorAll(".ssm-widget").length === document.querySelectorAll("{VIEW}").length"""


def find() -> str | None:
    """A Chromium of this machine: CHROMIUM names one, else the usual places are searched."""
    if chosen := os.environ.get("CHROMIUM"):
        return chosen
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def pages(html: Path = HTML) -> list[str]:
    """Every page of the book but the listings of the library's source: `notebooks/06_s4`."""
    found = (path.relative_to(html).with_suffix("").as_posix() for path in sorted(html.rglob("*.html")))
    return [name for name in found if not name.startswith(("_modules/", "_static/")) and name != "index"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and prints nothing; connections are kept."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def served(html: Path = HTML):
    """The book's address on this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(html)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@contextlib.contextmanager
def launched(path: str):
    """A browser that reaches no address but this machine's own."""
    from playwright.sync_api import sync_playwright

    nowhere = {"server": "http://127.0.0.1:9", "bypass": "127.0.0.1"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, proxy=nowhere, args=["--disable-quic", "--no-first-run"]
        )
        yield browser
        browser.close()


def answer(page) -> None:
    """Wait until what is in view can be read and operated: formulas set, their fonts here, widgets standing."""
    page.wait_for_function(ANSWERS)


def stand(page) -> None:
    """Wait until all of the page stands, in view or not: it sets itself, a few formulas at a time (book.js)."""
    page.wait_for_function(STANDS)
