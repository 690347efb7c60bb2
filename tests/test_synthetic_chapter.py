"""Chapter 12: the probes of the tasks, the figures, the exercises, records side by side, and the widget."""

import itertools
import json
import math

import pytest
import torch
import traitlets
from matplotlib import pyplot as plt
from torch import nn
from widget_tools import by_keyboard, by_mouse, idle, module, on_page

from ssm_lib import plots, records
from ssm_lib.check import synthetic
from ssm_lib.tasks import probes
from ssm_lib.tasks.atomic import TASKS
from ssm_lib.widgets import AtomicTasks

# ---- probes -----------------------------------------------------------------------------------------------

LINEAR = ("shift", "cumsum", "reverse", "select_fixed", "solve_fixed")


@pytest.mark.parametrize("task", TASKS)
def test_five_tasks_are_affine_and_six_are_not(task):
    found = probes.best_affine(task, 16, samples=2000)
    assert (found.r2 > 1 - 1e-6) == (task in LINEAR)
    assert found.r2 < 1 + 1e-9


def test_two_of_them_need_one_kernel_for_each_output():
    exact = {task for task in LINEAR if probes.best_kernel(task, 16)[0] > 1 - 1e-6}
    assert exact == {"shift", "solve_fixed"}


def test_the_best_map_is_the_task():
    G = probes.best_affine("reverse", 8, samples=200).weights  # (8, 1, 16, 1)
    expected = torch.zeros(8, 16).double()
    expected[:, :8] = torch.eye(8).flip(0)
    torch.testing.assert_close(G[:, 0, :, 0], expected, rtol=0, atol=1e-6)
    r2, K = probes.best_kernel("shift", 16)
    assert r2 > 1 - 1e-6
    torch.testing.assert_close(K[:, 0], torch.eye(16)[::2].double(), rtol=0, atol=1e-6)


def test_a_told_shift_has_the_bound_of_chapter_11_with_any_gates():
    kernel, affine = (f("context_shift", 32, samples=8000) for f in (probes.best_kernel, probes.best_affine))
    assert abs(kernel[0] - 1 / 30) < 0.02
    assert abs(affine.r2 - 1 / 30) < 0.02


def test_constants_count_for_nothing():
    found = probes.best_affine("select_fixed", 8, samples=500)
    assert not found.varies[:, 1].any()  # the marker
    assert found.varies[:, 0].sum() == 8 + 32
    assert not found.weights[:, :, ~found.varies].any()


def lags_of(task, length, **settings):
    return probes.lag_matrix(*probes.best_affine(task, length, **settings)[1:])


def test_the_lag_matrix_of_reverse():
    M, told = lags_of("reverse", 8, samples=200)
    assert M.shape == told.shape == (8, 16)
    for j in range(8):
        assert M[j].argmax() == 2 * j + 1
        assert told[j].nonzero().flatten().tolist() == list(range(j + 1, j + 9))
    assert not M[~told].any()


def test_the_lag_matrix_of_many_outputs_has_them_one_after_the_other():
    M, told = lags_of("shift", 8, samples=200)
    assert M.shape == (64, 8)
    for j, t in itertools.product(range(8), range(8)):
        expected = torch.zeros(8).double()
        expected[j] = t >= j
        torch.testing.assert_close(M[8 * j + t], expected, rtol=0, atol=1e-6)
        assert told[8 * j + t].tolist() == [lag <= t for lag in range(8)]


