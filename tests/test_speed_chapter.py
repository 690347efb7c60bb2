"""Chapter 14: the model of cost against what runs and what was measured; its figures, exercises and widget."""

import dataclasses
import itertools
import math
import time

import pytest
import torch
import traitlets
from matplotlib import pyplot as plt
from widget_tools import by_keyboard, by_mouse, idle, module, on_page

from ssm_lib import S4D, S5, bench, conv, hippo, kernels, plots, records, scan
from ssm_lib.bench import cost, estimate, formulas, report
from ssm_lib.bench.count import count, ratios
from ssm_lib.check import speed
from ssm_lib.kernels import products
from ssm_lib.layers.s4d import initial_eigenvalues
from ssm_lib.widgets import CostModel
from ssm_lib.widgets.cost_model import WAYS

RECORD = records.load("benchmark-cpu")
ROWS = list(report.read(RECORD).values())

# ---- the counter ------------------------------------------------------------------------------------------


def test_products_of_matrices_are_two_operations_a_term():
    a, b = torch.randn(3, 4, 5), torch.randn(3, 5, 6)
    assert count(lambda: a @ b) == bench.Work(float32=2 * 3 * 4 * 5 * 6, passes=4 * (60 + 90 + 72), calls=1)
    assert count(lambda: a.double() @ b.double()).float64 == 2 * 3 * 4 * 5 * 6
    z = torch.randn(4, 5, dtype=torch.complex64)
    assert count(lambda: z @ z.mT).float32 == 8 * 4 * 5 * 4
    v = torch.randn(5)
    assert count(lambda: a[0] @ v).float32 == 2 * 4 * 5


@pytest.mark.parametrize(
    ("run", "fft"),
    [
        (lambda x: torch.fft.fft(torch.complex(x, x)), 3 * 5 * 16 * 4),
        (lambda x: torch.fft.rfft(x), 3 * 2.5 * 16 * 4),
        (lambda x: torch.fft.rfft(x, n=32), 3 * 2.5 * 32 * 5),
        (lambda x: torch.fft.irfft(torch.complex(x, x)[:, :9], n=16), 3 * 2.5 * 16 * 4),
    ],
)
def test_fourier_transforms_by_their_length(run, fft):
    x = torch.randn(3, 16)
    assert count(lambda: run(x)).fft == fft


def test_elements_views_and_integers():
    x, z = torch.randn(10), torch.randn(10, dtype=torch.complex64)
    assert count(lambda: x * x).float32 == 10
    assert count(lambda: z * z).float32 == 60
    assert count(lambda: z + z).float32 == 20
    assert count(lambda: torch.exp(z)).exponentials == 10
    assert count(lambda: torch.arange(10) + 1) == bench.Work()
    assert count(lambda: x[3:].view(7, 1).T) == bench.Work()
    assert count(lambda: x[:1].expand(10) * x).passes == 4 * (1 + 10 + 10)  # one number is there, ten times


def test_operators_of_the_library_are_looked_into():
    log_a, w = torch.randn(2, 3) - 3 + 0j, torch.randn(2, 3) + 0j
    assert count(lambda: kernels.vandermonde(log_a, w, 4096)).float32 >= 2 * 2 * 6 * 4096


def test_a_sum_of_works():
    one = bench.Work(1, 2, 3, 4, 5, 6, 7)
    assert one + one == bench.Work(2, 4, 6, 8, 10, 12, 14)


# ---- the model --------------------------------------------------------------------------------------------

SIZES = [(2, 4, 16, 256), (3, 8, 8, 1024), (1, 2, 64, 4096)]  # B, H, N, L


