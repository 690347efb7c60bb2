"""Blocks and deep models: step by step equals at once, padding, configurations, optimizer groups."""

import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ssm_lib import LAYERS, RetrievalModel, SequenceModel, param_groups
from ssm_lib.blocks import BatchNorm, Block
from ssm_lib.layers import S4D

NORMS = [("layer", True), ("layer", False), ("batch", True), ("batch", False)]


def model(pooling="mean", d_input=2, **more):
    torch.manual_seed(0)
    arguments = {"layer_args": {"d_state": 8, "init": "lin"}, "pooling": pooling, **more}
    return SequenceModel(d_input, 5, d_model=6, n_layers=2, **arguments).double().eval()


def inputs(net, batch=3, length=20):
    """Real inputs or tokens, whatever the model reads."""
    if isinstance(net.encoder, nn.Embedding):
        return torch.randint(0, net.encoder.num_embeddings, (batch, length))
    return torch.randn(batch, length, net.encoder.in_features, dtype=torch.float64)


def settle(net):
    """Give the batch norms statistics that are not those of a new model."""
    for module in net.modules():
        if isinstance(module, BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return net


@pytest.mark.parametrize("pooling", ["mean", "last", "none"])
@pytest.mark.parametrize(("norm", "prenorm"), NORMS)
@pytest.mark.parametrize("tokens", [False, True])
def test_step_by_step_equals_at_once(pooling, norm, prenorm, tokens):
    encoder = {"d_input": None, "vocabulary": 7} if tokens else {}
    net = settle(model(pooling, norm=norm, prenorm=prenorm, dropout=0.3, **encoder))
    u, state = inputs(net), None
    for k in range(20):
        given = state
        out, state = net.step(u[:, k], state, rate=1.5)
        at_once = net(u[:, : k + 1], rate=1.5)
        torch.testing.assert_close(out, at_once[:, -1] if pooling == "none" else at_once)
    assert [s.shape for s in state] == [s.shape for s in net.initial_state(3)]
    assert all(s is not t for s, t in zip(given, state))


@pytest.mark.parametrize("pooling", ["mean", "last", "none"])
@pytest.mark.parametrize(("norm", "prenorm"), NORMS)
@pytest.mark.parametrize("tokens", [False, True])
def test_chunks_and_steps_go_on_from_a_state(pooling, norm, prenorm, tokens):
    """Read a ragged batch, then a chunk, then step by step: as if all had come at once."""
    encoder = {"d_input": None, "vocabulary": 7} if tokens else {}
    net = settle(model(pooling, norm=norm, prenorm=prenorm, **encoder))
    u, lengths = inputs(net), [9, 1, 4]
    first, state = net(u[:, :9], lengths=lengths, rate=1.5, return_state=True)
    chunk, state = net(u[:, 9:15], rate=1.5, state=state, return_state=True)
    last, _ = net.step(u[:, 15], state, rate=1.5)
    for i, L in enumerate(lengths):
        alone = torch.cat([u[i : i + 1, :L], u[i : i + 1, 9:16]], dim=1)
        whole = net(alone, rate=1.5)[0]
        torch.testing.assert_close(last[i], whole[-1] if pooling == "none" else whole)
        until = net(alone[:, :-1], rate=1.5)[0]
        torch.testing.assert_close(chunk[i], until[-6:] if pooling == "none" else until)
        start = net(alone[:, :L], rate=1.5)[0]
        torch.testing.assert_close(first[i, :L] if pooling == "none" else first[i], start)


def test_intervals_of_each_step_reach_the_layers():
    net = model("none", layer="s5", layer_args={"d_state": 8})
    u, dt = inputs(net), 0.5 + torch.rand(3, 20, dtype=torch.float64)
    y, state = net(u, dt=dt, lengths=[20, 3, 7], return_state=True)
    out, _ = net.step(u[:, 19], net(u[:, :19], dt=dt[:, :19], return_state=True)[1], dt=dt[:, 19])
    torch.testing.assert_close(out[0], y[0, 19])
    torch.testing.assert_close(y[1, :3], net(u[1:2, :3], dt=dt[1:2, :3])[0, :])
    torch.testing.assert_close(net(u, dt=torch.full_like(dt, 2.0)), net(u, rate=2.0))
    assert not torch.allclose(net(u, dt=dt), net(u))
    for call in (lambda: model()(u, dt=dt), lambda: model().step(u[:, 0], None, dt=dt[:, 0])):
        with pytest.raises(ValueError, match="S4D has one dt for the whole sequence .* layer='s5'"):
            call()


@pytest.mark.parametrize("pooling", ["none", "last"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_resets_reach_the_layers(pooling, bidirectional):
    net = model(pooling, layer="s5", layer_args={"d_state": 8, "bidirectional": bidirectional})
    u, mask = inputs(net), torch.zeros(3, 20, dtype=torch.bool)
    mask[:, 0] = mask[1, 12] = mask[2, 19] = True
    y = net(u, reset=mask)
    for i, begin in ((0, 0), (1, 12), (2, 19)):
        alone = net(u[i : i + 1, begin:])
        torch.testing.assert_close(y[i : i + 1, begin:] if pooling == "none" else y[i : i + 1], alone)
    assert not torch.allclose(y, net(u))
    if not bidirectional:
        state = net(u[:, :19], reset=mask[:, :19], return_state=True)[1]
        out, _ = net.step(u[:, 19], state, reset=mask[:, 19])
        torch.testing.assert_close(out, y[:, 19] if pooling == "none" else y)


def test_resets_that_have_no_meaning_are_named():
    u, mask = inputs(model()), torch.zeros(3, 20, dtype=torch.bool)
    kernel, mean = model("none"), model("mean", layer="s5", layer_args={"d_state": 8})
    for net, message in (
        (kernel, "S4D has one kernel for the whole sequence and takes no reset; use layer='s5'"),
        (mean, "pooling='mean' averages over all episodes .* use pooling='none' or 'last'"),
    ):
        with pytest.raises(ValueError, match=message):
            net(u, reset=mask)
        with pytest.raises(ValueError, match=message):
            net.step(u[:, 0], None, reset=mask[:, 0])


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ([], ValueError, "list of 4 tensors, got 0"),
        (torch.zeros(4), TypeError, "list of tensors or None, got Tensor"),
        (3, TypeError, "list of tensors or None, got int"),
        ("wide", ValueError, r"shapes \(3, 6\) and \(3,\), got \(3, 7\) for \(3, 6\)"),
        ("none", ValueError, "got NoneType"),
    ],
)
def test_a_state_that_is_none_is_named(state, error, message):
    net = model()
    u = inputs(net)
    if isinstance(state, str):
        given, zero = state, net.initial_state(3)
        state = [*zero[:2], torch.zeros(3, 7) if given == "wide" else None, zero[3]]
    for call in (lambda: net(u, state=state), lambda: net.step(u[:, 0], state)):
        with pytest.raises(error, match=message):
            call()


def test_a_state_may_be_cut_out_of_a_batch():
    net = model()
    u = inputs(net)
    state = net.initial_state(3)
    for k in range(10):
        _, state = net.step(u[:, k], state)
    out, _ = net.step(u[1:2, 10], [part[1:2] for part in state])
    torch.testing.assert_close(out, net(u[1:2, :11]))


@pytest.mark.parametrize("pooling", ["mean", "last", "none"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("norm", "prenorm"), NORMS)
def test_padded_equals_alone(pooling, bidirectional, norm, prenorm):
    layer_args = {"d_state": 8, "bidirectional": bidirectional}
    net = settle(model(pooling, norm=norm, prenorm=prenorm, layer_args=layer_args))
    u, lengths = inputs(net), [20, 1, 7]
    y = net(u, lengths=lengths)
    for i, L in enumerate(lengths):
        alone = net(u[i : i + 1, :L])[0]
        torch.testing.assert_close(y[i, :L] if pooling == "none" else y[i], alone)
        if pooling == "none":
            assert not bool(y[i, L:].any())


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_what_padded_steps_hold_does_not_matter(tokens, norm):
    encoder = {"d_input": None, "vocabulary": 7} if tokens else {}
    results = []
    for filler in (0, -1) if tokens else (0.0, float("nan")):
        net = model(norm=norm, **encoder).train()
        torch.manual_seed(1)
        u, lengths = inputs(net), torch.tensor([20, 3, 7])
        u[torch.arange(20) >= lengths[:, None]] = filler
        y = net(u, lengths)
        y.square().sum().backward()
        results.append([y.detach(), *(p.grad for p in net.parameters()), *net.buffers()])
    for first, second in zip(*results):
        assert torch.equal(first, second)


@pytest.mark.parametrize(("norm", "prenorm"), NORMS)
def test_more_padding_changes_no_training_step(norm, prenorm):
    results = []
    for padding in (0, 13):
        net = model(norm=norm, prenorm=prenorm).train()
        torch.manual_seed(1)
        u = F.pad(inputs(net), (0, 0, 0, padding))
        y = net(u, [20, 3, 7])
        y.square().sum().backward()
        results.append([y.detach(), *(p.grad for p in net.parameters()), *net.buffers()])
    for first, second in zip(*results):
        torch.testing.assert_close(first, second)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_batch_norm_counts_the_valid_steps_only(dtype):
    x, lengths = torch.randn(3, 10, 4, dtype=dtype) * 3 + 1, torch.tensor([10, 2, 5])
    keep = torch.arange(10) < lengths[:, None]
    ours, theirs = BatchNorm(4).to(dtype), nn.BatchNorm1d(4).to(dtype)
    with torch.no_grad():
        for norm in (ours, theirs):
            norm.weight.copy_(torch.tensor([0.5, 1, 2, -1]))
            norm.bias.copy_(torch.tensor([0.0, 1, 2, 3]))
    for _ in range(2):
        y, expected = ours(x, keep), theirs(x[keep])  # (B, L, H), (sum of lengths, H)
        torch.testing.assert_close(y[keep], expected)
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours(x), theirs(x.flatten(0, 1)).reshape(x.shape))
    torch.testing.assert_close(ours.eval()(x[:, 0]), theirs.eval()(x[:, 0]))


def test_batch_norm_of_half_precision_has_float32_statistics():
    x, keep = 300 + torch.randn(4, 100, 2), torch.ones(4, 100, dtype=torch.bool)
    y = BatchNorm(2)(x.half(), keep)
    assert y.dtype == torch.float16
    torch.testing.assert_close(y.float(), BatchNorm(2)(x.half().float(), keep), atol=2e-3, rtol=2e-3)


def test_norms_stand_where_they_are_asked_for():
    x = torch.randn(2, 9, 6, dtype=torch.float64)
    for prenorm in (True, False):
        block = Block(S4D(6, 4), prenorm=prenorm).double()
        ssm = block.layer(block.norm(x) if prenorm else x)
        value, gate = block.mix(F.gelu(ssm)).chunk(2, -1)
        y = x + value * torch.sigmoid(gate)
        torch.testing.assert_close(block(x), y if prenorm else block.norm(y))
    assert isinstance(model().norm, nn.LayerNorm)
    assert isinstance(model(norm="batch").norm, BatchNorm)
    assert isinstance(model(prenorm=False).norm, nn.Identity)


def test_dropout_drops_whole_channels_once():
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
    torch.testing.assert_close(seen[0][kept], 2 * seen[1][kept])


def test_half_precision_sums_do_not_overflow():
    net = model().float()
    u = torch.randn(2, 3000, 2)
    with torch.no_grad():
        net.norm.bias += 100  # the sum over time is 300,000: more than float16 holds
        expected = net(u)
        net = net.half()
        y, padded = net(u.half()), net(u.half(), lengths=[3000, 3000])
    torch.testing.assert_close(y.float(), expected, atol=0.05, rtol=0.01)
    torch.testing.assert_close(padded.float(), expected, atol=0.05, rtol=0.01)


def test_half_precision_inputs_are_taken_by_a_float32_model():
    net, u = model().float(), torch.randn(2, 9, 2).bfloat16()
    torch.testing.assert_close(net(u), net(u.float()))


# Two documents


def retrieval(**encoder):
    return RetrievalModel(model(**{"d_input": None, "vocabulary": 9, **encoder}), 2).double().eval()


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("lengths", [{}, {"lengths_b": [17, 4, 9]}, {"lengths_a": [1, 12, 5]}])
def test_documents_are_compared_by_their_own_vectors(tokens, lengths):
    net = retrieval() if tokens else retrieval(d_input=2, vocabulary=None)
    a, b = inputs(net.encoder, length=12), inputs(net.encoder, length=17)
    y = net(a, b, **lengths, rate=2.0)
    for i in range(3):
        end_a = lengths.get("lengths_a", [12] * 3)[i]
        end_b = lengths.get("lengths_b", [17] * 3)[i]
        z_a = net.encoder(a[i : i + 1, :end_a], rate=2.0)
        z_b = net.encoder(b[i : i + 1, :end_b], rate=2.0)
        features = torch.cat([z_a, z_b, z_a - z_b, z_a * z_b], -1)
        torch.testing.assert_close(y[i : i + 1], net.head(features))
    torch.testing.assert_close(net(a, b[:, :12]), net(a, b[:, :12], [12] * 3, [12] * 3))


def test_both_documents_are_one_batch_for_the_norms():
    net = retrieval(norm="batch").train()
    calls = []
    net.encoder.register_forward_pre_hook(lambda _, args: calls.append(args[0].shape))
    net(torch.zeros(3, 5, dtype=torch.int64), torch.ones(3, 5, dtype=torch.int64))
    assert calls == [(6, 5)]


# Configurations


@pytest.mark.parametrize("layer", sorted(LAYERS))
def test_a_model_rebuilds_itself(layer):
    arguments = {
        "d_output": 3,
        "d_model": 4,
        "n_layers": 1,
        "layer": layer,
        "layer_args": {"d_state": 8, "bidirectional": True},
        "dropout": 0.25,
        "pooling": "last",
        "norm": "batch",
        "prenorm": False,
        "vocabulary": 11,
    }
    net = SequenceModel(None, **arguments)
    assert net.config == {"d_input": None, **arguments}
    again = SequenceModel.from_config(json.loads(json.dumps(net.config)))
    assert again.config == net.config
    assert str(again) == str(net)
    again.load_state_dict(net.state_dict())
    u = torch.randint(0, 11, (2, 6))
    assert torch.equal(again.eval()(u), net.eval()(u))
    pair = RetrievalModel(net, 2)
    other = RetrievalModel.from_config(json.loads(json.dumps(pair.config)))
    assert other.config == pair.config == {"encoder": net.config, "d_output": 2}
    other.load_state_dict(pair.state_dict())
    assert torch.equal(other.eval()(u, u), pair.eval()(u, u))


def test_a_config_cannot_be_changed_from_outside():
    layer_args = {"d_state": 8}
    net = SequenceModel(1, 2, d_model=4, n_layers=1, layer_args=layer_args)
    layer_args["d_state"] = 16
    net.config["layer_args"]["d_state"] = 32
    assert net.config["layer_args"] == {"d_state": 8}


# Optimizer groups


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
    assert param_groups(net, lr=0.01, ssm_lr=0.1, weight_decay=0.0)[2]["lr"] == 0.01


@pytest.mark.parametrize("layer", sorted(LAYERS))
def test_slow_parameters_are_those_the_layer_names(layer):
    net = SequenceModel(None, 2, 4, 1, layer, {"d_state": 8}, norm="batch", vocabulary=5)
    groups = param_groups(net, lr=0.01, ssm_lr=0.001, weight_decay=0.05)
    names = {p: name for name, p in net.named_parameters()}
    ssm = net.blocks[0].layer
    here = {name for name, _ in ssm.named_parameters() if name in ssm.slow_parameters}
    assert here or layer == "lssl"  # whose A, B and dt are not trained unless asked
    assert {names[p] for p in groups[2]["params"]} == {f"blocks.0.layer.{name}" for name in here}
    plain = {names[p] for p in groups[1]["params"]}
    assert {"blocks.0.norm.weight", "norm.bias", "decoder.bias", "blocks.0.mix.bias"} <= plain
    assert {"encoder.weight", "decoder.weight"} <= {names[p] for p in groups[0]["params"]}


def test_frozen_parameters_are_left_out():
    net = model()
    net.encoder.weight.requires_grad_(False)
    groups = param_groups(net, 0.01, 0.001, 0.0)
    assert all(p is not net.encoder.weight for group in groups for p in group["params"])


def test_a_layer_names_its_own_slow_parameters():
    class Fast(S4D):
        slow_parameters = ("log_dt", "C")

    layer = Fast(4, 8)
    layer.C = layer.B  # one parameter, known by two names
    slow = param_groups(layer, lr=0.01, ssm_lr=0.001, weight_decay=0.05)[2]
    assert {id(p) for p in slow["params"]} == {id(layer.log_dt), id(layer.C)}


def test_groups_of_a_model_of_the_users_own_with_tied_parameters():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(9, 4)
            self.down, self.up = S4D(4, 8), S4D(4, 8)
            self.up.log_dt = self.down.log_dt
            self.up.C = self.up.B  # trained slowly, since B is
            self.norm = nn.LayerNorm((5, 4))
            self.head = nn.Linear(4, 9)
            self.head.weight = self.embedding.weight
            self.offset_bias = nn.Parameter(torch.zeros(1, 1, 4))

    net = Own()
    decayed, plain, slow = (
        set(group["params"]) for group in param_groups(net, lr=0.01, ssm_lr=0.001, weight_decay=0.05)
    )
    assert decayed == {net.embedding.weight, net.down.C}
    assert plain == {*net.norm.parameters(), net.head.bias, net.offset_bias, net.down.D, net.up.D}
    assert slow == set(net.parameters()) - decayed - plain
    assert {net.down.log_dt, net.up.C} <= slow
    count = sum(len(group["params"]) for group in param_groups(net, 0.01, 0.001, 0.05))
    assert count == len(list(net.parameters()))


# Errors


def tokens(*values, dtype=torch.int64):
    return torch.tensor([values], dtype=dtype)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: SequenceModel(0, 5), ValueError, "d_input must be at least 1"),
        (lambda: SequenceModel(1, 5, d_model=0), ValueError, "d_model must be at least 1"),
        (lambda: SequenceModel(1, 5, n_layers=0), ValueError, "n_layers must be at least 1"),
        (lambda: SequenceModel(1, 5, layer="lstm"), ValueError, "unknown layer 'lstm'.*s4d"),
        (lambda: SequenceModel(1, 5, layer_args=[8]), TypeError, "layer_args must be a dict, got list"),
        (lambda: SequenceModel(1, 5, layer_args={"size": 8}), TypeError, "argument 'size'"),
        (
            lambda: SequenceModel(1, 5, layer_args={"d_state": torch.ones(1)}),
            TypeError,
            "plain data for JSON: .*Tensor",
        ),
        (lambda: SequenceModel(1, 5, pooling="max"), ValueError, "unknown pooling 'max'.*last.*mean.*none"),
        (lambda: SequenceModel(1, 5, norm="group"), ValueError, "unknown norm 'group'.*batch.*layer"),
        (lambda: SequenceModel(1, 5, prenorm="post"), TypeError, "prenorm must be True or False, got 'post'"),
        (lambda: SequenceModel(1, 5, dropout=1.5), ValueError, "dropout probability has to be between"),
        (lambda: SequenceModel(None, 5), ValueError, "expected d_input .* or vocabulary .*None"),
        (lambda: SequenceModel(1, 5, vocabulary=3), ValueError, "not both; got d_input=1, vocabulary=3"),
        (lambda: SequenceModel(None, 5, vocabulary=0), ValueError, "vocabulary must be at least 1"),
        (
            lambda: SequenceModel.from_config({**model().config, "depth": 3}),
            ValueError,
            r"unknown \['depth'\] in the config of SequenceModel; known: \['d_input', 'd_output'",
        ),
        (lambda: SequenceModel.from_config("s4d"), TypeError, "config must be a dict, got str"),
        (lambda: SequenceModel.from_config({"d_input": 1}), TypeError, "d_output"),
        (lambda: RetrievalModel.from_config({"layers": 3}), ValueError, r"unknown \['layers'\].*encoder"),
        (lambda: RetrievalModel(model("none"), 2), ValueError, "one vector per document: use pooling"),
        (lambda: RetrievalModel(model(), 0), ValueError, "d_output must be at least 1"),
        (lambda: model()(torch.ones(3, 4, 1).double()), ValueError, r"u must have shape \(B, L, C=2\)"),
        (lambda: model()(torch.ones(3, 4, 2).double(), [4, 4]), ValueError, "2 entries for a batch of 3"),
        (lambda: model()(torch.ones(1, 4, 2).double(), [5]), ValueError, r"lie in 1 \.\. 4 .*got 5"),
        (lambda: model().step(torch.ones(3, 2).double(), []), ValueError, "list of 4 tensors, got 0"),
        (
            lambda: model("last").step(torch.ones(3, 2).double(), [None] * 4),
            ValueError,
            "list of 2 tensors, got 4",
        ),
        (
            lambda: model(layer_args={"bidirectional": True}).step(torch.ones(3, 2).double(), None),
            ValueError,
            "bidirectional",
        ),
        (
            lambda: model(dropout=0.1).train().step(torch.ones(3, 2).double(), None),
            RuntimeError,
            r"call eval\(\) first",
        ),
        (
            lambda: model(norm="batch").train().step(torch.ones(3, 2).double(), None),
            RuntimeError,
            r"call eval\(\) first",
        ),
        (
            lambda: model(norm="batch").train()(torch.ones(1, 1, 2).double(), [1]),
            ValueError,
            "more than one step to train on",
        ),
        (lambda: retrieval().encoder(tokens(0, 9)), ValueError, r"tokens must lie in 0 \.\. 8, got 9"),
        (lambda: retrieval().encoder(tokens(0, -1)), ValueError, r"tokens must lie in 0 \.\. 8, got -1"),
        (lambda: retrieval().encoder(tokens(0.0, dtype=torch.float32)), TypeError, "ints in 0 .. 8, got.*32"),
        (lambda: retrieval().encoder(tokens(True, dtype=torch.bool)), TypeError, "got torch.bool"),
        (lambda: retrieval().encoder([[1]]), TypeError, r"shape \(B, L\), got list"),
        (lambda: retrieval().encoder(tokens()[0].long()), ValueError, r"shape \(B, L\), got \(0,\)"),
        (lambda: retrieval().encoder(tokens()), ValueError, r"u has length 0.* shape \(B, L\)$"),
        (lambda: retrieval().encoder.step(tokens(1), None), ValueError, r"u_t must have shape \(B\)"),
        (lambda: retrieval()(tokens(1), tokens(1).expand(2, 1)), ValueError, "1 documents .* and 2"),
        (lambda: retrieval()(tokens(1), tokens(1), [1], [2]), ValueError, r"lie in 1 \.\. 1 .*got 2"),
        (lambda: retrieval()(tokens(1), 3), TypeError, "b must be a torch.Tensor"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_tokens_of_every_integer_dtype_and_no_sequences_at_all():
    net = retrieval().encoder
    u = torch.randint(0, 9, (2, 5))
    for dtype in (torch.uint8, torch.int16, torch.int32):
        assert torch.equal(net(u.to(dtype)), net(u))
    assert net(u[:0]).shape == (0, 5)
    assert net(u[:0], lengths=torch.zeros(0, dtype=torch.int64)).shape == (0, 5)
