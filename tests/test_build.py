"""`make book` itself, on tiny books: what fails is named, what was built stays, what changed is noticed."""

import subprocess
import sys

import nbformat
import pytest

from tools import bootstrap, execute, fingerprint

CONFIG = """\
title: Scratch
only_build_toc_files: true
execute: {execute_notebooks: cache, cache: _build/.jupyter_cache}
repository: {url: https://github.com/OWNER/REPO, branch: main}
"""


def write_notebook(path, *sources):
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook.cells = [nbformat.v4.new_markdown_cell("# Page"), *cells]
    nbformat.write(notebook, path)


@pytest.fixture
def scratch(tmp_path):
    """A book of one notebook, in a folder with a space in its name."""
    folder = tmp_path / "a book"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "_config.yml").write_text(CONFIG)
    (folder / "_toc.yml").write_text("format: jb-book\nroot: notebooks/page\n")
    write_notebook(folder / "notebooks" / "page.ipynb", "value = 6 * 7", "print('the answer is', value)")
    return folder


def make_book(root, scratch):
    return subprocess.run(
        [sys.executable, "-m", "tools.book", "--root", str(scratch)],
        cwd=root, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.mark.slow
def test_a_build_a_failure_and_a_repair(root, scratch):
    html = scratch / "_build" / "html" / "notebooks" / "page.html"
    done = make_book(root, scratch)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (scratch / "_build" / "html" / "index.html").as_uri() in done.stdout
    assert "a%20book" in done.stdout
    assert "the answer is 42" in html.read_text()

    again = make_book(root, scratch)
    assert again.returncode == 0
    assert "nothing changed" in again.stdout

    before = html.read_bytes()
    write_notebook(scratch / "notebooks" / "page.ipynb", "value = 1", "total = value / 0  # by nothing")
    failed = make_book(root, scratch)
    assert failed.returncode != 0
    assert "notebooks/page.ipynb failed in code cell 2 of 2" in failed.stderr
    assert "total = value / 0  # by nothing" in failed.stderr
    assert "ZeroDivisionError" in failed.stderr
    assert "Traceback" in failed.stderr
    assert "earlier build is untouched" in failed.stderr
    assert html.read_bytes() == before

    (scratch / "notebooks" / "page.ipynb").unlink()
    write_notebook(scratch / "notebooks" / "page.ipynb", "print('mended')")
    (scratch / "_toc.yml").write_text("format: jb-book\nroot: notebooks/page\nchapters:\n  - file: missing\n")
    warned = make_book(root, scratch)
    assert warned.returncode != 0, "a warning must fail the build"
    assert "missing" in warned.stderr
    assert html.read_bytes() == before


def test_a_cell_that_takes_too_long_is_named(root, scratch, monkeypatch):
    monkeypatch.setattr(execute, "CELL_TIMEOUT", 2)
    write_notebook(scratch / "notebooks" / "page.ipynb", "1 + 1", "import time\ntime.sleep(60)")
    [failure] = execute.execute_all(scratch)
    assert "notebooks/page.ipynb failed in code cell 2 of 2" in failure
    assert "time.sleep(60)" in failure
    assert "Timeout" in failure


def test_changed_alt_text_needs_no_execution(scratch):
    path = scratch / "notebooks" / "page.ipynb"
    assert execute.execute_all(scratch) == []
    notebook = nbformat.read(path, 4)
    notebook.cells[1].metadata.mystnb = {"image": {"alt": "new words"}}
    nbformat.write(notebook, path)
    cache = execute.open_cache(scratch)
    assert execute.is_fresh(cache, path)
    _, merged = cache.merge_match_into_notebook(nbformat.read(path, 4))
    assert merged.cells[1].metadata.mystnb.image.alt == "new words"
    assert "the answer is 42" in merged.cells[2].outputs[0].text
    notebook.cells[1].source = "value = 41"
    nbformat.write(notebook, path)
    assert not execute.is_fresh(cache, path)


def test_library_change_is_noticed(tmp_path):
    (tmp_path / "ssm_lib").mkdir()
    (tmp_path / "ssm_lib" / "a.py").write_text("x = 1\n")
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "intro.md").write_text("# Intro\n")
    library, book = fingerprint.library(tmp_path), fingerprint.book(tmp_path)
    (tmp_path / "book" / "intro.md").write_text("# Introduction\n")
    assert fingerprint.library(tmp_path) == library
    assert fingerprint.book(tmp_path) != book
    (tmp_path / "book" / "equations.md").write_text("generated")
    changed = fingerprint.book(tmp_path)
    (tmp_path / "book" / "equations.md").write_text("generated again")
    assert fingerprint.book(tmp_path) == changed
    (tmp_path / "ssm_lib" / "__pycache__").mkdir()
    (tmp_path / "ssm_lib" / "__pycache__" / "a.pyc").write_bytes(b"1")
    assert fingerprint.library(tmp_path) == library
    (tmp_path / "ssm_lib" / "a.py").write_text("x = 2\n")
    assert fingerprint.library(tmp_path) != library


