"""The Long Range Arena's own files: its ListOps, and pairs of papers that cite each other or not (AAN).

Its release of all tasks (several GB) has no published sum, so that of the first download is kept and compared
from then on. Only the tables of these two tasks are unpacked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ssm_lib.models import SequenceModel
from ssm_lib.retrieval import RetrievalModel
from ssm_lib.tasks import listops
from ssm_lib.tasks.archives import extract
from ssm_lib.tasks.base import FiniteTask, length_between
from ssm_lib.tasks.downloads import Remote, data_folder, fetch
from ssm_lib.tasks.texts import Texts, encode, named, vocabulary

ARENA = Remote(
    "https://storage.googleapis.com/long-range-arena/lra_release.gz",
    "https://github.com/google-research/long-range-arena",
)


class Pairs(NamedTuple):
    """Two texts for each label: tokens `a`, `b` (S, L), int16; `lengths_a`, `lengths_b`, `y` (S,), int64."""

    a: Tensor
    b: Tensor
    lengths_a: Tensor
    lengths_b: Tensor
    y: Tensor


def load_retrieval(
    length: int = 4000, folder: Path | None = None, download: bool = True
) -> tuple[Pairs, Pairs, Pairs, list[str]]:
    """Load the pairs of papers of the Long Range Arena: does one cite the other?

    Parameters and errors as `load_imdb`; ValueError on a line that is no pair.

    Returns
    -------
    train, valid, test : Pairs
    tokens : list of str
    """
    root, parts = _arena(folder, download), []
    for part in ("train", "eval", "test"):
        rows = []
        path = _find(root, f"new_aan_pairs.{part}.tsv")
        with path.open(encoding="utf8", newline="\n") as file:
            for number, line in enumerate(file, 1):
                row = line.rstrip("\r\n").split("\t")
                if len(row) != 5 or row[0] not in ("0", "1", "0.0", "1.0"):
                    raise ValueError(
                        f"{path}, line {number}: expected 0 or 1, two names and two texts between tabs"
                    )
                rows.append(row)
        parts.append(rows)
    tokens = vocabulary(text[: length - 1] for row in parts[0] for text in row[3:])
    pairs = []
    for rows in parts:
        a, lengths_a = encode([row[3] for row in rows], tokens, length)
        b, lengths_b = encode([row[4] for row in rows], tokens, length)
        y = torch.tensor([int(float(row[0])) for row in rows])
        pairs.append(Pairs(a, b, lengths_a, lengths_b, y))
    return pairs[0], pairs[1], pairs[2], tokens


def load_listops(
    length: int = 2000, folder: Path | None = None, download: bool = True
) -> tuple[Texts, Texts, Texts]:
    """Load the ListOps of the Long Range Arena (train, valid, test), in the tokens of `listops`.

    Parameters and errors as `load_imdb`; ValueError on an expression that is longer, or a line that is none.
    """
    root, parts = _arena(folder, download), []
    for part in ("train", "val", "test"):
        path = _find(root, f"basic_{part}.tsv")
        lines = path.read_text(encoding="utf8").splitlines()[
            1:
        ]  # without the names of the columns
        u = torch.full((len(lines), length), listops.PAD, dtype=torch.int16)
        lengths, y = torch.zeros(2, len(lines), dtype=torch.int64)
        for row, line in enumerate(lines):
            text, _, value = line.partition("\t")
            tokens = listops.tokenize(text)
            if value not in map(str, range(10)) or not 0 < len(tokens) <= length:
                raise ValueError(
                    f"{path}, line {row + 2}: expected an expression of at most {length} tokens and its "
                    f"value after a tab, got {len(tokens)} tokens and {value[:20]!r}"
                )
            u[row, : len(tokens)] = tokens
            lengths[row], y[row] = len(tokens), int(value)
        parts.append(Texts(u, lengths, y))
    return parts[0], parts[1], parts[2]


def arena_listops_task(length: int = 2000, download: bool = True) -> FiniteTask:
    """ListOps from the files of the Long Range Arena: the value of an expression."""
    length_between("listops-arena", length, 4)
    train, _, test = load_listops(length, download=download)
    size, kinds = listops.CLASSES, listops.VOCABULARY
    return FiniteTask(named(train), named(test), size, vocabulary=kinds, test_batch=64)


class RetrievalTask(FiniteTask):
    """Pairs of papers: does one cite the other? Both go through one encoder."""

    def build_model(
        self,
        d_model: int = 64,
        n_layers: int = 4,
        layer: str = "s4d",
        layer_args: dict[str, Any] | None = None,
        dropout: float = 0.0,
        norm: str = "layer",
        prenorm: bool = True,
    ) -> RetrievalModel:
        """A `ssm_lib.RetrievalModel` whose encoder has these arguments of `ssm_lib.SequenceModel`."""
        encoder = SequenceModel(
            d_input=None,
            d_output=d_model,
            d_model=d_model,
            n_layers=n_layers,
            layer=layer,
            layer_args=layer_args,
            dropout=dropout,
            norm=norm,
            prenorm=prenorm,
            vocabulary=self.vocabulary,
        )
        return RetrievalModel(encoder, self.d_output)


def retrieval_task(length: int = 4000, download: bool = True) -> RetrievalTask:
    """Pairs of papers of up to `length` characters each, from the files of the Long Range Arena."""
    length_between("retrieval", length, 2)
    train, _, test, tokens = load_retrieval(length, download=download)
    kinds = len(tokens)
    return RetrievalTask(_paired(train), _paired(test), 2, vocabulary=kinds, test_batch=32)


def _paired(pairs: Pairs) -> tuple[dict[str, Tensor], Tensor]:
    inputs = pairs._asdict()
    return inputs, inputs.pop("y")


def _arena(folder: Path | None, download: bool) -> Path:
    """The folder with the release's tables of ListOps and of retrieval; they may also be put there by hand."""
    folder = folder or data_folder("long-range-arena")
    if any(folder.rglob("*.tsv")):
        return folder

    def tables(path: str) -> bool:
        return path.endswith(".tsv") and ("/listops-1000/" in path or "/tsv_data/" in path)

    return extract(
        fetch(ARENA, folder, download), folder / "unpacked", 10**10, wanted=tables
    )


def _find(root: Path, name: str) -> Path:
    found = sorted(root.rglob(name))
    if not found:
        raise FileNotFoundError(f"{name} is missing in {root}; it is part of {ARENA.url}")
    return found[0]