@pytest.mark.parametrize(
    ("task", "enough"), [("cumsum", 1), ("solve_fixed", 1), ("shift", 8), ("reverse", 4)]
)
def test_as_many_kernels_as_the_text_says(task, enough):
    M, told = lags_of(task, 8, samples=400)
    assert probes.gated(M, told, enough, sweeps=200).r2 > 0.999
    if enough > 1:
        assert probes.gated(M, told, enough // 2).r2 < 0.99


def test_gates_and_kernels_make_what_is_counted():
    M, told = lags_of("reverse", 8, samples=200)
    found = probes.gated(M, told, 2)
    off = ((found.gates @ found.kernels - M) * told).square().sum()
    assert math.isclose(found.r2, 1 - float(off / M.square().sum()), abs_tol=1e-9)
    assert (found.gates.shape, found.kernels.shape) == ((8, 2), (2, 16))
    assert found.r2 == probes.gated(M, told, 2).r2


def test_told_or_open_makes_the_difference():
    M, told = lags_of("cumsum", 8, samples=200)
    assert torch.linalg.matrix_rank(M, rtol=1e-4) == 8
    assert probes.gated(M, torch.ones_like(told), 1).r2 < 0.9
    assert probes.gated(M, told, 1).r2 > 1 - 1e-5


def test_the_middle_third_of_reverse_is_an_identity():
    M, told = lags_of("reverse", 13, samples=400)
    rows = torch.arange(4, 9)  # a .. 2a with 3a <= L - 1
    block = M[rows][:, 2 * rows + 1]
    assert told[rows][:, 2 * rows + 1].all()
    torch.testing.assert_close(block, torch.eye(5).double(), rtol=0, atol=1e-6)


def test_all_lags_of_select_fixed_are_told_in_every_row():
    """So the number of lags is the rank, and n kernels do what the n most frequent lags serve."""
    M, told = lags_of("select_fixed", 12, samples=400)
    copied = M > 0.5
    lags = copied.any(0)
    assert told[:, lags].all()
    assert lags.nonzero().min() >= 32
    served = copied.sum(0).sort(descending=True).values.cumsum(0) / 32
    assert 4 < lags.sum() < 32
    for n in (2, 4, int(lags.sum())):
        assert math.isclose(probes.gated(M, told, n).r2, float(served[n - 1]), abs_tol=1e-3)


def test_kernels_that_grow_do_what_is_affine_in_sort():
    """Each grows over the lags L + j of eight answers j; what lies beyond an answer's own lag is open."""
    n, w, L = 32, 8, 256
    M, told = lags_of("sort", L)
    growth = 3.0 ** torch.arange(w)
    kernels = nn.functional.pad(torch.block_diag(*[growth] * n), (L, 0)).double()  # (n, 2L)
    gates = probes._weighted(kernels, M, told.double())
    off = ((gates @ kernels - M) * told).square().sum()
    assert off < 0.2 * (M * told).square().sum()


@pytest.mark.parametrize("L", [5, 8, 9])
def test_the_combs_of_an_odd_length_have_an_even_period(L):
    M, told = lags_of("reverse", L, samples=400)
    needs, lags = 1 + 2 * torch.arange(L), torch.arange(2 * L)

    def off(period):
        m = needs[: (L + 1) // 2]
        made = (needs[:, None] % period == m % period).double() @ (
            lags % period == m[:, None] % period
        ).double()
        return float((made - M)[told].abs().max())

    assert off(L + L % 2) < 1e-6
    assert (off(L) > 0.5) == L % 2
    first = range((L + 1) // 2)
    assert all(told[j, 2 * i + 1] for j in first for i in first if i >= j)  # a triangle of full rank


def test_one_gelu_of_sums_of_two_tokens_solves_solve():
    """36 kernels of two taps each: GELU bends a + b and a - b, and these bends hold the product."""

    def bent(seed):
        u, y = TASKS["solve"].sample(2000, 15, torch.Generator().manual_seed(seed))
        rows = 0.3 * u[:, :12, 0].double().view(-1, 3, 4)
        A, B = rows[..., :3], rows[..., 3:]
        sums = torch.cat([s * A + b * B for s in (1, -1) for b in (1, -1)], 2).flatten(1)  # (B, 36)
        return torch.cat([nn.functional.gelu(sums), torch.ones(2000, 1)], 1), y[..., 0].double()

    (X, y), (new_X, new_y) = bent(0), bent(1)
    assert X.shape[1] == 36 + 1
    weights = torch.linalg.lstsq(X, y, driver="gelsd").solution
    assert (new_y - new_X @ weights).square().mean() < 0.001 * new_y.var()


def test_the_mean_jacobian_of_a_linear_map_is_its_weights():
    torch.manual_seed(0)
    mix = nn.Linear(3, 2).double()
    u = torch.randn(4, 5, 3).double()
    J = probes.mean_jacobian(mix, u, 2)
    assert J.shape == (2, 2, 5, 3)
    expected = torch.zeros(2, 2, 5, 3).double()
    expected[0, :, 3], expected[1, :, 4] = mix.weight.detach(), mix.weight.detach()
    torch.testing.assert_close(J, expected)
    squares = probes.mean_jacobian(lambda x: x[..., :1] ** 2, u, 5)
    torch.testing.assert_close(squares[2, 0, 2, 0], 2 * u[:, 2, 0].mean())
    assert not u.requires_grad


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: probes.best_affine("shfit", 8), "unknown task 'shfit'"),
        (lambda: probes.best_affine("reverse", 8, samples=8), "samples must exceed the 8 inputs"),
        (lambda: probes.best_kernel("cumsum", 8, samples=1), "samples must exceed 1 for the 8 weights"),
        (lambda: probes.best_affine("solve", 2), "length must be at least 3"),
        (
            lambda: probes.lag_matrix(*probes.best_affine("select", 8, samples=500)[1:]),
            "expected one input that varies, got 2 of 2",
        ),
        (
            lambda: probes.lag_matrix(torch.zeros(2, 1, 4, 1), torch.ones(3, 1)),
            r"got \(2, 1, 4, 1\) and \(3, 1\)",
        ),
        (lambda: probes.gated(torch.eye(3), torch.ones(2, 3), 1), r"got \(3, 3\) and \(2, 3\)"),
        (lambda: probes.gated(torch.eye(3), torch.ones(3, 3), 0), "n must be at least 1"),
        (lambda: probes.gated(torch.zeros(3, 3), torch.ones(3, 3), 1), "M is 0"),
        (
            lambda: probes.mean_jacobian(nn.Linear(3, 1), torch.zeros(1, 4, 3), 5),
            "steps must be at most 4",
        ),
    ],
)
def test_wrong_arguments_of_probes(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- records ----------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path):
    for name, scores in {"a": [0.5, 1.0, 0.75], "b": [0.25]}.items():
        runs = [{"seed": i, "test_r2": score} for i, score in enumerate(scores)]
        (tmp_path / f"{name}.json").write_text(json.dumps({"runs": runs}))
    return tmp_path


