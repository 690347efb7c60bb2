"""A pendulum seen through noise, at irregular times: the regression task of CRU and S5, as we generate it.

A sequence is a film of 100 frames, 24 x 24 pixels, one each 0.1 s, of which half are kept, at random and
other ones for each sequence. Every frame is a mixture of the picture and of white noise, and the share of
the picture wanders from frame to frame: the pendulum may be out of sight for a while. The target is its
angle, as (sin theta, cos theta), at each frame that is kept.

The sizes are those of the papers; the constants of the noise and of the physics are ours.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ssm_lib import validate

FRAMES, KEPT, SIDE = 100, 50, 24
STEP = 0.1  # seconds from frame to frame
GRAVITY, LENGTH, FRICTION = 9.81, 1.0, 0.1  # m/s^2, m, 1/s
SUBSTEPS = 10  # of Runge and Kutta's method, for each frame
ARM, BOB, ROD = (
    8.0,
    2.5,
    0.6,
)  # pixels: from the pivot to the bob, radius, half the rod's width
CLEAN, WANDER = (
    5,
    0.2,
)  # frames without noise; the largest change of the picture's share after them


class Film(NamedTuple):
    """Sequences of frames, the times between them, and what the frames show.

    `u` (S, 50, 576): pixels in [0, 1], row by row. `dt` (S, 50): the interval since the frame that was kept
    before, in frames; the first one is 1. `y` (S, 50, 2): (sin theta, cos theta). `frame` (S, 50), int64:
    which frames were kept, 0 to 99. `theta` (S, 100): the angle at all frames, radians, 0 is hanging. All
    but `frame` are float32.
    """

    u: Tensor
    dt: Tensor
    y: Tensor
    frame: Tensor
    theta: Tensor


def load(n: int, seed: int, noisy: bool = True) -> Film:
    """Film pendulums and keep half of the frames. The same seed gives the same films.

    Parameters
    ----------
    n
        Number of sequences S. The papers train on 2,000.
    seed
        Of all that is random: films of different seeds are independent.
    noisy
        Mix the frames with noise.

    Returns
    -------
    Film

    Raises
    ------
    ValueError, TypeError
        If n is not a positive int.

    Source: Schirmer et al. 2022, CRU (task); Smith et al. 2023, S5 (task); noise as in `shares`.
    """
    validate.positive_int("n", n)
    seeded = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=seeded)

    start = torch.stack([uniform(-math.pi, math.pi, n), uniform(-2, 2, n)], -1)
    swings = swing(start.double(), FRAMES)[..., 0].float()  # (S, 100)
    share = shares(uniform(0, 1, n, FRAMES), uniform(0, 0.25, n), uniform(0.75, 1, n))
    frame = torch.rand(n, FRAMES, generator=seeded).argsort(1)[:, :KEPT].sort(1).values
    theta, share = swings.gather(1, frame), share.gather(1, frame)
    dt = torch.diff(frame, dim=1, prepend=frame[:, :1] - 1).float()
    u = torch.empty(n, KEPT, SIDE * SIDE)
    for part, angle, s in zip(u.split(256), theta.split(256), share.split(256)):
        part.copy_(draw(angle).flatten(2))
        if noisy:
            noise = torch.rand(*angle.shape, SIDE * SIDE, generator=seeded)
            part.lerp_(noise, 1 - s[..., None])
    return Film(u, dt, torch.stack([theta.sin(), theta.cos()], -1), frame, swings)


def swing(start: Tensor, frames: int, friction: float = FRICTION) -> Tensor:
    """Solve theta'' = -(g/l) sin theta - friction theta', by Runge and Kutta's method of order 4.

    Parameters
    ----------
    start : Tensor (S, 2)
        Angle (radians, 0 is hanging) and angular velocity (rad/s) at frame 0.
    frames
        Number of frames, `STEP` seconds apart; each is `SUBSTEPS` steps of the method.
    friction
        In 1/s.

    Returns
    -------
    Tensor (S, frames, 2), in the dtype of start: angle (not reduced to a turn) and velocity.
    """
    h = STEP / SUBSTEPS

    def slope(x: Tensor) -> Tensor:
        theta, velocity = x.unbind(-1)
        pull = -GRAVITY / LENGTH * theta.sin() - friction * velocity
        return torch.stack([velocity, pull], -1)

    states, x = [start], start
    for _ in range(frames - 1):
        for _ in range(SUBSTEPS):
            a = slope(x)
            b = slope(x + h / 2 * a)
            c = slope(x + h / 2 * b)
            d = slope(x + h * c)
            x = x + h / 6 * (a + 2 * b + 2 * c + d)
        states.append(x)
    return torch.stack(states, 1)


def shares(draws: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """How much of each frame is picture: a walk inside [0, 1], stretched and cut off at 0 and 1.

    The walk stays at 1 for `CLEAN` frames, then changes by up to `WANDER` in either direction at each
    frame, and stays within [0, 1]. Below `low` nothing is seen, above `high` everything.

    Parameters
    ----------
    draws : Tensor (S, frames), uniform in [0, 1]
    low, high : Tensor (S,)

    Returns
    -------
    Tensor (S, frames), in [0, 1].
    """
    walk = [torch.ones_like(low)] * CLEAN
    for r in draws[:, CLEAN:].unbind(1):
        walk.append((walk[-1] + WANDER * (2 * r - 1)).clamp(0, 1))
    low, high = low[:, None], high[:, None]
    return ((torch.stack(walk, 1) - low) / (high - low)).clamp(0, 1)


def draw(theta: Tensor) -> Tensor:
    """Pictures of a pendulum, white on black: (...) radians -> (..., 24, 24) in [0, 1], float32.

    The pivot is in the middle and angle 0 points down; edges are one pixel soft.
    """
    side = torch.arange(SIDE, dtype=torch.float32) - (SIDE - 1) / 2
    y, x = torch.meshgrid(side, side, indexing="ij")  # y downwards
    theta = theta.float()[..., None, None]
    along = x * theta.sin() + y * theta.cos()  # from the pivot towards the bob
    across = x * theta.cos() - y * theta.sin()
    to_rod = torch.hypot(across, along - along.clamp(0, ARM))
    to_bob = torch.hypot(across, along - ARM)
    rod = 0.6 * (ROD - to_rod + 0.5).clamp(0, 1)
    return torch.maximum(rod, (BOB - to_bob + 0.5).clamp(0, 1))
