"""Every chapter is stripped, short, described in words and has its exercises; and starts with the same cell."""

import json
import re
import statistics

import nbformat
import pytest
from conftest import ROOT

from tools import execute, repository, setup_cell

CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
KEEPS_OUTPUT = "# NBVAL_CHECK_OUTPUT"
DEVICE = 'device = "cuda" if torch.cuda.is_available() else "cpu"'
MAX_LINES, MEDIAN_LINES, FEWEST, MOST = 15, 6, 20, 40


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, 4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_every_notebook_is_a_chapter(root):
    assert set(CHAPTERS) == set(execute.chapters(root)), "notebooks/ and _toc.yml differ"


def test_stripped(path, notebook):
    """Outputs made 3,000 lines of diff for three small notebooks; `nbstripout --keep-id` removes them."""
    assert set(notebook.metadata) <= {"kernelspec", "language_info", "title", "mystnb"}, sorted(
        notebook.metadata
    )
    assert notebook.metadata.kernelspec.name == "python3"
    for number, cell in enumerate(code_cells(notebook), 1):
        if not cell.source.startswith(KEEPS_OUTPUT):
            assert not cell.outputs, f"code cell {number} has outputs: nbstripout --keep-id {path.name}"
            assert cell.execution_count is None, f"code cell {number} has an execution count"
        else:
            kinds = {output.output_type for output in cell.outputs}
            assert kinds <= {"stream", "execute_result"}, (
                f"code cell {number}: only text is kept, not {kinds}"
            )
            assert cell.outputs, f"code cell {number} says {KEEPS_OUTPUT} and has none"
        assert set(cell.metadata) <= {"tags", "mystnb"}, f"code cell {number}: {sorted(cell.metadata)}"


def test_cell_ids_are_kept(notebook):
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


def test_nothing_is_left_to_do(notebook):
    """`make new-chapter` writes TODO where a chapter's own words and numbers belong."""
    texts = [cell.source for cell in notebook.cells] + [json.dumps(cell.metadata) for cell in notebook.cells]
    left = [line for text in texts for line in text.splitlines() if "TODO" in line]
    assert not left, "left to do:\n" + "\n".join(left)


def test_nothing_is_left_to_do_in_the_library(root):
    left = [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for path in sorted((root / "ssm_lib").rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1)
        if "TODO" in line
    ]
    assert not left, "left to do:\n" + "\n".join(left)


def test_setup_cell_is_the_template(root, notebook):
    first = code_cells(notebook)[0]
    assert first.metadata.get("tags") == setup_cell.TAGS
    assert first.source == setup_cell.source(repository.configured(root)), "run make set-repository"


def test_setup_cell_is_short_and_narrow():
    lines = setup_cell.source(repository.PLACEHOLDER).splitlines()
    assert len(lines) <= MAX_LINES
    assert max(map(len, lines)) <= 84


def test_one_variable_moves_the_chapter_to_a_gpu(notebook):
    """`device`, set once by the same line; and nothing that a T4 lacks (bfloat16)."""
    named = [line for cell in code_cells(notebook) for line in cell.source.splitlines() if "cuda" in line]
    assert named in ([], [DEVICE]), f"a GPU is named by {DEVICE!r} and by nothing else: {named}"
    for number, cell in enumerate(code_cells(notebook), 1):
        used = re.findall(r"\bdevice\b(?![\"'])", cell.source.replace(".device", ""))
        assert not used or named, f"code cell {number} uses device, which no cell sets: {DEVICE!r}"
        assert "bfloat16" not in cell.source, f"code cell {number}: a T4 has no bfloat16"


def test_drawings_have_alt_text(notebook):
    for number, cell in enumerate(code_cells(notebook), 1):
        if re.search(r"\bplots\.\w+\(|plt\.show\(", cell.source):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt.split()) >= 5, (
                f"code cell {number} draws: say what is seen in metadata.mystnb.image.alt"
            )


def test_images_in_prose_have_alt_text(root, notebook):
    pages = [prose(notebook), *(p.read_text(encoding="utf8") for p in sorted((root / "book").glob("*.md")))]
    for text in pages:
        for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", text):
            assert alt.strip(), f"no alt text: {target}"
        for body in re.findall(r"^(?:```|:::)\{(?:image|figure)\}(.*?)^(?:```|:::)", text, re.M | re.S):
            assert re.search(r"^:alt: *\S", body, re.M), f"no alt text: {body.splitlines()[0]}"


def test_cells_are_few_and_short(path, notebook):
    lengths = [len(cell.source.splitlines()) for cell in code_cells(notebook)]
    report = f"{path.name}: {len(lengths)} code cells, lines {lengths}"
    assert FEWEST <= len(lengths) <= MOST, report
    assert max(lengths) <= MAX_LINES, f"cell {lengths.index(max(lengths)) + 1} is too long: {report}"
    assert statistics.median(lengths) <= MEDIAN_LINES, report


def test_exercises_have_solutions(path, notebook):
    text = prose(notebook)
    exercises = re.findall(
        r"^(?:```|:::+)\{exercise(?:-start)?\}[^\n]*\n(?::\S[^\n]*\n)*?:label: *(\S+)", text, re.M
    )
    solutions = dict(
        re.findall(r"^(?:```|:::+)\{solution(?:-start)?\} *(\S+)\n((?::\S[^\n]*\n)*)", text, re.M)
    )  # fmt: skip
    assert 4 <= len(exercises) <= 6, f"{path.name} has {len(exercises)} exercises: {exercises}"
    assert set(exercises) == set(solutions), f"without a solution: {set(exercises) - set(solutions)}"
    for label, options in solutions.items():
        assert re.search(r"^:class:.*\bdropdown\b", options, re.M), (
            f"the solution of {label} is not a dropdown"
        )


def test_no_widget_state_is_committed(path):
    text = json.dumps(json.loads(path.read_text(encoding="utf8"))["metadata"])
    assert "widget" not in text
