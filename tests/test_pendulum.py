"""The pendulum: physics to ten digits, pictures that show the angle, films that can be made again; and its readers."""

import math

import pytest
import torch
from torch import nn

from ssm_lib.encoders import ImageEncoder
from ssm_lib.irregular import INTERVALS, FilmModel
from ssm_lib.layers import S5
from ssm_lib.recipes import RECIPES
from ssm_lib.recipes import pendulum as recipe
from ssm_lib.tasks import pendulum

START = torch.tensor([[3.0, 1.5], [1.0, 0.0], [-2.0, -2.0], [0.01, 0.0]], dtype=torch.float64)


# ---- physics ----------------------------------------------------------------------------------------------


def energy(x):  # per mass and squared length: v^2/2 - g/l cos theta
    return x[..., 1].square() / 2 - pendulum.GRAVITY / pendulum.LENGTH * x[..., 0].cos()


def test_without_friction_energy_is_kept():
    E = energy(pendulum.swing(START, 100, friction=0.0))
    assert float((E - E[:, :1]).abs().max()) < 1e-6


def test_friction_takes_energy_at_its_rate():
    """dE/dt = -friction v^2, by the trapezoidal rule over the frames."""
    x = pendulum.swing(START, 100)
    E, v = energy(x), x[..., 1]
    assert bool((E.diff(dim=1) <= 1e-9).all())
    lost = torch.trapezoid(pendulum.FRICTION * v.square(), dx=pendulum.STEP, dim=1)
    torch.testing.assert_close(E[:, 0] - E[:, -1], lost, rtol=0.01, atol=1e-6)


def test_small_swings_are_those_of_a_spring():
    t = pendulum.STEP * torch.arange(100, dtype=torch.float64)
    damping = pendulum.FRICTION / 2
    omega = math.sqrt(pendulum.GRAVITY / pendulum.LENGTH - damping**2)
    expected = (
        0.01 * torch.exp(-damping * t) * (torch.cos(omega * t) + damping / omega * torch.sin(omega * t))
    )
    torch.testing.assert_close(pendulum.swing(START[3:], 100)[0, :, 0], expected, rtol=0, atol=1e-5)


# ---- pictures ---------------------------------------------------------------------------------------------


def test_the_bob_is_where_the_angle_says():
    theta = torch.linspace(-3, 3, 13)
    images = pendulum.draw(theta)
    assert images.shape == (13, 24, 24)
    assert images.dtype == torch.float32
    assert float(images.min()) == 0
    assert float(images.max()) == 1
    side = torch.arange(24) - 11.5
    weight = images * (images > 0.65)  # the bob without the rod
    x = (weight.sum(1) * side).sum(1) / weight.sum((1, 2))
    y = (weight.sum(2) * side).sum(1) / weight.sum((1, 2))
    torch.testing.assert_close(torch.atan2(x, y), theta, rtol=0, atol=0.02)
    torch.testing.assert_close(torch.hypot(x, y), torch.full((13,), pendulum.ARM), rtol=0, atol=0.15)


def test_shares_start_clean_and_wander_in_small_steps():
    seeded = torch.Generator().manual_seed(0)
    low, high = torch.zeros(50), torch.ones(50)
    share = pendulum.shares(torch.rand(50, 100, generator=seeded), low, high)
    assert bool((share[:, : pendulum.CLEAN] == 1).all())
    assert float(share.diff(dim=1).abs().max()) <= pendulum.WANDER + 1e-6
    assert 0 == float(share.min()) < float(share[:, 5:].mean()) < float(share.max()) == 1
    cut = pendulum.shares(torch.rand(50, 100, generator=seeded), low + 0.25, high - 0.25)
    assert float((cut == 0).float().mean()) > 2 * float((share == 0).float().mean())
    steps = torch.cat([torch.zeros(1, pendulum.CLEAN), torch.tensor([[0.0, 0.0, 1.0, 0.75]])], 1)
    walk = pendulum.shares(steps, torch.zeros(1), torch.ones(1))[0, pendulum.CLEAN :]
    torch.testing.assert_close(walk, torch.tensor([0.8, 0.6, 0.8, 0.9]))


# ---- films ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def film():
    return pendulum.load(300, seed=4)


def test_films_have_their_shapes(film):
    assert film.u.shape == (300, 50, 576)
    assert film.dt.shape == film.frame.shape == (300, 50)
    assert film.y.shape == (300, 50, 2)
    assert film.theta.shape == (300, 100)
    assert {film.u.dtype, film.dt.dtype, film.y.dtype, film.theta.dtype} == {torch.float32}
    assert 0 <= float(film.u.min()) < float(film.u.max()) <= 1


def test_half_of_the_frames_are_kept_others_in_each_film(film):
    assert int(film.frame.min()) == 0
    assert int(film.frame.max()) == 99
    assert bool((film.frame.diff(dim=1) > 0).all())
    assert torch.equal(film.dt[:, 1:], film.frame.diff(dim=1).float())
    assert bool((film.dt[:, 0] == 1).all())
    assert len({tuple(row) for row in film.frame.tolist()}) == 300
    how_often = film.frame.flatten().bincount(minlength=100) / 300
    assert 0.35 < float(how_often.min()) < float(how_often.max()) < 0.65


def test_targets_and_pictures_are_of_the_kept_frames():
    clean = pendulum.load(20, seed=4, noisy=False)
    theta = clean.theta.gather(1, clean.frame)
    torch.testing.assert_close(clean.y, torch.stack([theta.sin(), theta.cos()], -1))
    torch.testing.assert_close(clean.u, pendulum.draw(theta).flatten(2))


