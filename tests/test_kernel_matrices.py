"""Kernels of dense and of diagonal plus low-rank systems, against the formulas and the original code."""

import pytest
import torch

from ssm_lib import discretize, hippo, kernels, oracles

LENGTHS = [1, 2, 3, 777, 16384]


def dplr_system(measure="legs", N=16, H=3, separate_q=False):
    generator = torch.Generator().manual_seed(0)
    Lambda, P, B, _ = hippo.nplr(measure, N)
    if measure == "fourier":
        Lambda = Lambda - 1e-4
    C = torch.randn(H, N // 2, dtype=torch.complex128, generator=generator)
    dt = torch.tensor([0.001, 0.02, 0.3], dtype=torch.float64)[:H]
    P = P[:, None].expand(-1, H, -1).clone()
    Q = P + 0.1 * torch.randn(P.shape, dtype=P.dtype, generator=generator) if separate_q else None
    return Lambda.expand(H, -1).clone(), P, B.expand(H, -1).clone(), C, dt, Q


@pytest.mark.parametrize("L", LENGTHS)
def test_krylov_equals_repeated_multiplication(L):
    A, B = hippo.transition("legs", 8)
    dt = torch.tensor([0.001, 0.1], dtype=torch.float64)
    A_bar, B_bar = discretize.dense(A, B, dt, "zoh")
    C = torch.randn(2, 8, dtype=torch.float64)
    K = kernels.krylov(A_bar, B_bar, C, L)
    assert K.shape == (2, L)
    for h in range(2):
        expected = oracles.kernel(A_bar[h], B_bar[h], C[h], L)
        torch.testing.assert_close(K[h], expected, rtol=0, atol=1e-10 * float(expected.abs().max()))
    single = kernels.krylov(A_bar.float(), B_bar.float(), C.float(), L)
    assert single.dtype == torch.float32
    exact = kernels.krylov(A_bar.float().double(), B_bar.float().double(), C.float().double(), L)
    torch.testing.assert_close(single, exact.float(), rtol=0, atol=5e-7 * float(exact.abs().max()))
    assert kernels.krylov(A_bar, B_bar, C, L, torch.float32).dtype == torch.float32


def test_krylov_gradients_and_complex_systems():
    A = torch.randn(2, 3, 3, dtype=torch.complex128) / 3
    B, C = torch.randn(2, 3, dtype=torch.complex128), torch.randn(2, 3, dtype=torch.complex128)
    expected = oracles.kernel(A[1], B[1], C[1], 9)
    torch.testing.assert_close(kernels.krylov(A, B, C, 9)[1], expected)
    inputs = [x.requires_grad_() for x in (A, B, C)]
    assert torch.autograd.gradcheck(lambda *x: kernels.krylov(*x, 7), inputs)


def test_krylov_of_many_systems_is_that_of_each():
    A = torch.randn(11, 128, 128, dtype=torch.float64) / 12  # 8 of this size are computed at a time
    B, C = torch.randn(3, 11, 128, dtype=torch.float64), torch.randn(11, 128, dtype=torch.float64)
    K = kernels.krylov(A, B, C, 40)
    assert K.shape == (3, 11, 40)
    for h in range(11):
        torch.testing.assert_close(K[:, h], kernels.krylov(A[h], B[:, h], C[h], 40))
    assert kernels.krylov(A[0], B[0, 0], C[0], 40).shape == (40,)  # one system, more rows than 8


@pytest.mark.parametrize("algorithm", ["krylov", "cauchy"])
@pytest.mark.parametrize("measure", hippo.MEASURES)
@pytest.mark.parametrize("separate_q", [False, True])
def test_dplr_equals_the_dense_system(measure, algorithm, separate_q):
    A, P, B, C, dt, Q = dplr_system(measure, separate_q=separate_q)
    for L in (1, 2, 3, 512, 777):
        K = kernels.dplr(A, P, B, C, dt, L, Q=Q, algorithm=algorithm)
        assert K.shape == (3, L)
        for h in range(3):
            Qh = (P if Q is None else Q)[:, h]
            full = oracles.dplr_system(A[h], P[:, h], B[h], C[h], Qh)
            A_bar, B_bar = discretize.dense(full[0], full[1], dt[h], "bilinear")
            expected = oracles.kernel(A_bar, B_bar, full[2], L)
            scale = float(expected.abs().max())
            assert float(expected.imag.abs().max()) < 1e-10 * scale
            torch.testing.assert_close(K[h], expected.real, rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("L", [2, 64, 1023, 1024])
def test_dplr_equals_the_printed_cauchy_sums(L):
    A, P, B, C, dt, _ = dplr_system()
    system = kernels.real_form(A, P, B, C, P)
    A_bar, _ = discretize.dense(system.A, system.B, dt, "bilinear")
    C_tilde = system.C - (system.C[:, None] @ torch.linalg.matrix_power(A_bar, L))[:, 0]
    C_tilde = torch.complex(C_tilde[:, :8], -C_tilde[:, 8:]) / 2
    expected = oracles.dplr_kernel(A, P[0], B, C_tilde, dt, L)
    K = kernels.dplr(A, P, B, C, dt, L)
    torch.testing.assert_close(K, expected, rtol=0, atol=1e-9 * float(K.abs().max()))


def test_dplr_in_single_precision():
    A, P, B, C, dt, _ = dplr_system(N=64, H=3)
    single = [x.to(torch.complex64) for x in (A, P, B, C)] + [dt.float()]
    double = [x.to(torch.complex128) for x in single[:4]] + [single[4].double()]
    grad, kernel, gradients = torch.randn(3, 16384), [], []
    for inputs in (single, double):
        inputs = [x.requires_grad_() for x in inputs]
        K = kernels.dplr(*inputs, 16384)
        kernel.append(K.detach())
        gradients.append(torch.autograd.grad(K, inputs, grad.to(K.dtype)))
    assert kernel[0].dtype == torch.float32
    for x, y in [kernel, *zip(*gradients, strict=True)]:
        assert float((x - y).abs().max() / y.abs().max()) < 1e-6


@pytest.mark.parametrize("L", [16384, 16383])
def test_the_two_algorithms_agree_on_long_kernels(L):
    A, P, B, C, dt, _ = dplr_system(N=16, H=2)
    both = [kernels.dplr(A, P, B, C, dt, L, algorithm=a) for a in ("krylov", "cauchy")]
    torch.testing.assert_close(*both, rtol=0, atol=1e-9 * float(both[0].abs().max()))


def test_dplr_of_hippo_is_hippo():
    """In the eigenbasis of its normal part, LegS is the same system as in its own basis."""
    A, B = hippo.transition("legs", 8)
    Lambda, P, B_eig, V = hippo.nplr("legs", 8)
    C = torch.randn(8, dtype=torch.float64)
    C_eig = C.to(V.dtype) @ V
    dt = torch.tensor([0.05], dtype=torch.float64)
    K = kernels.dplr(Lambda[None], P[:, None], B_eig[None], C_eig[None], dt, 300)
    A_bar, B_bar = discretize.dense(A, B, 0.05, "bilinear")
    torch.testing.assert_close(K[0], kernels.krylov(A_bar, B_bar, C, 300), rtol=0, atol=1e-10)


@pytest.mark.parametrize("measure", ["legs", "legt"])
@pytest.mark.parametrize("algorithm", ["krylov", "cauchy"])
def test_dplr_matches_the_original_implementation(reference, measure, algorithm):
    A, P, B, C, dt, K = (reference[f"s4/{measure}/512/{key}"] for key in ("A", "P", "B", "C0", "dt", "K"))
    ours = kernels.dplr(A, P, B[0], C[0], dt[:, 0], 512, algorithm=algorithm)
    assert ours.dtype == torch.float32
    assert float((ours - K[0]).abs().max() / K.abs().max()) < 2e-4


@pytest.mark.parametrize("algorithm", ["krylov", "cauchy"])
def test_dplr_gradients(algorithm):
    A, P, B, C, dt, Q = dplr_system("legt", N=4, H=2, separate_q=True)
    inputs = [x.requires_grad_() for x in (A, P, B, C, dt, Q)]

    def kernel(A, P, B, C, dt, Q):
        return kernels.dplr(A, P, B, C, dt, 6, Q=Q, algorithm=algorithm)

    assert torch.autograd.gradcheck(kernel, inputs)


def test_kernels_stay_exact_under_autocast():
    A, P, B, C, dt, _ = dplr_system()
    single = [x.to(torch.complex64) for x in (A, P, B, C)]
    plain = kernels.dplr(*single, dt.float(), 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(kernels.dplr(*single, dt.float(), 64), plain)


def test_recurrence_oracle_is_the_convolution_with_the_kernel_oracle():
    A, B = hippo.transition("legs", 4)
    A_bar, B_bar = discretize.dense(A, B, 0.1, "bilinear")
    C, u = torch.randn(4, dtype=torch.float64), torch.randn(30, dtype=torch.float64)
    K = oracles.kernel(A_bar, B_bar, C, 30)
    torch.testing.assert_close(oracles.recurrence(A_bar, B_bar, C, u), oracles.convolution(u, K))


def test_bad_input_is_named():
    A, P, B, C, dt, _ = dplr_system()
    with pytest.raises(ValueError, match="unknown algorithm 'fft'"):
        kernels.dplr(A, P, B, C, dt, 4, algorithm="fft")
    with pytest.raises(ValueError, match="length must be at least 1"):
        kernels.dplr(A, P, B, C, dt, 0)
    with pytest.raises(ValueError, match=r"P, Q \(r, H, N/2\), got"):
        kernels.dplr(A, P[0], B, C, dt, 4)
    with pytest.raises(ValueError, match=r"expected A_bar \(..., N, N\), .*got \(2, 3\)"):
        kernels.krylov(torch.ones(2, 3), torch.ones(3), torch.ones(3), 4)
    with pytest.raises(TypeError, match="length must be an int"):
        kernels.krylov(torch.eye(3), torch.ones(3), torch.ones(3), None)
