"""The page of results: every record is on it, with the numbers of its runs."""

import json
import re

import pytest
import torch

from ssm_lib import records
from ssm_lib.objectives import IGNORED
from tools import results


@pytest.fixture(scope="module")
def page(root):
    return results.page_text(root / "book" / "results")


def test_every_record_is_on_the_page(root, page):
    for path in (root / "book" / "results").glob("*.json"):
        assert f"<results/{path.name}>" in page


def test_the_page_is_current(root, page):
    assert (root / results.PAGE).read_text(encoding="utf8") == page


def test_numbers_are_those_of_the_runs(page):
    seeds = [run["mse"]["given"] for run in records.load("pendulum")["runs"]]
    mean, half = sum(seeds) / 3, (max(seeds) - min(seeds)) / 2
    assert f"given: MSE × 10³ {1000 * mean:.2f} ± {1000 * half:.2f}" in page


def test_zero_has_no_sign_and_minus_is_no_hyphen(page):
    assert results.number(-0.0004, 3) == "0.000"
    assert results.number(-0.25, 2) == "−0.25"
    assert not re.search(r"[\s(]-[\d.]", page)
    assert "−0.000" not in page
    assert "R^2" not in page


def test_every_score_but_r2_says_what_no_learning_gets(page):
    rows = [
        line.split(" | ") for line in page.split("## Other runs")[1].splitlines() if line.startswith("| **")
    ]
    assert len(rows) > 10
    for row in rows:
        kind = re.search(r"accuracy|macro F1|MSE|R²", row[1])[0]
        assert re.fullmatch(rf"{kind}( × 10³)? [\d.]+( %)?", row[2]), row[2]


def test_no_learning_is_scored_by_hand():
    y = torch.tensor([[2, 2, 0], [2, 1, IGNORED]])
    assert results.without_learning(y, "accuracy") == 3 / 5
    assert abs(results.without_learning(y, "f1") - (2 * 3 / (5 + 3)) / 3) < 1e-12
    assert abs(results.without_learning(torch.tensor([[0.0, 1], [2, 1]]), "mse") - 0.5) < 1e-6


@pytest.mark.parametrize("name", ["listops-subtrees-256-dlr", "pathfinder-segmentation-32-dlr"])
def test_targets_are_those_that_the_run_was_tested_on(name):
    record = records.load(name)
    y, run = results.targets(record), record["runs"][0]
    if "confusion" in run:
        assert y.flatten().bincount().tolist() == [sum(row) for row in run["confusion"]]
    else:
        assert int((y != IGNORED).sum()) == sum(row[1] for row in run["by_height"])


def test_names_are_words():
    assert results.words("legs zoh") == "LegS, zero-order hold"
    assert results.words("S4 bilinear") == "S4, bilinear"
    assert results.words("context_shift, L = 1024") == "context-shift, L = 1024"
    assert results.words("dlr, one block") == "DLR, one block"


def test_what_the_page_says_of_the_paper_is_what_the_records_say(root):
    """The page says for all atomic tasks that no value was available."""
    for path in (root / "book" / "results").glob("atomic-*.json"):
        assert records.load(path.stem)["settings"]["paper"] == "R^2 by task not obtained"


@pytest.fixture
def folder(tmp_path):
    def put(name, *runs, **more):
        about = {"task": "t", "model": "m", "source": "nowhere", "device": "d", "threads": 1, "commit": "c"}
        content = {"name": name, **about, "runs": [{"seconds": 60, **run} for run in runs], **more}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
        return tmp_path

    return put


def test_one_seed_has_no_spread(folder):
    assert "accuracy 50.0 % |" in results.page_text(folder("one", {"test_accuracy": 0.5}))


def test_variants_are_told_apart(folder):
    text = results.page_text(
        folder("two", {"mse": {"a": 0.001, "b": 0.25}}, {"mse": {"a": 0.003, "b": 0.25}})
    )
    assert "a: MSE × 10³ 2.00 ± 1.00<br>b: MSE × 10³ 250.00 ± 0.00" in text


def test_what_was_not_run_is_said(folder):
    text = results.page_text(folder("atomic-shift-s4d-1", {"test_r2": 0.5}, {"test_r2": 0.7}))
    row = next(line for line in text.splitlines() if line.startswith("| shift "))
    assert row == "| shift | not run | 0.600 ± 0.100 | not run | not run | not run | not run |"
    assert text.count("not run") == 5 + 10 * 6


def test_a_run_that_failed_is_a_result(folder):
    assert "R² −0.250" in results.page_text(folder("bad", {"test_r2": -0.25}))
    assert "not finite" in results.cell([float("nan")], "r2")


def test_a_record_without_a_score_is_no_row(folder):
    with pytest.raises(ValueError, match="no score in a run with .'loss'"):
        results.page_text(folder("lost", {"loss": 0.5}))
