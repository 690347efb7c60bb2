"""Continuous linear systems against closed forms, scipy, and a simulated experiment."""

import math

import pytest
import scipy.signal
import torch

from ssm_lib import discretize, hippo, kernels, lti, oracles

f64 = torch.float64
T = torch.linspace(0, 6, 61, dtype=f64)
SPRING = (2.0, 4.0, 52.0)  # eigenvalues -1 +- 5i


def test_spring_obeys_newton():
    """m v' = u - c v - k q, whatever the state and the force."""
    m, c, k = 3.0, 0.7, 11.0
    A, B, C = lti.spring(m, c, k)
    x, u = torch.tensor([0.4, -2.0], dtype=f64), 5.0
    slope = A @ x + B * u
    assert slope[0] == x[1]
    assert m * slope[1] == pytest.approx(u - c * x[1] - k * x[0])
    assert C @ x == x[0]
    assert A.dtype == B.dtype == C.dtype == f64


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ((0, 1, 1), "mass must be a finite number above 0, got 0"),
        ((math.inf, 1, 1), "mass must be .*, got inf"),
        ((1, -1, 1), "damping must be a finite number of at least 0, got -1"),
        ((1, 1, math.nan), "stiffness must be .*, got nan"),
    ],
)
def test_spring_refuses(constants, message):
    with pytest.raises(ValueError, match=message):
        lti.spring(*constants)


def test_impulse_response_in_all_three_regimes():
    """e^-t sin(5t)/10, and with m = 1: t e^-3t (critical), (e^-t - e^-9t)/8 (overdamped)."""
    for constants, expected in [
        (SPRING, torch.exp(-T) * torch.sin(5 * T) / 10),
        ((1, 6, 9), T * torch.exp(-3 * T)),
        ((1, 10, 9), (torch.exp(-T) - torch.exp(-9 * T)) / 8),
    ]:
        h = lti.impulse_response(*lti.spring(*constants), T)
        torch.testing.assert_close(h, expected, rtol=0, atol=1e-14)


def test_impulse_response_of_legs_and_scipy():
    A, B = hippo.transition("legs", 4)
    rows = lti.impulse_response(A, B, torch.eye(4), T)
    assert rows.shape == (4, 61)
    _, h = scipy.signal.impulse((A.numpy(), B.numpy()[:, None], torch.ones(1, 4).numpy(), [[0]]), T=T.numpy())
    torch.testing.assert_close(rows.sum(0), torch.as_tensor(h), rtol=1e-8, atol=1e-8)


def test_modes_add_up_to_the_impulse_response():
    A, B = hippo.transition("legs", 6)
    C = torch.linspace(-1, 1, 6, dtype=f64)
    for system in (lti.spring(*SPRING), (A, B, C)):
        Lambda, w = lti.modes(*system)
        total = (w[:, None] * torch.exp(Lambda[:, None] * T)).sum(0)
        torch.testing.assert_close(total.real, lti.impulse_response(*system, T), rtol=0, atol=1e-9)
        assert total.imag.abs().max() < 1e-9
    Lambda, w = lti.modes(*lti.spring(*SPRING))
    upper = Lambda.imag > 0
    torch.testing.assert_close(Lambda[upper], torch.tensor([-1 + 5j], dtype=torch.complex128))
    torch.testing.assert_close(w[upper], torch.tensor([-0.05j], dtype=torch.complex128))


@pytest.mark.parametrize("system", [lti.spring(1, 2, 1), (*hippo.transition("legs", 16), torch.ones(16))])
def test_modes_refuse_a_matrix_without_eigenvectors(system):
    with pytest.raises(ValueError, match="no basis of eigenvectors .* condition number"):
        lti.modes(*system)


def test_transfer_is_the_closed_form_and_the_sum_of_its_modes():
    A, B, C = lti.spring(*SPRING)
    omega = torch.tensor([0, 1, 5, 30], dtype=f64)
    H = lti.transfer(A, B, C, 1j * omega)
    s = 1j * omega
    torch.testing.assert_close(H, 1 / (2 * s**2 + 4 * s + 52))
    A, B = hippo.transition("legs", 5)  # and its modes, one resonance each
    Lambda, w = lti.modes(A, B, torch.ones(5))
    H = lti.transfer(A, B, torch.ones(5), s)
    torch.testing.assert_close(H, (w / (s[:, None] - Lambda)).sum(1))


def test_transfer_of_the_sampled_system_is_the_z_transform_of_its_kernel():
    A, B, C = lti.spring(*SPRING)
    A_bar, B_bar = discretize.dense(A, B, 0.1, "zoh")
    K = kernels.krylov(A_bar, B_bar, C, 600)
    z = torch.polar(torch.ones(7, dtype=f64), torch.linspace(0, math.pi, 7, dtype=f64))
    series = (K * z[:, None] ** -torch.arange(600)).sum(-1)
    torch.testing.assert_close(z * lti.transfer(A_bar, B_bar, C, z), series)


