"""Blocks and deep models: step by step equals at once, padding, optimizer groups."""

import pytest
import torch

from ssm_lib import SequenceModel, param_groups
from ssm_lib.layers import S4D
from ssm_lib.models import Block


def model(pooling="mean", **more):
    torch.manual_seed(0)
    arguments = {"layer_args": {"d_state": 8, "init": "lin"}, "pooling": pooling, **more}
    return SequenceModel(2, 5, d_model=6, n_layers=2, **arguments).double().eval()


def test_the_last_step_gives_the_pooled_output():
    net, u = model(), torch.randn(3, 20, 2, dtype=torch.float64)
    state = None
    for k in range(20):
        out, state = net.step(u[:, k], state)
        torch.testing.assert_close(out, net(u[:, : k + 1]))


def test_without_pooling_each_step_gives_its_output():
    net, u = model("none"), torch.randn(3, 20, 2, dtype=torch.float64)
    y, state = net(u), None
    assert y.shape == (3, 20, 5)
    for k in range(20):
        out, state = net.step(u[:, k], state)
        torch.testing.assert_close(out, y[:, k])


@pytest.mark.parametrize("pooling", ["mean", "none"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padded_equals_alone(pooling, bidirectional):
    net = model(pooling, layer_args={"d_state": 8, "bidirectional": bidirectional})
    u = torch.randn(3, 20, 2, dtype=torch.float64)
    lengths = [20, 1, 7]
    y = net(u, lengths=lengths)
    for i, L in enumerate(lengths):
        alone = net(u[i : i + 1, :L])[0]
        torch.testing.assert_close(y[i] if pooling == "mean" else y[i, :L], alone)


def test_dropout_drops_whole_channels():
    block = Block(S4D(50, 4), dropout=0.5).train()
    seen = []
    block.mix.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    u = torch.randn(2, 30, 50)
    block(u)
    block.eval()(u)
    dropped = (seen[0] == 0) & (seen[1] != 0)  # (B, L, H)
    kept = seen[0] != 0
    assert not bool((dropped.any(1) & kept.any(1)).any())
    assert 20 < int(dropped.any(1).sum()) < 80


def test_groups_hold_each_parameter_once_and_spare_the_kernels():
    net = model()
    groups = param_groups(net, lr=0.01, ssm_lr=0.001, weight_decay=0.05)
    grouped = [p for group in groups for p in group["params"]]
    assert len(grouped) == len(set(grouped)) == len(list(net.parameters()))
    place = {p: group for group in groups for p in group["params"]}
    layer = net.blocks[0].layer
    for p in (layer.log_neg_re, layer.imag, layer.log_dt, layer.B):
        assert (place[p]["lr"], place[p]["weight_decay"]) == (0.001, 0.0)
    for p in (net.norm.weight, net.encoder.bias, layer.D):
        assert (place[p]["lr"], place[p]["weight_decay"]) == (0.01, 0.0)
    for p in (net.encoder.weight, net.blocks[0].mix.weight, layer.C):
        assert (place[p]["lr"], place[p]["weight_decay"]) == (0.01, 0.05)
    torch.optim.AdamW(groups)


def test_frozen_parameters_are_left_out():
    net = model()
    net.encoder.weight.requires_grad_(False)
    groups = param_groups(net, 0.01, 0.001, 0.0)
    assert all(p is not net.encoder.weight for group in groups for p in group["params"])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: SequenceModel(0, 5), ValueError, "d_input must be at least 1"),
        (lambda: SequenceModel(1, 5, n_layers=0), ValueError, "n_layers must be at least 1"),
        (lambda: SequenceModel(1, 5, layer="lstm"), ValueError, "unknown layer 'lstm'.*s4d"),
        (lambda: SequenceModel(1, 5, pooling="max"), ValueError, "unknown pooling 'max'"),
        (lambda: model()(torch.ones(3, 4, 1).double()), ValueError, r"u must have shape \(B, L, C=2\)"),
        (lambda: model().step(torch.ones(3, 2).double(), []), ValueError, "list of 4 tensors, got 0"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_layer_names_its_own_slow_parameters():
    class Fast(S4D):
        slow_parameters = ("log_dt",)

    layer = Fast(4, 8)
    slow = param_groups(layer, lr=0.01, ssm_lr=0.001, weight_decay=0.05)[2]
    assert [id(p) for p in slow["params"]] == [id(layer.log_dt)]
