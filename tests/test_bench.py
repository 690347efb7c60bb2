"""The benchmark measures what it says, refuses to time two things that differ, and writes what it found."""

import json

import pytest
import torch

from ssm_lib import __main__, bench, oracles
from ssm_lib.bench import formulas, measure, report, scaling
from ssm_lib.bench.rows import gradient
from ssm_lib.kernels import dplr

CPU = torch.device("cpu")
TINY = bench.Sizes(L=64, H=4, N=8, B=2)
RATES = bench.Rates(float32=1e11, float64=5e10, bytes=1e10)


def test_rows_are_measured_against_exact_results():
    names = [
        "S4D kernel",
        "S4D kernel, gradient",
        "S4 kernel",
        "S4 kernel, gradient",
        "convolution",
        "convolution, gradient",
        "scan",
        "scan",
        "S4D layer",
        "S4D layer, gradient",
    ]
    rows = list(bench.rows(TINY, RATES, CPU, repeats=1))
    assert [row.name for row in rows if not row.name.startswith("S5")] == names
    for row in rows:
        assert row.ratio > 0
        assert row.floor_ms > 0
        assert row.share == row.floor_ms / row.library.ms
        assert row.library.error < 1e-5
        assert row.other.error < 1e-3
        assert row.library.name in report.HEAD
        assert f"{row.ratio:.1f}x" in report.line(row)


def test_different_results_are_not_timed():
    one = torch.ones(3)
    for wrong, message in ((one * 0.9, "off: relative error 1.0e-01, expected"), (one * torch.nan, "nan")):
        with pytest.raises(RuntimeError, match=message):
            measure.compare("off", {}, lambda x=wrong: x, lambda: one, one.double(), 1.0)
        with pytest.raises(RuntimeError, match=message):
            measure.compare("off", {}, lambda: one, lambda x=wrong: x, one.double(), 1.0)


def test_the_floor_is_the_slower_of_computing_and_moving():
    assert bench.Work(float32=1e9, bytes=1e6).floor_ms(RATES) == pytest.approx(10)
    assert bench.Work(float32=1e9, float64=1e9).floor_ms(RATES) == pytest.approx(30)
    assert bench.Work(float32=1e6, bytes=1e9).floor_ms(RATES) == pytest.approx(100)


def test_rates_are_of_a_machine():
    found = measure.rates(CPU)
    assert 1e8 < found.float64 < found.float32 * 1.5
    assert found.bytes > 1e8


@pytest.mark.parametrize("megabytes", [50, 200])
def test_memory_that_a_run_frees_again_is_seen(megabytes):
    found = measure.peak_memory(lambda: float(torch.ones(megabytes * 250_000).sum()), CPU)
    if found is None:
        pytest.skip("this system does not tell the peak of memory")
    assert megabytes - 5 < found < megabytes + 25


def test_the_printed_algorithm_of_s4_is_the_kernel():
    torch.manual_seed(0)
    A = torch.complex(-torch.rand(3, 4, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64))
    P, B, C = (torch.randn(3, 4, dtype=torch.complex128) for _ in range(3))
    dt = torch.tensor([0.01, 0.1, 0.5], dtype=torch.float64)
    for L in (1, 2, 7, 16):
        K = formulas.s4_kernel(A, P[None], B, C, dt, L)
        torch.testing.assert_close(K, dplr(A, P[None], B, C, dt, L))


def test_formulas_equal_their_oracles():
    u, k = torch.randn(2, 3, 20, dtype=torch.float64), torch.randn(3, 20, dtype=torch.float64)
    torch.testing.assert_close(formulas.convolution(u, k)[1, 2], oracles.convolution(u[1, 2], k[2]))
    a, b = torch.rand(5, dtype=torch.float64), torch.randn(2, 20, 5, dtype=torch.float64)
    torch.testing.assert_close(formulas.associative_scan(a, b), formulas.steps(a, b))


def test_a_torch_without_a_scan_of_its_own_has_no_row_of_it(monkeypatch):
    others = {row.other.name for row in bench.rows(TINY, RATES, CPU, repeats=1)}
    assert "torch associative_scan" in others
    monkeypatch.setattr(formulas, "torch_associative_scan", lambda: None)
    without = {row.other.name for row in bench.rows(TINY, RATES, CPU, repeats=1)}
    assert without == others - {"torch associative_scan"}


def test_points_of_every_size(monkeypatch):
    monkeypatch.setattr(scaling, "LARGEST", {"L": 11, "N": 5, "B": 1})
    points = list(scaling.points(CPU, quick=False))
    assert {(p.along, p.value) for p in points} == {
        *(("L", 2**i) for i in (10, 11)),
        *(("N", 2**i) for i in (4, 5)),
        *(("B", 2**i) for i in (0, 1)),
    }
    assert all(p.ms > 0 for p in points)


def test_the_record_holds_machine_versions_and_rows(tmp_path):
    rows = list(bench.rows(TINY, RATES, CPU, repeats=1))[:1]
    point = scaling.Point("S4D layer", "L", 1024, 1.5, None)
    path = report.save(tmp_path, CPU, vars(TINY), RATES, rows, [point])
    assert path.name == "benchmark-cpu.json"
    record = json.loads(path.read_text())
    assert record["sizes"] == {"L": 64, "H": 4, "N": 8, "B": 2}
    assert record["versions"]["torch"] == torch.__version__
    assert record["threads"] == torch.get_num_threads()
    assert record["rows"][0]["library"]["ms"] == rows[0].library.ms
    assert record["rows"][0]["share"] == rows[0].share
    assert record["scaling"] == [
        {"what": "S4D layer", "along": "L", "value": 1024, "ms": 1.5, "memory": None}
    ]
    with pytest.raises(FileNotFoundError, match="no folder"):
        report.save(tmp_path / "nowhere", CPU, {}, RATES, [], [])


def test_the_command(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(__main__, "QUICK", TINY)
    monkeypatch.setattr(scaling, "LARGEST", {"L": 10, "N": 4, "B": 0})
    assert __main__.main(["bench", "--device", "cpu", "--save", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "B = 2, L = 64, H = 4, N = 8" in printed
    assert "S4D layer, gradient" in printed
    assert (tmp_path / "benchmark-cpu.json").is_file()
    for arguments, message in (
        (["--device", "abacus"], "--device abacus"),
        (["--save", str(tmp_path / "nowhere")], "there is no such folder"),
    ):
        with pytest.raises(SystemExit):
            __main__.main(["bench", *arguments])
        assert message in capsys.readouterr().err


def test_a_gradient_is_of_all_inputs_with_weights_made_once(monkeypatch):
    x, w = torch.randn(3, 4, requires_grad=True), torch.randn(4, requires_grad=True)
    seen, weights = [], torch.cos(torch.arange(12.0)).view(3, 4)
    w.register_hook(seen.append)
    made, cos = [], torch.cos
    monkeypatch.setattr(torch, "cos", lambda x: made.append(x) or cos(x))
    run = gradient(lambda: x * w, x, w)
    for _ in range(2):
        torch.testing.assert_close(run(), weights * w)
        torch.testing.assert_close(seen.pop(), (weights * x).sum(0))
    assert len(made) == 1
