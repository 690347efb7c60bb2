"""Chapter 13: what is switched off, the receptive field, the exercises, the figures and the widget."""

import copy
import math

import pytest
import torch
from torch.nn import functional as F

from ssm_lib.recipes import ablations
from ssm_lib.tasks import digits
from ssm_lib.train import fit

# ---- the recipe -------------------------------------------------------------------------------------------


def model(variant, seed=0):
    return ablations.build(ablations.settings_of(variant), seed)


def test_every_row_changes_something():
    rows = [ablations.settings_of(name) for name in ablations.VARIANTS]
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
