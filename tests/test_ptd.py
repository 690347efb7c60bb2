"""Perturb, then diagonalize: the perturbation, the modes that are kept, and the layers that start from them."""

import pytest
import torch

from ssm_lib import S4D, S5, discretize, hippo, oracles
from ssm_lib.layers.s4d import initial_eigenvalues
from ssm_lib.layers.s5_init import initial_output, initial_system

SIZES = [("legs", 1), ("legs", 2), ("legs", 4), ("legs", 7), ("legs", 8), ("legs", 16), ("legs", 32)]
SIZES += [("legs", 64), ("legt", 16), ("lagt", 8)]
each_size = pytest.mark.parametrize(("measure", "N"), SIZES)


@pytest.fixture
def _double():
    """Layers are made in float64, so that nothing is rounded on the way."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def real_modes(Lambda):
    return int((Lambda.imag == 0).sum())


@each_size
def test_the_kept_modes_are_the_whole_matrix(measure, N):
    """A + E = 2 Re V Lambda W and I = 2 Re V W, with real eigenvalues at half weight."""
    A, B = hippo.transition(measure, N)
    E = hippo.perturbation(measure, N)
    Lambda, b, V, W = hippo.ptd(measure, N)
    size = float(torch.linalg.matrix_norm(A + E, 2))
    again = 2 * ((V * Lambda) @ W).real
    assert float((again - (A + E)).abs().max()) < 1e-11 * size
    torch.testing.assert_close(2 * (V @ W).real, torch.eye(N).double(), rtol=0, atol=1e-11)
    torch.testing.assert_close(2 * (V @ b).real, B, rtol=0, atol=1e-10)
    torch.testing.assert_close(V.norm(dim=0), torch.ones(len(Lambda)).double())
    assert len(Lambda) == (N + real_modes(Lambda)) / 2
    assert bool((Lambda.imag >= 0).all())
    assert bool((Lambda.imag.diff() >= 0).all())
    assert bool((Lambda.real < 0).all())
    torch.testing.assert_close(b, b.abs().to(b))


@pytest.mark.parametrize("N", [8, 16, 32, 64])
def test_the_condition_number_is_small_and_the_perturbation_too(N):
    A, _ = hippo.transition("legs", N)
    E = hippo.perturbation("legs", N)
    _, V = torch.linalg.eig(A + E)
    assert torch.linalg.cond(V) < 150
    assert torch.linalg.cond(torch.linalg.eig(A)[1]) > 7e4
    assert torch.linalg.matrix_norm(E, 2) < 0.01 * torch.linalg.matrix_norm(A, 2)
    assert torch.linalg.eigvals(A + E).real.max() < -0.49


def test_real_eigenvalues_are_there_and_are_kept():
    """At N = 32 four eigenvalues are real: half of the modes with positive imaginary part would lose them."""
    Lambda, _, V, W = hippo.ptd("legs", 32)
    assert real_modes(Lambda) == 4
    assert len(Lambda) == 18
    assert bool((Lambda.imag[:4] == 0).all())
    assert bool((Lambda.real[:4].diff() < 0).all())
    torch.testing.assert_close(V[:, :4].imag, torch.zeros(32, 4).double())
    half = (W[:4] @ V[:, :4]).diagonal().real
    torch.testing.assert_close(half, torch.full((4,), 0.5).double(), rtol=1e-9, atol=0)


def test_it_is_deterministic_kept_and_leaves_random_numbers_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    E = hippo.perturbation("legs", 10)
    assert torch.equal(before, torch.get_rng_state())
    first = E.clone()
    E.zero_()  # a caller's copy
    assert torch.equal(hippo.perturbation("legs", 10), first)
    hippo.perturbed._perturbation.cache_clear()
    assert torch.equal(hippo.perturbation("legs", 10), first)
    assert not torch.equal(hippo.perturbation("legs", 10, seed=1), first)
    hippo.perturbed._perturbation.cache_clear()
    with torch.no_grad():
        assert torch.equal(hippo.perturbation("legs", 10), first)
    hippo.perturbed._perturbation.cache_clear()
    with torch.inference_mode():
        assert torch.equal(hippo.perturbation("legs", 10), first)


def test_a_larger_price_makes_a_smaller_perturbation():
    small, large = (hippo.perturbation("legs", 16, gamma=g).norm() for g in (100.0, 1.0))
    assert small < large


def test_a_given_perturbation_is_taken():
    """A share of the rank-one part, by hand: no real eigenvalues, condition number below (2 - t)/t."""
    A, _ = hippo.transition("legs", 32)
    P, t = hippo.low_rank("legs", 32), 0.1
    Lambda, _, V, W = hippo.ptd("legs", 32, t * P.T @ P)
    torch.testing.assert_close(2 * ((V * Lambda) @ W).real, A + t * P.T @ P, rtol=0, atol=1e-9)
    assert real_modes(Lambda) == 0
    full = torch.cat([V, V.conj()], dim=1)
    assert torch.linalg.cond(full) < (2 - t) / t
    whole = hippo.ptd("legs", 32, P.T @ P)  # all of it: the normal part
    torch.testing.assert_close(whole[0], hippo.nplr("legs", 32)[0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(whole[1], hippo.nplr("legs", 32)[2], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: hippo.ptd("legs", 16, torch.zeros(16, 16)), ValueError, r"condition number 8.*e\+10, above 1e\+06"),
        (lambda: hippo.ptd("lagt", 8, torch.zeros(8, 8)), ValueError, "condition number"),
        (lambda: hippo.ptd("legs", 4, 9 * torch.eye(4)), ValueError, "4 modes that do not decay, .* is 8"),
        (lambda: hippo.ptd("legs", 4, torch.zeros(4, 3)), ValueError, r"= \(4, 4\), got torch.float32 \(4, 3\)"),
        (lambda: hippo.ptd("legs", 4, torch.zeros(4, 4) + 0j), ValueError, "E must be real"),
        (lambda: hippo.ptd("legs", 4, torch.full((4, 4), float("nan"))), ValueError, "finite"),
        (lambda: hippo.ptd("hippo", 4), ValueError, "unknown measure 'hippo'"),
        (lambda: hippo.ptd("legs", 0), ValueError, "N must be at least 1"),
        (lambda: hippo.perturbation("legs", 4, gamma=0), ValueError, "gamma must be positive"),
        (lambda: hippo.perturbation("legs", 4, size=-1), ValueError, "size must be positive"),
        (lambda: hippo.perturbation("legs", 4, steps=0), ValueError, "steps must be at least 1"),
        (lambda: S5(4, 8, init="hippo"), ValueError, "unknown init 'hippo'"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.usefixtures("_double")
@pytest.mark.parametrize("N", [4, 7, 8, 32])
def test_the_s4d_layer_starts_as_the_dense_system(N):
    """Its kernel is that of A + E by matrix exponentials, for the row C of outputs that its C came from."""
    torch.manual_seed(0)
    layer, L = S4D(2, N, init="ptd", dt_min=0.01), 60
    Lambda, _, V, W = hippo.ptd("legs", N)
    assert layer.eigenvalues().shape == (2, len(Lambda))
    C = torch.view_as_complex(layer.C.detach())
    rows = 2 * (C @ W).real  # C V = C, so this is the row in the coordinates of HiPPO
    torch.testing.assert_close(rows.to(V) @ V, C, rtol=0, atol=1e-9)
    assert 0.5 < float(rows.std()) < 1.5  # and not as large as independent weights would make it
    A, B = hippo.transition("legs", N)
    A = A + hippo.perturbation("legs", N)
    for row, dt, K in zip(rows, layer.log_dt.exp(), layer.kernel(L), strict=True):
        expected = oracles.kernel(*discretize.dense(A, B, dt.detach(), "zoh"), row, L)
        torch.testing.assert_close(K.detach(), expected, rtol=0, atol=1e-9 * float(expected.abs().max()))


@pytest.mark.usefixtures("_double")
@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("c_init", ["complex_normal", "trunc_standard_normal"])
def test_the_s5_layer_starts_as_the_dense_system(blocks, c_init):
    torch.manual_seed(0)
    layer = S5(3, 64, blocks=blocks, c_init=c_init, init="ptd")
    with torch.no_grad():
        layer.D.zero_()
        layer.log_dt.fill_(torch.tensor(0.01).log())
    n = 64 // blocks
    A, _ = hippo.transition("legs", n)
    A = torch.block_diag(*[A + hippo.perturbation("legs", n)] * blocks)
    _, _, V, W = hippo.ptd("legs", n)
    V, W = (torch.block_diag(*[X] * blocks) for X in (V, W))
    B = 2 * (V @ torch.view_as_complex(layer.B.detach())).real
    torch.testing.assert_close(W @ B.to(W), torch.view_as_complex(layer.B.detach()), rtol=0, atol=1e-9)
    assert float(B.std()) * 8 == pytest.approx(1, abs=0.2)  # 1 / sqrt(P): drawn in HiPPO's coordinates
    C = 2 * (torch.view_as_complex(layer.C.detach()) @ W).real  # Im C of a real mode does nothing at first
    A_bar = torch.linalg.matrix_exp(0.01 * A)
    B_bar = torch.linalg.solve(A, (A_bar - torch.eye(64)) @ B)
    u, x, expected = torch.randn(1, 30, 3), torch.zeros(64), []
    for u_k in u[0]:
        x = A_bar @ x + B_bar @ u_k
        expected.append(C @ x)
    expected = torch.stack(expected)
    gap = (layer(u)[0].detach() - expected).abs().max()
    assert float(gap) < 1e-9 * float(expected.abs().max())


def test_s5_counts_its_modes_and_starts_from_small_outputs():
    Lambda, B, V = initial_system(5, 64, 2, "ptd")
    assert len(Lambda) == 2 * len(hippo.ptd("legs", 32)[0]) == 36
    assert B.shape == (36, 5)
    assert V.shape == (64, 36)
    assert initial_output("complex_normal", 400, V, "ptd").abs().square().mean() == pytest.approx(1, abs=0.1)
    layer = S5(3, 64, blocks=2, init="ptd")
    assert layer.initial_state(2).shape == (2, 36, 2)
    assert layer.log_dt.shape == (36,)


def test_s4d_counts_its_modes():
    Lambda, B = initial_eigenvalues("ptd", 32)
    assert Lambda.shape == B.shape == (18,)
    layer = S4D(3, 32, init="ptd", bidirectional=True)
    assert layer.C.shape == (2, 3, 18, 2)
    assert float(layer.C.detach().square().sum(-1).mean()) == pytest.approx(1, abs=0.5)


def test_a_real_mode_can_leave_the_real_axis():
    layer = S4D(3, 32, init="ptd")
    layer.kernel(40).square().sum().backward()
    assert bool((layer.imag.grad[:, :4] != 0).all())
