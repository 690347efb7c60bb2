"""The program behind `make alone`: which environments, which chapters, and that it sees what goes wrong in one."""

import sys

import nbformat
import pytest
from packaging.requirements import Requirement

from tools import alone

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CLONE = (
    f"import subprocess\nsubprocess.run(['git', 'clone', '--quiet', '{alone.URL}', 'ssm-src'], check=True)"
)


def test_the_oldest_environment_is_what_the_package_allows(root):
    bounds = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf8"))["project"]["dependencies"]
    oldest = dict(line.split("==") for line in alone.environments(root)["oldest"])
    for requirement in map(Requirement, bounds):
        if requirement.name == "anywidget":  # left to the set-up cell
            assert "anywidget" not in oldest
            continue
        [lowest] = [part.version for part in requirement.specifier if part.operator == ">="]
        assert oldest[requirement.name].startswith(lowest), (
            f"{requirement} is tested at {oldest[requirement.name]}"
        )


def test_the_newest_environment_is_what_is_pinned(root):
    pins = alone.environments(root)["newest"]
    assert {pin.split("==")[0] for pin in pins} == set(alone.PINNED)
    lines = (root / "requirements.txt").read_text(encoding="utf8")
    assert all(pin in lines for pin in pins)


def test_chapters_are_found_by_name_or_number(root):
    every = alone.chosen([], root)
    assert len(every) >= 12
    assert alone.chosen([every[0].stem, every[3].name], root) == [every[0], every[3]]
    assert alone.chosen([every[5].stem.split("_")[0]], root) == [every[5]]
    with pytest.raises(ValueError, match="no chapter '99': there are 00_tour, 01_"):
        alone.chosen(["00", "99"], root)
    assert alone.main(["99"], root) == 1


def test_changes_of_packages_are_named():
    before = {"torch": "2.4.1", "numpy": "1.26.4", "tqdm": "4"}
    assert alone.changes(before, before | {"anywidget": "0.11.0", "psygnal": "0.15"}) == []
    after = {"torch": "2.5.0", "numpy": "1.26.4", "colour": "1"}
    assert [line.split(": ")[1] for line in alone.changes(before, after)] == [
        "colour, before nothing, after 1", "torch, before 2.4.1, after 2.5.0", "tqdm, before 4, after nothing",
    ]  # fmt: skip
    assert alone.changes({"anywidget": "1"}, {"anywidget": "2"}) != []


def test_table_shows_every_chapter_in_every_environment():
    results = [alone.Result("00_a", "old", 3.2), alone.Result("00_a", "new", 4.0, ["it fell"])]
    text = alone.table([*results, alone.Result("01_b", "new", 1)], {"old": {"torch": "2.4.1"}, "new": {}})
    rows = text.splitlines()
    assert rows[2:4] == ["| 00_a | 3 s | FAILED, 4 s |", "| 01_b | not run | 1 s |"]
    assert "old: torch 2.4.1, numpy absent" in text


@pytest.fixture
def run(tmp_path):
    """Run a chapter of these cells alone, with this Python; what went wrong."""

    def chapter(*sources):
        tree = tmp_path / "tree"
        (tree / "notebooks").mkdir(parents=True)
        (tree / "ssm_lib").mkdir()
        (tree / "ssm_lib" / "__init__.py").write_text("")
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        nbformat.write(notebook, tree / "notebooks" / "00_a.ipynb")
        alone.git("init", "--quiet", cwd=tree)
        published = alone.publish(tree, tmp_path / "published")
        return alone.run_chapter(
            published / "notebooks" / "00_a.ipynb", sys.executable, published, tmp_path / "room"
        )

    return chapter


def test_a_good_chapter_passes_in_an_empty_folder(run):
    assert (
        run("import os\nassert os.listdir() == ['00_a.ipynb']\nassert 'PYTHONPATH' not in os.environ", CLONE)
        == []
    )


def test_a_failing_cell_is_named(run):
    [problem] = run(CLONE, "1 / 0  # by nothing")
    assert "notebooks/00_a.ipynb failed in code cell 2 of 2" in problem
    assert "1 / 0  # by nothing" in problem
    assert "ZeroDivisionError" in problem


def test_a_library_from_elsewhere_and_a_changed_package_are_noticed(run, monkeypatch):
    versions = iter([{"torch": "2.4.1"}, {"torch": "2.5.0"}])
    monkeypatch.setattr(alone, "installed", lambda python: next(versions))
    where, what = run("import ssm_lib")
    assert "cloned no ssm_lib" in where
    assert "torch, before 2.4.1, after 2.5.0" in what


def test_an_environment_that_pip_cannot_make_is_said_plainly(tmp_path, monkeypatch):
    monkeypatch.setattr(alone.bootstrap, "make_venv", lambda venv: "")
    monkeypatch.setattr(
        alone.bootstrap, "pip", lambda *arguments: (False, "ERROR: No matching distribution for torch==1")
    )
    _, problem = alone.make_environment("old", ["torch==1"], tmp_path)
    assert "No matching distribution for torch==1" in problem
    assert not (tmp_path / "old.stamp").exists()
