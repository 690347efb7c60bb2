"""Kernels as matrix products against the printed formulas, golden numbers and the original code."""

import math

import pytest
import torch

from ssm_lib import discretize, hippo, kernels, oracles
from ssm_lib.layers.s4d import initial_eigenvalues

LENGTHS = [1, 2, 3, 777, 16384]
S4D_LIN = {  # two modes, B = C = 1, dt = 0.1
    "zoh": [0.3870112086, 0.3503411878, 0.3009849527, 0.2440201623, 0.1848089238, 0.1284566836],
    "bilinear": [0.3857665979, 0.3498772321, 0.3014449017, 0.245362496, 0.1868283871, 0.1308268242],
}
LEGS = {  # dense, N = 4, C = 1, dt = 0.1
    "bilinear": [0.5470521977, 0.2234393675, 0.0639939291, -0.0045994186, -0.0256215502, -0.0239291607],
    "zoh": [0.5299328699, 0.2212216587, 0.0676814342, 0.0005733328, -0.0209099753, -0.0203510241],
}


def system(init, N=16, H=3, dtype=torch.complex128):
    """A random S4D: A, B, C (H, modes) and dt (H,)."""
    generator = torch.Generator().manual_seed(0)
    Lambda, B = initial_eigenvalues(init, N)
    C = torch.randn(H, len(Lambda), dtype=Lambda.dtype, generator=generator)
    dt = torch.tensor([0.001, 0.02, 0.3], dtype=torch.float64)[:H]
    real = torch.float64 if dtype == torch.complex128 else torch.float32
    kind = dtype if Lambda.is_complex() else real
    return Lambda.expand(H, -1).to(kind), B.expand(H, -1).to(kind), C.to(kind), dt.to(real)


@pytest.mark.parametrize("L", LENGTHS)
@pytest.mark.parametrize("method", ["zoh", "bilinear"])
@pytest.mark.parametrize("init", ["legs", "lin", "inv", "real"])
def test_diagonal_equals_the_printed_formula(init, method, L):
    A, B, C, dt = system(init)
    expected = oracles.diagonal_kernel(*discretize.diagonal(A, B, dt, method), C, L)
    K = kernels.diagonal(A, B, C, dt, L, method)
    assert K.shape == (3, L)
    assert K.dtype == torch.float64
    scale = float(expected.abs().max())
    torch.testing.assert_close(K, expected, rtol=0, atol=1e-10 * scale)
    single = kernels.diagonal(*(x.to(_single(x)) for x in (A, B, C)), dt, L, method)
    # the oracle must see the same rounded eigenvalues: this compares arithmetic, not rounding
    rounded = [x.to(_single(x)).to(x.dtype) for x in (A, B, C)]
    exact = oracles.diagonal_kernel(*discretize.diagonal(*rounded[:2], dt, method), rounded[2], L)
    assert single.dtype == torch.float32
    assert float((single - exact).abs().max()) < 1e-6 * scale * math.sqrt(A.shape[-1])


def _single(x):
    return torch.complex64 if x.is_complex() else torch.float32


