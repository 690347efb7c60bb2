"""Pathfinder: contours hold together and keep apart, discs sit on ends, files survive what happens to files."""

import hashlib
import json
import time
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from ssm_lib.tasks import contours, pathfinder, pathfinder_files
from ssm_lib.tasks.base import Task
from ssm_lib.tasks.contours import draw
from ssm_lib.tasks.pathfinder import render, sequences
from ssm_lib.tasks.pathfinder_files import load, write
from ssm_lib.tasks.pathfinder_settings import SETTINGS, settings_of

SIZES = {32: 40, 64: 12, 128: 12, 256: 4, 512: 2}  # and how many pictures are looked at
sizes = pytest.mark.parametrize("size", SIZES)


def pictures(size, segmentation=False, seed=11):
    settings = settings_of(size, segmentation)
    for i in range(SIZES[size]):
        drawing = draw(settings, seed, i)
        yield settings, drawing, *render(drawing, settings)


def flood(mask, start):
    """All points of a mask that neighbours in it connect with `start` (row, column)."""
    reached, front = np.zeros_like(mask), [start]
    reached[start] = mask[start]
    while front:
        row, column = front.pop()
        for r in range(max(row - 1, 0), min(row + 2, len(mask))):
            for c in range(max(column - 1, 0), min(column + 2, len(mask))):
                if mask[r, c] and not reached[r, c]:
                    reached[r, c] = True
                    front.append((r, c))
    return reached


def dilate(mask, radius):
    """Points within a distance of the mask."""
    reach = int(radius)
    out, n = np.zeros_like(mask), len(mask)
    wide = np.pad(mask, reach)
    for r in range(-reach, reach + 1):
        for c in range(-reach, reach + 1):
            if r * r + c * c <= radius**2:
                out |= wide[reach + r : reach + r + n, reach + c : reach + c + n]
    return out


def paddle_points(settings, drawing, number=None):
    """Points along the middle line of each paddle, else at most a quarter of a pixel apart: (n, points)."""
    steps = np.linspace(-0.5, 0.5, number or int(4 * settings.length) + 2) * settings.length
    return drawing.middles[:, None] + steps * drawing.directions[:, None]


def pixel(point):
    return round(point.imag), round(point.real)


@sizes
def test_paddles_keep_the_distance_that_they_should(size):
    for settings, drawing, *_ in pictures(size):
        points = paddle_points(settings, drawing, 9)
        n = len(points)
        flat = points.reshape(-1)
        border = settings.thickness / 2
        for x in (flat.real, flat.imag):
            assert x.min() >= border
            assert x.max() <= size - 1 - border
        gaps = np.abs(flat[:, None] - flat[None]).reshape(n, points.shape[1], n, -1).min((1, 3))
        number = np.arange(n)
        neighbours = np.abs(number[:, None] - number[None]) <= 1
        neighbours &= drawing.contours[:, None] == drawing.contours[None]
        clearance = settings.clearance(min(settings.margins))
        assert gaps[~neighbours].min() >= clearance - 1e-9
        # neighbours in a contour are closer than that: a gap of twice the margin, less where it turns
        following = gaps[number[:-1], number[1:]][drawing.contours[:-1] == drawing.contours[1:]]
        assert following.max() <= 2 * max(settings.margins) + 1e-9
        assert following.max() < clearance


@sizes
def test_turns_are_limited_and_of_both_hands(size):
    turns = []
    for _, drawing, *_ in pictures(size):
        inside = drawing.contours[1:] == drawing.contours[:-1]
        turns.append(np.angle(drawing.directions[1:] / drawing.directions[:-1])[inside])
    turns = np.concatenate(turns)
    limit = np.pi / 2 / SETTINGS[size].continuity
    assert limit / 2 < np.abs(turns).max() <= limit
    assert 0.3 < (turns > 0).mean() < 0.7


def test_turns_have_the_density_of_the_description():
    settings = SETTINGS[128]
    random = np.random.default_rng(0)
    angle = np.sort(np.angle(contours._turns(settings, (20000,), random)))
    grid = np.linspace(-np.pi / 2, np.pi / 2, 20001) / settings.continuity
    density = np.cos(settings.continuity * grid) ** 2
    share = np.interp(angle, grid, np.cumsum(density) / density.sum())
    assert np.abs(share - np.linspace(0, 1, len(angle))).max() < 0.015  # Kolmogorov-Smirnov


