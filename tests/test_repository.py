"""The publisher's repository is the same everywhere, and `make set-repository` keeps it so."""

import json
import re
import shutil

import pytest

from tools import repository, setup_cell

URL = "https://git.example.org/someone/a.book-2"


def named_in(folder) -> dict[str, set[str]]:
    """File -> the repositories it names."""
    patterns = {
        "_config.yml": r"^  url: *(\S+)",
        "pyproject.toml": r'^Repository = "([^"]+)"',
        "CITATION.cff": r'^repository-code: *"([^"]+)"',
    }
    found = {
        name: set(re.findall(pattern, (folder / name).read_text(encoding="utf8"), re.M))
        for name, pattern in patterns.items()
    }
    for path in (folder / "notebooks").glob("*.ipynb"):
        text = "\n".join(
            "".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf8"))["cells"]
        )
        found[path.name] = set(re.findall(r'^REPOSITORY = "([^"]+)"', text, re.M))
    return found


@pytest.fixture
def copy(root, tmp_path):
    for name in ("_config.yml", *repository.DERIVED):
        shutil.copy(root / name, tmp_path)
    (tmp_path / "notebooks").mkdir()
    cell = {
        "cell_type": "code",
        "metadata": {"tags": ["setup", "hide-input"]},
        "outputs": [],
        "execution_count": None,
    }
    cell["source"] = setup_cell.source(repository.configured(root)).splitlines(keepends=True)
    other = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": ["x = 'Δ'"],
    }
    (tmp_path / "notebooks" / "one.ipynb").write_text(json.dumps({"cells": [cell, other]}), encoding="utf8")
    return tmp_path


def test_all_places_are_equal(root):
    configured = repository.configured(root)
    for name, urls in named_in(root).items():
        assert urls == {configured}, f"{name} names {urls}: run make set-repository URL={configured}"
    assert repository.notice(configured) in (root / "README.md").read_text(encoding="utf8")


def test_set_and_set_again(copy):
    first = repository.set_repository(copy, URL)
    assert set(first) == {"_config.yml", *repository.DERIVED, "notebooks/one.ipynb"}
    assert all(urls == {URL} for urls in named_in(copy).values())
    text = (copy / "README.md").read_text(encoding="utf8")
    assert "OWNER/REPO" not in text
    assert repository.notice(URL) in text
    assert "x = 'Δ'" in (copy / "notebooks" / "one.ipynb").read_text(encoding="utf8")
    assert repository.set_repository(copy, URL) == []
    repository.set_repository(copy, URL + "-next")
    assert all(urls == {URL + "-next"} for urls in named_in(copy).values())


def test_placeholder_says_that_it_must_be_set():
    assert "make set-repository" in setup_cell.source(repository.PLACEHOLDER)
    assert "make set-repository" in repository.notice(repository.PLACEHOLDER)


@pytest.mark.parametrize("url", [URL, URL + "/", URL + ".git", f"  {URL}.git "])
def test_address_is_made_plain(url):
    assert repository.checked(url) == URL


@pytest.mark.parametrize(
    "url",
    [
        "", "github.com/me/book", "http://github.com/me/book", "https://github.com/me", "https://github.com/me/a/b",
        "git@github.com:me/book", "https://github.com/me/bo ok", 'https://github.com/me/"+evil', "https://localhost/me/b",
    ],
)  # fmt: skip
def test_bad_address_is_refused(url, capsys):
    assert repository.main([url]) == 1
    assert "https://github.com/me/ssm-book" in capsys.readouterr().err
