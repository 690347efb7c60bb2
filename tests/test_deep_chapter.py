"""Chapter 13: what is switched off, the receptive field, the exercises, the figures and the widget."""

import copy
import math

import numpy as np
import pytest
import torch
import traitlets
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional as F
from widget_tools import by_keyboard, by_mouse, idle, module, on_page

from ssm_lib import SequenceModel, depth, plots, records
from ssm_lib.check import deep
from ssm_lib.optim import decay_left, param_groups
from ssm_lib.recipes import ablations
from ssm_lib.tasks import digits
from ssm_lib.train import fit
from ssm_lib.widgets import ReceptiveField

# ---- the recipe -------------------------------------------------------------------------------------------


def model(variant, seed=0):
    return ablations.build(ablations.settings_of(variant), seed)


def test_every_row_changes_something():
    rows = [ablations.settings_of(name) for name in ablations.VARIANTS | ablations.CAUSES]
    assert rows[0] == ablations.FULL
    assert all(rows.count(row) == 1 for row in rows)
    used = {edit for row in rows for edit in row["edits"]}
    assert used == set(ablations.EDITS)


def test_an_open_gate_is_no_gate():
    block = model("no GLU").blocks[0].eval()
    x = torch.randn(2, 5, 32)
    y = F.linear(F.gelu(block.layer(block.norm(x))), block.mix.weight, block.mix.bias)
    torch.testing.assert_close(block(x), x + y, rtol=0, atol=0)


def test_without_norm_the_block_scales_with_its_layer():
    bare = model("no norm").eval()
    block, x = bare.blocks[0], torch.randn(2, 5, 32)
    y = F.glu(block.mix(F.gelu(block.layer(x))), -1)
    torch.testing.assert_close(block(x), x + y)
    assert isinstance(bare.norm, torch.nn.Identity)


@pytest.mark.parametrize(("variant", "tied"), [("full model", True), ("a mask for each step", False)])
def test_one_mask_or_one_for_each_step(variant, tied):
    dropout = model(variant).blocks[0].dropout.train()
    dropped = dropout(torch.ones(64, 8, 20)) == 0  # (B, H, L)
    assert 0.05 < dropped.float().mean() < 0.15
    assert bool((dropped == dropped[..., :1]).all()) == tied


def test_frozen_and_random_eigenvalues():
    trained = dict(model("full model").named_parameters())
    start = model("A random, frozen")
    for name, p in start.named_parameters():
        is_A = name.endswith(("log_neg_re", "imag"))
        assert p.requires_grad != is_A, name
        if name.endswith("log_neg_re"):
            torch.testing.assert_close(p, trained[name])
        if name.endswith("imag"):
            assert (p > 0).all()
            assert abs(p.log().mean()) < 0.3
    frozen = {n for n, p in model("A, Δ, B frozen").named_parameters() if not p.requires_grad}
    assert frozen == {
        f"blocks.{i}.layer.{n}" for i in range(4) for n in ("log_neg_re", "imag", "log_dt", "B")
    }


def test_frequencies_that_are_only_random_or_only_low():
    lin, drawn, low = (
        [block.layer.imag.detach() for block in model(variant).blocks]
        for variant in ("full model", "A random, 0 to 7π", "A of S4D-Lin / 10")
    )
    for a, b, c in zip(lin, drawn, low, strict=True):
        torch.testing.assert_close(c, a / 10)
        assert (b >= 0).all()
        assert (b <= a.max()).all()
        assert abs(b.mean() / a.max() - 0.5) < 0.1
        assert abs(b.std() / a.max() - 12**-0.5) < 0.05
    assert math.isclose(float(lin[0].max()), 7 * math.pi, rel_tol=1e-6)
    assert not torch.equal(drawn[0], drawn[1])


def test_the_groups_follow_the_settings():
    for variant, rates, decays in (
        ("full model", [1e-2, 1e-2, 2.5e-3], [0.05, 0, 0]),
        ("one rate, 0.01", [1e-2, 1e-2, 1e-2], [0.05, 0, 0]),
        ("one rate, 0.0025", [2.5e-3] * 3, [0.05, 0, 0]),
        ("decay of A, Δ, B too", [1e-2, 1e-2, 2.5e-3], [0.05, 0, 0.05]),
    ):
        found = ablations.groups(model(variant), ablations.settings_of(variant))
        assert [g["lr"] for g in found] == rates
        assert [g["weight_decay"] for g in found] == decays


