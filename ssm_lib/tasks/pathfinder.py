"""Pathfinder: are two discs the ends of one dashed path? Read pixel by pixel, at any resolution.

Each picture has two long contours of dashes and several short ones that distract. Two discs mark either
both ends of one long contour (connected), or an end of each. In PathfinderSegmentation every pixel has a
class: 0 background or distractor, 1 on a long contour that does not connect the discs, 2 on one that does;
there the distractors carry discs, too.

The generator is our own, after the published descriptions: `ssm_lib.tasks.contours`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ssm_lib import validate
from ssm_lib.tasks.base import Batch, StreamTask
from ssm_lib.tasks.contours import LONG, Drawing, draw
from ssm_lib.tasks.pathfinder_settings import SETTINGS, Settings, settings_of

CLASSES = 3


def render(drawing: Drawing, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """The picture and the classes of its pixels, both uint8 (size, size): brightness 0 .. 255; 0, 1, 2."""
    size, half = settings.size, settings.length / 2
    wide = settings.thickness / 2 + 0.5
    pad = int(np.ceil(max(half + wide + settings.halo, settings.marker + 0.5))) + 1
    image = np.zeros((size + 2 * pad, size + 2 * pad))
    classes = np.zeros(image.shape, np.uint8)
    columns = np.arange(-pad, pad + 1)
    window = columns + 1j * columns[:, None]  # around the pixel of a middle
    steps = (columns[:, None] * image.shape[1] + columns).ravel()

    def around(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Offsets (n, window) from each point to the pixels near it, and where these are in an image."""
        column, row = np.rint(points.real).astype(int), np.rint(points.imag).astype(int)
        near = (column + 1j * row - points)[:, None] + window.ravel()
        return near, ((row + pad) * image.shape[1] + column + pad)[:, None] + steps

    near, place = around(drawing.middles)
    near = near * drawing.directions.conj()[:, None]  # along and across the paddle
    beyond = np.maximum(np.abs(near.real) - half, 0)
    distance = np.sqrt(beyond**2 + near.imag**2)
    inside = distance < wide
    light = settings.contrast * np.minimum(wide - distance[inside], 1)
    np.maximum.at(image.reshape(-1), place[inside], light)
    near_enough = (
        distance < wide + settings.halo - 0.005
    )  # so that it is seen: no light of 0
    for contour in range(LONG):
        mine = (drawing.contours == contour)[:, None] & near_enough
        on = 2 if drawing.connected and drawing.marked == contour else 1
        classes.reshape(-1)[place[mine]] = on
    near, place = around(drawing.discs)
    light = np.clip(settings.marker + 0.5 - np.abs(near), 0, 1)
    np.maximum.at(image.reshape(-1), place, light)
    cut = slice(pad, pad + size)
    return np.rint(255 * image[cut, cut]).astype(np.uint8), classes[cut, cut]


def sequences(images: np.ndarray | Tensor) -> Tensor:
    """Pictures uint8 (B, R, R) as sequences of pixels in -1 .. 1: float32 (B, R^2, 1), row after row."""
    return torch.as_tensor(images).flatten(1)[..., None].float() / 127.5 - 1


def sample(
    batch: int, generator: torch.Generator, settings: Settings, segmentation: bool
) -> Batch:
    """Draw pictures with a generator.

    Returns
    -------
    u : Tensor (B, R^2, 1), float32
        Pixels in -1 .. 1, row after row.
    y : Tensor, int64
        Connected (1) or not (0), (B,); with segmentation, the classes of the pixels (B, R^2).
    """
    keys = torch.randint(2**62, (batch, 2), generator=generator).tolist()
    drawings = [draw(settings, *key) for key in keys]
    images, classes = zip(*(render(drawing, settings) for drawing in drawings))
    u = sequences(np.stack(images))
    if segmentation:
        return u, torch.from_numpy(np.stack(classes)).flatten(1).long()
    return u, torch.tensor([int(drawing.connected) for drawing in drawings])


def pathfinder_task(length: int = 1024) -> StreamTask:
    """Pathfinder on fresh pictures: are the discs connected? The length is the number of pixels."""
    return _task("pathfinder", length, segmentation=False)


def segmentation_task(length: int = 1024) -> StreamTask:
    """PathfinderSegmentation on fresh pictures: the class of each pixel; macro F1."""
    return _task("pathfinder-segmentation", length, segmentation=True)


def _task(name: str, length: int, segmentation: bool) -> StreamTask:
    sizes = {size**2: size for size in SETTINGS}
    if validate.positive_int("length", length) not in sizes:
        raise ValueError(f"{name} has the lengths {list(sizes)} (squares), got {length}")
    settings = settings_of(sizes[length], segmentation)

    def drawn(batch: int, length: int, generator: torch.Generator) -> Batch:
        return sample(batch, generator, settings, segmentation)

    outputs, objective = (CLASSES, "f1") if segmentation else (2, "accuracy")
    return StreamTask(
        drawn, length, outputs, d_input=1, objective=objective, block=4, test_batch=16
    )