def test_transfer_keeps_single_precision():
    A, B, C = (x.float() for x in lti.spring(*SPRING))
    assert lti.transfer(A, B, C, torch.tensor([1j])).dtype == torch.complex64


def test_parallel_systems_add_their_responses():
    one, two = lti.spring(*SPRING), (*hippo.transition("legs", 3), torch.ones(3))
    both = lti.parallel([one, two])
    assert both[0].shape == (5, 5)
    total = lti.impulse_response(*one, T) + lti.impulse_response(*two, T)
    torch.testing.assert_close(lti.impulse_response(*both, T), total)
    with pytest.raises(ValueError, match="at least one system"):
        lti.parallel([])
    with pytest.raises(ValueError, match=r"got \(2, 2\), \(3,\)"):
        lti.parallel([(one[0], torch.ones(3), one[2])])


def test_a_shift_register_remembers_n_inputs_and_no_more():
    A_bar, B_bar = lti.shift_register(5)
    u = torch.arange(1.0, 9, dtype=f64)
    states = oracles.recurrence(A_bar, B_bar, torch.eye(5, dtype=f64), u)
    assert states[-1].tolist() == [8, 7, 6, 5, 4]
    assert lti.shift_register(1)[0].tolist() == [[0]]
    capacity = lti.memory_capacity(A_bar, B_bar, 9)
    torch.testing.assert_close(capacity, torch.tensor([1.0] * 5 + [0.0] * 4, dtype=f64))


@pytest.mark.parametrize("N", [2, 7])
def test_capacity_adds_up_to_the_rank(N):
    A, B = hippo.transition("legs", N)
    A_bar, B_bar = discretize.dense(A, B, 0.1, "bilinear")
    capacity = lti.memory_capacity(A_bar, B_bar, 2000)
    assert capacity.sum() == pytest.approx(N)
    assert capacity.min() >= 0
    assert capacity.max() <= 1 + 1e-12
    twice = torch.block_diag(A_bar, A_bar), torch.cat([B_bar, 3 * B_bar])  # the same numbers twice
    assert lti.memory_capacity(*twice, 2000).sum() == pytest.approx(N)
    dead = torch.block_diag(A_bar, A_bar[:1, :1]), torch.cat([B_bar, 0 * B_bar[:1]])  # a state never driven
    torch.testing.assert_close(lti.memory_capacity(*dead, 2000), capacity)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_capacity_is_what_a_regression_finds(noise):
    """Drive the system with white noise, spoil its state, and recall each past input by least squares."""
    N, L, S = 4, 12, 40_000
    generator = torch.Generator().manual_seed(0)
    A_bar, B_bar = discretize.dense(*hippo.transition("legs", N), 0.3, "bilinear")
    R = kernels.krylov(A_bar, B_bar, torch.eye(N, dtype=f64), L)
    past = torch.randn(S, L, generator=generator, dtype=f64)  # the input j steps ago
    x = past @ R.T
    x = x + noise * x.std(0) * torch.randn(S, N, generator=generator, dtype=f64)
    recalled = x @ torch.linalg.lstsq(x, past).solution
    share = 1 - ((past - recalled) ** 2).mean(0) / past.var(0)
    torch.testing.assert_close(lti.memory_capacity(A_bar, B_bar, L, noise), share, rtol=0, atol=0.01)


def test_capacity_does_not_depend_on_the_units_of_the_state():
    A_bar, B_bar = discretize.dense(*hippo.transition("legs", 3), 0.1, "zoh")
    T = torch.diag(torch.tensor([1e3, 1.0, 1e-4], dtype=f64))
    other = T @ A_bar @ torch.linalg.inv(T), T @ B_bar
    for noise in (0.0, 0.1):
        torch.testing.assert_close(
            lti.memory_capacity(*other, 200, noise), lti.memory_capacity(A_bar, B_bar, 200, noise)
        )


def test_wrong_shapes_and_values_say_what_was_expected():
    A, B, C = lti.spring(*SPRING)
    with pytest.raises(ValueError, match=r"expected A \(N, N\).* got \(2, 2\), \(3,\) and \(2,\)"):
        lti.impulse_response(A, torch.ones(3), C, T)
    with pytest.raises(ValueError, match=r"and \(3,\)"):
        lti.transfer(A, B, torch.ones(3), torch.ones(1))
    with pytest.raises(ValueError, match="noise must be at least 0, got -1"):
        lti.memory_capacity(A, B, 5, -1)
    with pytest.raises(TypeError, match="length must be an int"):
        lti.memory_capacity(A, B, 5.0)