def test_the_strong_decay_is_as_strong_as_180000_steps():
    settings = ablations.settings_of("… as in 180,000 steps")
    steps = 10 * math.ceil(1000 / 32)
    ours = settings["ssm_weight_decay"] * settings["ssm_lr"] * steps / 2  # warm-up and cosine: half
    assert math.isclose(ours, 0.05 * 1e-3 * 180_000 / 2, rel_tol=0.01)


def test_a_run_measures_each_variant_and_says_what_diverged():
    small = copy.deepcopy(ablations.FULL)
    small |= {"n_test": 1700, "fit": {**small["fit"], "epochs": 1}}
    wild = {**small, "fit": {**small["fit"], "lr": 1e12}, "edits": ["no_norm"]}
    found = ablations.run({"variants": {"a": small, "b": wild, "c": small}}, seed=1)["variants"]
    assert 0 <= found["a"]["test_accuracy"] <= 1
    assert found["a"] == found["c"]
    assert found["b"]["test_accuracy"] is None
    assert "try a smaller lr" in found["b"]["diverged"]
    assert found["a"]["parameters"] == sum(p.numel() for p in model("full model").parameters())


def test_fit_uses_the_groups_it_is_given():
    train, test = digits.load(1700)
    moved = model("full model")
    start = copy.deepcopy(moved.state_dict())
    fit(moved, train, test, 1, lr=1e-2, groups=[{"params": [moved.decoder.bias]}])
    changed = {name for name, p in moved.state_dict().items() if not torch.equal(p, start[name])}
    assert changed == {"decoder.bias"}


# ---- depth ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", depth.PLACES)
def test_the_variance_of_uncorrelated_branches(norm):
    """Against a stream of random numbers, and the correlation that is left with its start."""
    g = torch.Generator().manual_seed(0)
    start = torch.randn(100_000, generator=g)
    x, variance, share = start, [1.0], [1.0]
    for _ in range(8):
        read = 1.0 if norm == "before" else x.var().sqrt()
        x = x + 0.3**0.5 * read * torch.randn(x.shape, generator=g)
        x = x / x.var().sqrt() if norm == "after" else x
        variance.append(float(x.var()))
        share.append(float((x * start).mean() ** 2 / x.var()))
    found = depth.stream_variance(norm, 0.3, 8)
    torch.testing.assert_close(found[0], torch.tensor(variance).double(), rtol=0.04, atol=0)
    torch.testing.assert_close(found[1], torch.tensor(share).double(), rtol=0.06, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("beside", 0.1, 3), "unknown norm .beside."),
        (("before", -0.1, 3), "gain must be at least 0, got -0.1"),
        (("before", 0.1, 0), "depth"),
    ],
    ids=str,
)
def test_stream_variance_says_what_was_expected(arguments, message):
    with pytest.raises(ValueError, match=message):
        depth.stream_variance(*arguments)


def test_the_stream_is_what_the_blocks_make():
    full = model("full model").train()
    u = digits.load(1700).train[0][:3]
    xs = depth.stream(full, u)
    assert full.training
    assert xs.shape == (5, 3, 64, 32)
    full.eval()
    with torch.no_grad():
        torch.testing.assert_close(full.decoder(full.norm(xs[-1]).mean(1)), full(u))


@pytest.fixture(scope="module")
def deep_streams():
    """Of 32 blocks: mean squares (33,), and how much a random gradient at the end has grown at the encoder."""
    found, u = {}, digits.load(797).train[0][:32]
    for place, variant in zip(depth.PLACES, ("full model", "norm after the sum", "no norm"), strict=True):
        settings = ablations.settings_of(variant)
        settings["model"]["n_layers"] = 32
        tall = ablations.build(settings, 0).eval()
        start = x = tall.encoder(u).detach().requires_grad_()
        for block in tall.blocks:
            x = block(x)
        sent = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        (back,) = torch.autograd.grad(x, start, sent)
        found[place] = depth.stream(tall, u), float(back.square().mean().sqrt())
    return found