@sizes
def test_discs_sit_on_the_ends_that_the_label_says(size):
    for settings, drawing, image, _ in pictures(size):
        half = settings.length / 2 * drawing.directions
        tips = []  # of each long contour: its first end and its last
        for contour in (0, 1):
            mine = np.flatnonzero(drawing.contours == contour)
            assert len(mine) == settings.paddles
            first, last = mine[0], mine[-1]
            tips.append((drawing.middles[first] - half[first], drawing.middles[last] + half[last]))
        assert abs(tips[0][0] - tips[1][0]) == pytest.approx(settings.apart)
        begin, end = drawing.discs[:2]
        whose = [[abs(disc - tip) < 1e-9 for ends in tips for tip in ends] for disc in (begin, end)]
        assert [sum(found) for found in whose] == [1, 1]
        owners = [found.index(True) // 2 for found in whose]
        assert (owners[0] == owners[1]) == drawing.connected
        assert owners[0] == drawing.marked
        assert len(drawing.discs) == 2
        for disc in (begin, end):
            row, column = pixel(disc)
            assert image[row, column] == 255


@pytest.mark.parametrize("size", [s for s in SIZES if s >= 64])
def test_a_flood_fill_of_the_picture_answers_the_question(size):
    """Paddles widened until the gaps close: the fill from one disc reaches the other if they are connected.

    Drawn at four times the size, so that the pixels of the small pictures do not touch by themselves.
    """
    for settings, drawing, *_ in pictures(size):
        zoom = 4 if size < 256 else 1
        steps = np.abs(np.diff(drawing.middles[: settings.paddles]))
        margin = min(m for m in settings.margins if m >= (steps.max() - settings.length) / 2 - 1e-9)
        grid = np.zeros((size * zoom, size * zoom), bool)
        for point in paddle_points(settings, drawing).reshape(-1):
            grid[pixel(point * zoom)] = True
        wide = dilate(grid, (margin + 0.35 * settings.spare + settings.thickness / 2) * zoom)
        reached = flood(wide, pixel(drawing.discs[0] * zoom))
        assert reached[pixel(drawing.discs[1] * zoom)] == drawing.connected


@sizes
def test_each_contour_is_one_piece_and_its_class_that_of_the_label(size):
    for settings, drawing, image, classes in pictures(size, segmentation=True):
        for contour in (0, 1):
            expected = 2 if drawing.connected and drawing.marked == contour else 1
            points = paddle_points(settings, drawing)[drawing.contours == contour]
            rows, columns = np.rint(points.imag).astype(int), np.rint(points.real).astype(int)
            assert (classes[rows, columns] == expected).all()
        for value in np.unique(classes[classes > 0]):
            # the contours of this class, and nothing else: as many pieces as contours once the gaps close
            wide = dilate(classes == value, max(settings.margins) + 1)
            pieces, left = 0, wide.copy()
            while left.any():
                left &= ~flood(left, tuple(np.argwhere(left)[0]))
                pieces += 1
            assert pieces <= (1 if value == 2 or (classes == 2).any() else 2)
        assert set(np.unique(classes)) == ({0, 1, 2} if drawing.connected else {0, 1})
        assert settings.halo > 0 or image[classes > 0].min() > 0
        assert (image[classes > 0] > 0).mean() > 0.5
        distractors = drawing.contours >= 2
        assert len(drawing.discs) == 2 + len(set(drawing.contours[distractors]))
        points = paddle_points(settings, drawing)[distractors]
        assert not classes[np.rint(points.imag).astype(int), np.rint(points.real).astype(int)].any()


def test_classes_are_about_as_frequent_as_in_the_paper():
    """97.3, 2.0 and 0.7 percent there; a quarter of the long contours connects."""
    shares = {}
    for size in (128, 256, 512):
        settings, counts = settings_of(size, True), np.zeros(3)
        for i in range(30 if size < 512 else 16):
            _, classes = render(draw(settings, 5, i)._replace(connected=i % 2 == 0), settings)
            counts += np.bincount(classes.ravel(), minlength=3)
        shares[size] = counts / counts.sum()
    for share in shares.values():
        assert share == pytest.approx([0.973, 0.020, 0.007], abs=0.004)


def test_brightness_is_that_of_the_area_covered():
    """One paddle of length 4 and thickness 2 on whole pixels, and a disc."""
    settings = replace(SETTINGS[64], length=4, thickness=2, marker=3, margins=(2,), contrast=0.5)
    one = np.array([20 + 30j]), np.array([1 + 0j]), np.array([0]), np.array([40 + 10j])
    image, classes = render(contours.Drawing(*one, False, 0), settings)
    assert image[30, 16:25].tolist() == [0, 64, 128, 128, 128, 128, 128, 64, 0]
    assert image[28:33, 20].tolist() == [0, 64, 128, 64, 0] or image[29, 20] == 64
    assert image[10, 36:45].tolist() == [0, 128, 255, 255, 255, 255, 255, 128, 0]
    assert classes[30, 17:24].tolist() == [1] * 7
    assert classes.sum() < 30
    assert image[0].sum() == image[:, -1].sum() == 0


def test_drawings_are_a_function_of_seed_and_index():
    settings = SETTINGS[32]
    images = [render(draw(settings, 3, i), settings)[0] for i in range(12)]
    again = [render(draw(settings, 3, i), settings)[0] for i in reversed(range(12))]
    assert all(np.array_equal(a, b) for a, b in zip(images, again[::-1]))
    others = [render(draw(settings, 4, i), settings)[0] for i in range(12)]
    assert len({image.tobytes() for image in images + others}) == 24
    connected = [draw(settings, 3, i).connected for i in range(200)]
    assert 75 < sum(connected) < 125


def test_drawing_is_no_loop_over_pixels():
    """Measured: 8 ms of one core for a picture of 128 pixels, so 250 a second on two. Here a busy machine passes."""
    settings, times = SETTINGS[128], []
    for _ in range(3):
        start = time.process_time()
        for i in range(20):
            render(draw(settings, 0, i), settings)
        times.append((time.process_time() - start) / 20)
    assert min(times) < 0.03


@pytest.mark.parametrize("make", [pathfinder.pathfinder_task, pathfinder.segmentation_task])
def test_tasks_give_pixels_in_order(make):
    task = make(length=1024)
    assert isinstance(task, Task)
    whole = list(islice(task.train_batches(8, seed=1), 2))
    halves = list(islice(task.train_batches(4, seed=1, start=1, step=2), 2))
    for (u, y), (part, z) in zip(whole, halves):
        assert torch.equal(u[4:], part)
        assert torch.equal(y[4:], z)
        assert u.shape == (8, 1024, 1)
        assert u.dtype == torch.float32
        assert float(u.min()) == -1
        assert float(u.max()) == 1
        assert y.shape == ((8,) if task.objective == "accuracy" else (8, 1024))
        assert y.dtype == torch.int64
        assert int(y.max()) < task.d_output
    generator = torch.Generator().manual_seed(5)
    u, classes = pathfinder.sample(3, generator, settings_of(32, True), segmentation=True)
    keys = torch.randint(2**62, (3, 2), generator=generator.manual_seed(5)).tolist()
    image, expected = render(draw(settings_of(32, True), *keys[1]), settings_of(32, True))
    pixels = torch.tensor(image[7, 3:] / 127.5 - 1).float()
    torch.testing.assert_close(u[1, 32 * 7 + 3 : 32 * 8, 0], pixels)
    assert torch.equal(classes[1].view(32, 32), torch.from_numpy(expected).long())


# Files

SMALL = settings_of(32, True)


def test_files_hold_what_was_drawn_and_go_on_where_they_were(tmp_path, monkeypatch):
    folder = tmp_path / "pictures"
    manifest = json.loads(write(folder, SMALL, 11, seed=2, shard=4, processes=0).read_text())
    assert sorted(p.name for p in folder.iterdir()) == [
        "00000.npz",
        "00001.npz",
        "00002.npz",
        "manifest.json",
    ]
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    everything = load(folder)
    assert everything.images.shape == everything.classes.shape == (11, 32, 32)
    for i in range(11):
        drawing = draw(SMALL, 2, i)
        image, classes = render(drawing, SMALL)
        assert np.array_equal(everything.images[i], image)
        assert np.array_equal(everything.classes[i], classes)
        assert bool(everything.connected[i]) == drawing.connected
    some = load(folder, first=3, count=6)
    assert all(torch.equal(a, b[3:9]) for a, b in zip(some, everything))
    assert sequences(some.images).shape == (6, 1024, 1)
    drawn = []
    real = pathfinder_files.draw
    monkeypatch.setattr(pathfinder_files, "draw", lambda s, seed, i: drawn.append(i) or real(s, seed, i))
    (folder / "00001.npz").write_bytes(b"torn")
    (folder / "00002.npz").unlink()
    (folder / "00002.npz.part").write_bytes(b"half")
    write(folder, SMALL, 11, seed=2, shard=4, processes=0)
    assert drawn == [4, 5, 6, 7, 8, 9, 10]
    assert all(torch.equal(a, b) for a, b in zip(load(folder), everything))
    assert not list(folder.glob("*.part"))
    write(folder, SMALL, 11, seed=2, shard=4, processes=0)
    assert len(drawn) == 7


def test_a_run_that_is_broken_off_loses_no_shard(tmp_path, monkeypatch):
    real = pathfinder_files.draw

    def breaks(settings, seed, index):
        if index == 6:
            raise KeyboardInterrupt
        return real(settings, seed, index)

    monkeypatch.setattr(pathfinder_files, "draw", breaks)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, SMALL, 8, shard=4, processes=0)
    assert len(load(tmp_path, count=4).images) == 4
    with pytest.raises(FileNotFoundError, match=r"00001.npz is missing: call write\(...\)"):
        load(tmp_path)
    monkeypatch.setattr(pathfinder_files, "draw", real)
    write(tmp_path, SMALL, 8, shard=4, processes=0)
    assert len(load(tmp_path).images) == 8


