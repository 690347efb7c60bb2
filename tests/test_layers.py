"""The contract of every layer (DESIGN of the library): one set of tests for all models.

A new model needs its variants in VARIANTS, and a line in test_what_each_layer_can_do if it has no kernel
or no state. What a paper says of its own model is tested in a file of that model.
"""

import contextlib
import copy
import functools
import pickle

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ssm_lib.layers import LAYERS

LENGTHS = [1, 2, 3, 777, 1024]
PRECISIONS = [(torch.float32, 1e-5), (torch.float64, 1e-10)]
VARIANTS = [
    ("lssl", {"init": "legs"}),
    ("lssl", {"init": "legt", "trained": True}),
    ("s4", {"init": "legs"}),
    ("s4", {"init": "legt"}),
    ("s4", {"init": "fourier"}),
    ("dss", {"variant": "exp"}),
    ("dss", {"variant": "exp", "init": "lin"}),
    ("dss", {"variant": "softmax", "length": 65536}),
    *(
        ("s4d", {"init": init, "discretization": method})
        for init in ("legs", "lin", "inv", "real")
        for method in ("zoh", "bilinear")
    ),
    ("s4d", {"init": "ptd", "discretization": "zoh"}),
    ("s4d", {"init": "ptd", "discretization": "bilinear"}),
    ("s5", {"discretization": "zoh"}),
    ("s5", {"discretization": "bilinear"}),
    ("s5", {"blocks": 2, "clip_eigs": True}),
    ("s5", {"init": "ptd", "c_init": "trunc_standard_normal"}),
    ("s5", {"init": "ptd", "blocks": 2}),
    ("dlr", {"output": "real"}),
    ("dlr", {"output": "sum"}),
    ("dlr", {"output": "prod"}),
]
H, N = 3, 8
SMALL = {"d_model": 2, "d_state": 4}  # gradcheck moves every number by itself


def name(variant):
    settings = (x if isinstance(x, str) else f"{key}={x}" for key, x in variant[1].items())
    return "-".join([variant[0], *settings])


DEVICE = torch.device("cpu")


@pytest.fixture(autouse=True)
def _on_each_device(device, monkeypatch):
    """Every test of this file runs on the CPU, and once more on a GPU where there is one."""
    monkeypatch.setitem(globals(), "DEVICE", device)


def make(variant, dtype=torch.float64, d_model=H, d_state=N, **more):
    key, arguments = variant
    torch.manual_seed(0)
    return LAYERS[key](d_model, d_state, **arguments, **more).to(DEVICE, dtype)


def able(variant, use):
    """Whether a layer offers something, or says that it does not."""
    try:
        use(make(variant))
    except (NotImplementedError, ValueError):
        return False
    return True


FIRST = list({key: (key, arguments) for key, arguments in reversed(VARIANTS)}.values())[::-1]
KERNELS = [v for v in VARIANTS if able(v, lambda layer: layer.kernel(1))]
STATES = [v for v in VARIANTS if able(v, lambda layer: layer.step(torch.ones(1, H).double(), None))]


def each(variants):
    return pytest.mark.parametrize("variant", variants, ids=name)


def signal(L, dtype=torch.float64, batch=2, width=H):
    seeded = torch.Generator().manual_seed(L)
    return torch.randn(batch, L, width, generator=seeded, dtype=torch.float64).to(DEVICE, dtype)


def gap(x, y):
    """Largest difference relative to the largest value."""
    x, y = x.detach(), y.detach()
    return float((x - y).abs().max() / y.abs().max().clamp_min(1e-30))


@torch.no_grad()
def run_steps(layer, u, state=None):
    out = []
    for u_t in u.unbind(1):
        y, state = layer.step(u_t, state)
        out.append(y)
    return torch.stack(out, 1), state


@torch.no_grad()
def run_blocks(layer, u, block=128):
    """What run_steps gives, from 3 · block calls of step in place of L: a step is linear in state and input.

    Every block runs from zero, side by side, then again from the state at the end of the one before.
    """
    blocks = u.squeeze(0).unflatten(0, (-1, block))  # (1, L, H) -> (L/block, block, H)
    zero = layer.initial_state(1)
    size, shape = zero.numel(), zero.shape[1:]
    units = torch.eye(size, dtype=zero.dtype, device=u.device).view(size, *shape)
    carried = run_steps(layer, u.new_zeros(size, block, H), units)[1].flatten(1)  # (size, size)
    starts = [zero.flatten()]
    for end in run_steps(layer, blocks)[1].flatten(1):
        starts.append(starts[-1] @ carried + end)
    y, _ = run_steps(layer, blocks, torch.stack(starts[:-1]).unflatten(1, shape))
    return y.reshape(u.shape), starts[-1].view_as(zero)