def test_a_score_over_the_seeds(kept):
    assert records.spread("a", "test_r2", kept) == (0.75, 0.5, 1.0, 3)
    with pytest.raises(KeyError, match="test_f1"):
        records.spread("a", "test_f1", kept)
    with pytest.raises(FileNotFoundError, match="no record 'c'"):
        records.spread("c", "test_r2", kept)


def test_a_table_leaves_out_what_was_not_run(kept):
    found = records.table({"one": {"x": "a", "y": "c"}, "two": {"x": "b"}}, "test_r2", kept)
    assert found == {"one": {"x": (0.75, 0.5, 1.0, 3)}, "two": {"x": (0.25, 0.25, 0.25, 1)}}


# ---- figures ----------------------------------------------------------------------------------------------

SAMPLE = (torch.tensor([[0.5, 0], [-1, 0], [0, 0]]), torch.tensor([[0.5, 9], [-0.25, 9]]))
MATRIX = (torch.tensor([[1.0, 0, 0], [0, 0, -2]]), torch.tensor([[1, 1, 0], [1, 1, 1]]).bool())
SCORES = {
    "one": {"dlr": records.Spread(0.5, 0.25, 1, 3), "s5": records.Spread(0.1, 0, 0.2, 3)},
    "two": {"s5": records.Spread(0.9, 0.9, 0.9, 1)},
}
IMAGE, MASK = torch.eye(3), torch.tensor([[0, 1, 2], [0, 0, 0], [2, 0, 0]])
FIGURES = {
    "examples": lambda: plots.examples({"a": SAMPLE, "b": SAMPLE, "c": SAMPLE, "d": SAMPLE}),
    "lag_matrices": lambda: plots.lag_matrices({"a": MATRIX, "b": MATRIX}),
    "scores": lambda: plots.scores(SCORES),
    "segmentations": lambda: plots.segmentations(IMAGE, {"true": MASK, "dlr": ["012", "000", "200"]}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_can_be_drawn_and_are_taken_off_pyplots_list(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()
    if name != "segmentations":  # pictures alone
        seen = [ax for ax in figure.axes if ax.get_visible()]
        assert any(ax.get_xlabel() for ax in seen)


def test_examples_hold_input_and_target_at_the_last_steps():
    axes = FIGURES["examples"]().axes
    assert [ax.get_visible() for ax in axes] == [True] * 4 + [False] * 2
    first, second = axes[0].lines
    assert [p.get_height() for p in axes[0].patches] == [0.5, -1, 0]
    assert first.get_xdata().tolist() == [1, 2]
    assert first.get_ydata().tolist() == [0.5, -0.25]
    assert second.get_ydata().tolist() == [9, 9]
    assert second.get_markerfacecolor() == "white"


def test_what_is_open_is_not_coloured():
    _, values = FIGURES["lag_matrices"]().axes[0].images
    data = values.get_array()
    assert data.mask.tolist() == [[False, False, True], [False, False, False]]
    assert data[1, 2] == -2
    assert values.get_clim() == (-2, 2)


def test_scores_stand_in_the_rows_of_their_tasks():
    [ax] = FIGURES["scores"]().axes
    dlr, s5 = ax.lines
    assert (dlr.get_label(), s5.get_label()) == ("dlr", "s5")
    assert list(dlr.get_xdata()) == [0.5]
    assert list(s5.get_xdata()) == [0.1, 0.9]
    assert s5.get_ydata().round().tolist() == [0, 1]
    assert dlr.get_ydata()[0] < s5.get_ydata()[0]
    assert ax.yaxis_inverted()
    ranges = [segment[:, 0].tolist() for c in ax.collections for segment in c.get_segments()]
    assert ranges == [[0.25, 1], [0, 0.2], [0.9, 0.9]]


def test_masks_are_read_from_texts_too():
    _, true, found = FIGURES["segmentations"]().axes
    assert true.images[0].get_array().tolist() == MASK.tolist() == found.images[0].get_array().tolist()
    assert [ax.get_title() for ax in (true, found)] == ["true", "dlr"]


# ---- exercises --------------------------------------------------------------------------------------------

ALL = dict(synthetic.CLASSES)


def combs(L, period=None):
    period = period or L
    m = 1 + 2 * torch.arange(L // 2)
    K = (torch.arange(2 * L) % period == m[:, None] % period).double()
    gates = ((2 * torch.arange(L)[:, None] + 1) % L == m % L).double()
    return gates, K


def four(s, other, L=8, noise=None):
    rows = []
    x = torch.randn(L - 2, generator=torch.Generator().manual_seed(3)).double() if noise is None else noise
    for told in (s, other):
        angle = torch.tensor(2 * math.pi * told / L).double()
        for body in (x, 0 * x):
            rows.append(torch.cat([angle.cos()[None], angle.sin()[None], body]))
    return torch.stack(rows)


def chirped(L, turn=1):
    k = torch.arange(L).double()
    g = torch.exp(-1j * math.pi * k**2 / L)
    lags = torch.arange(-L + 1, L).double()
    return g, g**2 * torch.exp(-2j * math.pi * turn * k / L), g / L, torch.exp(1j * math.pi * lags**2 / L)


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        (synthetic.classes, ALL, "11 of 11"),
        (synthetic.classes, {**ALL, "solve_fixed": "many"}, "10 of 11"),
        (synthetic.classes, {**ALL, "solve_fixed": "many"}, "room for all"),
        (synthetic.classes, {**ALL, "mips": ...}, "1 of 11 tasks have no class"),
        (synthetic.classes, dict.fromkeys(TASKS, ...), "Not begun"),
        (synthetic.classes, {"shift": "few"}, "missing or unknown: ['context_shift'"),
        (synthetic.classes, {**ALL, "sort": "some"}, "got {'sort': 'some'}"),
        (synthetic.classes, "few", "got str"),
        (synthetic.classes, ..., "Not begun"),
        (synthetic.runs, lambda p: int((p.diff() > 1).sum()) + 1, "agree"),
        (synthetic.runs, len, "case 1"),
        (synthetic.runs, lambda p: ..., "Not begun"),
        (synthetic.runs, ..., "Not begun"),
        (synthetic.combs, combs, "Right"),
        (synthetic.combs, lambda L: combs(L, 2 * L), "output 1 has the weight 0 at lag 3, expected 1"),
        (synthetic.combs, lambda L: combs(L)[::-1], "expected gates (2, 1) and kernels (1, 4)"),
        (synthetic.combs, lambda L: 1 / 0, "raised ZeroDivisionError"),
        (synthetic.combs, lambda L: 3, "got int"),
        (synthetic.combs, lambda L: None, "Not begun"),
        (synthetic.combs, ..., "Not begun"),
        (synthetic.superposition, four(1, 3), "Right"),
        (synthetic.superposition, four(2, 2), "affine map could be right"),
        (synthetic.superposition, four(1, 3, noise=torch.zeros(6).double()), "affine map could be right"),
        (synthetic.superposition, four(1, 7), "s = 0 … L - 3"),
        (synthetic.superposition, torch.ones(4, 8), "must be cos and sin"),
        (synthetic.superposition, four(1, 3)[[0, 1, 1, 3]], "an affine map says nothing here"),
        (synthetic.superposition, torch.ones(3, 8), "got (3, 8)"),
        (synthetic.superposition, "four", "got str"),
        (synthetic.superposition, ..., "Not begun"),
        (synthetic.reverser, chirped, "Right"),
        (synthetic.reverser, lambda L: chirped(L, 0), "L = 2: output 0 has the weight 1+0j at token 0, expe"),
        (synthetic.reverser, lambda L: [*chirped(L)[:3], torch.full((2 * L - 1,), math.nan)], "L = 1: outp"),
        (synthetic.reverser, lambda L: chirped(L)[:3], "expected (g, h, f, K), got tuple"),
        (
            synthetic.reverser,
            lambda L: [torch.ones(L)] * 4,
            "L = 2: expected three gates (2,) and a kernel (3,)",
        ),
        (synthetic.reverser, lambda x: x.flip(0), "raised AttributeError"),
        (synthetic.reverser, lambda L: None, "Not begun"),
        (synthetic.reverser, ..., "Not begun"),
    ],
)
def test_exercises(exercise, answer, says, capsys):
    assert exercise(answer) is (says in ("Right", "agree", "11 of 11"))
    assert says in capsys.readouterr().out


def test_the_classes_are_what_the_probes_measure():
    for task, kind in synthetic.CLASSES.items():
        assert (kind == synthetic.CONTEXT) == (task not in LINEAR)
    assert set(synthetic.CLASSES) == set(synthetic.WHY) == set(TASKS)


# ---- the widget -------------------------------------------------------------------------------------------

TOKENS = ([0.4, -0.6, 0.9, -0.2, 0.55, -0.9, 0.15, 0.7], [0.0, 0.5, 0.5, -0.5, -0.5, 1.0, -1.0, 0.0])
CASES = list(itertools.product(TASKS, (0, 2, 5), (0, 1)))


def small(task, s, tokens):
    return AtomicTasks(task=task, s=s, **{f"v{i}": float(x) for i, x in enumerate(tokens)})


@pytest.fixture(scope="module")
def browser_numbers():
    expression = """cases.map(([task, s, i]) => [tokens(task, s, given[i]), target(task, s, given[i]),
        sources(task, s, tokens(task, s, given[i])), marked(task, s), steps(task, s)])"""
    return dict(zip(CASES, module(AtomicTasks)(expression, cases=CASES, given=TOKENS), strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_browser_computes_what_the_widget_does(browser_numbers, case):
    task, s, i = case
    tokens, target, sources, marked, steps = browser_numbers[case]
    widget = small(task, s, TOKENS[i])
    for found, expected in ((tokens, widget.tokens()), (target, widget.target())):
        torch.testing.assert_close(torch.tensor(found).double(), expected, rtol=0, atol=1e-6)
    assert (sources, marked, steps) == (widget.sources(), widget.marked(), widget.steps())


@pytest.mark.parametrize("task", ["cumsum", "cummax", "reverse", "sort"])
def test_the_widget_asks_what_the_task_does(task):
    u, y = TASKS[task].sample(20, 8, torch.Generator().manual_seed(5))
    assert u.shape[1] == small(task, 0, TOKENS[0]).steps()
    for tokens, expected in zip(u[:, :8, 0].double(), y.double(), strict=True):
        torch.testing.assert_close(small(task, 0, tokens).target(), expected[:, 0], rtol=0, atol=1e-6)


def test_the_shifts_of_the_widget_are_those_of_the_tasks():
    u, y = TASKS["shift"].sample(2, 8, torch.Generator().manual_seed(5))
    for s in range(6):
        target = small("shift", s, u[0, :, 0]).target()
        torch.testing.assert_close(target, y[0, :, s].double(), rtol=0, atol=1e-6)
    u, y = TASKS["context_shift"].sample(20, 8, torch.Generator().manual_seed(5))
    told = (torch.atan2(u[:, 1, 0], u[:, 0, 0]) % (2 * math.pi) * 8 / (2 * math.pi)).round().int().tolist()
    assert len(set(told)) > 3
    for tokens, s, expected in zip(u[:, :, 0], told, y[..., 0].double(), strict=True):
        widget = small("context_shift", s, tokens.clamp(-1, 1))
        torch.testing.assert_close(widget.tokens(), tokens.double(), rtol=0, atol=1e-6)
        torch.testing.assert_close(widget.target(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("s", range(6))
def test_solve_solves_and_select_selects(s):
    widget = small("solve", s, TOKENS[0])
    x = widget.tokens()
    A, B = x[:6].view(2, 3).split([2, 1], 1)
    torch.testing.assert_close(A @ widget.target()[:, None], B)
    torch.testing.assert_close(A @ A.T, torch.eye(2).double())
    selected = small("select", s, TOKENS[0])
    assert selected.marked() == sorted(selected.marked())
    assert len(set(selected.marked())) == 3
    assert selected.target().tolist() == [TOKENS[0][i] for i in selected.marked()]
    assert small("select_fixed", s, TOKENS[0]).marked() == [1, 3, 4]


def test_the_best_fit_is_that_of_the_vectors():
    widget = small("mips", 0, torch.rand(8, generator=torch.Generator().manual_seed(1)) * 2 - 1)
    angle = math.pi * widget.tokens()
    key = torch.stack([angle.cos(), angle.sin()], 1)
    products = (-key @ key.T).masked_fill(torch.ones(8, 8).triu(1).bool(), -math.inf)
    best = products.argmax(1)
    torch.testing.assert_close(widget.target(), widget.tokens()[best])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"task": "shuffle"}, "task"),
        ({"s": 6}, "s must be an integer from 0 to 5, got 6"),
        ({"v3": 1.5}, "v3 must be a number from -1 to 1, got 1.5"),
    ],
    ids=str,
)
def test_wrong_settings_say_what_was_expected(setting, message):
    with pytest.raises(traitlets.TraitError, match=message):
        AtomicTasks(**setting)


@pytest.mark.browser
def test_the_widget_says_what_it_shows_and_follows_every_control():
    with on_page(
        AtomicTasks("reverse"), AtomicTasks("shift", 3), AtomicTasks("solve"), AtomicTasks("select")
    ) as page:
        reverse, shift, solve, select = page.locator(".ssm-atomic-tasks").all()
        assert "Reverse: the tokens backwards" in reverse.locator(".sw-readout").text_content()
        assert "8 different distances" in reverse.locator(".sw-readout").text_content()
        assert "Every answer lies 3 steps back." in shift.locator(".sw-readout").text_content()
        assert "tokens 2, 4, 5. The answers lie 2 diff" in select.locator(".sw-readout").text_content()
        shown = ".sw-handle:not([style*='none'])"
        assert [w.locator(shown).count() for w in (reverse, solve)] == [8, 2]
        value = reverse.locator("input[name=value]")
        value.fill("0.25")
        assert page.evaluate("widgets[0].model.get('v0')") == 0.25
        assert idle(page, reverse, by_keyboard) == idle(page, reverse, by_mouse) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 340
