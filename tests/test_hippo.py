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


@pytest.mark.parametrize("measure", ["legs", "legt", "fourier"])
def test_matches_the_original_implementation(reference, measure):
    """The originals halve A and B of legt and fourier: their windows are [0, 2], ours [0, 1]."""
    scale = 1.0 if measure == "legs" else 2.0
    A, B = hippo.transition(measure, 16)
    Lambda, _, _, _ = hippo.nplr(measure, 16)
    kinds = {"rtol": 2e-6, "atol": 2e-6}
    torch.testing.assert_close(A, scale * reference[f"hippo/{measure}/A"].double(), **kinds)
    torch.testing.assert_close(B, scale * reference[f"hippo/{measure}/B"].double(), **kinds)
    P = hippo.low_rank(measure, 16)
    theirs = math.sqrt(scale) * reference[f"nplr/{measure}/P"].double()
    torch.testing.assert_close(P.mT @ P, theirs.mT @ theirs, rtol=2e-6, atol=5e-6)
    theirs = scale * reference[f"nplr/{measure}/w"].conj().to(torch.complex128)  # the other half of the pairs
    theirs = theirs[theirs.imag.argsort()]
    torch.testing.assert_close(Lambda, theirs, rtol=2e-5, atol=2e-5)


def responses(measure, N, t):
    A, B = hippo.transition(measure, N)
    return torch.stack([torch.linalg.matrix_exp(A * float(s)) @ B for s in t])  # (L, N)


def test_lagt_responses_are_laguerre_functions():
    t = torch.tensor([0.0, 0.5, 3.0], dtype=torch.float64)
    L = torch.stack([torch.special.laguerre_polynomial_l(t, n) for n in range(10)], 1)
    torch.testing.assert_close(
        responses("lagt", 10, t), torch.exp(-t / 2)[:, None] * L, rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("measure", ["legt", "fourier"])
def test_windows_are_one_second_long(measure):
    """The first responses are the basis on [0, 1] and nearly nothing after, the better the larger N."""
    t = torch.linspace(0.1, 2.0, 39, dtype=torch.float64)
    inside, after = t < 0.9, t > 1.1
    x = responses(measure, 64, t)[:, :4]
    if measure == "legt":
        z = 1 - 2 * t  # sqrt(2n+1) (-1)^n P_n(2t-1) = sqrt(2n+1) P_n(1-2t)
        basis = torch.stack(
            [math.sqrt(2 * n + 1) * torch.special.legendre_polynomial_p(z, n) for n in range(4)], 1
        )
    else:
        angle = 2 * math.pi * t
        root = math.sqrt(2)
        basis = torch.stack([torch.ones_like(t), 0 * t, root * angle.cos(), root * angle.sin()], 1)
    assert float((x - basis)[inside].abs().max()) < 0.15
    assert float(x[after].abs().max()) < 0.15
    assert float((x - basis)[inside].square().mean().sqrt()) < 0.05
    assert float(x[after].square().mean().sqrt()) < 0.03


def test_lagt_eigenvalues_are_cotangents():
    Lambda, *_ = hippo.nplr("lagt", 12)
    k = torch.arange(6, dtype=torch.float64)
    expected = (0.5 / torch.tan((2 * k + 1) * math.pi / 24)).flip(0)
    torch.testing.assert_close(Lambda.imag, expected)
    assert float(Lambda.real.abs().max()) < 1e-14


@pytest.mark.parametrize(
    ("measure", "real", "rank"), [("legs", -0.5, 1), ("legt", 0, 2), ("lagt", 0, 1), ("fourier", 0, 1)]
)
@pytest.mark.parametrize("N", [2, 7, 32])
def test_low_rank_leaves_a_skew_matrix(measure, real, rank, N):
    if measure == "fourier" and N % 2:
        with pytest.raises(ValueError, match="N must be even"):
            hippo.low_rank(measure, N)
        return
    A, _ = hippo.transition(measure, N)
    P = hippo.low_rank(measure, N)
    assert P.shape == (rank, N)
    skew = A + P.mT @ P - real * torch.eye(N, dtype=torch.float64)
    torch.testing.assert_close(skew, -skew.mT, rtol=0, atol=1e-12 * N * N)


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
@pytest.mark.parametrize("measure", hippo.MEASURES)
def test_unitary_form_restores_the_matrix(measure, N):
    A, B = hippo.transition(measure, N)
    Lambda, P, B_eig, V = hippo.nplr(measure, N)
    both = torch.cat([V, V.conj()], dim=1)
    assert V.shape == (N, N // 2)
    assert P.shape == (2 if measure == "legt" else 1, N // 2)
    eye = torch.eye(N, dtype=torch.complex128)
    torch.testing.assert_close(both.mH @ both, eye, rtol=0, atol=1e-11)
    spectrum = torch.cat([Lambda, Lambda.conj()])
    P_original = 2 * (P @ V.mT).real  # (r, N)
    rebuilt = (both * spectrum @ both.mH).real - P_original.mT @ P_original
    torch.testing.assert_close(rebuilt, A, rtol=0, atol=1e-11 * float(A.abs().max()))
    torch.testing.assert_close(2 * (V @ B_eig).real, B, rtol=0, atol=1e-11 * N)
    assert bool((B_eig.real > 0).all())
    if measure == "legs":
        torch.testing.assert_close(P[0], B_eig / math.sqrt(2))  # P is proportional to B


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