def test_several_processes_draw_the_same(tmp_path):
    write(tmp_path / "one", SMALL, 9, shard=3, processes=0)
    write(tmp_path / "two", SMALL, 9, shard=2, processes=2)
    for a, b in zip(load(tmp_path / "one"), load(tmp_path / "two")):
        assert torch.equal(a, b)


def test_bad_folders_are_named_and_left_alone(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no manifest.json in .*: write\(folder"):
        load(tmp_path / "none")
    write(tmp_path / "a", SMALL, 4, shard=2, processes=0)
    before = (tmp_path / "a" / "manifest.json").read_bytes()
    for change in ({"count": 5}, {"seed": 1}, {"shard": 3}, {"settings": replace(SMALL, marker=2.0)}):
        arguments = {"settings": SMALL, "count": 4, "seed": 0, "shard": 2, **change}
        with pytest.raises(ValueError, match=f"holds pictures with {next(iter(change))}=.*choose another"):
            write(tmp_path / "a", **arguments, processes=0)
    assert (tmp_path / "a" / "manifest.json").read_bytes() == before
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.txt").write_text("important")
    with pytest.raises(ValueError, match="not empty and has no manifest.json"):
        write(tmp_path / "b", SMALL, 4, processes=0)
    (tmp_path / "a" / "00001.npz").write_bytes(b"other")
    with pytest.raises(ValueError, match="00001.npz is damaged: its sha256 is not"):
        load(tmp_path / "a")
    assert len(load(tmp_path / "a", count=2).images) == 2
    (tmp_path / "a" / "manifest.json").write_text("[]")
    with pytest.raises(ValueError, match="another version|not the manifest"):
        load(tmp_path / "a")
    (tmp_path / "a" / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match="is not the manifest of pictures"):
        load(tmp_path / "a")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: settings_of(48, False), ValueError, r"sizes \[32, 64, 128, 256, 512\], got 48"),
        (lambda p: pathfinder.pathfinder_task(1000), ValueError, r"pathfinder has the lengths \[1024, 4096"),
        (lambda p: pathfinder.segmentation_task("x"), TypeError, "length must be an int"),
        (lambda p: replace(SMALL, size=0), ValueError, "size must be at least 1"),
        (lambda p: replace(SMALL, paddles=2), ValueError, "paddles must be at least 3, got 2"),
        (lambda p: replace(SMALL, length=-1), ValueError, "length must be positive"),
        (lambda p: replace(SMALL, margins=()), ValueError, "margins must hold at least one"),
        (lambda p: replace(SMALL, contrast=1.5), ValueError, "contrast must be at most 1"),
        (lambda p: replace(SMALL, halo=float("nan")), ValueError, "halo must be at least 0, got nan"),
        (lambda p: replace(SMALL, length=20), ValueError, "could cross at gaps of 1"),
        (lambda p: replace(SMALL, mark_distractors=1), TypeError, "mark_distractors must be True or False"),
        (lambda p: draw(SMALL, -1, 0), ValueError, "seed must lie in 0"),
        (lambda p: draw(SMALL, 0, -1), ValueError, "index must lie in 0"),
        (lambda p: draw(replace(SMALL, size=12), 0, 0), RuntimeError, "no room for two contours in"),
        (lambda p: write(p, SMALL, 0), ValueError, "count must be at least 1"),
        (lambda p: write(p, SMALL, 4, shard=0), ValueError, "shard must be at least 1"),
        (lambda p: write(p, SMALL, 4, processes=-1), ValueError, "processes must be None or an int"),
        (lambda p: load(p, first=2, count=3), FileNotFoundError, "no manifest.json"),
        (
            lambda p: (write(p, SMALL, 2, processes=0), load(p, 1, 2)),
            ValueError,
            "pictures 0 .. 1; asked for 2",
        ),
    ],
)
def test_bad_arguments_are_named(tmp_path, monkeypatch, call, error, message):
    monkeypatch.setattr(contours, "ATTEMPTS", 20)
    with pytest.raises(error, match=message):
        call(tmp_path)