def test_what_each_layer_can_do():
    """The tests of kernels and of states run for the layers that have them; none drops out unseen."""
    assert [v for v in VARIANTS if v not in KERNELS] == [v for v in VARIANTS if v[0] == "s5"]
    assert [name(v) for v in VARIANTS if v not in STATES] == ["dlr-prod"]
    assert [key for key, _ in FIRST] == list(LAYERS)


@each(STATES)
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_convolution_equals_recurrence(variant, dtype, tolerance):
    layer, u = make(variant, dtype), signal(LENGTHS[-1], dtype)
    y_steps, state_steps = u[:, :0], None
    for L in LENGTHS:  # one recurrence, stopped at every length
        y, state = layer(u[:, :L], return_state=True)
        more, state_steps = run_steps(layer, u[:, y_steps.shape[1] : L], state_steps)
        y_steps = torch.cat([y_steps, more], 1)
        assert y.dtype == state.dtype == dtype
        assert gap(y, y_steps) < tolerance, L
        assert gap(state, state_steps) < tolerance, L


@each([v for v in FIRST if v in STATES])
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_long_convolution_equals_recurrence(variant, dtype, tolerance):
    layer, u = make(variant, dtype), signal(16384, dtype, batch=1)
    for found, expected in zip(run_blocks(layer, u[:, :512]), run_steps(layer, u[:, :512]), strict=True):
        assert gap(found, expected) < tolerance
    y, state = layer(u, return_state=True)
    y_steps, state_steps = run_blocks(layer, u)
    assert gap(y, y_steps) < tolerance
    assert gap(state, state_steps) < tolerance


