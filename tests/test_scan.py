"""The parallel scan against the loop that it replaces."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ssm_lib import scan


def inputs(L, per_step, dtype, B=2, N=3):
    generator = torch.Generator().manual_seed(L)
    shape = (B, L, N) if per_step else (N,)
    size = torch.rand(shape, dtype=torch.float64, generator=generator)
    a = torch.polar(size, 6 * size) if dtype.is_complex else 2 * size - 1
    b = torch.randn(B, L, N, dtype=torch.complex128, generator=generator)
    x0 = torch.randn(B, N, dtype=torch.complex128, generator=generator)
    return tuple((x if dtype.is_complex else x.real).to(dtype) for x in (a, b, x0))


def loop(a, b, x, reverse):
    steps = list(range(b.shape[1]))[:: -1 if reverse else 1]
    out = torch.empty_like(b)
    for k in steps:
        x = (a[:, k] if a.ndim == 3 else a) * x + b[:, k]
        out[:, k] = x
    return out


@pytest.mark.parametrize("L", [1, 2, 3, 15, 16, 64, 777])  # blocks have 8 steps, from 16 steps on
@pytest.mark.parametrize("per_step", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128, torch.float32])
def test_equals_the_loop(L, per_step, reverse, dtype):
    a, b, x0 = inputs(L, per_step, dtype)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    with_state = scan.linear(a, b, x0, reverse)
    torch.testing.assert_close(with_state, loop(a, b, x0, reverse), rtol=tolerance, atol=tolerance)
    without = scan.linear(a, b, reverse=reverse)
    zero = torch.zeros_like(x0)
    torch.testing.assert_close(without, loop(a, b, zero, reverse), rtol=tolerance, atol=tolerance)


def test_long_scan_stays_exact():
    a, b, _ = inputs(16384, False, torch.complex128, B=1)
    torch.testing.assert_close(scan.linear(a, b), loop(a, b, torch.zeros(1, 3), False), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("per_step", [True, False])
def test_a_wide_multiplier_keeps_narrow_states_exact(per_step):
    """The phase of a float32 multiplier drifts over a long sequence; the states need no more than float32."""
    a = torch.polar(torch.tensor([1.0, 0.9999]).double(), torch.tensor([0.7, 2.1]).double())
    b = torch.randn(1, 16384, 2)
    steps = a.expand(1, 16384, 2) if per_step else a
    x = scan.linear(steps, b)
    exact = scan.linear(steps, b.double())
    assert x.dtype == torch.complex64
    assert float((x - exact).abs().max() / exact.abs().max()) < 1e-6
    rounded = scan.linear(steps.to(torch.complex64), b)
    assert float((rounded - exact).abs().max() / exact.abs().max()) > 1e-4


@pytest.mark.parametrize("L", [1, 5, 19])
@pytest.mark.parametrize("per_step", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_gradients_and_their_gradients(L, per_step, reverse, dtype):
    tensors = [x.requires_grad_() for x in inputs(L, per_step, dtype, B=1, N=2)]
    assert torch.autograd.gradcheck(lambda *x: scan.linear(*x, reverse=reverse), tensors)
    assert torch.autograd.gradcheck(lambda *x: scan.linear(*x, reverse=reverse), tensors[:2])
    assert torch.autograd.gradgradcheck(lambda *x: scan.linear(*x, reverse=reverse), tensors)


@pytest.mark.parametrize("per_step", [True, False])
def test_gradients_of_a_long_scan_equal_those_of_the_loop(per_step):
    """Long enough for several levels, and for several pieces of the gradient of a constant multiplier."""
    tensors = [x.requires_grad_() for x in inputs(1100, per_step, torch.complex128)]
    weights = torch.randn(2, 1100, 3, dtype=torch.complex128)
    found = torch.autograd.grad(scan.linear(*tensors), tensors, weights)
    x, states = tensors[2], []
    for k in range(1100):
        x = (tensors[0][:, k] if per_step else tensors[0]) * x + tensors[1][:, k]
        states.append(x)
    expected = torch.autograd.grad(torch.stack(states, 1), tensors, weights)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_the_multiplier_before_the_first_state_does_not_matter():
    a, b, _ = inputs(20, True, torch.float64)
    a[:, 0] = float("nan")
    assert bool(scan.linear(a, b).isfinite().all())


@pytest.mark.parametrize("per_step", [True, False])
def test_the_past_is_bit_equal_whatever_follows(per_step):
    a, b, _ = inputs(777, per_step, torch.complex64)
    for value in (1e3, float("inf"), float("nan")):
        changed = b.clone()
        changed[:, 500:] = value
        x, y = scan.linear(a, b), scan.linear(a, changed)
        assert torch.equal(x[:, :500], y[:, :500])
        assert not torch.equal(x[:, 500:], y[:, 500:])
        x, y = scan.linear(a, b.flip(1), reverse=True), scan.linear(a, changed.flip(1), reverse=True)
        assert torch.equal(x[:, -500:], y[:, -500:])


def test_chunks_with_their_last_state_equal_the_whole():
    a, b, x0 = inputs(777, False, torch.complex128)
    whole = scan.linear(a, b, x0)
    first = scan.linear(a, b[:, :300], x0)
    torch.testing.assert_close(
        scan.linear(a, b[:, 300:], first[:, -1]), whole[:, 300:], rtol=1e-12, atol=1e-12
    )


def test_an_operator_that_compiles():
    for per_step in (True, False):
        a, b, x0 = (x.requires_grad_() for x in inputs(20, per_step, torch.complex128))
        torch.library.opcheck(torch.ops.ssm_lib.scan.default, (a, b, x0, False))
        compiled = torch.compile(scan.linear, fullgraph=True, backend="aot_eager")
        found = torch.autograd.grad(compiled(a, b, x0, True).abs().sum(), (a, b, x0))
        expected = torch.autograd.grad(scan.linear(a, b, x0, True).abs().sum(), (a, b, x0))
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("per_step", [True, False])
def test_maps_and_jacobians(per_step):
    a, b, x0 = (torch.stack([x, 0.9 * x], -1) for x in inputs(20, per_step, torch.complex128))
    each = [scan.linear(a[..., i], b[..., i], x0[..., i]) for i in range(2)]
    torch.testing.assert_close(torch.vmap(scan.linear, -1, -1)(a, b, x0), torch.stack(each, -1))
    one = torch.vmap(lambda a: scan.linear(a, b[..., 0]), -1, -1)(a)
    torch.testing.assert_close(one[..., 1], scan.linear(a[..., 1], b[..., 0]))
    a, b, _ = inputs(20, per_step, torch.float64)
    found = torch.func.jacrev(scan.linear, (0, 1))(a, b)
    expected = torch.autograd.functional.jacobian(scan.linear, (a, b))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("per_step", [True, False])
def test_makes_one_tensor_as_large_as_the_states(per_step):
    a, b, _ = inputs(4096, per_step, torch.complex128)
    made = {}

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                made[out.untyped_storage().data_ptr()] = out.untyped_storage().nbytes()
            return out

    with Watch():
        scan.states(a, b, None, False)
    given = {x.untyped_storage().data_ptr() for x in (a, b)}
    large = [size for where, size in made.items() if where not in given and size > b.nbytes // 4]
    assert large == [b.nbytes]


def test_inputs_are_left_unchanged():
    a, b, x0 = inputs(5, True, torch.float64)
    before = [x.clone() for x in (a, b, x0)]
    scan.linear(a, b, x0)
    assert all(torch.equal(x, y) for x, y in zip((a, b, x0), before, strict=True))


@pytest.mark.parametrize(
    ("a", "b", "x0", "message"),
    [
        (torch.ones(3), torch.ones(4, 3), None, r"b must have shape \(B, L, N\), got \(4, 3\)"),
        (torch.ones(2), torch.ones(1, 4, 3), None, r"a must have shape \(3,\) or \(1, 4, 3\), got \(2,\)"),
        (torch.ones(3), torch.ones(1, 4, 3), torch.ones(3), r"x0 must have shape \(1, 3\), got \(3,\)"),
    ],
)
def test_bad_input_is_named(a, b, x0, message):
    with pytest.raises(ValueError, match=message):
        scan.linear(a, b, x0)
