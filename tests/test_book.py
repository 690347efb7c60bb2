"""The built pages, read from disk: titles, alt text, no network, links that lead somewhere, names that resolve."""

import ast
import functools
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from conftest import HTML, ROOT

from tools import execute, repository, sphinx_book

PAGES = sorted(p for p in HTML.rglob("*.html") if "_static" not in p.parts)
LOADS = {
    ("script", "src"),
    ("img", "src"),
    ("link", "href"),
    ("iframe", "src"),
    ("source", "src"),
    ("audio", "src"),
}
NOT_LOADED = {"canonical", "next", "prev", "index", "search", "author", "license"}
LARGEST, HEAVIEST = 40e6, 4e6  # bytes, of the book and of a page


class Page(HTMLParser):
    """What a page loads, links to and can be linked at."""

    def __init__(self, text: str):
        super().__init__()
        self.title, self.inside_title = "", False
        self.ids, self.links, self.loads, self.without_alt = set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.inside_title = self.inside_title or tag == "title"
        self.ids |= {values.get("id"), values.get("name")} - {None}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        rel = set((values.get("rel") or "").split())
        for name in ("src", "href"):
            if (tag, name) in LOADS and values.get(name) and not rel & NOT_LOADED:
                self.loads.append(values[name])
        if (
            tag == "img"
            and not (values.get("alt") or "").strip()
            and "/_static/" not in values.get("src", "")
        ):
            self.without_alt.append(values.get("src", "?")[:80])

    def handle_endtag(self, tag):
        self.inside_title = self.inside_title and tag != "title"

    def handle_data(self, data):
        self.title += data if self.inside_title else ""


@functools.cache
def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf8"))


@pytest.fixture(params=PAGES, ids=lambda path: path.relative_to(HTML).with_suffix("").as_posix())
def path(request, html):
    return request.param


def test_the_book_is_built(html):
    assert PAGES


def test_title(path):
    assert read(path).title.strip()


def test_images_have_alt_text(path):
    assert not read(path).without_alt


def test_nothing_comes_from_the_network(path):
    remote = [
        url for url in read(path).loads if urlsplit(url).scheme in ("http", "https") or url.startswith("//")
    ]
    assert not remote


def test_what_a_page_loads_is_there(path):
    local = [urlsplit(url) for url in read(path).loads if not urlsplit(url).scheme]
    missing = [parts.path for parts in local if not (path.parent / unquote(parts.path)).is_file()]
    assert not missing


def test_links_lead_somewhere(path):
    dead = []
    for link in read(path).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        anchored = bool(parts.fragment) and target.suffix == ".html"
        if not target.is_file() or (anchored and unquote(parts.fragment) not in read(target).ids):
            dead.append(link)
    assert not dead


def test_styles_load_nothing_from_the_network(html):
    for style in html.rglob("*.css"):
        remote = re.findall(
            r"url\(\s*[\"']?((?:https?:)?//[^)\"']+)|@import\s+[\"'](https?:[^\"']+)", style.read_text()
        )
        assert not remote, f"{style.relative_to(html)}: {remote}"


def test_no_script_of_thebe(path):
    text = path.read_text(encoding="utf8").lower()
    assert "sphinx-thebe.js" not in text
    assert "thebe_js_url" not in text


def test_a_page_carries_the_widgets_that_it_shows(path):
    """A cell may make many models; one is 30 kB."""
    text = path.read_text(encoding="utf8")
    held = re.findall(
        r'<script type="application/vnd\.jupyter\.widget-state\+json">(.*?)</script>', text, re.S
    )
    shown = {json.loads(view)["model_id"] for view in sphinx_book.VIEW.findall(text)}
    assert {name for state in held for name in json.loads(state)["state"]} == shown


def test_no_page_shows_how_a_bar_moved(path):
    """A cell that trains has the tag remove-stderr: printed, tqdm's bar is a line for each of its moves."""
    assert not re.search(r"\d+%\|", path.read_text(encoding="utf8"))


def test_no_page_says_where_it_was_built(path):
    assert ROOT.as_posix() not in path.read_text(encoding="utf8")


