"""S5: against the original, a bank of S4D systems, and matrix exponentials on irregular times."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from ssm_lib import hippo
from ssm_lib.layers import S4D, S5
from ssm_lib.layers.s5_init import initial_system

H, P = 3, 8


def make(dtype=torch.float64, **arguments):
    return S5(H, P, **arguments).to(dtype)


def signal(L, batch=2):
    return torch.randn(batch, L, H, dtype=torch.float64)


def gaps_in_time(L, batch=2):
    """Irregular intervals between 0.1 and 3.1 steps."""
    return 0.1 + 3 * torch.rand(batch, L, dtype=torch.float64)


def gap(x, y):
    """Largest difference relative to the largest value."""
    x, y = x.detach(), y.detach()
    return float((x - y).abs().max() / y.abs().max().clamp_min(1e-30))


def weights(layer):
    """Lambda, dt, B and C as complex numbers."""
    B, C = torch.view_as_complex(layer.B.detach()), torch.view_as_complex(layer.C.detach())
    return layer.eigenvalues().detach(), layer.log_dt.detach().exp(), B, C


def test_agrees_with_the_original(reference):
    numbers = {key[5:]: x.double() for key, x in reference.items() if key.startswith("s5/a/")}
    layer = S5(6, 16).double()
    conjugate = torch.tensor([1.0, -1.0])  # the original keeps the negative imaginary parts
    with torch.no_grad():
        layer.Lambda_re.copy_(numbers["Lambda_re"])
        layer.Lambda_im.copy_(-numbers["Lambda_im"])
        layer.B.copy_(numbers["B"] * conjugate)
        layer.C.copy_(numbers["C"] * conjugate)
        layer.D.copy_(numbers["D"])
        layer.log_dt.copy_(numbers["log_step"][:, 0])
    u = numbers["u"][None]
    assert gap(layer(u)[0], numbers["y"]) < 2e-4
    assert gap(layer(u, rate=2.0)[0], numbers["y_rescale2"]) < 2e-4
    assert gap(numbers["y_rescale2"], numbers["y"]) > 0.1  # the second comparison is another one


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_state_starts_as_blocks_of_hippo_n(blocks):
    Lambda, B, V = initial_system(5, 16, blocks)
    size = 16 // blocks
    A, _ = hippo.transition("legs", size)
    normal = A + hippo.low_rank("legs", size).T @ hippo.low_rank("legs", size)
    dense = torch.block_diag(*[normal] * blocks)
    assert gap(2 * (V * Lambda @ V.mH).real, dense) < 1e-12
    assert bool((Lambda.imag > 0).all())
    real = 2 * (V @ B).real  # back in the coordinates of HiPPO
    assert gap(V.mH @ real.to(V.dtype), B) < 1e-12
    layer = S5(5, 16, blocks=blocks)
    assert gap(layer.eigenvalues(), Lambda) < 1e-6
    assert layer.B.shape == (8, 5, 2)
    assert layer.C.shape == (5, 8, 2)


def test_input_weights_have_the_state_size_as_fan_in():
    _, B, V = initial_system(128, 256, 4)
    real = 2 * (V @ B).real
    assert float(real.std()) == pytest.approx(1 / 16, rel=0.01)
    assert float(real.abs().max()) < 2 / 16 / 0.879  # cut at two standard deviations


@pytest.mark.parametrize(
    ("c_init", "std"),
    [
        ("trunc_standard_normal", 1 / math.sqrt(256)),
        ("lecun_normal", 1 / math.sqrt(256 * 128)),
        ("complex_normal", math.sqrt(0.5)),
    ],
)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_output_weights_have_the_spread_of_their_name(c_init, std, bidirectional):
    C = S5(128, 256, c_init=c_init, bidirectional=bidirectional).C.detach()
    assert C.shape == (128, 256 if bidirectional else 128, 2)
    for part in (C[..., 0], C[..., 1]):
        assert float(part.std()) == pytest.approx(std, rel=0.03)
    if bidirectional:
        assert not torch.equal(C[:, :128], C[:, 128:])


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
def test_equals_a_mix_of_s4d_systems_with_tied_eigenvalues_and_steps(discretization):
    """y_i = sum_h (S4D system with input weights B[:, h] and output weights C[i]) applied to u_h."""
    layer, u = make(discretization=discretization), signal(60)
    with torch.no_grad():
        layer.log_dt.fill_(math.log(0.05))
    bank = S4D(H, P, discretization=discretization).double()
    expected = layer.D * u
    with torch.no_grad():
        bank.log_neg_re.copy_(torch.log(-layer.Lambda_re).expand(H, -1))
        bank.imag.copy_(layer.Lambda_im.expand(H, -1))
        bank.B.copy_(layer.B.transpose(0, 1))
        bank.log_dt.fill_(math.log(0.05))
        bank.D.zero_()
        for i in range(H):
            bank.C.copy_(layer.C[i].expand(H, -1, -1))
            expected[..., i] += bank(u).sum(-1)
    assert gap(layer(u), expected) < 1e-10


def test_irregular_steps_equal_matrix_exponentials():
    """The exact solution of x' = dt (Lambda x + B u) with each input held over the interval before it."""
    layer, u, dt = make(), signal(40), gaps_in_time(40)
    Lambda, step, B, C = weights(layer)
    start = torch.randn(2, P // 2, 2, dtype=torch.float64)
    x, expected = torch.view_as_complex(start).clone(), layer.D.detach() * u
    for k in range(40):
        for b in range(2):
            system = torch.zeros(P // 2 + 1, P // 2 + 1, dtype=torch.complex128)
            system[:-1, :-1] = torch.diag(step * Lambda)
            system[:-1, -1] = step * (B @ u[b, k].to(B.dtype))
            x[b] = (torch.linalg.matrix_exp(system * dt[b, k]) @ torch.cat([x[b], torch.ones(1)]))[:-1]
        expected[:, k] += 2 * (x @ C.T).real
    y, state = layer(u, state=start, dt=dt, return_state=True)
    assert gap(y, expected) < 1e-10
    assert gap(torch.view_as_complex(state), x) < 1e-10


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_constant_intervals_equal_a_rate(discretization, bidirectional):
    layer, u = make(discretization=discretization, bidirectional=bidirectional), signal(30)
    two = torch.full((2, 30), 2.0, dtype=torch.float64)
    assert gap(layer(u, dt=two), layer(u, rate=2.0)) < 1e-12
    assert gap(layer(u, dt=two, rate=1.5), layer(u, rate=3.0)) < 1e-12
    assert gap(layer(u, rate=2.0), layer(u)) > 1e-2
    if not bidirectional:
        _, state = layer(u, return_state=True)
        by_both, by_rate = (
            layer.step(u[:, 0], state, **k) for k in ({"dt": two[:, 0], "rate": 1.5}, {"rate": 3.0})
        )
        assert gap(by_both[0], by_rate[0]) < 1e-12
        assert gap(by_both[1], by_rate[1]) < 1e-12


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_irregular_scan_equals_recurrence_and_chunks(discretization, dtype, tolerance):
    layer = make(dtype, discretization=discretization)
    u, dt = signal(777).to(dtype), gaps_in_time(777).to(dtype)
    whole, last = layer(u, dt=dt, return_state=True)
    state, steps = None, []
    for u_t, dt_t in zip(u.unbind(1), dt.unbind(1), strict=True):
        y, state = layer.step(u_t, state, dt=dt_t)
        steps.append(y)
    assert gap(torch.stack(steps, 1), whole) < tolerance
    assert gap(state, last) < tolerance
    _, middle = layer(u[:, :300], dt=dt[:, :300], return_state=True)
    end, state = layer(u[:, 300:], state=middle, dt=dt[:, 300:], return_state=True)
    assert gap(end, whole[:, 300:]) < tolerance
    assert gap(state, last) < tolerance


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padded_irregular_sequences_equal_each_alone(bidirectional):
    layer, u, dt = make(bidirectional=bidirectional), signal(30, 3), gaps_in_time(30, 3)
    lengths = [30, 1, 17]
    for i, L in enumerate(lengths):  # what stands in the padding must not matter
        u[i, L:], dt[i, L:] = float("nan"), float("nan")
    y = layer(u, lengths=lengths, dt=dt)
    for i, L in enumerate(lengths):
        alone = layer(u[i : i + 1, :L], dt=dt[i : i + 1, :L])
        assert gap(y[i : i + 1, :L], alone) < 1e-10
        assert not bool(y[i, L:].any())
    if not bidirectional:
        _, state = layer(u, lengths=lengths, dt=dt, return_state=True)
        for i, L in enumerate(lengths):
            _, alone = layer(u[i : i + 1, :L], dt=dt[i : i + 1, :L], return_state=True)
            assert gap(state[i : i + 1], alone) < 1e-10


def test_both_directions_contain_the_current_input():
    layer, u = make(bidirectional=True), signal(20)
    Lambda, step, B, C = weights(layer)
    A_bar = torch.exp(step * Lambda)
    v = u.to(B.dtype) @ ((A_bar - 1) / Lambda * B.T).reshape(H, -1)  # (B, L, P/2)
    expected = layer.D.detach() * u
    for k in range(20):
        past = sum(A_bar ** (k - j) * v[:, j] for j in range(k + 1))
        future = sum(A_bar ** (j - k) * v[:, j] for j in range(k, 20))
        expected[:, k] += 2 * (torch.cat([past, future], -1) @ C.T).real
    assert gap(layer(u), expected) < 1e-10


def test_reversed_time_swaps_the_directions():
    layer, u, dt = make(bidirectional=True), signal(20), gaps_in_time(20)
    dt[:, 0] = dt[:, 1]  # at either end the nearest interval
    y = layer(u, dt=dt)
    with torch.no_grad():
        layer.C.copy_(layer.C.roll(P // 2, dims=1))
    backwards = torch.cat([dt[:, -1:], dt[:, 1:].flip(1)], 1)
    assert gap(layer(u.flip(1), dt=backwards).flip(1), y) < 1e-10


@pytest.mark.parametrize("arguments", [{}, {"discretization": "bilinear", "bidirectional": True}])
def test_gradients_through_intervals_and_state(arguments):
    layer = make(**arguments)
    names, parameters = zip(*layer.named_parameters(), strict=True)
    carried = [] if layer.bidirectional else [torch.randn(2, P // 2, 2, dtype=torch.float64)]
    tensors = [signal(5), gaps_in_time(5), *parameters, *carried]
    inputs = [x.detach().clone().requires_grad_() for x in tensors]

    def apply(u, dt, *rest):
        values = dict(zip(names, rest[: len(names)], strict=True))
        state = rest[len(names)] if carried else None
        keywords = {"dt": dt, "state": state, "return_state": bool(carried), "rate": 1.5}
        return torch.func.functional_call(layer, values, (u,), keywords)

    assert torch.autograd.gradcheck(apply, inputs)


def test_future_inputs_and_intervals_leave_the_past_bit_equal():
    layer, u, dt = make(), signal(64), gaps_in_time(64)
    v, later = u.clone(), dt.clone()
    v[:, 40:] += 1e3
    later[:, 40:] *= 2
    assert torch.equal(layer(v, dt=later)[:, :40], layer(u, dt=dt)[:, :40])


def test_clipped_eigenvalues_are_stable():
    layer = make(clip_eigs=True)
    with torch.no_grad():
        layer.Lambda_re[:2] = torch.tensor([1.0, -1e-5])
    assert layer.eigenvalues().real.tolist() == pytest.approx([-1e-4, -1e-4, -0.5, -0.5])
    layer.eigenvalues().real.sum().backward()
    assert layer.Lambda_re.grad.tolist() == [0, 0, 1, 1]
    assert bool((layer(torch.ones(1, 20000, H).double()).abs() < 1e4).all())
    free = make()
    with torch.no_grad():
        free.Lambda_re[:2] = 1.0
    assert bool((free.eigenvalues().real[:2] == 1).all())


def test_intervals_never_meet_the_channels():
    """The gain per step acts on B u, so nothing of size L P H is made."""

    class Largest(TorchDispatchMode):
        size = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                Largest.size = max(Largest.size, out.numel())
            return out

    layer = S5(64, 16)
    with Largest():
        layer(torch.ones(1, 100, 64), dt=torch.ones(1, 100))
    assert Largest.size == 100 * 64  # the input itself


def starts(L, *where, batch=2):
    """Episodes that start at these steps in every sequence."""
    mask = torch.zeros(batch, L, dtype=torch.bool)
    mask[:, list(where)] = True
    return mask


def episodes(mask):
    """(from, to) of each episode of one sequence; what precedes the first start is one too."""
    edges = sorted({0, *mask.nonzero()[:, 0].tolist(), len(mask)})
    return list(zip(edges, edges[1:], strict=False))


def test_a_reset_forgets_the_state_and_keeps_the_input():
    """a = 1/2, and the third input starts an episode: 1, 2 + 1/2, 3, 4 + 3/2."""
    layer = S5(1, 2).double()
    with torch.no_grad():  # one mode e^{dt λ} = 1/2 that counts its input once, and half of 2 Re as output
        layer.Lambda_re.fill_(-1.0)
        layer.Lambda_im.zero_()
        layer.log_dt.fill_(math.log(math.log(2)))
        layer.B.copy_(torch.tensor([2.0, 0.0]))
        layer.C.copy_(torch.tensor([0.5, 0.0]))
        layer.D.zero_()
    u = torch.tensor([1.0, 2, 3, 4]).double()[None, :, None]
    y = layer(u, reset=starts(4, 2, batch=1))
    assert y.flatten().tolist() == pytest.approx([1, 2.5, 3, 5.5])
    assert layer(u).flatten().tolist() == pytest.approx([1, 2.5, 4.25, 6.125])


@settings(max_examples=40, derandomize=True, deadline=None, database=None)
@given(st.data())
def test_episodes_in_one_sequence_equal_each_alone(data):
    L, dtype = data.draw(st.integers(1, 40), "L"), data.draw(st.sampled_from([torch.float32, torch.float64]))
    bits = st.lists(st.booleans(), min_size=L, max_size=L)
    mask = torch.tensor([data.draw(bits, "mask") for _ in range(2)])
    both, irregular = data.draw(st.booleans(), "bidirectional"), data.draw(st.booleans(), "dt")
    torch.manual_seed(L)
    layer = make(dtype, bidirectional=both, discretization=data.draw(st.sampled_from(["zoh", "bilinear"])))
    u, dt = signal(L).to(dtype), gaps_in_time(L).to(dtype) if irregular else None
    keywords = {} if both else {"state": torch.randn(2, P // 2, 2, dtype=dtype), "return_state": True}
    out = layer(u, reset=mask, dt=dt, rate=1.5, **keywords)
    y, last = (out, None) if both else out
    for i in range(2):
        for begin, end in episodes(mask[i]):
            part = (slice(i, i + 1), slice(begin, end))
            first = begin == 0 and not mask[i, 0] and not both
            alone = (
                {}
                if both
                else {"state": keywords["state"][i : i + 1] if first else None, "return_state": True}
            )
            expected = layer(u[part], dt=None if dt is None else dt[part], rate=1.5, **alone)
            expected, state = (expected, None) if both else expected
            tolerance = 1e-10 if dtype == torch.float64 else 2e-5
            torch.testing.assert_close(y[part], expected, rtol=tolerance, atol=tolerance)
        if last is not None:
            torch.testing.assert_close(last[i : i + 1], state, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("irregular", [False, True])
def test_scan_with_resets_equals_recurrence_and_chunks(dtype, tolerance, irregular):
    layer, u = make(dtype), signal(777).to(dtype)
    mask, dt = torch.rand(2, 777) < 0.02, gaps_in_time(777).to(dtype) if irregular else None
    mask[0, 300], mask[1, 300] = True, False  # at the seam of the chunks, and not
    part = lambda k: {"reset": mask[:, k], "dt": None if dt is None else dt[:, k]}  # noqa: E731
    whole, last = layer(u, return_state=True, **part(slice(None)))
    state, steps = None, []
    for k in range(777):
        y, state = layer.step(u[:, k], state, **part(k))
        steps.append(y)
    assert gap(torch.stack(steps, 1), whole) < tolerance
    assert gap(state, last) < tolerance
    _, middle = layer(u[:, :300], return_state=True, **part(slice(300)))
    end, state = layer(u[:, 300:], state=middle, return_state=True, **part(slice(300, None)))
    assert gap(end, whole[:, 300:]) < tolerance
    assert gap(state, last) < tolerance
    assert gap(layer(u), whole) > 1e-3


def test_multipliers_with_resets_keep_their_precision():
    """A multiplier rounded to float32 loses its phase over 16k steps; a mask must not round it."""
    layer = make(torch.float32, dt_min=0.1, dt_max=0.1)
    with torch.no_grad():
        layer.Lambda_re.fill_(-1e-3)  # so that nothing is forgotten but by the mask
    u, mask = signal(16384, batch=1).float(), starts(16384, 5, batch=1)
    assert gap(layer(u, reset=mask)[:, 5:], layer(u[:, 5:])) < 1e-5
    exact = make(torch.float64)
    exact.load_state_dict(layer.state_dict())
    assert gap(layer(u, reset=mask).double(), exact(u.double(), reset=mask)) < 1e-5


def test_nothing_of_an_earlier_episode_is_left():
    layer, u = make(), signal(40)
    mask, v = starts(40, 17), u.clone()
    v[:, :17] = 1e30
    assert torch.equal(layer(v, reset=mask)[:, 17:], layer(u, reset=mask)[:, 17:])
    start = torch.full((2, P // 2, 2), 1e30, dtype=torch.float64)
    assert torch.equal(layer(u, state=start, reset=starts(40, 0)), layer(u, reset=starts(40, 0)))
    y, state = layer.step(u[:, 0], start, reset=torch.tensor([True, False]))
    fresh, zero = layer.step(u[:, 0], None)
    assert torch.equal(y[0], fresh[0])
    assert torch.equal(state[0], zero[0])
    assert not torch.equal(y[1], fresh[1])
    assert bool((start == 1e30).all())


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padded_sequences_with_resets_equal_each_alone(bidirectional):
    layer, u, dt = make(bidirectional=bidirectional), signal(30, 3), gaps_in_time(30, 3)
    mask, lengths = starts(30, 0, 9, 17, 25, batch=3), [30, 1, 17]
    for i, L in enumerate(lengths):
        u[i, L:], dt[i, L:] = float("nan"), float("nan")
    y = layer(u, lengths=lengths, dt=dt, reset=mask)
    for i, L in enumerate(lengths):
        alone = layer(u[i : i + 1, :L], dt=dt[i : i + 1, :L], reset=mask[i : i + 1, :L])
        assert gap(y[i : i + 1, :L], alone) < 1e-10
        assert not bool(y[i, L:].any())


@pytest.mark.parametrize("arguments", [{}, {"discretization": "bilinear", "bidirectional": True}])
@pytest.mark.parametrize("irregular", [False, True])
def test_gradients_through_resets(arguments, irregular):
    layer, mask = make(**arguments), starts(6, 2, 3, batch=1)
    names, parameters = zip(*layer.named_parameters(), strict=True)
    carried = [] if layer.bidirectional else [torch.randn(1, P // 2, 2, dtype=torch.float64)]
    tensors = [signal(6, 1), gaps_in_time(6, 1), *parameters, *carried]
    inputs = [x.detach().clone().requires_grad_() for x in tensors]

    def apply(u, dt, *rest):
        values = dict(zip(names, rest[: len(names)], strict=True))
        keywords = {"reset": mask, "dt": dt if irregular else None}
        if carried:
            keywords |= {"state": rest[-1], "return_state": True}
        return torch.func.functional_call(layer, values, (u,), keywords)

    assert torch.autograd.gradcheck(
        apply, inputs if irregular else [inputs[0], inputs[1].detach(), *inputs[2:]]
    )
    if carried:
        y, last = apply(*inputs)
        (gradient,) = torch.autograd.grad(y[:, 2:].sum() + last.sum(), inputs[0])
        assert not bool(gradient[:, :2].any())  # what was forgotten is not learned from
        assert bool(gradient[:, 2:].all())


def test_resets_compile():
    layer, u, mask = make(), signal(16), starts(16, 3, 9)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    assert gap(compiled(u, reset=mask), layer(u, reset=mask)) < 1e-12


LAYER = S5(H, P)
U = torch.ones(2, 5, H)
BAD = [
    (lambda: S5(4, 7), ValueError, "d_state must be even"),
    (lambda: S5(4, 8, blocks=3), ValueError, "d_state=8 cannot be cut into blocks=3"),
    (lambda: S5(4, 8, blocks=8), ValueError, "d_state=8 cannot be cut into blocks=8 of equal, even size"),
    (lambda: S5(4, 6, blocks=2), ValueError, "d_state=6 cannot be cut into blocks=2 of equal, even size"),
    (lambda: S5(4, 8, blocks=0), ValueError, "blocks must be at least 1, got 0"),
    (lambda: S5(4, 8, blocks=2.0), TypeError, "blocks must be an int, got 2.0"),
    (
        lambda: S5(4, 8, c_init="normal"),
        ValueError,
        "unknown c_init 'normal'; expected one of .*'lecun_normal'",
    ),
    (lambda: S5(4, 8, discretization="euler"), ValueError, "unknown discretization 'euler'"),
    (lambda: S5(4, 8, dt_min=0.2, dt_max=0.1), ValueError, "dt_min=0.2, dt_max=0.1"),
    (lambda: LAYER.kernel(8), NotImplementedError, "S5 has no kernel"),
    (lambda: LAYER(U, dt=2.0), TypeError, r"dt must be a real floating-point tensor \(2, 5\), got float"),
    (lambda: LAYER(U, dt=torch.ones(2, 5).long()), TypeError, r"tensor \(2, 5\), got torch.int64"),
    (lambda: LAYER(U, dt=torch.ones(2, 4)), ValueError, r"dt must have shape \(2, 5\), as u, got \(2, 4\)"),
    (lambda: LAYER(U, dt=torch.zeros(2, 5)), ValueError, "dt must be positive and finite, got 0.0"),
    (lambda: LAYER(U, dt=torch.full((2, 5), float("inf"))), ValueError, "positive and finite, got inf"),
    (lambda: LAYER.step(U[:, 0], None, dt=torch.ones(2, 1)), ValueError, r"shape \(2,\), as u, got \(2, 1\)"),
    (lambda: LAYER.step(U[:, 0], None, dt=-torch.ones(2)), ValueError, "positive and finite, got -1.0"),
    (
        lambda: LAYER(U, reset=[False] * 5),
        TypeError,
        r"reset must be a bool tensor \(2, 5\), True where an episode starts, got list",
    ),
    (lambda: LAYER(U, reset=torch.zeros(2, 5)), TypeError, r"a bool tensor \(2, 5\), .* got torch.float32"),
    (lambda: LAYER(U, reset=torch.zeros(2, 5).long()), TypeError, "got torch.int64"),
    (lambda: LAYER(U, reset=starts(4)), ValueError, r"reset must have shape \(2, 5\), as u, got \(2, 4\)"),
    (lambda: LAYER(U, reset=starts(5, batch=1)), ValueError, r"shape \(2, 5\), as u, got \(1, 5\)"),
    (
        lambda: LAYER(U, reset=starts(5).to("meta")),
        ValueError,
        "reset is on meta but the parameters are on cpu",
    ),
    (lambda: LAYER(U, reset=starts(5).to_sparse()), TypeError, r"dense tensor, .*reset.to_dense\(\)"),
    (lambda: LAYER.step(U[:, 0], None, reset=starts(1)), ValueError, r"shape \(2,\), as u, got \(2, 1\)"),
    (lambda: LAYER.step(U[:, 0], None, reset=True), TypeError, "got bool"),
    (
        lambda: LAYER(U, state=torch.zeros(2, H, 4, 2)),
        ValueError,
        r"state must have shape \(2, 4, 2\), got \(2, 3, 4, 2\)",
    ),
    (lambda: S5(H, P, bidirectional=True)(U, return_state=True), ValueError, "reads the future"),
    (lambda: S5(H, P, bidirectional=True).step(U[:, 0], None, dt=torch.ones(2)), ValueError, "step by step"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("parameter", ["Lambda_re", "Lambda_im", "B", "C", "log_dt", "D"])
def test_a_parameter_that_is_not_finite_is_named(parameter):
    layer = S5(H, P)
    with torch.no_grad():
        getattr(layer, parameter).view(-1)[1] = float("nan")
    message = f"parameter S5.{parameter} .* holds 1 values that are NaN"
    with pytest.raises(ValueError, match=message):
        layer(U)
    with pytest.raises(ValueError, match=message):
        layer.step(U[:, 0], None)