@pytest.mark.parametrize("method", S4D_LIN)
def test_diagonal_matches_golden_numbers(method):
    Lambda, B = initial_eigenvalues("lin", 4)
    dt = torch.tensor([0.1], dtype=torch.float64)
    K = kernels.diagonal(Lambda[None], B[None], torch.ones_like(B)[None], dt, 6, method)
    torch.testing.assert_close(K[0], torch.tensor(S4D_LIN[method], dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", LEGS)
def test_dense_oracle_matches_golden_numbers(method):
    A_bar, B_bar = discretize.dense(*hippo.transition("legs", 4), 0.1, method)
    K = oracles.kernel(A_bar, B_bar, torch.ones(4, dtype=torch.float64), 6)
    torch.testing.assert_close(K, torch.tensor(LEGS[method], dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("init", "method"), [("lin", "zoh"), ("lin", "bilinear"), ("inv", "zoh")])
def test_diagonal_matches_the_original_implementation(reference, init, method):
    name = f"s4d/diag-{init}/{method}"
    A, B, C, dt, K = (reference[f"{name}/{key}"] for key in ("A", "B", "C", "dt", "K"))
    ours = kernels.diagonal(A, B.reshape(A.shape), C.reshape(A.shape), dt.reshape(-1), 777, method)
    assert float((ours - K[0]).abs().max() / K.abs().max()) < 2e-4


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_vandermonde_of_negative_zero_and_growing_modes(dtype):
    log_a = torch.tensor([0.0, -1e4, 0.01, -0.3], dtype=dtype)
    w = torch.tensor([1.0, 1.0, -0.5, 2.0], dtype=dtype)
    K = kernels.vandermonde(log_a, w, 50)
    powers = torch.exp(log_a[:, None] * torch.arange(50))
    torch.testing.assert_close(K, (w[:, None] * powers).sum(0).real)


def test_vandermonde_broadcasts_leading_dimensions():
    A, _, C, dt = system("lin")
    log_a, w = A * dt[:, None], torch.stack([C, 2 * C])
    K = kernels.vandermonde(log_a, w, 10)
    assert K.shape == (2, 3, 10)
    torch.testing.assert_close(K[1], 2 * kernels.vandermonde(log_a, C, 10))


def test_a_mode_that_dies_in_one_step():
    A = torch.tensor([[-20.0]], dtype=torch.float64)  # bilinear with dt = 0.1: A_bar = 0
    one = torch.ones_like(A)
    K = kernels.diagonal(A, one, one, torch.tensor([0.1], dtype=torch.float64), 5, "bilinear")
    torch.testing.assert_close(K, torch.tensor([[0.1, 0, 0, 0, 0]], dtype=torch.float64))


@pytest.mark.parametrize("L", LENGTHS)
@pytest.mark.parametrize("complex_modes", [True, False])
def test_vandermonde_transpose_is_the_last_state(L, complex_modes):
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(2, 3, L, dtype=torch.float64, generator=generator)
    log_a = torch.tensor([[-0.01, -0.5]], dtype=torch.float64).expand(3, 2)
    log_a = torch.complex(log_a, log_a * 7) if complex_modes else log_a
    powers = torch.exp(log_a[..., None] * torch.arange(L - 1, -1, -1))  # (3, 2, L)
    expected = torch.einsum("hnl,bhl->bhn", powers, u.to(powers.dtype))
    torch.testing.assert_close(kernels.vandermonde_transpose(log_a, u), expected)


@pytest.mark.parametrize("method", ["zoh", "bilinear"])
@pytest.mark.parametrize("init", ["lin", "real"])
def test_gradients(init, method):
    inputs = [x.clone().requires_grad_() for x in system(init, N=4, H=2)]
    assert torch.autograd.gradcheck(lambda *x: kernels.diagonal(*x, 7, method), inputs)
    log_a = (inputs[0] * 0.1).detach().requires_grad_()
    u = torch.randn(2, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(kernels.vandermonde_transpose, (log_a, u))


def test_kernel_stays_in_float32_under_autocast():
    A, B, C, dt = system("lin", dtype=torch.complex64)
    plain = kernels.diagonal(A, B, C, dt, 100)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = kernels.diagonal(A, B, C, dt, 100)
    assert cast.dtype == torch.float32
    assert torch.equal(cast, plain)


def test_bad_input_is_named():
    A, B, C, dt = system("lin")
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        kernels.diagonal(A, B, C, dt, 0)
    with pytest.raises(TypeError, match="length must be an int, got 8.0"):
        kernels.diagonal(A, B, C, dt, 8.0)
    with pytest.raises(ValueError, match="same number of modes N"):
        kernels.vandermonde(A, C[:, :-1], 4)
    with pytest.raises(ValueError, match="at least one step"):
        kernels.vandermonde_transpose(A, torch.ones(3, 0))
    with pytest.raises(ValueError, match="unknown method 'tustin'"):
        kernels.diagonal(A, B, C, dt, 4, "tustin")