def test_noise_is_only_added():
    clean, noisy = pendulum.load(20, seed=4, noisy=False), pendulum.load(20, seed=4)
    assert torch.equal(clean.theta, noisy.theta)
    assert torch.equal(clean.dt, noisy.dt)
    early = clean.frame < pendulum.CLEAN
    torch.testing.assert_close(noisy.u[early], clean.u[early])
    assert float((noisy.u[~early] - clean.u[~early]).abs().mean()) > 0.1


def test_a_seed_makes_the_same_films_and_another_one_others(film):
    again, other = pendulum.load(300, seed=4), pendulum.load(300, seed=5)
    assert all(torch.equal(a, b) for a, b in zip(film, again, strict=True))
    assert not torch.equal(film.theta, other.theta)
    assert not torch.equal(film.frame, other.frame)


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (2.0, TypeError)], ids=str)
def test_wrong_numbers_of_films_are_named(n, error):
    with pytest.raises(error, match="n must be"):
        pendulum.load(n, seed=0)


# ---- readers ----------------------------------------------------------------------------------------------


def reader(intervals, **settings):
    torch.manual_seed(0)
    return FilmModel(24, 2, d_model=8, layer_args={"d_state": 8}, intervals=intervals, **settings)


@torch.no_grad()
def test_the_variants_treat_intervals_as_they_say(film):
    u, dt = film.u[:3], film.dt[:3]
    other = dt * (1 + torch.rand(3, 50, generator=torch.Generator().manual_seed(0)))
    for intervals in INTERVALS:
        model = reader(intervals).double()
        y = model(u.double(), dt.double())
        assert y.shape == (3, 50, 2)
        changed = float((model(u.double(), other.double()) - y).abs().max())
        assert (changed == 0) == (intervals == "dropped")
    given = reader("given").double()
    x = given.encoder(u.double())
    assert torch.equal(given(u.double(), dt.double()), given.stack(x, dt=dt.double()))
    appended = reader("appended").double()
    x = torch.cat([appended.encoder(u.double()), dt.double()[..., None]], -1)
    assert torch.equal(appended(u.double(), dt.double()), appended.stack(x))
    assert all(isinstance(block.layer, S5) for block in given.stack.blocks)


@torch.no_grad()
def test_rate_multiplies_the_intervals(film):
    u, dt = film.u[:2].double(), film.dt[:2].double()
    model = reader("given").double()
    torch.testing.assert_close(model(u, dt, rate=2.0), model(u, 2 * dt))
    even = reader("dropped").double()
    assert float((even(u, dt, rate=2.0) - even(u, dt)).abs().max()) > 1e-3


@torch.no_grad()
def test_a_reader_looks_at_each_frame_and_at_no_later_one(film):
    u, dt = film.u[:2].double(), film.dt[:2].double()
    model, changed = reader("given").double(), film.u[:2].double()
    changed[:, 20:] = 0.5
    gap = (model(changed, dt) - model(u, dt)).abs().amax((0, 2))
    assert float(gap[:20].max()) < 1e-12
    assert float(gap[20]) > 1e-3


def test_the_encoder_is_the_same_for_each_frame():
    encoder = ImageEncoder(24, 5).double()
    u = torch.rand(2, 3, 576, dtype=torch.float64)
    y = encoder(u)
    assert y.shape == (2, 3, 5)
    torch.testing.assert_close(y[1, 2], encoder(u[1:, 2:])[0, 0])
    assert torch.autograd.gradcheck(
        ImageEncoder(6, 2).double(), torch.rand(1, 2, 36).double().requires_grad_()
    )


HOSTILE = [
    (lambda: ImageEncoder(20, 4), ValueError, "side must be a multiple of 6, got 20"),
    (lambda: ImageEncoder(24.0, 4), TypeError, "side must be an int"),
    (lambda: ImageEncoder(24, 0), ValueError, "d_model must be at least 1"),
    (lambda: ImageEncoder(24, 4)(torch.rand(2, 3, 24, 24)), ValueError, r"u must have shape \(B, L, C=576\)"),
    (lambda: ImageEncoder(24, 4)(torch.rand(2, 3, 575)), ValueError, "C is 575"),
    (lambda: ImageEncoder(24, 4)(torch.ones(2, 3, 576).long()), TypeError, "real floating point"),
    (lambda: reader("known"), ValueError, "unknown intervals 'known'"),
    (lambda: reader("given")(torch.rand(2, 3, 576), torch.ones(2, 4)), ValueError, r"dt must have shape \(2, 3\)"),
    (lambda: reader("dropped")(torch.rand(2, 3, 576), torch.zeros(2, 3)), ValueError, "positive and finite"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), HOSTILE, ids=[case[2] for case in HOSTILE])
def test_what_is_wrong_is_said(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_recipe_trains_all_variants(monkeypatch):
    seen = []
    original = nn.Module.train

    def watch(self, mode=True):
        if isinstance(self, FilmModel):
            seen.append(self.intervals)
        return original(self, mode)

    monkeypatch.setattr(nn.Module, "train", watch)
    settings = dict(RECIPES["pendulum"].settings)
    settings["films"] = {"train": 8, "test": 4}
    settings["fit"] = {**settings["fit"], "epochs": 1}
    found = recipe.run(settings, seed=3)
    assert list(found["mse"]) == list(INTERVALS)
    assert all(0 < error < 5 for error in found["mse"].values())
    assert set(seen) == set(INTERVALS)
    again = recipe.run(settings, seed=3)
    assert again["mse"] == found["mse"]
