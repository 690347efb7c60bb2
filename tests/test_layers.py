"""The contract of every layer (DESIGN of the library): one set of tests for all models."""

import copy
import pickle

import pytest
import torch

from ssm_lib.layers import LAYERS, S4D
from ssm_lib.layers.s4d import initial_eigenvalues

LENGTHS = [1, 2, 3, 777, 1024, 16384]
VARIANTS = [
    ("s4d", {"init": init, "discretization": method})
    for init in ("legs", "lin", "inv", "real")
    for method in ("zoh", "bilinear")
]
H, N = 3, 8


def name(variant):
    return "-".join([variant[0], *variant[1].values()])


@pytest.fixture(params=VARIANTS, ids=name)
def variant(request):
    return request.param


def make(variant, dtype=torch.float64, **more):
    key, arguments = variant
    torch.manual_seed(0)
    return LAYERS[key](H, N, **arguments, **more).to(dtype)


def signal(L, dtype=torch.float64, batch=2):
    return torch.randn(batch, L, H, generator=torch.Generator().manual_seed(L), dtype=torch.float64).to(dtype)


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


@pytest.mark.parametrize("L", LENGTHS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_convolution_equals_recurrence(variant, L, dtype, tolerance):
    layer, u = make(variant, dtype), signal(L, dtype)
    y, state = layer(u, return_state=True)
    y_steps, state_steps = run_steps(layer, u)
    assert y.dtype == state.dtype == dtype
    assert gap(y, y_steps) < tolerance
    assert gap(state, state_steps) < tolerance


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


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padded_sequences_equal_each_alone(variant, bidirectional):
    layer, u = make(variant, bidirectional=bidirectional), signal(50, batch=4)
    lengths = [50, 1, 17, 32]
    u[2, 17:] = float("nan")  # what stands in the padding must not matter
    y = layer(u, lengths=lengths)
    for i, L in enumerate(lengths):
        assert gap(y[i, :L], layer(u[i : i + 1, :L])[0]) < 1e-10
        assert not bool(y[i, L:].any())


def test_padded_sequences_end_in_the_states_of_each_alone(variant):
    layer, u = make(variant), signal(50, batch=3)
    _, start = layer(signal(9, batch=3), return_state=True)
    lengths = torch.tensor([50, 1, 17])
    _, state = layer(u, state=start, lengths=lengths, return_state=True)
    for i, L in enumerate(lengths.tolist()):
        _, alone = layer(u[i : i + 1, :L], state=start[i : i + 1], return_state=True)
        assert gap(state[i : i + 1], alone) < 1e-10


def test_bidirectional_is_two_kernels_without_counting_twice(variant):
    layer, u = make(variant, bidirectional=True), signal(20)
    past, future = layer.kernel(20)
    expected = layer.D * u
    for l in range(20):
        for j in range(20):
            expected[:, l] += (past[:, l - j] if j <= l else future[:, j - l - 1]) * u[:, j]
    assert gap(layer(u), expected) < 1e-10


def test_causality_linearity_and_shift(variant):
    layer, u = make(variant), signal(64)
    v = u.clone()
    v[:, 40] += 1e3
    y, z = layer(u), layer(v)
    assert gap(z[:, :40], y[:, :40]) < 1e-10
    assert gap(layer(2 * u - 3 * v), 2 * y - 3 * z) < 1e-10
    late = torch.cat([torch.zeros(2, 5, H, dtype=u.dtype), u], 1)
    assert gap(layer(late)[:, 5:], y) < 1e-10


def test_coarser_sampling_of_a_held_input_is_exact_under_zoh():
    layer = make(("s4d", {"discretization": "zoh"}))
    u = signal(40)
    held = u.repeat_interleave(2, dim=1)  # each value held over two short steps
    assert gap(layer(u, rate=2.0), layer(held)[:, 1::2]) < 1e-10
    assert gap(layer.kernel(40, rate=2.0), layer.kernel(80).unflatten(1, (40, 2)).sum(2)) < 1e-10


def test_a_million_steps_stay_bounded(variant):
    layer = make(variant, torch.float32)
    state = layer.initial_state(1)
    u = torch.ones(1, 4096, H)
    with torch.no_grad():
        for _ in range(250):  # 1,024,000 steps in chunks
            y, state = layer(u, state=state, return_state=True)
        settled = layer(torch.ones(1, 65536, H))[:, -1]
    assert gap(y[:, -1], settled) < 1e-3


def test_gradients_through_everything(variant):
    layer = make(variant)
    names, parameters = zip(*layer.named_parameters(), strict=True)
    u, (_, state) = signal(5), layer(signal(3), return_state=True)
    inputs = [x.detach().clone().requires_grad_() for x in (u, state, *parameters)]

    def apply(u, state, *values):
        weights = dict(zip(names, values, strict=True))
        keywords = {"state": state, "return_state": True, "rate": 1.5}
        return torch.func.functional_call(layer, weights, (u,), keywords)

    assert torch.autograd.gradcheck(apply, inputs)


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


def test_parameters_and_state_are_real_and_free_of_the_length(variant):
    layer = make(variant)
    layer(signal(30))
    tensors = [*layer.parameters(), *layer.buffers(), layer.initial_state(2)]
    assert all(x.is_floating_point() and 30 not in x.shape for x in tensors)
    assert layer.initial_state(2).shape == layer(signal(4), return_state=True)[1].shape


def test_copies_give_the_same_numbers(variant, tmp_path):
    layer, u = make(variant), signal(12)
    y = layer(u)
    assert torch.equal(copy.deepcopy(layer)(u), y)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(u), y)
    torch.save(layer.state_dict(), tmp_path / "layer.pt")
    other = LAYERS[variant[0]](H, N, **variant[1]).double()
    other.load_state_dict(torch.load(tmp_path / "layer.pt", weights_only=True))
    assert torch.equal(other(u), y)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_keeps_the_layer_in_float32(variant, dtype):
    layer, u = make(variant, torch.float32), signal(100, torch.float32)
    plain = layer(u)
    with torch.autocast("cpu", dtype=dtype):
        assert torch.equal(layer(u), plain)
        half = layer(u.to(dtype))
    assert half.dtype == dtype
    assert gap(half.float(), plain) < 0.02