def public_names() -> list[str]:
    """Functions, classes and methods of the library that a reader may call, from its source."""
    names = []

    def visit(body, prefix):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                if ast.get_docstring(node):
                    names.append(f"{prefix}.{node.name}")
                if isinstance(node, ast.ClassDef):
                    visit(node.body, f"{prefix}.{node.name}")

    for source in sorted((ROOT / "ssm_lib").rglob("*.py")):
        parts = source.relative_to(ROOT).with_suffix("").parts
        if source.name != "__main__.py" and not any(
            part.startswith("_") and part != "__init__" for part in parts
        ):
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            visit(ast.parse(source.read_text(encoding="utf8")).body, module)
    return names


def test_every_public_name_is_on_the_api_page(html):
    inventory = (html / "objects.inv").read_bytes().split(b"\n", 4)[4]
    documented = {
        line.split()[0] for line in zlib.decompress(inventory).decode().splitlines() if " py:" in line
    }
    missing = [name for name in public_names() if name not in documented]
    assert not missing, f"book/api.md lacks the module of, or no docstring has: {missing}"


@pytest.mark.parametrize(
    ("url", "colab", "repository_button", "issues"),
    [
        ("https://github.com/OWNER/REPO", False, False, False),
        ("https://github.com/me/book", True, True, True),
        ("https://gitlab.com/me/book", False, True, True),
        ("https://git.example.org/me/book", False, True, False),
    ],
)
def test_buttons_lead_to_the_publisher_only(url, colab, repository_button, issues):
    options = {"repository_url": url, "launch_buttons": {"colab_url": "x"}}
    options |= {"use_repository_button": True, "use_issues_button": True}
    sphinx_book.choose_buttons(None, SimpleNamespace(html_theme_options=options))
    assert bool(options["launch_buttons"]) == colab
    assert options["use_repository_button"] == repository_button
    assert options["use_issues_button"] == issues


def test_colab_buttons_are_there_once_they_lead_home(html, root):
    found = any(
        "colab.research" in path.read_text(encoding="utf8")
        for path in PAGES
        if path.parent.name == "notebooks"
    )
    assert found == (
        repository.configured(root).startswith("https://github.com/")
        and repository.configured(root) != repository.PLACEHOLDER
    )


def test_colab_buttons_open_files_that_are_there(root):
    """What the theme makes of _config.yml and a page, once a repository is set."""
    from jupyter_book.config import yaml_to_sphinx
    from sphinx_book_theme.header_buttons.launch import add_launch_buttons

    settings = yaml.safe_load((root / "_config.yml").read_text(encoding="utf8"))
    settings["repository"]["url"] = "https://github.com/me/book"
    options = yaml_to_sphinx(settings)[0]["html_theme_options"]
    for chapter in execute.chapters(root):
        name = chapter.relative_to(root).with_suffix("").as_posix()
        environment = SimpleNamespace(
            doc2path=lambda page: str(root / f"{page}.ipynb"), metadata={name: {"kernelspec": {}}}
        )
        app = SimpleNamespace(env=environment, config={"html_theme_options": options})
        context = {"pagename": name, "sourcename": "page.ipynb", "header_buttons": []}
        context |= {"github_url": "https://github.com", "github_user": "me", "github_repo": "book"}
        add_launch_buttons(app, name, "page.html", context, None)
        [button] = context["header_buttons"][0]["buttons"]
        home = "https://colab.research.google.com/github/me/book/blob/main/"
        assert button["url"].startswith(home), button["url"]
        assert (root / button["url"].removeprefix(home)).is_file(), button["url"]


def test_weight(path):
    """What a page loads beyond `_static`, which all pages share."""
    loaded = {path, *((path.parent / unquote(urlsplit(url).path)).resolve() for url in read(path).loads)}
    own = {file: file.stat().st_size for file in loaded if "_static" not in file.parts}
    assert sum(own.values()) < HEAVIEST, own


def test_size(html, record_property):
    size = sum(p.stat().st_size for p in html.rglob("*") if p.is_file())
    record_property("bytes", size)
    assert size < LARGEST, f"the book has grown to {size / 1e6:.1f} MB"
