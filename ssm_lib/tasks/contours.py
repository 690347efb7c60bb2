"""Dashed contours that keep apart: the geometry of Pathfinder, before it becomes pixels.

A contour is a chain of segments ("paddles") with a gap and a turn between neighbours. All tests of distance
are between segments, so that what is not connected is farther apart than the gaps of a contour.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssm_lib.tasks.pathfinder_settings import Settings

LONG = 2  # contours
CANDIDATES, TRIES = 4, 12  # directions tried for a paddle; pairs of contours grown at once
TURN = 0.7  # of the sharpest turn: what a contour must always have room for
PROPOSED, ROUNDS = 32, 10  # distractors proposed at once, and how often
ATTEMPTS = 500
GRID = np.linspace(-np.pi / 2, np.pi / 2, 129)  # continuity * angle
SHARE = (GRID + np.sin(GRID) * np.cos(GRID)) / np.pi + 0.5  # of the turns up to there


class Drawing(NamedTuple):
    """The geometry of a picture of n paddles; a point is a complex number, column + i row.

    `middles` (n,) and `directions` (n,), of modulus 1, of the paddles; `contours` (n,): 0 and 1 are the long
    ones, whose paddles follow each other from the first end to the last; `discs` (2 or more,), the two marked
    ends first; `connected`: whether they are the two ends of one contour, and `marked`: which, or whose
    first end is marked.
    """

    middles: np.ndarray
    directions: np.ndarray
    contours: np.ndarray
    discs: np.ndarray
    connected: bool
    marked: int


def draw(settings: Settings, seed: int, index: int) -> Drawing:
    """Drawing number `index` of the stream of a seed: a function of nothing else.

    Raises
    ------
    ValueError
        If seed or index is not in 0 .. 2^64 - 1.
    RuntimeError
        If two long contours found no room in some thousand attempts.

    Source: Linsley et al. 2018, hGRU (Pathfinder); Gupta et al. 2022, DLR (classes and sizes), own algorithm
    """
    for name, value in (("seed", seed), ("index", index)):
        if not 0 <= value < 2**64:
            raise ValueError(f"{name} must lie in 0 .. 2^64 - 1, got {value}")
    random = np.random.Generator(np.random.Philox(key=seed, counter=index << 192))
    margin = settings.margins[random.integers(len(settings.margins))]
    for _ in range(ATTEMPTS):
        pair = _long_contours(settings, margin, random)
        if pair is not None:
            break
    else:
        raise RuntimeError(
            f"no room for two contours in {ATTEMPTS * TRIES} attempts: {settings}"
        )
    middles, directions = pair  # (2, paddles) each
    reach = settings.length / 2 * directions
    first, last = (middles - reach)[:, 0], (middles + reach)[:, -1]
    connected, marked = bool(random.integers(2)), int(random.integers(LONG))
    discs = [first[marked], last[marked if connected else 1 - marked]]
    short, turned = _distractors(settings, margin, middles, directions, random)
    if settings.mark_distractors:
        discs += list((short - settings.length / 2 * turned)[:, 0])
    paddles = [settings.paddles] * LONG + [short.shape[1]] * len(short)
    return Drawing(
        np.concatenate([middles.ravel(), short.ravel()]),
        np.concatenate([directions.ravel(), turned.ravel()]),
        np.repeat(np.arange(LONG + len(short)), paddles),
        np.array(discs),
        connected,
        marked,
    )


def squared_distance(
    a: np.ndarray, along_a: np.ndarray, b: np.ndarray, along_b: np.ndarray, half: float
) -> np.ndarray:
    """Squared distance of segments with middles a, b, directions and half a length, if they do not cross."""
    turn = along_a * along_b.conj()
    at = (a - b) * along_b.conj()  # the middle of one, in the frame of the other
    back = turn.conj()
    least = np.inf
    for end in (at + half * turn, at - half * turn, (at + half) * back, (at - half) * back):
        beyond = np.maximum(np.abs(end.real) - half, 0)  # an end, in the frame of the other
        least = np.minimum(least, beyond * beyond + end.imag * end.imag)
    return np.asarray(least)


def _turns(
    settings: Settings, shape: tuple[int, ...], random: np.random.Generator
) -> np.ndarray:
    """Changes of direction, of density ~ cos^2(continuity * angle) up to its first zero: e^{i angle}."""
    angle = np.interp(random.random(shape), SHARE, GRID) / settings.continuity
    return np.exp(1j * angle)


def _inside(settings: Settings, middles: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Whether whole paddles lie in the picture."""
    limit = (settings.size - 1) / 2 - settings.thickness / 2 - 0.5  # from the middle of it
    off, reach = middles - (settings.size - 1) / 2 * (1 + 1j), settings.length / 2
    wide = np.abs(off.real) + reach * np.abs(directions.real)
    tall = np.abs(off.imag) + reach * np.abs(directions.imag)
    return np.maximum(wide, tall) <= limit


