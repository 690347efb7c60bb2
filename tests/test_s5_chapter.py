"""Chapter 09: the figures, the exercises, and the widget that scans eight steps level by level."""

import itertools

import pytest
import torch
import traitlets
from matplotlib import pyplot as plt
from widget_tools import by_keyboard, by_mouse, idle, module, on_page

from ssm_lib import plots, scan, scan_trees
from ssm_lib.check import s5
from ssm_lib.widgets import ScanTree
from ssm_lib.widgets.scan_tree import LENGTH, PLANS

# ---- figures ----------------------------------------------------------------------------------------------

PANELS = {name: scan_trees.PLANS[name](16) for name in ("Hillis-Steele", "Blelloch")}
MODES = (torch.tensor([-0.5 + 1j, -0.5 + 100j]), torch.tensor([0.01, 0.1]))
FIGURES = {
    "plans": lambda: plots.plans(PANELS, 16),
    "timescales": lambda: plots.timescales({"one": MODES, "two": MODES}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_have_labels_and_are_taken_off_pyplots_list(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()
    assert all(ax.get_xlabel() for ax in figure.axes)
    assert figure.axes[0].get_ylabel()


def test_figures_hold_the_data():
    steele, tree = FIGURES["plans"]().axes
    for ax, (name, plan) in zip((steele, tree), PANELS.items(), strict=True):
        assert name in ax.get_title()
        assert f"{len(plan)} levels, {scan_trees.work(plan)} combined" in ax.get_title()
        drawn = {
            tuple(map(int, (*line.get_xdata(), *line.get_ydata())))
            for line in ax.lines
            if len(line.get_xdata()) == 2
        }
        for number, level in enumerate(plan):
            assert {(source, target, number, number + 1) for target, source in level} <= drawn
    left, _ = FIGURES["timescales"]().axes
    x, y = (torch.as_tensor(values) for values in left.lines[0].get_data())
    torch.testing.assert_close(x.float(), torch.tensor([200.0, 20.0]))
    torch.testing.assert_close(y.float(), 2 * torch.pi / torch.tensor([0.01, 10.0]))


# ---- exercises --------------------------------------------------------------------------------------------


def envelope(first, second):
    (a1, b1), (a2, b2) = first, second
    return a2 * a1, torch.maximum(a2 * b1, b2)


def states(a, b):
    x, out = torch.zeros(()).double(), []
    for k in range(len(a)):
        x = a[k] * x + b[k]
        out.append(x)
    return torch.stack(out)


def recursive(a, b):
    if len(a) == 1:
        return b
    n, x = len(a) // 2 * 2, b.clone()
    x[1::2] = recursive(*scan_trees.combine((a[0:n:2], b[0:n:2]), (a[1:n:2], b[1:n:2])))
    x[2::2] = a[2::2] * x[1:-1:2] + b[2::2]
    return x


def starts(done, before):
    return torch.cat([before[:, None], done[:, :-1]], 1)


def bank(Lambda, dt, B, C):
    H, M = Lambda.shape
    apart = torch.eye(H).repeat_interleave(M, 0)  # (H M, H)
    return Lambda.flatten(), dt.repeat_interleave(M), B.flatten()[:, None] * apart, C.flatten() * apart.T


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        (s5.combinations, 9217, "Right"),
        (s5.combinations, 10240, "no partner"),
        (s5.combinations, 10, "number of levels"),
        (s5.combinations, 1023, "the loop"),
        (s5.combinations, 2036, "Blelloch"),
        (s5.combinations, 9216, "on the last level 512"),
        (s5.combinations, ..., "Not begun"),
        (s5.envelope, envelope, "agree"),
        (s5.envelope, scan_trees.combine, "case"),
        (s5.envelope, lambda e, f: envelope(f, e), "case"),
        (s5.envelope, lambda e, f: ..., "Not begun"),
        (s5.envelope, ..., "Not begun"),
        (s5.recursive, recursive, "agree"),
        (s5.recursive, states, "do without a loop"),
        (s5.recursive, lambda a, b: states(a, b)[: len(a) // 2 * 2], "case 1"),
        (s5.recursive, lambda a, b: b.cumsum(0), "case 2"),
        (s5.recursive, lambda a, b: None, "Not begun"),
        (s5.start_mask, starts, "agree"),
        (s5.start_mask, lambda done, before: done, "case 1"),
        (s5.start_mask, lambda done, before: starts(done, torch.ones_like(before)), "case 1"),
        (s5.start_mask, lambda done, before: ..., "Not begun"),
        (s5.bank, bank, "agrees"),
        (s5.bank, lambda *system: bank(*system)[:3], "expected Lambda, dt, B, C, got 3"),
        (s5.bank, lambda A, dt, B, C: (*bank(A, dt, B, C)[:3], bank(A, dt, B, C)[3].T), "C has shape (12, 3)"),
        (s5.bank, lambda A, dt, B, C: bank(A, dt, B.conj(), C), "case 1"),
        (s5.bank, lambda A, dt, B, C: bank(A, dt * 0 + 0.1, B, C), "case 1"),
        (s5.bank, lambda *system: None, "Not begun"),
        (s5.bank, ..., "Not begun"),
    ],
)  # fmt: skip
def test_exercises(exercise, answer, says, capsys):
    assert exercise(answer) is (says in ("Right", "agree", "agrees"))
    assert says in capsys.readouterr().out


# ---- the widget -------------------------------------------------------------------------------------------

CASES = list(itertools.product(PLANS, (0, 1, 3, 7), (0.0, 0.55, 1.0), (0, 4, 7)))


@pytest.fixture(scope="module")
def browser_numbers():
    expression = (
        "cases.map(([plan, level, a, start]) => elements(PLANS[plan](LENGTH).slice(0, level), a, start))"
    )
    return dict(zip(CASES, module(ScanTree)(expression, cases=CASES), strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_browser_computes_what_the_library_does(browser_numbers, case):
    widget = ScanTree(*case)
    found = browser_numbers[case]
    for key, expected in zip("ab", widget.elements(), strict=True):
        torch.testing.assert_close(torch.tensor([e[key] for e in found], dtype=torch.float64), expected)
    history = scan_trees.covered(widget.levels(), LENGTH)
    assert [e["first"] for e in found] == history[min(case[1], len(history) - 1)]


def test_the_browser_has_the_same_plans_at_every_length():
    lengths = list(range(1, 40))
    found = module(ScanTree)(
        "lengths.map((n) => names.map((name) => PLANS[name](n)))", lengths=lengths, names=PLANS
    )
    for n, plans in zip(lengths, found, strict=True):
        for name, plan in zip(PLANS, plans, strict=True):
            expected = [[list(pair) for pair in level] for level in scan_trees.PLANS[name](n)]
            assert plan == expected, (n, name)


def test_all_levels_give_the_states():
    for name in PLANS:
        a = torch.full((1, LENGTH, 1), 0.5).double()
        a[:, 4] = 0
        u = torch.arange(1, LENGTH + 1).double()[None, :, None]
        torch.testing.assert_close(ScanTree(name, 7, 0.5, 4).elements()[1], scan.linear(a, u)[0, :, 0])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"plan": "tree"}, "expected any of .*'Blelloch'.* not the str 'tree'"),
        ({"level": 8}, "level must be an integer from 0 to 7, got 8"),
        ({"a": 1.5}, "a must be a number from 0 to 1, got 1.5"),
        ({"start": -1}, "start must be an integer from 0 to 7"),
    ],
    ids=str,
)
def test_wrong_settings_say_what_was_expected(setting, message):
    with pytest.raises(traitlets.TraitError, match=message):
        ScanTree(**setting)


@pytest.mark.browser
def test_the_widget_says_what_it_shows_and_follows_every_control():
    with on_page(ScanTree("Blelloch", 3), ScanTree("blocks", 7, start=4), ScanTree("loop")) as page:
        tree, blocks, loop = page.locator(".ssm-scan-tree").all()
        assert "Level 3 of 5: 7 of 11 combined" in tree.locator(".sw-readout").text_content()
        assert "steps 0, 1, 3, 7" in tree.locator(".sw-readout").text_content()
        assert "All steps are finished" in blocks.locator(".sw-readout").text_content()
        assert "holds step 4 has a = 0" in blocks.locator(".sw-readout").text_content()
        assert "Finished (shaded): step 0" in loop.locator(".sw-readout").text_content()
        assert idle(page, tree, by_keyboard) == idle(page, tree, by_mouse) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 340
