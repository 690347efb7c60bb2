"""Attention as a layer: it sees what it may see, its positions are relative, its cache is its state."""

import math

import pytest
import torch
from torch import nn

from ssm_lib import LAYERS, SequenceModel, param_groups
from ssm_lib.attention import Attention, rotate
from ssm_lib.blocks import Block
from ssm_lib.models import SEQUENCE_LAYERS

H = 8
VARIANTS = {
    "causal": {},
    "bidirectional": {"bidirectional": True},
    "local": {"chunk_size": 5},
    "bidirectional-local": {"chunk_size": 5, "bidirectional": True},
}
each = pytest.mark.parametrize("variant", VARIANTS)
causal = pytest.mark.parametrize("variant", [v for v in VARIANTS if "bi" not in v])


def make(variant, dtype=torch.float64, **more):
    torch.manual_seed(0)
    return Attention(H, **{"n_heads": 2, **VARIANTS[variant], **more}).to(dtype)


def signal(L, batch=2, dtype=torch.float64):
    seeded = torch.Generator().manual_seed(L)
    return torch.randn(batch, L, H, generator=seeded, dtype=torch.float64).to(dtype)


def gap(x, y):
    return float((x - y).detach().abs().max() / y.detach().abs().max().clamp_min(1e-30))


def may_see(layer, L):
    """Which steps a step sees, (L, L), said in another way than the layer does."""
    i, j = torch.arange(L)[:, None], torch.arange(L)[None]
    seen = torch.ones(L, L, dtype=torch.bool) if layer.bidirectional else j <= i
    if layer.chunk_size is None:
        return seen
    return seen & ((i // layer.chunk_size - j // layer.chunk_size).abs() <= 1)


def by_hand(layer, u, rate=1.0):
    """Attention with scores written out: complex rotation, full matrix, masked softmax."""
    B, L, _ = u.shape
    n, d = layer.n_heads, H // layer.n_heads
    weights, biases = layer.inputs.weight.split(H), layer.inputs.bias.split(H)
    q, k, v = (nn.functional.linear(u, w, b).view(B, L, n, d) for w, b in zip(weights, biases))
    angles = [[l * rate / 10000 ** (2 * i / d) for i in range(d // 2)] for l in range(L)]
    angles = torch.tensor(angles, dtype=torch.float64)
    turn = torch.polar(torch.ones_like(angles), angles)[None, :, None]
    q, k = (torch.view_as_complex(x.reshape(B, L, n, d // 2, 2).contiguous()) * turn for x in (q, k))
    scores = torch.einsum("blnd,bmnd->bnlm", q, k.conj()).real * layer.scale
    scores = scores.masked_fill(~may_see(layer, L), -math.inf)
    y = torch.einsum("bnlm,bmnd->blnd", scores.softmax(-1), v).reshape(B, L, H)
    return nn.functional.linear(y, layer.output.weight, layer.output.bias)


@each
@pytest.mark.parametrize("L", [1, 2, 4, 5, 6, 10, 11, 23])
def test_the_layer_equals_attention_written_out(variant, L):
    layer, u = make(variant), signal(L)
    with torch.no_grad():
        layer.scale.mul_(1.7)
    assert gap(layer(u), by_hand(layer, u)) < 1e-10
    assert gap(layer(u, rate=2.5), by_hand(layer, u, rate=2.5)) < 1e-10


@each
def test_gradients_reach_the_steps_it_may_see_and_no_others(variant):
    layer, L = make(variant), 17
    u = signal(L, batch=1).requires_grad_()
    seen = may_see(layer, L)
    y = layer(u)
    for l in range(L):
        (g,) = torch.autograd.grad(y[0, l].sum(), u, retain_graph=True)
        assert torch.equal(g[0].abs().sum(-1) > 0, seen[l])


@each
@pytest.mark.parametrize("L", [3, 12, 30])
def test_padded_sequences_equal_each_alone(variant, L):
    layer, lengths = make(variant), [L, 1, 2, (L + 1) // 2]
    u = signal(L, batch=4)
    for row, length in zip(u, lengths):
        row[length:] = math.nan
    u.requires_grad_()
    y = layer(u, lengths=lengths)
    for i, length in enumerate(lengths):
        assert gap(y[i, :length], layer(u[i : i + 1, :length])[0]) < 1e-10
        assert not bool(y[i, length:].any())
    (g,) = torch.autograd.grad(y.square().sum(), u)
    assert bool(torch.isfinite(g).all())


def test_no_step_sees_nothing():
    """Some versions of torch answer a query without a key with NaN."""
    layer = make("bidirectional-local")
    keep = torch.arange(30) < torch.tensor([[1], [30]])
    for chunk in range(6):
        rows = torch.arange(5 * chunk, 5 * chunk + 5)
        columns = torch.arange(max(5 * chunk - 5, 0), min(5 * chunk + 10, 30))
        assert bool(layer._seen(rows, columns, keep).any(-1).all())


@each
def test_only_distances_between_steps_matter(variant):
    """Turned by their places, vectors have products that a shift of all places leaves as they are."""
    layer, u = make(variant), signal(9)
    q, k, _ = layer.inputs(u).chunk(3, -1)
    places = torch.arange(9)
    scores = rotate(q, places) @ rotate(k, places).mT
    shifted = rotate(q, places + 1000) @ rotate(k, places + 1000).mT
    assert gap(shifted, scores) < 1e-10
    assert gap(rotate(q, places + 1) @ rotate(k, places).mT, scores) > 1e-3
    if layer.chunk_size is not None:  # later by whole chunks, behind steps that are out of sight
        late = torch.cat([signal(20), u], 1)
        assert gap(layer(late)[:, 25:], layer(u)[:, 5:]) < 1e-10
        assert gap(layer(late)[:, 20:25], layer(u)[:, :5]) > 1e-3


def test_a_rotation_keeps_lengths_and_loses_nothing_far_out():
    x = signal(4)
    far = torch.tensor([0, 1, 10**6, 10**9])
    turned = rotate(x, far)
    assert torch.equal(turned[:, 0], x[:, 0])
    pairs = turned.unflatten(-1, (-1, 2)).norm(dim=-1)
    assert gap(pairs, x.unflatten(-1, (-1, 2)).norm(dim=-1)) < 1e-12
    single = rotate(x.float(), far)
    assert gap(single.double(), turned) < 1e-6


@causal
@pytest.mark.parametrize("cuts", [[23], [1, 22], [7, 9, 7], [1] * 23, [5, 5, 5, 8], [12, 11]])
def test_chunks_and_steps_equal_the_whole(variant, cuts):
    layer, u = make(variant), signal(23)
    whole, last = layer(u, return_state=True)
    state, parts = layer.initial_state(2), []
    for part in u.split(cuts, dim=1):
        if part.shape[1] == 1:
            y, state = layer.step(part[:, 0], state)
            parts.append(y[:, None])
        else:
            y, state = layer(part, state=state, return_state=True)
            parts.append(y)
    assert gap(torch.cat(parts, 1), whole) < 1e-10
    assert gap(state, last) < 1e-12
    again, _ = layer.step(u[:, 0], None)
    assert gap(again, whole[:, 0]) < 1e-10


def test_the_state_is_what_can_still_be_seen():
    _, state = make("causal")(signal(23), return_state=True)
    assert state.shape == (2, 23, 2, H)
    layer = make("local")
    for L in range(1, 40):
        _, state = layer(signal(L), return_state=True)
        assert state.shape[1] == (L if L < 5 else 5 + L % 5)


@each
def test_gradients_of_everything(variant):
    sizes = {**VARIANTS[variant], **({"chunk_size": 2} if "local" in variant else {})}
    layer = Attention(2, n_heads=1, **sizes).double()
    names, parameters = zip(*layer.named_parameters(), strict=True)
    inputs = [x.detach().clone().requires_grad_() for x in (signal(5)[..., :2], *parameters)]

    def apply(u, *values):
        weights = dict(zip(names, values, strict=True))
        plain = torch.func.functional_call(layer, weights, (u,))
        return plain, torch.func.functional_call(layer, weights, (u,), {"lengths": [5, 2]})

    assert torch.autograd.gradcheck(apply, inputs)


@each
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_and_autocast(variant, dtype):
    layer, u = make(variant, torch.float32), signal(23, dtype=torch.float32)
    plain = layer(u)
    half = layer(u.to(dtype))
    assert half.dtype == dtype
    assert gap(half.float(), plain) < 0.02
    with torch.autocast("cpu", dtype=dtype):
        mixed = layer(u)
    assert mixed.dtype == torch.float32
    assert not torch.equal(mixed, plain)
    assert gap(mixed, plain) < 0.03
    if not layer.bidirectional:
        with torch.autocast("cpu", dtype=dtype):
            _, state = layer(u[:, :9], return_state=True)
            rest = layer(u[:, 9:], state=state)
        assert gap(rest, plain[:, 9:]) < 0.03
    low = make(variant, torch.bfloat16)
    assert bool(torch.isfinite(low(u.bfloat16())).all())


@each
def test_it_takes_the_place_of_a_layer_in_the_model(variant):
    arguments = {"n_heads": 2, **VARIANTS[variant]}
    torch.manual_seed(0)
    net = SequenceModel(3, 4, d_model=H, n_layers=2, layer="attention", layer_args=arguments).double()
    u = torch.randn(3, 13, 3, dtype=torch.float64)
    y = net(u, lengths=[13, 2, 7])
    for i, length in enumerate([13, 2, 7]):
        assert gap(y[i : i + 1], net(u[i : i + 1, :length])) < 1e-10
    again = SequenceModel.from_config(net.config).double()
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(u), net(u))
    y.square().sum().backward()
    groups = param_groups(net, 0.01, 0.001, 0.05)
    assert groups[2]["params"] == []
    assert sum(len(group["params"]) for group in groups) == len(list(net.parameters()))
    if not net.blocks[0].layer.bidirectional:
        state, out = None, None
        for u_t in u.unbind(1):
            out, state = net.step(u_t, state)
        assert gap(out, net(u)) < 1e-10
        part, state = net(u[:, :6], return_state=True)
        assert gap(net(u[:, 6:], state=state), net(u)) < 1e-10
    torch.optim.AdamW(groups).step()


def test_it_learns_to_repeat_the_first_token():
    torch.manual_seed(0)
    net = SequenceModel(None, 4, 16, 1, "attention", pooling="last", vocabulary=4)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    for _ in range(150):
        u = torch.randint(0, 4, (32, 12))
        loss = nn.functional.cross_entropy(net(u), u[:, 0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.2


def test_it_is_no_state_space_layer():
    assert "attention" not in LAYERS
    assert set(SEQUENCE_LAYERS) == {*LAYERS, "attention"}
    layer = Attention(H)
    assert not any(30 in x.shape for x in (*layer.parameters(), *layer.buffers()))
    assert "n_heads=4, bidirectional=False, chunk_size=None" in str(layer)


U = torch.ones(2, 5, H)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: Attention(0), ValueError, "d_model must be at least 1, got 0"),
        (lambda f: Attention(H, 3), ValueError, "even number of channels .* d_model=8, n_heads=3"),
        (lambda f: Attention(12, 4), ValueError, "even number of channels"),
        (lambda f: Attention(H, chunk_size=0), ValueError, "chunk_size must be at least 1, got 0"),
        (lambda f: Attention(H, bidirectional=1), TypeError, "bidirectional must be True or False"),
        (lambda f: f(U[0]), ValueError, r"shape \(B, L, H=8\), got \(5, 8\)"),
        (lambda f: f(U[:, :0]), ValueError, "u has length 0"),
        (lambda f: f(U.double()), TypeError, "torch.float64 but the parameters are"),
        (lambda f: f(U.long()), TypeError, "torch.int64"),
        (lambda f: f(U, lengths=[5]), ValueError, "1 entries for a batch of 2"),
        (lambda f: f(U, lengths=[5, 0]), ValueError, "must lie in 1 .. 5"),
        (lambda f: f(U, rate=0), ValueError, "rate must be positive"),
        (lambda f: f(U, lengths=[5, 2], return_state=True), ValueError, "different lengths have no state"),
        (lambda f: f(U, state=torch.zeros(2, 3)), ValueError, r"\(2, T, 2, 8\), got \(2, 3\)"),
        (lambda f: f(U, state=torch.zeros(1, 3, 2, H)), ValueError, r"\(2, T, 2, 8\), got \(1, 3, 2, 8\)"),
        (lambda f: f(U, state=[0]), TypeError, "state must be a torch.Tensor or None, got list"),
        (lambda f: f(U, state=torch.zeros(2, 3, 2, H).long()), TypeError, "state must be real floating"),
        (lambda f: f.step(U, None), ValueError, r"u_t must have shape \(B, H=8\)"),
        (lambda f: Attention(H, bidirectional=True)(U, return_state=True), ValueError, "reads the future"),
        (lambda f: Attention(H, bidirectional=True).step(U[:, 0], None), ValueError, "step by step"),
        (
            lambda f: Block(f)(U, dt=torch.ones(2, 5)),
            ValueError,
            "Attention has one dt for the whole sequence and takes no dt",
        ),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(Attention(H))


def test_a_parameter_that_is_not_finite_is_named():
    layer = Attention(H)
    with torch.no_grad():
        layer.output.bias[0] = math.inf
    with pytest.raises(ValueError, match=r"parameter Attention.output.bias .* 1 values that are NaN"):
        layer(U)
