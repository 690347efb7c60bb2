"""`make new-chapter` and `make new-model`, in a copy of this tree: what they start works, and says what is left."""

import os
import subprocess
import sys

import pytest

from tools import alone, execute, new


@pytest.fixture(scope="module")
def copy(root, tmp_path_factory):
    """A copy of the tree with a chapter and a model more."""
    folder = alone.publish(root, tmp_path_factory.mktemp("copy"))
    assert new.main(["chapter", "98_toys", "Toys: what is left?"], folder) == 0
    assert new.main(["model", "Toy"], folder) == 0
    return folder


def run(copy, *arguments):
    """A program in the copy, with the copy's library; its exit status and what it said."""
    environment = os.environ | {"PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, timeout=600
    )
    return done.returncode, done.stdout + done.stderr


CHANGED = {
    "_toc.yml", "book/api.md", "notebooks/98_toys.ipynb", "ssm_lib/__init__.py", "ssm_lib/check/toys.py",
    "ssm_lib/layers/__init__.py", "ssm_lib/layers/toy.py", "tests/test_layers.py", "tests/test_toys_chapter.py",
}  # fmt: skip


def test_lint_passes(copy):
    code = sorted(name for name in CHANGED if name.endswith((".py", ".ipynb")))
    for arguments in (["check"], ["format", "--check"]):
        status, said = run(copy, "-m", "ruff", *arguments, *code)
        assert status == 0, said


def test_nothing_else_changes(copy):
    changed = {line[3:] for line in alone.git("status", "--porcelain", cwd=copy).splitlines()}
    assert changed == CHANGED
    gone = [
        line
        for line in alone.git("diff", "-U0", cwd=copy).splitlines()
        if line.startswith("-") and "---" not in line
    ]
    assert len(gone) <= 3, gone  # two lines of imports, and __all__


@pytest.mark.slow
def test_chapter_runs_and_its_tests_list_what_is_left(copy):
    assert execute.chapters(copy)[-1].name == "98_toys.ipynb"
    status, said = run(
        copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env",
        "notebooks/98_toys.ipynb", "tests/test_toys_chapter.py",
        "tests/test_equations.py::test_no_orphans_in_this_book",
    )  # fmt: skip
    assert status == 0, said
    status, said = run(
        copy,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/test_notebooks.py",
        "-k",
        "98_toys or chapter",
    )
    failed = {line.split("::")[1].split("[")[0] for line in said.splitlines() if line.startswith("FAILED")}
    assert failed == {
        "test_nothing_is_left_to_do", "test_cells_are_few_and_short", "test_exercises_have_solutions",
    }, said  # fmt: skip
    assert "- TODO: three to five things that a reader can do then." in said


@pytest.mark.slow
def test_model_keeps_the_contract(copy):
    status, said = run(
        copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_layers.py",
        "-k", "what_each_layer or toy and (recurrence or coarser or bad_input or alone or gradients)",
    )  # fmt: skip
    assert status == 0, said[-3000:]
    assert int(said.split(" passed")[0].split()[-1]) > 20, said[-500:]
    status, said = run(
        copy,
        "-c",
        "import ssm_lib; print(ssm_lib.Toy(4, 8), list(ssm_lib.LAYERS)[-1], 'Toy' in ssm_lib.__all__)",
    )
    assert "Toy(d_model=4, d_state=8, bidirectional=False) toy True" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chapter", "toys", "Toys"], "'toys' is no name of a chapter"),
        (["chapter", "99_toys", " "], "Which title?"),
        (["chapter", "98_others", "Others"], "notebooks/98_toys.ipynb is there already"),
        (["chapter", "99_toys", "Toys"], "ssm_lib/check/toys.py is there already"),
        (["model", "toy2"], "'toy2' is no name of a class"),
        (["model", "Toy"], "ssm_lib/layers/toy.py is there already"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_anything_is_written(copy, capsys, arguments, words):
    before = alone.git("status", "--porcelain", cwd=copy)
    assert new.main(arguments, copy) == 1
    assert words in capsys.readouterr().err
    assert alone.git("status", "--porcelain", cwd=copy) == before


def test_a_place_that_is_gone_is_named(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("nothing\n")
    with pytest.raises(ValueError, match=r"has no place for 'entry': nothing matches 'x\+'"):
        new.edit(path, "x+", "entry\n")