def test_half_precision_parameters_run(variant):
    layer, u = make(variant, torch.bfloat16), signal(20, torch.bfloat16)
    y, state = layer(u, return_state=True)
    assert y.dtype == torch.bfloat16
    assert state.dtype == torch.float32
    assert bool(torch.isfinite(y).all())


def test_inputs_of_any_stride_and_an_empty_batch(variant):
    layer, u = make(variant), signal(12)
    strided = torch.stack([u, -u], dim=-1)[..., 0]
    assert torch.equal(layer(strided), layer(u))
    one = signal(12, batch=1).expand(3, -1, -1)
    assert gap(layer(one)[2:], layer(one[:1])) < 1e-12
    y, state = layer(u[:0], return_state=True)
    assert y.shape == (0, 12, H)
    assert state.shape == layer.initial_state(0).shape


def test_zoh_kernel_is_the_integral_of_the_continuous_one():
    """The sample K_l equals the integral of C e^{sA} B over the step, for each channel."""
    layer = make(("s4d", {"init": "lin", "discretization": "zoh"}))
    Lambda = layer.eigenvalues()
    dt = layer.log_dt.exp()[:, None]
    w = torch.view_as_complex(layer.C.detach()) * torch.view_as_complex(layer.B.detach())
    s = (torch.arange(10 * 400, dtype=torch.float64) + 0.5) / 400  # midpoints, 400 in each of 10 steps
    fine = 2 * torch.einsum("hn,hnl->hl", w, torch.exp((Lambda * dt)[..., None] * s)).real * dt / 400
    assert gap(layer.kernel(10), fine.unflatten(1, (10, 400)).sum(2)) < 1e-5


@pytest.mark.parametrize(
    ("init", "first", "last"),
    [("lin", 0.0, 97.3893722613), ("inv", 1283.4042, 0.3234), ("legs", 0.2639, 1303.27)],
)
def test_initial_eigenvalues(init, first, last):
    Lambda, B = initial_eigenvalues(init, 64)
    assert Lambda.shape == B.shape == (32,)
    assert bool((Lambda.real + 0.5).abs().max() < 1e-12)
    torch.testing.assert_close(Lambda.imag[[0, -1]].tolist(), [first, last], rtol=1e-3, atol=1e-3)


def test_initial_steps_are_log_uniform():
    dt = S4D(20000, 2, dt_min=1e-3, dt_max=1e-1).log_dt.detach().exp()
    assert 1e-3 <= float(dt.min()) < 1.01e-3
    assert 0.099 < float(dt.max()) <= 0.1001
    assert abs(float((dt < 1e-2).double().mean()) - 0.5) < 0.02  # half of them in each decade


