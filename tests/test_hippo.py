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


ONLINE = {  # LegS after the inputs 1, 2, 3, 4, 5, from c = 0
    "bilinear": [2.7272727273, 1.6270780314, -0.046910517],
    "backward_euler": [2.5, 1.443375673, 0.0],
}


@pytest.mark.parametrize("method", ONLINE)
def test_online_projection_matches_golden_numbers(method):
    c = hippo.project(torch.arange(1.0, 6.0), "legs", 3, method=method)
    golden = torch.tensor(ONLINE[method], dtype=torch.float64)
    assert c.shape == (5, 3)
    torch.testing.assert_close(c[-1], golden, rtol=1e-9, atol=1e-9)


def test_first_coefficient_of_euler_is_the_running_mean():
    u = torch.randn(2, 40, dtype=torch.float64)
    c = hippo.project(u, "legs", 4, method="euler")
    mean = u.cumsum(-1) / torch.arange(1, 41)
    torch.testing.assert_close(c[..., 0], mean)


@pytest.mark.parametrize("measure", hippo.MEASURES)
def test_responses_are_the_basis_times_its_measure(measure):
    t = torch.tensor([0.05, 0.3, 0.7], dtype=torch.float64)
    N = 6 if measure in ("legs", "lagt") else 64  # the windows are approximate at small N
    weight = torch.exp(-t)[:, None] if measure == "legs" else 1.0
    tolerance = 1e-10 if measure in ("legs", "lagt") else 0.15
    gap = responses(measure, N, t) - weight * hippo.basis(measure, N, t)
    assert float(gap[:, :4].abs().max()) < tolerance


@pytest.mark.parametrize("measure", hippo.MEASURES)
def test_basis_is_orthonormal_in_its_measure(measure):
    t = (torch.arange(400000, dtype=torch.float64) + 0.5) / 10000  # 40 seconds
    g = hippo.basis(measure, 6, t)
    weight = torch.exp(-t)[:, None] if measure == "legs" else 1.0
    gram = (weight * g).T @ g / 10000
    expected = torch.eye(6, dtype=torch.float64)
    if measure == "fourier":
        expected[1, 1] = 0  # the sine of frequency 0
    torch.testing.assert_close(gram, expected, rtol=0, atol=1e-3)


def integrals(N, edges):
    """Of the orthonormal Legendre polynomials on [0, 1], between neighbouring edges: (N, len(edges) - 1)."""
    z = 2 * edges - 1
    P = [torch.special.legendre_polynomial_p(z, n) for n in range(N + 1)]
    F = [(z + 1) / 2] + [(P[n + 1] - P[n - 1]) / (2 * (2 * n + 1)) for n in range(1, N)]
    return torch.stack([math.sqrt(2 * n + 1) * F[n] for n in range(N)]).diff(dim=1)


@pytest.mark.parametrize("N", [1, 6, 64])
def test_zoh_is_the_exact_projection_of_a_held_input(N):
    """At every step, from the first on: against the integrals of the definition."""
    u = torch.randn(3, 120, dtype=torch.float64)
    c = hippo.project(u, "legs", N, method="zoh")
    for k in (1, 2, 7, 120):
        edges = torch.arange(k + 1, dtype=torch.float64) / k
        torch.testing.assert_close(c[:, k - 1], u[:, :k] @ integrals(N, edges).T, rtol=0, atol=1e-10)


def test_zoh_does_not_see_the_speed_of_the_input():
    u = torch.randn(50, dtype=torch.float64)
    c = hippo.project(u, "legs", 8, method="zoh")
    slow = hippo.project(u.repeat_interleave(3), "legs", 8, method="zoh")
    torch.testing.assert_close(slow[2::3], c, rtol=0, atol=1e-11)


@pytest.mark.parametrize("N", [4, 32])
def test_zoh_without_the_factor_projects_onto_warped_polynomials(N):
    """The same integrals, between the edges e^{-age}."""
    u, dt = torch.randn(400, dtype=torch.float64), 0.05
    c = hippo.project(u, "legs", N, dt=dt, method="zoh")[-1]
    edges = torch.exp(-dt * torch.arange(400, -1, -1, dtype=torch.float64))
    torch.testing.assert_close(c, integrals(N, edges) @ u, rtol=0, atol=1e-8)


def signal(s):
    return torch.sin(2 * math.pi * 3 * s) + torch.sin(2 * math.pi * 7 * s)


@pytest.mark.parametrize(("method", "error"), [("bilinear", 0.02), ("zoh", 0.02), ("euler", 0.2)])
def test_the_whole_past_is_rebuilt_from_legs(method, error):
    L = 1000
    k = torch.arange(1, L + 1, dtype=torch.float64)
    c = hippo.project(signal(k / L), "legs", 64, method=method)[-1]
    again = hippo.reconstruct(c, "legs", torch.log(L / k))  # age in logarithmic time
    assert float((again - signal(k / L)).square().mean().sqrt()) < error


@pytest.mark.parametrize(("measure", "error"), [("legt", 0.03), ("fourier", 0.15), ("legs", 0.04)])
def test_a_moving_window_is_rebuilt(measure, error):
    s = torch.arange(1, 1001, dtype=torch.float64) / 1000
    c = hippo.project(signal(s), measure, 64, dt=0.002)[-1]
    ages = torch.arange(400, dtype=torch.float64) * 0.002
    again = hippo.reconstruct(c, measure, ages)
    assert float((again - signal(s).flip(0)[:400]).square().mean().sqrt()) < error


def test_projection_onto_laguerre_functions():
    """An input that is itself a Laguerre function has one coefficient."""
    dt, L = 0.001, 30000
    ages = (torch.arange(L, dtype=torch.float64) + 0.5) * dt
    u = hippo.basis("lagt", 4, ages)[:, 2].flip(0)
    c = hippo.project(u, "lagt", 4, dt=dt)[-1]
    torch.testing.assert_close(c, torch.tensor([0.0, 0, 1, 0], dtype=torch.float64), rtol=0, atol=1e-3)


def test_initial_steps_are_log_uniform():
    dt = hippo.initial_dt((20000,), 1e-3, 1e-1)
    assert 1e-3 <= float(dt.min()) < 1.01e-3
    assert 0.099 < float(dt.max()) <= 0.1
    assert abs(float((dt < 1e-2).double().mean()) - 0.5) < 0.02  # half of them in each decade


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
        (lambda: hippo.transition("fourier", 5), ValueError, "N must be even"),
        (lambda: hippo.basis("legs", 4, torch.tensor([-1.0])), ValueError, "ages >= 0"),
        (lambda: hippo.project(torch.ones(5), "legt", 4), ValueError, "dt must be given"),
        (lambda: hippo.project(torch.ones(2, 0), "legs", 4), ValueError, "length >= 1"),
        (lambda: hippo.project(torch.ones(5), "legs", 4, method="rk4"), ValueError, "unknown method 'rk4'"),
        (lambda: hippo.initial_dt((3,), 0.2, 0.1), ValueError, "dt_min=0.2, dt_max=0.1"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("N", "largest", "smallest"),
    [(16, 80.9661, 0.3520), (32, 325.4263, 0.3011), (64, 1303.27, 0.2639), (128, 5214.6656, 0.2352)],
)
def test_extreme_eigenvalues_match_golden_numbers(N, largest, smallest):
    imag = hippo.nplr("legs", N)[0].imag
    assert float(imag[-1]) == pytest.approx(largest, abs=0.005)
    assert float(imag[0]) == pytest.approx(smallest, abs=5e-5)
