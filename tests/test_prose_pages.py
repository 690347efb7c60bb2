"""The self-test's answers are right, the glossary says where its words come from, the index has everything."""

import math
import re

import nbformat
import pytest
import torch
from test_notebooks import prose

from ssm_lib import oracles
from tools import execute, field_map, fingerprint, things

f64 = torch.float64


@pytest.fixture(scope="module")
def chapters(root):
    return things.read(root)


# Prerequisites


@pytest.fixture
def answers(root):
    """Number of each answer of the self-test -> its text."""
    text = (root / "book" / "prerequisites.md").read_text(encoding="utf8")
    found = {
        int(n): body
        for n, body in re.findall(r"\{admonition\} Answer (\d+)\n:class: dropdown\n(.*?)```", text, re.S)
    }
    assert [int(n) for n in re.findall(r"^\*\*(\d+)\.\*\* ", text, re.M)] == list(range(1, 11)) == list(found)
    for body in found.values():
        assert "{doc}`" in body, f"an answer does not say where to read on: {body}"
    return found


def test_linear_algebra(answers):
    A = torch.tensor([[2.0, 1], [1, 2]], dtype=f64)
    for value, vector in ((3, (1.0, 1.0)), (1, (1.0, -1.0))):
        vector = torch.tensor(vector, dtype=f64)
        assert torch.equal(A @ vector, value * vector)
    assert "3 with $(1, 1)$, and 1 with $(1, -1)$" in answers[1]
    power = torch.linalg.matrix_power(A, 10)[:, 0].tolist()
    assert f"({power[0]:.0f}, {power[1]:.0f})" in answers[2]
    P = torch.tensor([[1.0], [-2.0], [0.5]], dtype=f64)
    assert torch.linalg.matrix_rank(P @ P.T) == 1
    torch.testing.assert_close(P @ P.T @ P, (P.T @ P) * P)
    assert "the rank is 1" in answers[3].lower()
    assert "the eigenvalue is $P^\\top P$" in answers[3]


def test_complex_exponential(answers):
    value = torch.exp(torch.tensor((-0.5 + 3j) * 2))
    assert f"$e^{{-1}} \\approx {value.abs():.3f}$ and 6 radians" in answers[4]
    assert abs(math.remainder(float(value.angle()) - 6, 2 * math.pi)) < 1e-6
    t = torch.linspace(0, 5, 20, dtype=f64)
    torch.testing.assert_close(2 * (-0.5j * torch.exp(1.7j * t)).real, torch.sin(1.7 * t))
    assert answers[5].startswith("$\\sin \\omega t$")


def test_differential_equation(answers):
    t = torch.linspace(0, 3, 20, dtype=f64, requires_grad=True)
    x = 2 * (1 - torch.exp(-2 * t))
    torch.testing.assert_close(torch.autograd.grad(x.sum(), t)[0], -2 * x + 4)
    assert x[0] == 0
    assert "$2\\,(1 - e^{-2t})$" in answers[6]
    step = 0.5 * math.log(2)
    assert abs(math.exp(-2 * step) - 0.5) < 1e-15
    assert f"\\approx {step:.3f}$ seconds" in answers[7]


def test_probability(answers):
    covariance = torch.tensor([[3.0, -4.0]]) @ torch.tensor([[3.0], [-4.0]])
    assert covariance.item() == 25
    assert "= 25$, and $\\tfrac{3}{25}x$" in answers[8]
    error = [1 - 2 * 3 * c + 25 * c**2 for c in (3 / 25 - 0.01, 3 / 25, 3 / 25 + 0.01)]  # E (u_1 - c x)^2
    assert min(error) == error[1]


def test_tensors(answers):
    u, W = torch.randn(8, 100, 4), torch.randn(4, 16)
    assert f"{tuple((u @ W).shape)} and {tuple(u.mean(dim=1).shape)}" in answers[9]
    a = torch.tensor([0.5, 2.0, -1.0])
    powers = a[:, None] ** torch.arange(5)
    assert powers.tolist() == [[float(a_n) ** l for l in range(5)] for a_n in a]
    assert f"shape {tuple(powers.shape)}" in answers[10]
    ones = torch.ones(3, dtype=f64)
    kernel = oracles.diagonal_kernel(a[None].to(torch.complex128), ones[None] + 0j, ones[None] + 0j, 5)
    torch.testing.assert_close(kernel[0], 2 * powers.to(f64).sum(0))


# Glossary


def entries(root) -> list[tuple[list[str], str]]:
    """(terms, definition) of each entry."""
    text = (root / "book" / "glossary.md").read_text(encoding="utf8")
    body = re.search(r"```\{glossary\}\n(.*?)```", text, re.S)[1]
    found = []
    for block in body.strip().split("\n\n"):
        lines = block.splitlines()
        found.append(
            (
                [line for line in lines if not line.startswith("  ")],
                " ".join(line.strip() for line in lines if line.startswith("  ")),
            )
        )
    return found


def test_glossary_is_in_order(root):
    first = [terms[0].lower() for terms, _ in entries(root)]
    assert first == sorted(first)
    assert len(set(first)) == len(first) > 40


