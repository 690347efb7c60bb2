"""The parallel scan against the loop that it replaces."""

import pytest
import torch

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


@pytest.mark.parametrize("L", [1, 2, 3, 64, 777])
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
    assert float((x - exact).abs().max() / exact.abs().max()) < 2e-6
    rounded = scan.linear(steps.to(torch.complex64), b)
    assert float((rounded - exact).abs().max() / exact.abs().max()) > 1e-4


@pytest.mark.parametrize("per_step", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
def test_gradients(per_step, reverse):
    tensors = [x.requires_grad_() for x in inputs(6, per_step, torch.complex128)]
    assert torch.autograd.gradcheck(lambda *x: scan.linear(*x, reverse=reverse), tensors)


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