LAYER = S4D(H, N)
BAD = [
    (lambda: S4D(0), ValueError, "d_model must be at least 1, got 0"),
    (lambda: S4D(2.5), TypeError, r"d_model must be an int, got 2.5 \(float\)"),
    (lambda: S4D(4, 7), ValueError, "d_state must be even"),
    (lambda: S4D(4, init="hippo"), ValueError, "unknown init 'hippo'; expected one of .*'legs'"),
    (lambda: S4D(4, init=None), TypeError, "init must be a str"),
    (lambda: S4D(4, discretization="euler"), ValueError, "unknown discretization 'euler'"),
    (lambda: S4D(4, dt_min=0.2, dt_max=0.1), ValueError, "dt_min=0.2, dt_max=0.1"),
    (lambda: LAYER([1.0]), TypeError, r"u must be a torch.Tensor of shape \(B L H\), got list"),
    (lambda: LAYER(torch.ones(2, 5, 4)), ValueError, r"shape \(B, L, H=3\), got \(2, 5, 4\): H is 4"),
    (lambda: LAYER(torch.ones(5, 3)), ValueError, r"shape \(B, L, H=3\), got \(5, 3\)"),
    (lambda: LAYER(torch.ones(2, 0, 3)), ValueError, "u has length 0"),
    (lambda: LAYER(torch.ones(2, 5, 3, dtype=torch.int64)), TypeError, r"torch.int64; .*u.float\(\)"),
    (lambda: LAYER(torch.ones(2, 5, 3).double()), TypeError, "torch.float64 but the parameters are"),
    (lambda: LAYER(torch.ones(2, 5, 3) + 0j), TypeError, "torch.complex64"),
    (lambda: LAYER(torch.ones(4, 5, 3), lengths=[1, 2, 3]), ValueError, "3 entries for a batch of 4"),
    (lambda: LAYER(torch.ones(2, 5, 3), lengths=[5, 6]), ValueError, "must lie in 1 .. 5.*got 6"),
    (lambda: LAYER(torch.ones(2, 5, 3), lengths=[5, 0]), ValueError, "must lie in 1 .. 5.*got 0"),
    (lambda: LAYER(torch.ones(2, 5, 3), lengths=[5.0, 1.0]), TypeError, "lengths must be integers"),
    (lambda: LAYER(torch.ones(2, 5, 3), rate=0), ValueError, "rate must be positive .* got 0"),
    (lambda: LAYER(torch.ones(2, 5, 3), rate="2"), TypeError, "rate must be a number, got str"),
    (
        lambda: LAYER(torch.ones(2, 5, 3), state=torch.zeros(2, 3, 3, 2)),
        ValueError,
        r"state must have shape \(2, 3, 4, 2\), got \(2, 3, 3, 2\)",
    ),
    (lambda: LAYER.step(torch.ones(2, 3), 0), TypeError, "state must be a torch.Tensor or None, got int"),
    (
        lambda: LAYER.step(torch.ones(2, 3), LAYER.initial_state(2).double()),
        TypeError,
        "state must have dtype torch.float32, got torch.float64",
    ),
    (lambda: LAYER.step(torch.ones(2, 5, 3), None), ValueError, r"u_t must have shape \(B, H=3\)"),
    (lambda: LAYER.kernel(0), ValueError, "length must be at least 1"),
    (lambda: S4D(2, 4, bidirectional=True)(torch.ones(1, 3, 2), return_state=True), ValueError, "future"),
    (lambda: S4D(2, 4, bidirectional=True).step(torch.ones(1, 2), None), ValueError, "step by step"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("parameter", ["log_neg_re", "imag", "B", "C", "log_dt", "D"])
def test_a_parameter_that_is_not_finite_is_named(parameter):
    layer = S4D(H, N)
    with torch.no_grad():
        getattr(layer, parameter).view(-1)[1] = float("nan")
    message = f"parameter S4D.{parameter} .* holds 1 values that are NaN"
    with pytest.raises(ValueError, match=message):
        layer(torch.ones(1, 4, H))
    with pytest.raises(ValueError, match=message):
        layer.step(torch.ones(1, H), None)
    with pytest.raises(ValueError, match=message):
        layer.kernel(4)