@each(STATES)
@pytest.mark.parametrize("L", [2, 3, 777])
def test_chunks_with_a_carried_state_equal_the_whole(variant, L):
    layer, u = make(variant), signal(L)
    whole, last = layer(u, return_state=True)
    state, parts = None, []
    for chunk in u.split([1, L - 1 - L // 2, L // 2], dim=1):
        if chunk.shape[1]:
            y, state = layer(chunk, state=state, return_state=True)
            parts.append(y)
    assert gap(torch.cat(parts, 1), whole) < 1e-10
    assert gap(state, last) < 1e-10


@each(VARIANTS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padded_sequences_equal_each_alone(variant, bidirectional):
    layer, u = make(variant, bidirectional=bidirectional), signal(50, batch=4)
    lengths = [50, 1, 17, 32]
    u[2, 17:] = float("nan")  # what stands in the padding must not matter
    y = layer(u, lengths=lengths)
    for i, L in enumerate(lengths):
        assert gap(y[i, :L], layer(u[i : i + 1, :L])[0]) < 1e-10
        assert not bool(y[i, L:].any())


@each(STATES)
def test_padded_sequences_end_in_the_states_of_each_alone(variant):
    layer, u = make(variant), signal(50, batch=3)
    _, start = layer(signal(9, batch=3), return_state=True)
    lengths = torch.tensor([50, 1, 17])
    _, state = layer(u, state=start, lengths=lengths, return_state=True)
    for i, L in enumerate(lengths.tolist()):
        _, alone = layer(u[i : i + 1, :L], state=start[i : i + 1], return_state=True)
        assert gap(state[i : i + 1], alone) < 1e-10


@each(KERNELS)
def test_bidirectional_is_two_kernels_without_counting_twice(variant):
    layer, u = make(variant, bidirectional=True), signal(20)
    past, future = layer.kernel(20)
    expected = layer.D * u
    for l in range(20):
        for j in range(20):
            expected[:, l] += (past[:, l - j] if j <= l else future[:, j - l - 1]) * u[:, j]
    assert gap(layer(u), expected) < 1e-10


@each(VARIANTS)
def test_causality_linearity_and_shift(variant):
    layer, u = make(variant), signal(64)
    v = u.clone()
    v[:, 40] += 1e3
    y, z = layer(u), layer(v)
    assert gap(z[:, :40], y[:, :40]) < 1e-10
    assert gap(layer(2 * u - 3 * v), 2 * y - 3 * z) < 1e-10
    if variant not in KERNELS:  # a scan takes up one step after the other; an FFT mixes the rounding of all
        assert torch.equal(z[:, :40], y[:, :40])
    late = torch.cat([u.new_zeros(2, 5, H), u], 1)
    assert gap(layer(late)[:, 5:], y) < 1e-10


@each([v for v in VARIANTS if v[0] != "dlr"])
def test_coarser_sampling_of_a_held_input(variant):
    """Two short steps of one value are one long step: exactly where the layer holds its input."""
    plain = make(variant)
    exact = getattr(plain, "discretization", None) == "zoh" or getattr(plain, "variant", None) == "exp"
    layer = plain if exact else make(variant, dt_min=1e-3, dt_max=1e-3)
    with torch.no_grad():
        layer.D.zero_()
    u = signal(40)
    held = u.repeat_interleave(2, dim=1)
    assert gap(layer(u, rate=2.0), layer(held)[:, 1::2]) < (1e-10 if exact else 0.02)
    assert gap(layer(u, rate=2.0), layer(u)) > 0.2


@each(STATES)
def test_a_million_steps_stay_bounded(variant):
    layer, state, ends = make(variant, torch.float32), None, []
    u = torch.ones(1, 16384, H, device=DEVICE)
    with torch.no_grad():
        for _ in range(64):  # 1,048,576 steps in chunks
            y, state = layer(u, state=state, return_state=True)
            ends.append(y[:, -1])
        whole = layer(u.expand(4, -1, -1).reshape(1, 65536, H))[:, -1]
    assert gap(ends[3], whole) < 1e-3
    assert gap(ends[-1], ends[31]) < 1e-3


@each(STATES)
def test_gradients_through_everything(variant):
    layer = make(variant, **SMALL)
    names, parameters = zip(*layer.named_parameters(), strict=True)
    u, (_, state) = signal(5, width=2), layer(signal(3, width=2), return_state=True)
    inputs = [x.detach().clone().requires_grad_() for x in (u, state, *parameters)]

    def apply(u, state, *values):
        weights = dict(zip(names, values, strict=True))
        keywords = {"state": state, "return_state": True, "rate": 1.5}
        return torch.func.functional_call(layer, weights, (u,), keywords)

    assert torch.autograd.gradcheck(apply, inputs)


@each(VARIANTS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradients_of_padded_sequences(variant, bidirectional):
    layer = make(variant, bidirectional=bidirectional, **SMALL)
    names, parameters = zip(*layer.named_parameters(), strict=True)
    inputs = [x.detach().clone().requires_grad_() for x in (signal(5, width=2), *parameters)]

    def apply(u, *values):
        weights = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, weights, (u,), {"lengths": [5, 2]})

    assert torch.autograd.gradcheck(apply, inputs)


@each(STATES)
def test_step_has_the_gradients_of_the_convolution(variant):
    layer, u = make(variant), signal(6)
    loss = layer(u).square().sum()
    whole = torch.autograd.grad(loss, list(layer.parameters()))
    state, total = None, 0.0
    for u_t in u.unbind(1):
        y, state = layer.step(u_t, state)
        total = total + y.square().sum()
    for a, b in zip(torch.autograd.grad(total, list(layer.parameters())), whole, strict=True):
        assert gap(a, b) < 1e-9


@each(VARIANTS)
def test_parameters_are_real_and_free_of_the_length(variant):
    layer = make(variant)
    layer(signal(30))
    tensors = [*layer.parameters(), *layer.buffers()]
    assert all(x.is_floating_point() and 30 not in x.shape for x in tensors)


@each(STATES)
def test_state_is_real_and_free_of_the_length(variant):
    layer = make(variant)
    state = layer(signal(30), return_state=True)[1]
    assert state.shape == layer.initial_state(2).shape
    assert state.dtype == layer.initial_state(2).dtype == torch.float64
    assert 30 not in state.shape


@each(VARIANTS)
def test_copies_give_the_same_numbers(variant, tmp_path):
    layer, u = make(variant), signal(12)
    y = layer(u)
    assert torch.equal(copy.deepcopy(layer)(u), y)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(u), y)
    torch.save(layer.state_dict(), tmp_path / "layer.pt")
    safetensors.torch.save_file(layer.state_dict(), tmp_path / "layer.safetensors")
    for read in (
        torch.load(tmp_path / "layer.pt", weights_only=True),
        safetensors.torch.load_file(tmp_path / "layer.safetensors"),
    ):
        other = LAYERS[variant[0]](H, N, **variant[1]).to(u)
        other.load_state_dict(read)
        assert torch.equal(other(u), y)


@each(VARIANTS)
def test_a_fused_optimizer_moves_every_parameter(variant):
    layer = make(variant, torch.float32)
    before = {key: p.detach().clone() for key, p in layer.named_parameters()}
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.01, fused=True)
    layer(signal(12, torch.float32)).square().sum().backward()
    optimizer.step()
    for key, p in layer.named_parameters():
        assert bool(torch.isfinite(p).all())
        assert not torch.equal(p, before[key]), key
    assert bool(torch.isfinite(layer(signal(12, torch.float32))).all())


@each(VARIANTS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_keeps_the_layer_in_float32(variant, dtype):
    layer, u = make(variant, torch.float32), signal(100, torch.float32)
    plain = layer(u)
    with torch.autocast(DEVICE.type, dtype=dtype):
        assert torch.equal(layer(u), plain)
        half = layer(u.to(dtype))
    assert half.dtype == dtype
    assert gap(half.float(), plain) < 0.02


@each(VARIANTS)
def test_half_precision_parameters_run(variant):
    layer, u = make(variant, torch.bfloat16), signal(20, torch.bfloat16)
    y = layer(u)
    assert y.dtype == torch.bfloat16
    assert bool(torch.isfinite(y).all())
    if variant in STATES:
        assert layer(u, return_state=True)[1].dtype == torch.float32


@each(VARIANTS)
@given(data=st.data())
@settings(max_examples=8, derandomize=True, deadline=None, database=None)
def test_any_size_type_and_stride(variant, data):
    """A layer of any size gives for a view what it gives for a copy, and for a sequence what steps give."""
    key, arguments = variant
    B, L = data.draw(st.integers(0, 3), "B"), data.draw(st.integers(1, 40), "L")
    width, modes = data.draw(st.integers(1, 4), "H"), 4 * data.draw(st.integers(1, 3), "N/4")
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64]), "dtype")
    half = data.draw(st.sampled_from([None, torch.float16, torch.bfloat16]), "half")
    torch.manual_seed(0)
    layer = LAYERS[key](width, modes, **arguments).to(DEVICE, dtype)
    random = functools.partial(torch.randn, device=DEVICE, dtype=half or dtype)
    views = {
        "expanded": lambda: random(1, L, 1).expand(B, L, width),
        "transposed": lambda: random(width, L, B).transpose(0, 2),
        "every second": lambda: random(B, 2 * L, 2 * width)[:, ::2, ::2],
    }
    view = views[data.draw(st.sampled_from(list(views)), "view")]()
    y = layer(view)
    assert y.shape == (B, L, width)
    assert y.dtype == view.dtype
    assert torch.equal(y, layer(view.contiguous()))
    if variant in STATES:
        y, state = layer(view, return_state=True)
        steps, last = run_steps(layer, view)
        tolerance = {torch.bfloat16: 0.01, torch.float16: 1e-3}.get(y.dtype, 1e-5)
        assert B == 0 or gap(y.double(), steps.double()) < tolerance
        assert B == 0 or gap(state, last) < tolerance
        assert state.shape == last.shape == layer.initial_state(B).shape