def _can_turn(
    settings: Settings, margin: float, pivots: np.ndarray, directions: np.ndarray
) -> np.ndarray:
    """Whether there is room in the picture to go round to the left or to the right."""
    step, turn = settings.length + 2 * margin, TURN * np.pi / 2 / settings.continuity
    radius = step / (2 * np.sin(turn / 2))
    room = np.zeros(pivots.shape, bool)
    for side in (1j, -1j):
        centre = pivots + side * radius * directions
        off = centre - (settings.size - 1) / 2 * (1 + 1j)
        room |= (
            np.maximum(np.abs(off.real), np.abs(off.imag)) + radius <= settings.size / 2 - 1
        )
    return room


def _long_contours(
    settings: Settings, margin: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """Grow many pairs of contours, paddle by paddle in turns, and return the first pair that survives."""
    half, step = settings.length / 2, settings.length + 2 * margin
    clear = settings.clearance(margin) ** 2
    edge = min(2 * settings.apart, 0.4 * settings.size)
    corner = random.uniform(edge, settings.size - 1 - edge, (TRIES, 2)) @ [1, 1j]
    angles = np.exp(2j * np.pi * random.random((3, TRIES)))
    directions = angles[:2].T.copy()  # (pairs, 2): where the contours head
    first = np.stack([corner, corner + settings.apart * angles[2]], 1)
    pivots = first - margin * directions
    paddles, along = np.empty((2, TRIES, 2 * settings.paddles), complex)
    rows = np.arange(TRIES)
    turns = _turns(settings, (2 * settings.paddles, TRIES, CANDIDATES), random)
    for count in range(2 * settings.paddles):
        snake = count % 2
        turned = directions[:, snake, None] * turns[count]
        if count < 2:
            turned[:] = directions[:, snake, None]
        middle = pivots[:, snake, None] + (margin + half) * turned  # (pairs, candidates)
        fits = _inside(settings, middle, turned)
        fits &= _can_turn(settings, margin, middle + (margin + half) * turned, turned)
        others = [i for i in range(count) if i != count - 2]  # all but its own neighbour
        if others:
            m, f = paddles[:, None, others], along[:, None, others]
            distance = squared_distance(middle[..., None], turned[..., None], m, f, half)
            fits &= distance.min(-1) >= clear
        alive = np.flatnonzero(fits.any(1))
        if not len(alive):
            return None
        best = fits.argmax(1)
        paddles[:, count], along[:, count] = middle[rows, best], turned[rows, best]
        directions[:, snake] = turned[rows, best]
        pivots[:, snake] += step * turned[rows, best]
        alive = np.resize(alive, TRIES)  # who is stuck takes over from one who is not
        paddles, along = paddles[alive], along[alive]
        directions, pivots = directions[alive], pivots[alive]
    return paddles[0].reshape(-1, 2).T, along[0].reshape(-1, 2).T


def _distractors(
    settings: Settings,
    margin: float,
    middles: np.ndarray,
    directions: np.ndarray,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Short contours clear of the long ones and of each other: middles and directions (number, k)."""
    half, step = settings.length / 2, settings.length + 2 * margin
    clear = settings.clearance(margin) ** 2
    k = settings.paddles // 3
    found, along = np.empty((2, 0, k), complex)
    taken = np.stack([middles.ravel(), directions.ravel()])
    for _ in range(ROUNDS):
        if len(found) >= settings.distractors:
            break
        start = random.uniform(0, settings.size - 1, (PROPOSED, 2)) @ [1, 1j]
        turns = _turns(settings, (PROPOSED, k), random)
        turns[:, 0] = np.exp(2j * np.pi * random.random(PROPOSED))
        turned = np.cumprod(turns, 1)
        pivots = start[:, None] + step * (np.cumsum(turned, 1) - turned)
        middle = pivots + (margin + half) * turned  # (proposed, k)
        fits = _inside(settings, middle, turned).all(1)
        middle, turned = middle[fits], turned[fits]
        distance = squared_distance(
            middle[..., None], turned[..., None], taken[0], taken[1], half
        )
        fits = distance.min((1, 2), initial=np.inf) >= clear
        middle, turned = middle[fits], turned[fits]
        n = len(middle)
        flat, flat_turned = middle.reshape(-1, 1), turned.reshape(-1, 1)
        distance = squared_distance(flat, flat_turned, flat.T, flat_turned.T, half)
        near = (distance < clear).reshape(n, k, n, k)
        curled = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) >= 2
        itself = np.einsum("ikil->ikl", near) & curled
        apart = np.logical_not(near.any((1, 3)))
        chosen: list[int] = []
        for i in np.flatnonzero(~itself.any((1, 2))):
            if len(found) + len(chosen) < settings.distractors and apart[i, chosen].all():
                chosen.append(int(i))
        found = np.concatenate([found, middle[chosen]])
        along = np.concatenate([along, turned[chosen]])
        taken = np.concatenate(
            [taken, np.stack([middle[chosen].ravel(), turned[chosen].ravel()])], 1
        )
    return found, along
