"""Texts read character by character, and the film reviews (IMDb) of the Long Range Arena's Text task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ssm_lib import validate
from ssm_lib.tasks.archives import extract
from ssm_lib.tasks.base import FiniteTask, length_between
from ssm_lib.tasks.downloads import Remote, data_folder, fetch

IMDB = Remote(
    "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
    "https://ai.stanford.edu/~amaas/data/sentiment/",
    "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",  # as published
)
PAD, UNKNOWN, END = 0, 1, 2
SPECIAL = ("<pad>", "<unknown>", "<end>")


class Texts(NamedTuple):
    """Tokens `u` (S, L), padded with 0 (int16), their `lengths` (S,) and labels `y` (S,), int64."""

    u: Tensor
    lengths: Tensor
    y: Tensor


def vocabulary(texts: Iterable[str], min_count: int = 1) -> list[str]:
    """What tokens stand for: three special ones, then the characters that occur so often, in order."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    return [*SPECIAL, *sorted(c for c, n in counts.items() if n >= min_count)]


def encode(
    texts: Sequence[str], tokens: Sequence[str], length: int
) -> tuple[Tensor, Tensor]:
    """Characters as tokens: at most `length` - 1, then the end.

    Parameters
    ----------
    texts
        S of them.
    tokens
        As `vocabulary` returns them; another character is unknown.
    length
        Of the padded sequences, at least 2.

    Returns
    -------
    u : Tensor (S, length), int16
    lengths : Tensor (S,), int64
    """
    if validate.positive_int("length", length) < 2:
        raise ValueError(
            f"length must be at least 2: a character and the end; got {length}"
        )
    ids = {character: i for i, character in enumerate(tokens) if i >= len(SPECIAL)}
    u = torch.full((len(texts), length), PAD, dtype=torch.int16)
    lengths = torch.zeros(len(texts), dtype=torch.int64)
    for row, text in enumerate(texts):
        found = [ids.get(c, UNKNOWN) for c in text[: length - 1]] + [END]
        u[row, : len(found)] = torch.tensor(found, dtype=torch.int16)
        lengths[row] = len(found)
    return u, lengths


def load_imdb(
    length: int = 4096,
    min_count: int = 15,
    folder: Path | None = None,
    download: bool = True,
) -> tuple[Texts, Texts, list[str]]:
    """Load the film reviews: 25,000 to train and 25,000 to test, half of them positive (label 1).

    Parameters
    ----------
    length
        Of the padded sequences; longer reviews are cut.
    min_count
        Rarer characters of the training reviews, cut, are unknown.
    folder, download
        Where the archive is or shall be, and whether to use the network.

    Returns
    -------
    train, test : Texts
    tokens : list of str, as `vocabulary`

    Raises
    ------
    FileNotFoundError, ConnectionError, ValueError
        As `ssm_lib.tasks.downloads.fetch` and `ssm_lib.tasks.archives.extract`.
    """
    folder = folder or data_folder("imdb")
    unpacked = folder / "unpacked"
    if not unpacked.is_dir():
        extract(fetch(IMDB, folder, download), unpacked, 2 * 10**9, wanted=_labelled)
    read = []
    for part in ("train", "test"):
        found = [
            (path.read_text(encoding="utf8"), label)
            for label, kind in enumerate(("neg", "pos"))
            for path in sorted((unpacked / "aclImdb" / part / kind).glob("*.txt"))
        ]
        if not found:
            raise FileNotFoundError(
                f"no reviews in {unpacked}: remove it to unpack them again"
            )
        read.append(found)
    tokens = vocabulary((text[: length - 1] for text, _ in read[0]), min_count)
    train, test = (
        Texts(
            *encode([text for text, _ in found], tokens, length),
            torch.tensor([label for _, label in found]),
        )
        for found in read
    )
    return train, test, tokens


def named(texts: Texts) -> tuple[dict[str, Tensor], Tensor]:
    """As a model takes them: inputs by name, and labels."""
    return {"u": texts.u, "lengths": texts.lengths}, texts.y


def imdb_task(length: int = 4096, download: bool = True) -> FiniteTask:
    """Film reviews of up to `length` characters: are they positive?"""
    length_between("imdb", length, 2)
    train, test, tokens = load_imdb(length, download=download)
    return FiniteTask(named(train), named(test), 2, vocabulary=len(tokens), test_batch=64)


def _labelled(path: str) -> bool:
    part, _, kind = path.removeprefix("aclImdb/").partition("/")
    return part in ("train", "test") and kind.split("/")[0] in ("pos", "neg")