def test_the_whole_gradient_keeps_its_size_with_the_norm_after(deep_streams):
    """With the norm before it grows as the root of the stream's growth; the direct path alone would vanish."""
    square = deep_streams["before"][0].square().mean((1, 2, 3))
    assert deep_streams["before"][1] == pytest.approx(math.sqrt(square[-1] / square[0]), rel=0.2)
    assert deep_streams["after"][1] == pytest.approx(1, rel=0.2)
    assert deep_streams["none"][1] > 4


def test_branches_without_a_norm_point_against_the_stream(deep_streams):
    """So the rule for uncorrelated ones ends at twice the model's value."""
    xs = deep_streams["none"][0]
    square = xs.square().mean((1, 2, 3))
    branch = xs.diff(dim=0)
    gains = branch.square().mean((1, 2, 3)) / square[:-1]
    assert 1.6 < square[0] * (1 + gains.mean()) ** 32 / square[-1] < 2.4
    cross = 2 * (branch * xs[:-1]).mean((1, 2, 3)) / square[:-1]
    assert cross.sum() < -0.3
    assert (1 + gains).prod() * square[0] > 1.5 * square[-1]  # it is not that gains differ


def test_what_the_chapter_says_of_rows_that_no_cell_checks():
    variants = [run["variants"] for run in records.load("digits-ablations")["runs"]]
    trained, frozen = (
        sum(row[name]["test_accuracy"] for row in variants) / 3 for name in ("A random", "A random, frozen")
    )
    assert abs(trained - frozen) < 0.03
    for row in variants:
        drop = row["full model"]["test_accuracy"] - row["A, Δ, B frozen"]["test_accuracy"]
        assert 0.01 < drop < 0.065
        scores = {name: each["test_accuracy"] for name, each in row.items()}
        assert min(scores, key=scores.get) == "… as in 180,000 steps"


def linear_block(kernel):
    """x + x * kernel, one channel."""

    class Linear(nn.Module):
        def forward(self, x):
            padded = F.pad(x.transpose(1, 2), (len(kernel) - 1, 0))
            return x + F.conv1d(padded, kernel.flip(0)[None, None]).transpose(1, 2)

    return Linear()


def test_the_field_of_linear_blocks_is_their_kernel():
    one, two = torch.rand(2, 12, dtype=torch.float64)
    m = SequenceModel(1, 1, d_model=1, n_layers=2).double()
    m.blocks = nn.ModuleList([linear_block(one), linear_block(-two)])
    field = depth.receptive_field(m, torch.randn(3, 12, 1).double())
    first = one + torch.eye(12, dtype=torch.float64)[0]
    torch.testing.assert_close(field[0], first)
    torch.testing.assert_close(field[1], deep._stacked(one, -two).abs())


def test_the_field_is_the_change_that_a_nudge_makes():
    """In a real block: root mean square over sequences and pairs of channels, by finite differences."""
    torch.manual_seed(0)
    m = SequenceModel(1, 2, d_model=3, n_layers=2, dropout=0.5, layer_args={"d_state": 4}).double()
    u = torch.randn(2, 5, 1).double()
    field = depth.receptive_field(m, u)
    assert field.shape == (2, 5)
    assert m.training
    m.eval()
    x0, slopes = m.encoder(u).detach(), torch.zeros(2, 5, 3, 3, 2).double()
    for lag in range(5):
        for i in range(3):
            nudge = torch.zeros_like(x0)
            nudge[:, 4 - lag, i] = 1e-6
            low, high = x0 - nudge, x0 + nudge
            for b, block in enumerate(m.blocks):
                low, high = block(low), block(high)
                slopes[b, lag, i] = ((high - low)[:, -1].T / 2e-6).detach()
    torch.testing.assert_close(field, slopes.square().mean((2, 3, 4)).sqrt(), rtol=1e-6, atol=1e-9)


