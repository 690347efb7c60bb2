"""The benchmark measures what it says, and refuses to time two things that differ."""

import pytest
import torch

from ssm_lib import __main__, bench


def test_rows_are_measured_against_exact_results():
    rows = bench.rows(length=64, channels=4)
    assert len(rows) == 4
    for row in rows:
        assert row.library_ms > 0
        assert row.other_ms > 0
        assert row.ratio > 0
        assert 0 <= row.error < 1e-5
        assert 0 <= row.other_error < 1e-3


def test_different_results_are_not_timed():
    with pytest.raises(RuntimeError, match="off: relative error 1.0e-01, expected the same numbers"):
        bench.measure("off", lambda: torch.ones(3), lambda: torch.ones(3) * 0.9, torch.ones(3).double())
    with pytest.raises(RuntimeError, match="nan"):
        bench.measure("off", lambda: torch.ones(3) * torch.nan, lambda: torch.ones(3), torch.ones(3).double())


def test_command_prints_a_table(capsys):
    assert __main__.main(["bench", "--length", "32", "--channels", "2"]) == 0
    printed = capsys.readouterr().out
    assert "L = 32, H = 2" in printed
    assert printed.count("x") >= 4
    with pytest.raises(SystemExit):
        __main__.main(["bench", "--length", "0"])
    assert "must be at least 1, got 0" in capsys.readouterr().err