def test_changed_library_empties_the_cache(scratch):
    (scratch / "ssm_lib").mkdir()
    source = scratch / "ssm_lib" / "a.py"
    source.write_text("x = 1\n")
    assert execute.execute_all(scratch) == []
    page = scratch / "notebooks" / "page.ipynb"
    assert execute.is_fresh(execute.open_cache(scratch), page)
    source.write_text("x = 2\n")
    assert not execute.is_fresh(execute.open_cache(scratch), page)


def test_figures_are_drawn_whatever_backend_the_reader_has_set(scratch, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    page = scratch / "notebooks" / "page.ipynb"
    write_notebook(page, "import os", "print(os.environ['MPLBACKEND'])")
    assert execute.execute_all(scratch) == []
    cache = execute.open_cache(scratch)
    _, merged = cache.merge_match_into_notebook(nbformat.read(page, 4))
    assert "inline" in merged.cells[2].outputs[0].text


def test_install_is_redone_when_the_pins_change(tmp_path):
    (tmp_path / "requirements.txt").write_text("torch==1\n")
    (tmp_path / "pyproject.toml").write_text("")
    before = bootstrap.stamp_text(tmp_path, "3.11.0")
    assert bootstrap.stamp_text(tmp_path, "3.12.0") != before
    (tmp_path / "requirements.txt").write_text("torch==2\n")
    assert bootstrap.stamp_text(tmp_path, "3.11.0") != before


def test_missing_network_is_said_plainly(tmp_path):
    output = "WARNING: Retrying … Failed to establish a new connection\nERROR: No matching distribution found for torch"
    words = bootstrap.explain(output, tmp_path / "install.log")
    assert "could not reach" in words
    assert len(words.splitlines()) <= 5
    other = bootstrap.explain("ERROR: Could not build wheels for x\n", tmp_path / "install.log")
    assert "Could not build wheels for x" in other
    assert "mirror" not in other


@pytest.mark.parametrize("version", ["3.9.1", "none"])
def test_old_or_missing_python_is_said_plainly(root, tmp_path, version):
    (tmp_path / "tools").mkdir()
    script = tmp_path / "tools" / "setup.sh"
    script.write_text((root / "tools" / "setup.sh").read_text())
    folder = tmp_path / "bin"
    folder.mkdir()
    if version != "none":
        fake = folder / "python3"
        fake.write_text(f'#!/bin/sh\ncase "$2" in *platform*) echo {version};; *) exit 1;; esac\n')
        fake.chmod(0o755)
    (folder / "cat").symlink_to("/bin/cat")
    done = subprocess.run(
        ["/bin/sh", "tools/setup.sh"], cwd=tmp_path, env={"PATH": str(folder)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Python 3.10 or newer" in done.stderr
    assert (f"python3 is {version}" if version != "none" else "no python3 on the PATH") in done.stderr