def modes(H, N):
    Lambda, B = initial_eigenvalues("legs", N)
    A, B = (x.to(torch.complex64).expand(H, -1) for x in (Lambda, B))
    return A, B, torch.randn(H, N // 2, dtype=torch.complex64), torch.logspace(-3, -1, H)


def close(counted, model, *kinds, tolerance=0.15):
    for kind in kinds:
        assert getattr(model, kind) > 0
        assert getattr(counted, kind) == pytest.approx(getattr(model, kind), rel=tolerance), kind


@pytest.mark.parametrize(("B", "H", "N", "L"), SIZES)
def test_kernels_do_what_the_model_counts(B, H, N, L):
    system = modes(H, N)
    found = count(lambda: formulas.s4d_kernel(*system, L))
    close(found, cost.formula_kernel(H, N, L), "float32", "exponentials", tolerance=0.2)
    assert found.passes == pytest.approx(cost.formula_kernel(H, N, L).bytes, rel=0.4)
    found, model = count(lambda: kernels.diagonal(*system, L)), cost.products_kernel(H, N, L)
    close(found, model, "float32", tolerance=1.2)  # small sizes: the tables are as much as the product
    close(found, model, "exponentials", tolerance=0.1)
    Lambda, P, B_in, _ = hippo.nplr("legs", N)
    A, B_in = (x.to(torch.complex64).expand(H, -1) for x in (Lambda, B_in))
    P = P[:, None].to(torch.complex64).expand(-1, H, -1)
    found = count(lambda: kernels.dplr(A, P, B_in, *system[2:], L))
    close(found, cost.krylov_kernel(H, N, L), "float32")
    assert 0.99 < found.float64 / cost.krylov_kernel(H, N, L).float64 < 1.4
    found, model = count(lambda: formulas.s4_kernel(A, P, B_in, *system[2:], L)), cost.cauchy_kernel(H, N, L)
    close(found, model, "fft", tolerance=0.2)
    close(found, model, "passes", tolerance=0.35)
    assert 1 <= found.float32 / model.float32 < 2


@pytest.mark.parametrize(("B", "H", "N", "L"), SIZES)
def test_outputs_take_what_the_model_counts(B, H, N, L):
    u, k = torch.randn(B, H, L), torch.randn(H, L)
    assert count(lambda: formulas.convolution(u, k)).fft == cost.convolution(B, H, L).fft
    close(count(lambda: conv.causal(u, k)), cost.convolution(B, H, L), "fft", tolerance=0.2)
    a, b = torch.rand(N // 2) + 0j, torch.randn(B, L, N // 2) + 0j
    model = cost.scan(B, N, L)
    close(count(lambda: formulas.steps(a, b)), model, "float32")
    in_blocks = count(lambda: scan.linear(a, b))
    assert 1.6 < in_blocks.float32 / model.float32 < 2.1
    assert in_blocks.passes == pytest.approx(model.passes, rel=0.1)
    close(count(lambda: S5(H, N)(u.mT)), cost.s5_layer(B, H, N, L), "float32", tolerance=1.2)
    close(count(lambda: S4D(H, N)(u.mT)), cost.s4d_layer(B, H, N, L), "fft", tolerance=0.2)

    def loop():
        A, C, x = torch.ones(H, N // 2) + 0j, torch.ones(H, N // 2) + 0j, torch.zeros(B, H, N // 2) + 0j
        for u_k in u.unbind(-1):
            x = A * x + C * u_k[..., None]
            (2 * (C * x).real).sum(-1)

    found, model = count(loop), cost.recurrence(B, H, N, L)
    assert 1 <= found.float32 / model.float32 < 1.7
    assert found.passes == pytest.approx(model.passes, rel=0.5)
    assert found.calls == pytest.approx(model.calls, rel=0.3)


@pytest.mark.parametrize("L", [1, 2, 15, 16, 100, 777, 16384])
def test_calls_of_a_scan(L):
    a, b = torch.rand(3), torch.randn(2, L, 3)
    from ssm_lib.scan_trees import multiply_adds

    assert len(multiply_adds(lambda: scan.states(a, b, None, False))) == cost.scan_calls(L)


@pytest.mark.parametrize("L", [1, 2, 64, 100, 4096, 100_000])
def test_exponentials_of_a_mode(L):
    systems = products.SMALL // L + 1  # fewer terms are added up as they are written
    log_a, w = torch.randn(systems, 1) - 3 + 0j, torch.ones(systems, 1) + 0j
    found = count(lambda: kernels.vandermonde(log_a, w, L)).exponentials
    assert found == systems * cost.split_exponentials(L)


def test_few_terms_are_added_up_as_they_are_written():
    log_a, w, most = torch.randn(1, 2) - 3 + 0j, torch.ones(1, 2) + 0j, products.SMALL // 2
    assert count(lambda: kernels.vandermonde(log_a, w, most)).exponentials == products.SMALL
    found = count(lambda: kernels.vandermonde(log_a, w, most + 1)).exponentials
    assert found == 2 * cost.split_exponentials(most + 1)


def test_sizes_are_positive_whole_numbers():
    for call in (
        lambda: cost.formula_kernel(0, 64, 100),
        lambda: cost.products_kernel(4, -2, 100),
        lambda: cost.krylov_kernel(4, 2, 0),
        lambda: cost.cauchy_kernel(4, 2, -1),
        lambda: cost.convolution(0, 1, 1),
        lambda: cost.recurrence(1, 1, 1, 0),
        lambda: cost.scan(1, 0, 1),
        lambda: cost.scan_calls(0),
        lambda: cost.split_exponentials(0),
    ):
        with pytest.raises(ValueError, match=r"must be .* (0|-1|-2)$"):
            call()
    with pytest.raises(TypeError, match=r"1\.5"):
        cost.convolution(1, 1, 1.5)


def test_ratios_of_counts():
    found, model = bench.Work(float32=3, fft=1, calls=5), bench.Work(float32=2, bytes=7, fft=3, calls=1)
    assert ratios(found, model) == {"float32": 1.5, "fft": 0.33}


def test_launches_of_the_scan_on_a_gpu(monkeypatch):
    scan_triton = pytest.importorskip("ssm_lib.scan_triton")
    launched = []
    monkeypatch.setattr(scan_triton, "_launch", lambda *args, **options: launched.append(options))
    for L in (1, 512, 513, 16384, 2**20):
        launched.clear()
        scan_triton.states(torch.ones(1), torch.zeros(1, L, 1), None, False)
        assert len(launched) == cost.scan_launches(L, scan_triton.CHUNK)


# ---- the record -------------------------------------------------------------------------------------------


def test_no_row_of_the_record_is_faster_than_its_floor():
    rates, s = bench.Rates(**RECORD["rates"]), RECORD["sizes"]
    floors = {
        "S4D kernel": cost.products_kernel(s["H"], s["N"], s["L"]),
        "S4 kernel": cost.krylov_kernel(s["H"], s["N"], s["L"]),
        "convolution": cost.convolution(s["B"], s["H"], s["L"]),
        "scan": cost.scan(s["B"], s["N"], s["L"]),
        "S4D layer": cost.s4d_layer(s["B"], s["H"], s["N"], s["L"]),
    }
    for row in RECORD["rows"]:
        if row["name"] in floors:
            floor = floors[row["name"]].floor_ms(rates)
            assert floor < row["library"]["ms"] < row["other"]["ms"]
            assert row["floor_ms"] == pytest.approx(floor, rel=0.08), row["name"]


def test_speeds_explain_the_rows_that_they_come_from():
    speeds, s = estimate.speeds(RECORD), RECORD["sizes"]
    rows = {(row["name"], row["other"]["name"]): row for row in RECORD["rows"]}
    formula = speeds.parts_ms(cost.formula_kernel(s["H"], s["N"], s["L"]))
    assert formula["exponentials"] == pytest.approx(rows["S4D kernel", "formula"]["other"]["ms"])
    blocks = speeds.parts_ms(cost.convolution(s["B"], s["H"], s["L"]))
    assert blocks["fft"] == pytest.approx(rows["convolution", "one line"]["library"]["ms"])
    scans = speeds.parts_ms(cost.scan(s["B"], s["N"], s["L"]))
    assert scans["passes"] == pytest.approx(rows["scan", "loop"]["library"]["ms"])
    assert speeds.estimate_ms(bench.Work(calls=2 * s["L"])) == pytest.approx(
        rows["scan", "loop"]["other"]["ms"]
    )
    with pytest.raises(KeyError, match="no row 'S4D kernel' against 'formula'"):
        estimate.speeds({**RECORD, "rows": RECORD["rows"][4:]})


def test_rows_of_a_record_are_those_measured():
    rows = report.read(RECORD)
    assert len(rows) == len(RECORD["rows"])
    for entry in RECORD["rows"]:
        row = rows[entry["name"], entry["other"]["name"]]
        assert dataclasses.asdict(row) | {"share": row.share} == entry


def test_curves_of_a_record():
    measured, estimated = estimate.curves(RECORD, "S5 layer", "B")
    assert list(measured) == list(estimated) == [1, 2, 4, 8, 16, 32, 64]
    assert estimated[8] == estimate.speeds(RECORD).estimate_ms(cost.s5_layer(8, 16, 64, 4096))
    measured, estimated = estimate.curves(RECORD, "S4D kernel", "N")
    assert estimated[16] == estimate.speeds(RECORD).estimate_ms(cost.products_kernel(16, 16, 4096))
    for what, along in {(p["what"], p["along"]) for p in RECORD["scaling"]}:
        if what in estimate.COMPUTATIONS:
            measured, estimated = estimate.curves(RECORD, what, along)
            assert all(1 / 6 < measured[v] / estimated[v] < 6 for v in measured), (what, along)
    with pytest.raises(KeyError, match="DLR kernel"):
        estimate.curves(RECORD, "DLR kernel", "N")


def test_best_times():
    assert 9 < bench.measure.best_ms(time.sleep, 0.01, repeats=2) < 1000
    with pytest.raises(ValueError, match="repeats"):
        bench.measure.best_ms(time.sleep, 0, repeats=0)


def test_an_estimate_is_a_sum_and_a_floor_a_maximum():
    speeds = estimate.Speeds(1e9, 1e8, 1e7, 1e8, 1e6, 1e7, 1e5)
    work = bench.Work(1e6, 1e5, 1e4, 1e5, 1e3, 1e4, 1e2)
    assert speeds.estimate_ms(work) == pytest.approx(7)
    assert set(speeds.parts_ms(work).values()) == {1.0}
    assert work.floor_ms(bench.Rates(1e9, 1e8, 1e7)) == pytest.approx(2.1)  # FFTs at the peak


def test_where_curves_cross():
    first, second = {1: 1.0, 2: 2.0, 4: 4.0, 8: 8.0}, {1: 2.0, 2: 2.0 * 2**0.5, 4: 4.0, 8: 4 * 2**0.5}
    assert estimate.crossing(first, second) == pytest.approx(4)
    assert estimate.crossing(first, {1: 3.0, 4: 3.0}) == pytest.approx(3)
    assert estimate.crossing(first, {1: 0.5, 2: 3.0}) == 1
    assert estimate.crossing(first, {size: 2 * t for size, t in first.items()}) is None


# ---- figures ----------------------------------------------------------------------------------------------

RATES = bench.Rates(1e11, 5e10, 1e10)
CURVES = {"one": ({1: 1.0, 2: 2.0}, {1: 1.5, 2: 2.5}), "two": ({1: 2.0}, {1: 2.0})}
FIGURES = {
    "roofline": lambda: plots.roofline(RATES, {"a": (bench.Work(float32=1e9, bytes=1e9), 400.0)}),
    "scaling": lambda: plots.scaling({"length L": CURVES, "batch B": {"two": CURVES["two"]}}, "here", [4, 3]),
    "benchmark": lambda: plots.benchmark({"record": ROWS, "here": ROWS[:3]}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_have_labels_and_are_taken_off_pyplots_list(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()
    assert all(ax.get_xlabel() for ax in figure.axes)
    assert figure.axes[0].get_ylabel() or [t.get_text() for t in figure.axes[0].get_yticklabels()]


def test_figures_hold_the_data():
    [ax] = FIGURES["roofline"]().axes
    roof, point = ax.lines
    assert list(roof.get_xdata()) == pytest.approx([1 / 3, 10, 30])  # a third of the data's, the corner
    assert list(roof.get_ydata()) == pytest.approx([10 / 3, 100, 100])  # at 10 GB/s
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (1, 2.5)
    [up] = ax.collections[0].get_segments()
    assert up[1] == pytest.approx([1, 10])  # to the roof
    assert ax.texts[-1].get_text() == "25.0 %"
    left, right = FIGURES["scaling"]().axes
    assert [list(line.get_ydata()) for line in left.lines][:2] == [[1.0, 2.0], [1.5, 2.5]]
    assert left.lines[2].get_color() == right.lines[0].get_color() != left.lines[0].get_color()
    assert [ax.lines[-1].get_xdata()[0] for ax in (left, right)] == [4, 3]
    [legend] = left.figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["one", "two", "measured", "estimated", "here"]
    left, right = FIGURES["benchmark"]().axes
    assert (left.get_title(), right.get_title()) == ("record", "here")
    assert list(right.lines[1].get_xdata()) == [row.library.ms for row in ROWS[:3]]
    assert [t.get_text() for t in left.get_yticklabels()][6:8] == ["scan / loop", "scan / associative_scan"]


# ---- exercises --------------------------------------------------------------------------------------------


def real(log_a, w, L, sign=-1):
    l = torch.arange(L)
    size, angle = torch.exp(log_a.real[..., None] * l), log_a.imag[..., None] * l
    terms = w.real[..., None] * torch.cos(angle) + sign * w.imag[..., None] * torch.sin(angle)
    return (size * terms).sum(1)


def complex_table(log_a, w, L):
    return (w[..., None] * torch.exp(log_a[..., None] * torch.arange(L))).sum(1).real


LAYER = next(row["library"]["ms"] for row in RECORD["rows"] if row["name"] == "S4D layer")
KERNEL = next(row["library"]["ms"] for row in RECORD["rows"] if row["name"] == "S4D kernel")


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        (speed.floor, 2 * 256 * 64 * 65536 / 200e9 * 1e3, "Right"),
        (speed.floor, 10.7, "Right"),
        (speed.floor, 2.24, "to write the kernel"),
        (speed.floor, 12.97, "not the sum"),
        (speed.floor, 5.37, "are two operations"),
        (speed.floor, 0.0107, "in seconds"),
        (speed.floor, ..., "Not begun"),
        (speed.table, 2.147, "Right"),
        (speed.table, 1.07, "8 bytes"),
        (speed.table, 2147.5, "megabytes"),
        (speed.table, 2147483648, "in bytes"),
        (speed.table, None, "Not begun"),
        (speed.intensity, 18.75, "Right"),
        (speed.intensity, 75, "four bytes"),
        (speed.intensity, 17.5, "log2 of 32,768"),
        (speed.intensity, 37.5, "real ones take half"),
        (speed.left_to_gain, LAYER / (LAYER - KERNEL), "Right"),
        (speed.left_to_gain, LAYER / KERNEL, "without it"),
        (speed.left_to_gain, KERNEL / LAYER, "share of the time"),
        (speed.left_to_gain, 1 - KERNEL / LAYER, "how many times faster"),
        (speed.real_formula, real, "agree"),
        (speed.real_formula, lambda *a: real(*a, sign=1), "case 1"),
        (speed.real_formula, complex_table, "made a complex table of shape (2, 2, 50)"),
        (speed.real_formula, lambda *a: ..., "Not begun"),
        (speed.real_formula, ..., "Not begun"),
    ],
)  # fmt: skip
def test_exercises(exercise, answer, says, capsys):
    assert exercise(answer) is (says in ("Right", "agree"))
    assert says in capsys.readouterr().out


# ---- the widget -------------------------------------------------------------------------------------------

CASES = [
    dict(zip(("log2_L", "log2_N", "log2_H", "log2_B"), sizes, strict=True)) | machine
    for sizes, machine in itertools.product(
        ((14, 6, 7, 3), (6, 2, 2, 0), (20, 10, 10, 8), (9, 5, 3, 1)),
        ({}, {"peak": 50_000.0, "bandwidth": 2000.0, "call": 5.0}, {"fft": 0.3, "exponential": 50.0, "double": 0.02}),
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def browser_numbers():
    settings = [{name: getattr(w, name) for name in w.settings} for w in (CostModel(**c) for c in CASES)]
    return module(CostModel)("cases.map((settings) => times(settings))", cases=settings)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_the_browser_computes_what_the_library_does(browser_numbers, number):
    widget, found = CostModel(**CASES[number]), browser_numbers[number]
    assert [way["name"] for way in found] == list(WAYS)
    for way in found:
        assert math.isclose(way["ms"], widget.estimates()[way["name"]], rel_tol=1e-9)
        assert math.isclose(way["floor"], widget.floors()[way["name"]], rel_tol=1e-9)
        parts = widget.speeds().parts_ms(widget.work()[way["name"]])
        assert way["most"] == max(parts, key=parts.get)


def test_the_widget_is_set_to_a_machine():
    speeds = estimate.speeds(RECORD)
    again = CostModel.on(speeds, log2_L=12).speeds()
    for name, value in dataclasses.asdict(speeds).items():
        assert getattr(again, name) == pytest.approx(value)
    assert CostModel.on(speeds, log2_L=12).log2_L == 12


def test_the_questions_have_the_answers_of_the_text():
    speeds = estimate.speeds(RECORD)
    widgets = {2**b: CostModel.on(speeds, log2_L=12, log2_H=4, log2_B=b) for b in range(9)}
    scans = {B: w.estimates()["S5: scan"] for B, w in widgets.items()}
    ffts = {B: w.estimates()["S4D: products, FFT"] for B, w in widgets.items()}
    assert 1 < estimate.crossing(scans, ffts) < 2
    one = widgets[1]
    one.peak, one.bandwidth = 100 * one.peak, 100 * one.bandwidth
    for way in ("S5: scan", "S4D: products, FFT"):
        parts = one.speeds().parts_ms(one.work()[way])
        assert parts["calls"] > 0.9 * sum(parts.values())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"log2_L": 5}, "log2_L must be an integer from 6 to 20, got 5"),
        ({"peak": 1.0}, "peak must be a number from 10 to 100000, got 1.0"),
        ({"call": 0.0}, "call must be a number from 0.1 to 100, got 0.0"),
    ],
    ids=str,
)
def test_wrong_settings_say_what_was_expected(setting, message):
    with pytest.raises(traitlets.TraitError, match=message):
        CostModel(**setting)


@pytest.mark.browser
def test_the_widget_says_what_it_shows_and_follows_every_control():
    start = {"log2_L": 12, "log2_H": 4, "log2_B": 0}
    with on_page(CostModel.on(estimate.speeds(RECORD), **start), CostModel(log2_B=8)) as page:
        one, many = page.locator(".ssm-cost-model").all()
        said = one.locator(".sw-readout").text_content()
        assert "Fastest: S5: scan" in said
        assert "S4D by products and FFT takes" in said
        assert "most of it" in many.locator(".sw-readout").text_content()
        assert "S4D: step by step" in one.locator("desc").first.text_content()
        assert idle(page, one, by_keyboard) == idle(page, one, by_mouse) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 340
