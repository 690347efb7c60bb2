"""Speech Commands: one spoken word a second, 16,000 samples; 35 words, or the ten of the earlier papers.

The lists of files to validate and to test with come with the data, by speaker, and are kept to. Papers on ten
words (S4, LSSL) split at random, so their numbers and ours are not quite of the same task; those on ten
and on 35 words are of different tasks altogether.
"""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ssm_lib.tasks.archives import extract
from ssm_lib.tasks.base import Batch, fixed_length
from ssm_lib.tasks.downloads import Remote, data_folder, fetch
from ssm_lib.tasks.prepared import PreparedTask

ARCHIVE = Remote(
    "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    "https://arxiv.org/abs/1804.03209",
    "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",  # as published; 2.4 GB
)
RATE = LENGTH = 16000  # samples a second, and in all
TEN = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
WORDS = (
    *(
        "backward",
        "bed",
        "bird",
        "cat",
        "dog",
        "down",
        "eight",
        "five",
        "follow",
        "forward",
    ),
    *("four", "go", "happy", "house", "learn", "left", "marvin", "nine", "no", "off", "on"),
    *("one", "right", "seven", "sheila", "six", "stop", "three", "tree", "two", "up"),
    *("visual", "wow", "yes", "zero"),
)


class Speech(NamedTuple):
    """The three parts, each (samples, labels): int16 (S, 16000, 1), int64 (S,), an index in the words."""

    train: tuple[Tensor, Tensor]
    valid: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def load(
    words: Sequence[str] = WORDS, folder: Path | None = None, download: bool = True
) -> Speech:
    """Load the recordings of some words; all 35 take 3.4 GB of memory.

    Parameters
    ----------
    words
        Which, in the order of their labels: `WORDS`, `TEN`, or others of them.
    folder
        Where the archive is or shall be; None: `ssm_lib.tasks.downloads.data_folder`.
    download
        Whether to use the network if it is not there.

    Returns
    -------
    Speech
        As recorded; a shorter recording is followed by silence.

    Raises
    ------
    FileNotFoundError, ConnectionError, ValueError
        As `ssm_lib.tasks.downloads.fetch` and `ssm_lib.tasks.archives.extract`; ValueError also on an
        unknown word, or a recording of another format.
    """
    if unknown := sorted(set(words) - set(WORDS)):
        raise ValueError(f"unknown words {unknown}; expected some of {list(WORDS)}")
    if len(set(words)) != len(words) or not words:
        raise ValueError(f"expected different words, got {list(words)}")
    folder = folder or data_folder("speech-commands")
    unpacked = folder / "unpacked"
    if not unpacked.is_dir():
        extract(fetch(ARCHIVE, folder, download), unpacked, 5 * 10**9)
    part_of: dict[str, int] = {}
    for part, name in ((1, "validation_list.txt"), (2, "testing_list.txt")):
        path = unpacked / name
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: remove {unpacked} to unpack it again"
            )
        part_of |= dict.fromkeys(path.read_text(encoding="utf8").split(), part)
    files: list[list[tuple[Path, int]]] = [[], [], []]
    for label, word in enumerate(words):
        recordings = sorted((unpacked / word).glob("*.wav"))
        if not recordings:
            raise FileNotFoundError(f"no recordings of {word!r} in {unpacked}")
        for path in recordings:
            files[part_of.get(f"{word}/{path.name}", 0)].append((path, label))
    parts = []
    for chosen in files:
        samples = np.zeros((len(chosen), LENGTH, 1), np.int16)
        for row, (path, _) in zip(samples, chosen):
            heard = read_wav(path)[:LENGTH]
            row[: len(heard), 0] = heard
        labels = torch.tensor([label for _, label in chosen], dtype=torch.int64)
        parts.append((torch.from_numpy(samples), labels))
    return Speech(*parts)


def read_wav(path: Path) -> np.ndarray:
    """Samples (L,), int16, of a recording in one channel at 16 kHz.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    try:
        with wave.open(str(path)) as sound:
            form = sound.getnchannels(), sound.getsampwidth(), sound.getframerate()
            content = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} is no wav file that can be read: {error}") from error
    if form != (1, 2, RATE):
        raise ValueError(
            f"{path} has {form[0]} channels of {form[1]} bytes at {form[2]} Hz, expected 1 of 2 at {RATE}"
        )
    return np.frombuffer(content, "<i2")


def speech_commands_task(
    length: int = LENGTH, words: int = 35, download: bool = True
) -> PreparedTask:
    """Speech Commands with 35 or 10 words: samples in -1 .. 1; its length is 16,000."""
    fixed_length("speech-commands", length, LENGTH)
    if words not in (10, 35):
        raise ValueError(f"words must be 10 or 35, got {words}")
    data = load(TEN if words == 10 else WORDS, download=download)
    return PreparedTask(_prepare, data.train, data.test, d_output=words, d_input=1)


def _prepare(batch: Batch) -> Batch:
    u, y = batch
    assert isinstance(u, Tensor)
    return u.float() / 2**15, y
