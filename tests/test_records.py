"""Records of runs: written whole, read back, of the machine and the commit that made them."""

import json

import pytest
import torch

from ssm_lib import records
from ssm_lib.__main__ import main
from ssm_lib.recipes import RECIPES
from ssm_lib.recipes.structured import by_height
from ssm_lib.records import Recipe
from ssm_lib.tasks import listops
from ssm_lib.tasks.registry import TASKS


def test_a_record_holds_every_seed(tmp_path):
    recipe = Recipe("adding", "none", {"one": 1}, lambda s, seed: {"sum": s["one"] + seed}, (3, 5), "here")
    path = records.record("toy", recipe, tmp_path)
    found = records.load("toy", tmp_path)
    assert path == tmp_path / "toy.json"
    assert [(run["seed"], run["sum"]) for run in found["runs"]] == [(3, 4), (5, 6)]
    assert all(run["seconds"] >= 0 for run in found["runs"])
    assert (found["task"], found["model"], found["settings"], found["source"]) == (
        *("adding", "none"),
        {"one": 1},
        "here",
    )
    assert found["versions"]["torch"]
    assert found["cores"] >= 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_that_fails_leaves_the_record_before(tmp_path):
    path = tmp_path / "toy.json"
    path.write_text("{}")

    def fails(settings, seed):
        raise FloatingPointError("the loss is nan")

    with pytest.raises(FloatingPointError):
        records.record("toy", Recipe("t", "m", {}, fails), tmp_path)
    assert path.read_text() == "{}"
    with pytest.raises(ValueError, match="Out of range float values"):
        records.write(path, {"loss": float("nan")})
    assert path.read_text() == "{}"


def test_what_is_missing_is_named(tmp_path, capsys):
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"no record 'toy' in .*; there are \['other'\]"):
        records.load("toy", tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder"):
        records.record("toy", Recipe("t", "m", {}, lambda s, seed: {}), tmp_path / "nowhere")
    with pytest.raises(SystemExit):
        main(["record", "toy"])
    assert "unknown recipe 'toy'" in capsys.readouterr().err


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_plain_data(name):
    json.dumps(dict(RECIPES[name].settings))
    assert RECIPES[name].task
    assert RECIPES[name].seeds
    assert name == name.lower()


def test_committed_records_are_of_recipes_as_they_are():
    """A recipe that was changed needs its record made again."""
    for path in records.FOLDER.glob("*.json"):
        if path.stem.startswith("benchmark-"):
            continue
        record = records.load(path.stem)
        assert record["settings"] == json.loads(json.dumps(dict(RECIPES[path.stem].settings)))
        assert [run["seed"] for run in record["runs"]] == list(RECIPES[path.stem].seeds)
        assert record["commit"]


# ---- tasks with a target at every step --------------------------------------------------------------------


def test_brackets_are_counted_by_the_height_of_what_they_close():
    words = "[MAX 1 [MIN 2 3 ] [SM 4 5 ] ]"
    u = listops.tokenize(words)[None]
    y = torch.full(u.shape, -100)
    closing = listops.heights(u) > 0
    y[closing] = torch.tensor([2, 9, 9])
    found = torch.where(closing, y, 7)
    found[0, -1] = 8  # the whole expression is missed
    assert by_height({"u": u}, y, found) == [[1, 2, 2], [2, 1, 0]]


@pytest.mark.parametrize("name", ["listops-subtrees-256-dlr", "pathfinder-segmentation-32-attention"])
def test_what_a_model_gets_right_is_recorded(name, monkeypatch):
    recipe = RECIPES[name]
    task = TASKS[recipe.task](**recipe.settings["task_args"])
    task.test_size = 8
    monkeypatch.setitem(TASKS, recipe.task, lambda length: task)
    model = {"d_model": 4, "n_layers": 1, "layer": "s4d", "pooling": "none"}
    few = {"steps": 1, "batch_size": 2, "warmup": 0, "model": model}
    found = recipe.run({**recipe.settings, **few}, 0)
    if "by_height" in found:
        total, right = (sum(row[k] for row in found["by_height"]) for k in (1, 2))
        assert found["test_accuracy"] == pytest.approx(right / total)
        assert [row[0] for row in found["by_height"]] == list(range(1, len(found["by_height"]) + 1))
    else:
        counts = torch.tensor(found["confusion"])
        assert counts.sum() == 8 * 1024
        assert len(found["pictures"]) == 4
        assert {len(row) for picture in found["pictures"] for row in (picture, *picture)} == {32}
        f1 = 2 * counts.diagonal() / (counts.sum(0) + counts.sum(1)).clamp(min=1)
        assert found["test_f1"] == pytest.approx(f1.mean().item())
