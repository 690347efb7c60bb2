"""HiPPO matrices: golden numbers, the bases they remember, and the unitary form."""

import math

import pytest
import torch

from ssm_lib import hippo

# Imaginary parts of the eigenvalues of the normal part of LegS, computed independently.
LEGS_IMAG = {2: [0.8660254038], 4: [0.5565011151, 4.6032930071]}
LEGS_IMAG[8] = [0.4274887123, 1.9577941509, 5.354208515, 19.857410371]


def test_legs_matrix_matches_golden_numbers():
    A, B = hippo.transition("legs", 4)
    expected = torch.tensor(
        [
            [-1, 0, 0, 0],
            [-1.7320508076, -2, 0, 0],
            [-2.2360679775, -3.8729833462, -3, 0],
            [-2.6457513111, -4.582575695, -5.9160797831, -4],
        ],
        dtype=torch.float64,
    )
    assert A.dtype == B.dtype == torch.float64
    torch.testing.assert_close(A, expected, rtol=1e-9, atol=0)
    torch.testing.assert_close(B, torch.tensor([1, 3, 5, 7], dtype=torch.float64).sqrt())


def test_matches_the_original_implementation(reference):
    A, B = hippo.transition("legs", 16)
    Lambda, _, _, _ = hippo.nplr("legs", 16)
    torch.testing.assert_close(A, reference["hippo/legs/A"].double(), rtol=2e-6, atol=1e-6)
    torch.testing.assert_close(B, reference["hippo/legs/B"].double(), rtol=2e-6, atol=1e-6)
    torch.testing.assert_close(
        hippo.low_rank("legs", 16), reference["nplr/legs/P"].double(), rtol=2e-6, atol=1e-6
    )
    theirs = reference["nplr/legs/w"].conj().to(torch.complex128)  # the other half of the pairs
    theirs = theirs[theirs.imag.argsort()]
    torch.testing.assert_close(Lambda, theirs, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("t", [0.0, 0.3, 2.0])
def test_impulse_responses_are_warped_legendre_polynomials(t):
    N = 12
    A, B = hippo.transition("legs", N)
    x = torch.linalg.matrix_exp(A * t) @ B
    z = torch.tensor(2 * math.exp(-t) - 1, dtype=torch.float64)
    P = [torch.special.legendre_polynomial_p(z, n) for n in range(N)]
    expected = torch.stack([math.sqrt(2 * n + 1) * math.exp(-t) * P[n] for n in range(N)])
    torch.testing.assert_close(x, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("N", [2, 4, 8])
def test_eigenvalues_match_golden_numbers(N):
    Lambda, _, B, _ = hippo.nplr("legs", N)
    torch.testing.assert_close(Lambda.real, torch.full((N // 2,), -0.5, dtype=torch.float64))
    torch.testing.assert_close(
        Lambda.imag, torch.tensor(LEGS_IMAG[N], dtype=torch.float64), rtol=1e-9, atol=1e-9
    )
    if N == 8:  # FACTS lists them from the largest eigenvalue down
        golden = torch.tensor([0.7994635875, 1.1749599473, 1.8438689105, 5.1556255232])
        torch.testing.assert_close(B.abs().float(), golden)


@pytest.mark.parametrize("N", [2, 8, 64, 256])
def test_unitary_form_restores_the_matrix(N):
    A, B = hippo.transition("legs", N)
    Lambda, P, B_eig, V = hippo.nplr("legs", N)
    both = torch.cat([V, V.conj()], dim=1)
    assert V.shape == (N, N // 2)
    assert P.shape == (1, N // 2)
    eye = torch.eye(N, dtype=torch.complex128)
    torch.testing.assert_close(both.mH @ both, eye, rtol=0, atol=1e-11)
    spectrum = torch.cat([Lambda, Lambda.conj()])
    P_original = 2 * (V @ P[0]).real
    rebuilt = (both * spectrum @ both.mH).real - torch.outer(P_original, P_original)
    torch.testing.assert_close(rebuilt, A, rtol=0, atol=1e-11 * float(A.abs().max()))
    torch.testing.assert_close(2 * (V @ B_eig).real, B, rtol=0, atol=1e-11 * N)
    torch.testing.assert_close(P[0], B_eig / math.sqrt(2))  # for LegS, P is proportional to B


def test_phases_and_order_do_not_depend_on_the_eigensolver():
    Lambda, _, B, _ = hippo.nplr("legs", 32)
    assert bool((Lambda.imag.diff() > 0).all())
    assert bool((Lambda.imag > 0).all())
    assert float(B.imag.abs().max()) < 1e-13
    assert bool((B.real > 0).all())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: hippo.transition("legendre", 4), ValueError, "unknown measure 'legendre'.*legs"),
        (lambda: hippo.transition("legs", 0), ValueError, "N must be at least 1, got 0"),
        (lambda: hippo.transition("legs", 4.0), TypeError, "N must be an int, got 4.0"),
        (lambda: hippo.transition(3, 4), TypeError, "measure must be a str"),
        (lambda: hippo.nplr("legs", 5), ValueError, "N must be even.*got 5"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