def test_every_term_is_used_in_the_chapter_that_it_names(root):
    missing = []
    for terms, definition in entries(root):
        chapters = re.findall(r"<\.\./notebooks/(\w+)>", definition)
        assert chapters, f"{terms} names no chapter"
        text = " ".join(prose(nbformat.read(root / "notebooks" / f"{chapters[0]}.ipynb", 4)).split()).lower()
        missing += [f"{term} in {chapters[0]}" for term in terms if term.lower() not in text]
    assert not missing


# Widgets and exercises


def test_every_widget_and_exercise_is_in_the_index(root, chapters):
    text = things.page_text(chapters)
    classes = things.widget_classes(root)
    found = things.problems(chapters, classes)
    assert not found, "\n".join(found)
    for name in classes:
        assert f"<ssm_lib.widgets.{name}>`" in text
    labels = [
        label
        for path in execute.chapters(root)
        for label in re.findall(r"^:label: *(ex-\S+)", prose(nbformat.read(path, 4)), re.M)
    ]
    assert len(labels) > 50
    for label in labels:
        assert text.count(f"<{label}>`") == 1, label


def test_index_is_written_by_the_build(root, html, chapters):
    assert (root / things.PAGE).read_text(encoding="utf8") == things.page_text(chapters)
    assert all(chapter.seconds for chapter in chapters), "a running time is missing"
    page = (html / "book" / "index_of_things.html").read_text(encoding="utf8")
    for chapter in chapters:
        assert f'href="../{chapter.page}.html#' in page


CELLS = [
    ("markdown", "# Name\n\nOne two three."),
    ("code", "setup = 1"),
    (
        "markdown",
        "## Part\n\n*What to look for:* does $P^*$ *move*?\nIt does. 1 2\n\n1. Which **way**?\n2. Why: is it so?",
    ),
    ("code", "\nfrom ssm_lib.widgets import Echo\n\nEcho(n=3)"),
    ("markdown", "## Exercises\n\n```{exercise} Try it\n:label: ex-a\n\nNow?\n```"),
    ("code", "a = ...\nEcho(n=1)"),
    ("markdown", "```{solution-end}\n```\n\n## Summary\n\nFour more words here."),
]


@pytest.fixture
def notebook(tmp_path):
    """A chapter of one widget and one exercise."""
    made = nbformat.v4.new_notebook()
    for kind, source in CELLS:
        make = nbformat.v4.new_markdown_cell if kind == "markdown" else nbformat.v4.new_code_cell
        made.cells.append(make(source, metadata={"tags": ["setup"]} if source.startswith("setup") else {}))
    nbformat.write(made, tmp_path / "03_name.ipynb")
    return things.read_chapter(tmp_path / "03_name.ipynb", "notebooks/03_name", ["Echo", "Padding"], None)


def test_a_chapter_is_read(notebook):
    assert (notebook.title, notebook.number) == ("Name", "03")
    assert notebook.exercises == {"ex-a": "Try it"}
    section, asked = notebook.widgets["Echo"]
    assert section == "Part"
    assert asked == "Does $P^*$ move?"
    assert things.questions(CELLS[2][1])[1:] == ["Which way?", "Why: is it so?"]
    assert things.questions("*The question for the widget:* did it?") == ["Did it?"]
    assert notebook.lines == 2  # neither the set-up cell nor the exercise
    assert notebook.words == 4 + 20 + 6  # its own words, and a heading's; nothing of the exercise


def test_what_the_index_lacks_is_named(notebook):
    assert things.problems([notebook], ["Echo", "Padding"]) == ["no chapter shows the widget Padding"]
    notebook.widgets["Echo"] = ("Part", "")
    assert things.problems([notebook], ["Echo"]) == ["the text before the widget Echo asks no question"]


def test_a_page_without_times_has_none(notebook):
    assert "| 03 [Name](../notebooks/03_name.ipynb) | 0 | – |" in things.page_text([notebook])


def test_running_time_is_that_of_the_cells_as_they_are(root, tmp_path):
    assert things.running_times(tmp_path) == {}
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: a\n")
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    nbformat.write(made, tmp_path / "a.ipynb")
    (tmp_path / "ssm_lib").mkdir()
    cache = execute.open_cache(tmp_path)
    execute.store(cache, tmp_path / "a.ipynb", made, 12.5)
    assert things.running_times(tmp_path) == {tmp_path / "a.ipynb": 12.5}
    made.cells[0].source = "1 + 2"
    nbformat.write(made, tmp_path / "a.ipynb")
    assert things.running_times(tmp_path) == {}


def test_widgets_without_a_list_are_refused(tmp_path):
    (tmp_path / "ssm_lib" / "widgets").mkdir(parents=True)
    (tmp_path / "ssm_lib" / "widgets" / "__init__.py").write_text("from a import B\n")
    with pytest.raises(ValueError, match="has no __all__"):
        things.widget_classes(tmp_path)


def test_the_build_writes_generated_pages_outside_of_git(root):
    ignored = (root / ".gitignore").read_text().split()
    assert set(ignored) >= fingerprint.GENERATED >= {things.PAGE, field_map.PAGE}