def test_the_field_takes_tokens_and_refuses_two_directions():
    m = SequenceModel(None, 2, d_model=4, n_layers=1, vocabulary=5, layer_args={"d_state": 4})
    assert depth.receptive_field(m, torch.randint(5, (2, 7))).shape == (1, 7)
    both = SequenceModel(1, 2, d_model=4, n_layers=1, layer_args={"d_state": 4, "bidirectional": True})
    with pytest.raises(ValueError, match="needs a causal model, got a bidirectional"):
        depth.receptive_field(both, torch.zeros(1, 7, 1))


def test_mean_lags_of_kernels_in_a_row_add():
    a, b = torch.rand(2, 20, dtype=torch.float64)
    both = torch.as_tensor(np.convolve(a, b))
    torch.testing.assert_close(depth.mean_lag(both), depth.mean_lag(a) + depth.mean_lag(b))
    assert depth.mean_lag(torch.tensor([0.0, 1, 0, 1])) == 2
    torch.testing.assert_close(depth.mean_lag(torch.stack([a, 3 * a])), depth.mean_lag(a).expand(2))


def test_reach_is_the_first_lag_that_has_the_share():
    field = torch.tensor([[5.0, 3, 2, 0], [0.0, 0, 0, 1]])
    assert depth.reach(field, 0.5).tolist() == [0, 3]
    assert depth.reach(field, 0.51).tolist() == [1, 3]
    assert depth.reach(field, 0.8).tolist() == [1, 3]
    assert depth.reach(field, 1.0).tolist() == [2, 3]
    with pytest.raises(ValueError, match="share must lie in"):
        depth.reach(field, 0.0)
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        depth.reach(-field[1:])
    with pytest.raises(ValueError, match="zero everywhere"):
        depth.mean_lag(torch.zeros(3))


def test_adamw_leaves_what_decay_left_says():
    p = nn.Parameter(torch.tensor([2.0, -3.0], dtype=torch.float64))
    optimizer = torch.optim.AdamW([p], lr=1e-2, weight_decay=5.0)
    rates = [1e-2, 5e-3, 2e-3]
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        p.grad = torch.zeros_like(p)
        optimizer.step()
    left = decay_left(rates, 5.0)
    torch.testing.assert_close(p.detach(), left * torch.tensor([2.0, -3.0], dtype=torch.float64))
    assert math.isclose(left, math.exp(-5 * sum(rates)), rel_tol=3e-3)
    assert decay_left([], 0.1) == 1
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\), got 0.5 \* 2"):
        decay_left([0.5], 2)


# ---- figures ----------------------------------------------------------------------------------------------

