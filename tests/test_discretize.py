"""Discretization against closed forms, scipy, golden numbers, and the limit lambda -> 0."""

import math

import numpy as np
import pytest
import scipy.signal
import torch

from ssm_lib import discretize, hippo, lti

METHODS = ["zoh", "bilinear", "euler", "backward_euler"]
GOLDEN = {  # LegS, N = 2, dt = 0.1
    "bilinear": ([[0.9047619048, 0], [-0.1499611089, 0.8181818182]], [0.0952380952, 0.1499611089]),
    "zoh": ([[0.904837418, 0], [-0.1491411186, 0.8187307531]], [0.095162582, 0.1491411186]),
}


@pytest.mark.parametrize("method", GOLDEN)
def test_dense_matches_golden_numbers(method):
    A_bar, B_bar = discretize.dense(*hippo.transition("legs", 2), 0.1, method)
    A_gold, B_gold = (torch.tensor(x, dtype=torch.float64) for x in GOLDEN[method])
    torch.testing.assert_close(A_bar, A_gold, rtol=0, atol=1e-9)
    torch.testing.assert_close(B_bar, B_gold, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", [*METHODS, "gbt"])
@pytest.mark.parametrize("dt", [1e-3, 0.7])
def test_dense_matches_scipy(method, dt):
    A, B = hippo.transition("legs", 6)
    alpha = 0.3 if method == "gbt" else None
    A_bar, B_bar = discretize.dense(A, B, dt, method, alpha)
    name = {"backward_euler": "backward_diff"}.get(method, method)
    system = (A.numpy(), B.numpy()[:, None], np.eye(6), np.zeros((6, 1)))
    A_ref, B_ref, *_ = scipy.signal.cont2discrete(system, dt, name, alpha)
    np.testing.assert_allclose(A_bar.numpy(), A_ref, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(B_bar.numpy(), B_ref[:, 0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", [*METHODS, "gbt"])
def test_diagonal_is_dense_on_a_diagonal_matrix(method):
    A = torch.tensor([-0.5 + 2j, -0.1 - 9j, -3 + 0j, 0j], dtype=torch.complex128)
    B = torch.tensor([1 + 1j, 2, -1j, 0.5], dtype=torch.complex128)
    dt = torch.tensor(0.2, dtype=torch.float64)
    alpha = 0.8 if method == "gbt" else None
    A_bar, B_bar = discretize.diagonal(A, B, dt, method, alpha)
    A_ref, B_ref = discretize.dense(torch.diag(A), B, dt, method, alpha)
    torch.testing.assert_close(A_bar, A_ref.diagonal(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(B_bar, B_ref, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-9, 1e-4, 0.1, 0.49999, 0.50001, 3.0])
def test_input_gain_keeps_its_digits_near_zero(size, dtype):
    z = size * torch.exp(torch.tensor(2.2j, dtype=torch.complex128))
    got = discretize.expm1_ratio(z.to(dtype))
    exact = sum((z**k / float(math.factorial(k + 1)) for k in range(40)), torch.zeros_like(z))
    assert got.dtype == dtype
    assert float((got - exact).abs() / exact.abs()) < 8 * torch.finfo(dtype).eps


def test_input_gain_tends_to_dt_with_its_derivative():
    A = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    _, B_bar = discretize.diagonal(A, torch.ones(3, dtype=torch.float64), 0.25, "zoh")
    (slope,) = torch.autograd.grad(B_bar.sum(), A)
    torch.testing.assert_close(B_bar, torch.full_like(B_bar, 0.25))
    torch.testing.assert_close(slope, torch.full_like(slope, 0.25**2 / 2))


@pytest.mark.parametrize("method", METHODS)
def test_gradients(method):
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(2, 3, dtype=torch.complex128, generator=generator) - 1
    B = torch.randn(2, 3, dtype=torch.complex128, generator=generator)
    dt = torch.tensor([0.02, 0.9], dtype=torch.float64)
    inputs = [x.requires_grad_() for x in (A, B, dt)]
    assert torch.autograd.gradcheck(lambda A, B, dt: discretize.diagonal(A, B, dt, method), inputs)
    real = [x.requires_grad_() for x in (A.detach().real[0], B.detach().real[0])]
    assert torch.autograd.gradcheck(
        lambda a, b: discretize.dense(torch.diag(a) - torch.outer(b, b), b, 0.3, method), real
    )


def test_steps_per_system_and_per_mode():
    A = torch.full((4, 3), -1.0, dtype=torch.float64)
    dt = torch.arange(1.0, 5.0, dtype=torch.float64)
    per_system, _ = discretize.diagonal(A, torch.ones(3), dt, "zoh")
    per_mode, _ = discretize.diagonal(A[0], torch.ones(3), dt[:3], "zoh")
    torch.testing.assert_close(per_system, torch.exp(-dt)[:, None].expand(4, 3))
    torch.testing.assert_close(per_mode, torch.exp(-dt[:3]))


@pytest.fixture
def two_threads():
    """As after a caller's own torch.set_num_threads, which is what makes MKL's batches go wrong."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_large_systems_in_a_batch_are_those_solved_alone(two_threads):
    torch.manual_seed(0)
    A = torch.randn(2, 3, 256, 256, dtype=torch.float64) / 16 - torch.eye(256).double()
    B = torch.randn(3, 256, dtype=torch.float64)
    A_bar, B_bar = discretize.dense(A, B, torch.tensor([0.1, 0.2, 0.3]), "bilinear")
    for i in range(2):
        for j, dt in enumerate((0.1, 0.2, 0.3)):
            alone = discretize.dense(A[i, j], B[j], dt, "bilinear")
            torch.testing.assert_close((A_bar[i, j], B_bar[i, j]), alone)
    H = lti.transfer(A[0, 0], B[0], B[1], torch.tensor([1j, 2j]))
    torch.testing.assert_close(H[1:], lti.transfer(A[0, 0], B[0], B[1], torch.tensor([2j])))


@pytest.mark.parametrize("method", ["zoh", "bilinear", "backward_euler"])
def test_stable_systems_stay_stable(method):
    Lambda, *_ = hippo.nplr("legs", 64)
    A_bar, _ = discretize.diagonal(Lambda, torch.ones_like(Lambda), 0.1, method)
    assert float(A_bar.abs().max()) < 1


def test_euler_is_unstable_on_legs_at_small_steps():
    Lambda, *_ = hippo.nplr("legs", 64)
    A_bar, _ = discretize.diagonal(Lambda, torch.ones_like(Lambda), 0.001, "euler")
    assert float(A_bar.abs().max()) > 1


A2, B2 = torch.eye(2), torch.ones(2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: discretize.dense(A2, B2, 0.1, "tustin"), "unknown method 'tustin'"),
        (lambda: discretize.dense(A2, B2, 0.1, "gbt"), r"needs alpha in \[0, 1\], got None"),
        (lambda: discretize.dense(A2, B2, 0.1, "gbt", 1.5), "got 1.5"),
        (lambda: discretize.dense(A2, B2, 0.1, "zoh", 0.5), "alpha=0.5 belongs to method 'gbt'"),
        (lambda: discretize.dense(torch.ones(2, 3), B2, 0.1, "zoh"), r"A must have shape .* \(2, 3\)"),
        (lambda: discretize.dense(A2, torch.ones(3), 0.1, "zoh"), r"B must have shape .*N=2"),
        (lambda: discretize.diagonal(torch.ones(4, 2), B2, torch.ones(3), "zoh"), r"one step per system"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