@each(VARIANTS)
@torch._dynamo.config.patch(recompile_limit=len(VARIANTS))
def test_compiled_equals_eager(variant):
    layer, u = make(variant), signal(16)
    keywords = {}
    if variant in STATES:
        keywords = {"state": layer(signal(4), return_state=True)[1].detach(), "return_state": True}
    if variant in FIRST:  # the others of its class reuse a graph that differs in nothing but numbers
        torch.compiler.reset()
    compiled = torch.compile(layer, fullgraph=True, dynamic=False, backend="aot_eager")
    results = []
    for call in (layer, compiled):
        out = call(u, **keywords)
        loss = sum(x.square().sum() for x in (out if isinstance(out, tuple) else (out,)))
        results.append([loss, *torch.autograd.grad(loss, list(layer.parameters()))])
    for eager, other in zip(*results, strict=True):
        assert gap(other, eager) < 1e-9


@each([v for v in FIRST if v in STATES])
def test_step_is_exported(variant):
    class Step(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def forward(self, u, state):
            return self.layer.step(u, state)

    layer, u = make(variant), signal(3)
    state = layer(u, return_state=True)[1].detach()
    exported = torch.export.export(Step(layer), (u[:, 0], state)).module()
    for a, b in zip(exported(u[:, 1], state), layer.step(u[:, 1], state), strict=True):
        assert gap(a, b) < 1e-12


@each(VARIANTS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_layer_follows_its_device_and_never_waits_for_it(variant, bidirectional, monkeypatch):
    """A meta tensor has a device of its own and no values: a tensor left behind, or a look at a value, fails."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())  # knows no meta device
    layer = make(variant, torch.float32, bidirectional=bidirectional).to("meta")
    u = torch.empty(2, 40, H, device="meta", requires_grad=True)
    results = [layer(u, rate=2.0), layer(u, lengths=torch.empty(2, dtype=torch.int64, device="meta"))]
    if variant in KERNELS:
        results.append(layer.kernel(40))
    if variant in STATES and not bidirectional:
        y, state = layer(u, return_state=True)
        results += [y, state, layer(u, state=state), *layer.step(u[:, 0], state)]
    if layer.per_step_dt:
        results.append(layer(u, dt=torch.empty(2, 40, device="meta")))
    if layer.per_step_reset:
        results.append(layer(u, reset=torch.empty(2, 40, device="meta", dtype=torch.bool)))
    for result in results:
        assert result.device.type == "meta"
        torch.autograd.grad(result.sum(), list(layer.parameters()), allow_unused=True, retain_graph=True)


U = torch.ones(2, 5, H)
BAD = [
    (lambda f: f([1.0]), TypeError, r"u must be a torch.Tensor of shape \(B L H\), got list"),
    (lambda f: f(torch.ones(2, 5, 4)), ValueError, r"shape \(B, L, H=3\), got \(2, 5, 4\): H is 4"),
    (lambda f: f(torch.ones(5, 3)), ValueError, r"shape \(B, L, H=3\), got \(5, 3\)"),
    (lambda f: f(torch.ones(2, 0, 3)), ValueError, "u has length 0"),
    (lambda f: f(U.long()), TypeError, r"torch.int64; .*u.float\(\)"),
    (lambda f: f(U.double()), TypeError, "torch.float64 but the parameters are"),
    (lambda f: f(U + 0j), TypeError, "torch.complex64"),
    (lambda f: f(torch.ones(4, 5, 3), lengths=[1, 2, 3]), ValueError, "3 entries for a batch of 4"),
    (lambda f: f(U, lengths=[5, 6]), ValueError, "must lie in 1 .. 5.*got 6"),
    (lambda f: f(U, lengths=[5, 0]), ValueError, "must lie in 1 .. 5.*got 0"),
    (lambda f: f(U, lengths=[5.0, 1.0]), TypeError, "lengths must be integers"),
    (lambda f: f(U, rate=0), ValueError, "rate must be positive .* got 0"),
    (lambda f: f(U, rate="2"), TypeError, "rate must be a number, got str"),
    (lambda f: f.step(U[:, 0], 0), TypeError, "state must be a torch.Tensor or None, got int"),
    (lambda f: f(U, state=torch.zeros(2, 1)), ValueError, r"state must have shape \(2, .*\), got \(2, 1\)"),
    (
        lambda f: f.step(U[:, 0], f.initial_state(2).double()),
        TypeError,
        "state must have dtype torch.float32, got torch.float64",
    ),
    (lambda f: f.step(U, None), ValueError, r"u_t must have shape \(B, H=3\)"),
    (lambda f: type(f)(0), ValueError, "d_model must be at least 1, got 0"),
    (lambda f: type(f)(2.5), TypeError, r"d_model must be an int, got 2.5 \(float\)"),
    (lambda f: type(f)(2, 0), ValueError, "d_state must be at least 1, got 0"),
    (lambda f: type(f)(2, 4, dt_min=0.2, dt_max=0.1), ValueError, "dt_min=0.2, dt_max=0.1"),
    (lambda f: type(f)(H, 4, bidirectional=True)(U, return_state=True), ValueError, "future|trained at"),
    (lambda f: type(f)(H, 4, bidirectional=True).step(U[:, 0], None), ValueError, "step by step"),
]


@each(FIRST)
@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_named(variant, call, error, message):
    with pytest.raises(error, match=message):
        call(make(variant, torch.float32).cpu())


@each(KERNELS)
def test_bad_length_of_a_kernel_is_named(variant):
    with pytest.raises(ValueError, match="length must be at least 1"):
        make(variant).kernel(0)


@each(VARIANTS)
def test_a_parameter_that_is_not_finite_is_named(variant):
    for parameter, _ in make(variant).named_parameters():
        layer = make(variant)
        with torch.no_grad():
            getattr(layer, parameter).view(-1)[1] = float("nan")
        message = f"parameter {type(layer).__name__}.{parameter} .* holds 1 values that are NaN"
        calls = [lambda f: f(signal(4))]
        calls += [lambda f: f.step(signal(4)[:, 0], None)] if variant in STATES else []
        calls += [lambda f: f.kernel(4)] if variant in KERNELS else []
        for call in calls:
            with pytest.raises(ValueError, match=message):
                call(layer)
