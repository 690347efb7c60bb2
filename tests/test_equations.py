"""Equations in the chapters and labels in the docstrings point at each other, and the checker sees when not."""

import json

import pytest

from tools import equations

LIBRARY = '''
def zoh(A):
    """Hold.

    Raises
    ------
    ValueError
        Never.

    Equation: eq-zoh (Gu et al. 2021 (LSSL),
        Eq. 3)
    """
'''
CHAPTER = """# Chapter

## Hold the input

```{math}
:label: eq-zoh
x
```
Code: {py:func}`ssm_lib.discretize.zoh`
"""


@pytest.fixture
def scratch(tmp_path):
    """A book of one chapter and one function, equal on both sides."""

    def make(chapter=CHAPTER, library=LIBRARY):
        for folder in ("notebooks", "book", "ssm_lib"):
            (tmp_path / folder).mkdir(exist_ok=True)
        cell = {"cell_type": "markdown", "source": chapter.splitlines(keepends=True)}
        (tmp_path / "notebooks" / "00_a.ipynb").write_text(json.dumps({"cells": [cell]}))
        (tmp_path / "ssm_lib" / "__init__.py").write_text("from ssm_lib.discretize import zoh\n")
        (tmp_path / "ssm_lib" / "discretize.py").write_text(library)
        return tmp_path

    return make


def test_no_orphans_in_this_book(root):
    found = equations.problems(equations.read(root))
    assert not found, "\n".join(found)


def test_this_book_has_equations(root):
    assert equations.read(root).equations


def test_generated_page_is_current(root, html):
    assert (root / "book" / "equations.md").read_text(encoding="utf8") == equations.page_text(
        equations.read(root)
    )


def test_both_sides_are_read(scratch):
    book = equations.read(scratch())
    assert equations.problems(book) == []
    [equation] = book.equations
    assert (equation.label, equation.page, equation.heading) == ("eq-zoh", "notebooks/00_a", "Hold the input")
    assert equation.code == ("ssm_lib.discretize.zoh",)
    assert book.docstrings == {"eq-zoh": {"ssm_lib.discretize.zoh": "Gu et al. 2021 (LSSL), Eq. 3"}}


def test_short_public_name_is_the_same_function(scratch):
    assert equations.problems(equations.read(scratch(CHAPTER.replace(".discretize.zoh", ".zoh")))) == []


def test_dollar_math_and_titled_roles_are_read(scratch):
    chapter = "# A\n\n$$\nx\n$$ (eq-zoh)\n\nCode: {py:func}`the hold <ssm_lib.discretize.zoh>`\n"
    assert equations.problems(equations.read(scratch(chapter))) == []


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("Do.\n\nEquation: eq-a (One 2020, Eq. 1)", {"eq-a": "One 2020, Eq. 1"}),
        (
            "Do.\n\nEquation: eq-a, eq-b (One 2020, Eqs. 1-2)",
            {"eq-a": "One 2020, Eqs. 1-2", "eq-b": "One 2020, Eqs. 1-2"},
        ),
        ("Do.\n\nEquations: eq-a (One, 1), eq-b (Two, 2)", {"eq-a": "One, 1", "eq-b": "Two, 2"}),
        ("Do.\n\nEquation: eq-a (One, 1)\nEquation: eq-b", {"eq-a": "One, 1", "eq-b": ""}),
        ("Do.\n\nSee eq-a in the text.", {}),
    ],
)
def test_docstring_lines(docstring, expected):
    assert equations.docstring_labels(docstring) == expected


@pytest.mark.parametrize(
    ("chapter", "library", "words"),
    [
        ("# Nothing\n", LIBRARY, "names eq-zoh, which no chapter has"),
        (CHAPTER, LIBRARY.replace("Equation: eq-zoh", "See"), "no docstring names eq-zoh"),
        (CHAPTER.replace("Code:", "See"), LIBRARY, "no line 'Code: …' below eq-zoh"),
        (CHAPTER.replace("zoh`", "euler`"), LIBRARY, "links to ssm_lib.discretize.euler"),
        (CHAPTER.replace("zoh`", "euler`"), LIBRARY, "ssm_lib.discretize.zoh names eq-zoh, but its Code: line"),
        (CHAPTER + CHAPTER, LIBRARY, "eq-zoh is used twice"),
    ],
)  # fmt: skip
def test_each_kind_of_orphan_is_found(scratch, chapter, library, words):
    found = equations.problems(equations.read(scratch(chapter, library)))
    assert any(words in problem for problem in found), found


def test_page_is_written_once(scratch):
    folder = scratch()
    assert equations.write_page(folder) == 1
    page = folder / "book" / "equations.md"
    text = page.read_text(encoding="utf8")
    assert "{eq}`eq-zoh`" in text
    assert "Gu et al. 2021 (LSSL), Eq. 3" in text
    assert "{py:obj}`discretize.zoh <ssm_lib.discretize.zoh>`" in text
    before = page.stat().st_mtime_ns
    equations.write_page(folder)
    assert page.stat().st_mtime_ns == before
