"""The page of results: every record is on it, with the numbers of its runs."""

import json

import pytest

from ssm_lib import records
from tools import results


def test_every_record_is_on_the_page(root):
    text = results.page_text(root / "book" / "results")
    for path in (root / "book" / "results").glob("*.json"):
        assert f"<results/{path.name}>" in text


def test_the_page_is_current(root):
    assert (root / results.PAGE).read_text(encoding="utf8") == results.page_text(root / "book" / "results")


def test_numbers_are_those_of_the_runs(root):
    text = results.page_text(root / "book" / "results")
    seeds = [run["mse"]["given"] for run in records.load("pendulum")["runs"]]
    mean, half = sum(seeds) / 3, (max(seeds) - min(seeds)) / 2
    assert f"given: MSE × 10³ {1000 * mean:.2f} ± {1000 * half:.2f}" in text


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
    paper = {"settings": {"paper": "not obtained"}}
    text = results.page_text(folder("atomic-shift-s4d-1", {"test_r2": 0.5}, {"test_r2": 0.7}, **paper))
    row = next(line for line in text.splitlines() if line.startswith("| shift "))
    assert row == "| shift | not run | 0.600 ± 0.100 | not run | not run | not run | not run |"
    assert text.count("not run") == 5 + 10 * 6


def test_a_run_that_failed_is_a_result(folder):
    assert "R² -0.250" in results.page_text(folder("bad", {"test_r2": -0.25}))
    assert "not finite" in results.cell([float("nan")], "r2")


def test_a_record_without_a_score_is_no_row(folder):
    with pytest.raises(ValueError, match="no score in a run with .'loss'"):
        results.page_text(folder("lost", {"loss": 0.5}))