CURVES = {"norm before": torch.tensor([1.0, 2, 3]), "no norm": torch.tensor([1.0, 2, 4])}
FIELDS = torch.tensor([[4.0, 2, 1, 1], [1.0, 1, 1, 1]])
FIGURES = {
    "growth": lambda: plots.growth(CURVES, {k: v + 1 for k, v in CURVES.items()}),
    "fields": lambda: plots.fields({"start": FIELDS, "trained": 2 * FIELDS}),
    "ablation": lambda: plots.ablation({"full": [95.0, 96.0], "no norm": [90.0, 94.0]}, "full"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_have_labels_and_are_taken_off_pyplots_list(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()
    assert all(ax.get_xlabel() for ax in figure.axes)
    assert figure.axes[0].get_ylabel() or name == "ablation"


def test_figures_hold_the_data():
    [ax] = FIGURES["growth"]().axes
    assert [list(line.get_ydata()) for line in ax.lines] == [[2, 3, 4], [1, 2, 3], [2, 3, 5], [1, 2, 4]]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == list(CURVES)
    left, right = FIGURES["fields"]().axes
    for ax in (left, right):
        assert [line.get_ydata().tolist() for line in ax.lines] == [[50, 25, 12.5, 12.5], [25] * 4]
    assert right.get_title() == "trained"
    [ax] = FIGURES["ablation"]().axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["full", "no norm"]
    assert [list(line.get_xdata()) for line in ax.lines] == [[95, 96], [95.5], [90, 94], [92]]
    band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((95, 96))
    with pytest.raises(ValueError, match="reference must be one of the rows"):
        plots.ablation({"full": [1.0]}, "whole")


# ---- exercises --------------------------------------------------------------------------------------------


def stack(one, two):
    a, b = one.clone(), two.clone()
    a[0] += 1
    b[0] += 1
    full = F.conv1d(F.pad(a[None, None], (len(a) - 1, 0)), b.flip(0)[None, None])
    return full[0, 0]


def tied(x, p, shape=None, scale=None):
    keep = torch.rand(shape or (len(x), 1, x.shape[2])) >= p
    return x * keep / ((1 - p) if scale is None else scale)


def by_hand(m, slow=("log_neg_re", "imag", "log_dt", "B"), lr=4e-3, twice=False, decay_norm=False):
    found = [[], [], []]
    for name, p in m.named_parameters():
        last = name.split(".")[-1]
        i = 2 if last in slow else 1 if p.ndim < 2 and not (decay_norm and "norm" in name) else 0
        found[i].append(p)
    if twice:
        found[0].append(found[1][0])
    settings = ((lr, 0.05), (lr, 0.0), (1e-3, 0.0))
    return [{"params": ps, "lr": r, "weight_decay": w} for ps, (r, w) in zip(found, settings, strict=True)]


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        (deep.decayed, 0.536, "Right"),
        (deep.decayed, 0.54, "Right"),  # the solution's two digits
        (deep.decayed, 0.55, "too large"),
        (deep.decayed, 0.01 * math.exp(-2), "its logarithm is"),
        (deep.decayed, 0.01, "needs no gradient"),
        (deep.decayed, 1, "much later"),
        (deep.decayed, ..., "Not begun"),
        (deep.channels, 64, "Right"),
        (deep.channels, 11.636, "if Δ were uniform"),
        (deep.channels, 116.36, "if 1/Δ were uniform"),
        (deep.channels, 0.5, "not their number"),
        (deep.branch_scale, 0.1255, "Right"),
        (deep.branch_scale, 0.125, "Right"),
        (deep.branch_scale, 1 / 64, "square of a factor"),
        (deep.branch_scale, 0.2, "too large"),
        (deep.stacked, stack, "agree"),
        (deep.stacked, lambda a, b: stack(a, b) - torch.eye(len(a)).double()[0], "case 1"),
        (deep.stacked, lambda a, b: a + b, "case 1"),
        (deep.stacked, lambda a, b: None, "Not begun"),
        (deep.tied_dropout, tied, "Right"),
        (deep.tied_dropout, lambda x, p: tied(x, p, x.shape), "one mask for all"),
        (deep.tied_dropout, lambda x, p: tied(x, 1 - p), "drops 7"),
        (deep.tied_dropout, lambda x, p: tied(x, p, (1, 1, 50)), "all sequences lose"),
        (deep.tied_dropout, lambda x, p: tied(x, p, (64, 1, 1)), "all channels of a sequence go together"),
        (deep.tied_dropout, lambda x, p: tied(x, p, scale=1), "divided by 1 - p"),
        (deep.tied_dropout, lambda x, p: tied(torch.ones_like(x), p), "must be x divided by 1 - p"),
        (deep.tied_dropout, lambda x, p: x[0], "expected shape (64, 20, 50) like x, got (20, 50)"),
        (deep.tied_dropout, lambda x, p: x.nothing, "raised AttributeError"),
        (deep.tied_dropout, lambda x, p: None, "Not begun"),
        (deep.tied_dropout, ..., "Not begun"),
        (deep.groups, by_hand, "Right"),
        (deep.groups, lambda m: param_groups(m, 4e-3, 1e-3, 0.05), "Right"),
        (deep.groups, lambda m: by_hand(m, slow=("log_neg_re", "imag", "log_dt")), "B has lr 0.004"),
        (deep.groups, lambda m: by_hand(m, decay_norm=True), "weight decay 0.05, expected 0.004 and 0"),
        (deep.groups, lambda m: by_hand(m, twice=True), "is in 2 groups"),
        (deep.groups, lambda m: by_hand(m)[:2], "is in 0 groups"),
        (deep.groups, lambda m: [{}], "raised KeyError"),
        (deep.groups, lambda m: ..., "Not begun"),
        (deep.groups, None, "Not begun"),
    ],
)  # fmt: skip
def test_exercises(exercise, answer, says, capsys):
    torch.manual_seed(3)
    assert exercise(answer) is (says in ("Right", "agree"))
    out = capsys.readouterr().out
    assert says in out
    assert out


# ---- the widget -------------------------------------------------------------------------------------------

SHARES = (0.5, 0.9, 0.99)


@pytest.fixture(scope="module")
def browser_numbers():
    fields = ReceptiveField().fields()
    fields["random"] = torch.rand(4, 37, generator=torch.Generator().manual_seed(1)).double()
    given = {name: rows.tolist() for name, rows in fields.items()}
    expression = (
        "Object.fromEntries(Object.entries(fields).map(([name, rows]) => [name, rows.map((f) => "
        "[shares(f), meanLag(f), cuts.map((c) => reach(f, c))])]))"
    )
    return fields, module(ReceptiveField)(expression, fields=given, cuts=SHARES)


@pytest.mark.parametrize("name", ["trained", "start", "random"])
def test_the_browser_computes_what_the_library_does(browser_numbers, name):
    fields, found = browser_numbers
    for field, (shares, centre, reaches) in zip(fields[name], found[name], strict=True):
        shares = torch.tensor(shares, dtype=torch.float64)
        torch.testing.assert_close(shares, field / field.sum(), rtol=1e-12, atol=0)
        assert math.isclose(centre, float(depth.mean_lag(field)), rel_tol=1e-12)
        assert reaches == [int(depth.reach(field, share)) for share in SHARES]


def test_the_default_fields_are_layers_in_a_row():
    for rows, r in zip(ReceptiveField().fields().values(), (0.95, 0.85), strict=True):
        one = r ** torch.arange(64, dtype=torch.float64)
        torch.testing.assert_close(rows[0], one, rtol=1e-3, atol=0)
        two = torch.stack([(one[: l + 1] * one[: l + 1].flip(0)).sum() for l in range(64)])
        torch.testing.assert_close(rows[1], two, rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"block": 5}, "block must be an integer from 1 to 4, got 5"),
        ({"share": 0.4}, "share must be a number from 0.5 to 0.99, got 0.4"),
        ({"trained": [[1.0, 2.0]] * 3}, r"trained must be 4 lists of one length .* got 3 of lengths \[2\]"),
        ({"start": [[1.0]] * 4}, r"start must be 4 lists .* got 4 of lengths \[1\]"),
        ({"start": [[1.0, -1.0]] * 4}, "start must hold finite numbers of at least 0"),
        ({"start": [[0.0, 0.0]] * 4}, "not only zeros"),
        ({"start": [[0.0, math.nan]] * 4}, "finite"),
    ],
    ids=str,
)
def test_wrong_settings_say_what_was_expected(setting, message):
    with pytest.raises(traitlets.TraitError, match=message):
        ReceptiveField(**setting)


def test_the_page_carries_four_digits():
    widget = ReceptiveField(trained=[[0.123456, 1e-9 / 3]] * 4)
    assert widget.trained[0] == [0.1235, 3.333e-10]


@pytest.mark.browser
def test_the_widget_says_what_it_shows_and_follows_every_control():
    zeros = [[1.0, *[0.0] * 9, 1e-3]] * 4  # on a logarithmic axis
    with on_page(ReceptiveField(block=2, share=0.5), ReceptiveField(trained=zeros)) as page:
        shown, gap = page.locator(".ssm-receptive_field").all()
        reach = int(depth.reach(ReceptiveField().fields()["trained"], 0.5)[1])
        said = shown.locator(".sw-readout").text_content()
        assert f"Block 2, 50 %. Trained: up to lag {reach}, mean lag" in said
        assert (
            "Trained: up to lag 0, mean lag 0.00999, 99.9 % on" in gap.locator(".sw-readout").text_content()
        )
        assert idle(page, shown, by_keyboard) == idle(page, shown, by_mouse) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 340
