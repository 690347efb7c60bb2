"""ListOps: nested lists of digits to evaluate, such as [MAX 2 [MIN 4 7 ] 0 ], with the rules of the Long Range Arena.

A node is a digit, or an operator over 2 to `max_args` nodes. In ListOps the class of a sequence is the value
of the whole expression; in ListOpsSubTrees every closing bracket has a class, the value of what it closes.
Brackets around pairs, which the files of the Arena hold, are no tokens, there as here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ssm_lib import validate
from ssm_lib.tasks.base import Batch, StreamTask, length_between

OPERATORS = ("[MIN", "[MAX", "[MED", "[SM")  # minimum, maximum, median, sum modulo 10
TOKENS = ("<pad>", *map(str, range(10)), *OPERATORS, "]")
PAD, DIGIT, OPERATOR, CLOSE = 0, 1, 11, 15  # ids: of padding, of 0, of [MIN, of ]
VOCABULARY, CLASSES = len(TOKENS), 10
IGNORE = -100  # class of a token without one
ATTEMPTS, AT_ONCE = 1_000_000, 64  # trees


@dataclass(frozen=True)
class Rules:
    """How expressions are drawn; the defaults are those of the Long Range Arena.

    Parameters
    ----------
    max_depth
        Nodes from the root to the deepest digit, at most.
    max_args
        Arguments of an operator: 2 .. max_args, all equally likely.
    min_length, max_length
        Tokens; a longer or shorter expression is thrown away.
    p_operator
        Chance of a node above the deepest level to be an operator.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, or no expression has a length in the range.
    """

    max_depth: int = 10
    max_args: int = 10
    min_length: int = 501
    max_length: int = 1999
    p_operator: float = 0.25

    def __post_init__(self) -> None:
        for name in ("max_depth", "max_args", "min_length", "max_length"):
            validate.positive_int(name, getattr(self, name))
        if self.max_args < 2:
            raise ValueError(f"max_args must be at least 2, got {self.max_args}")
        if not 0 < validate.positive("p_operator", self.p_operator) <= 1:
            raise ValueError(f"p_operator must lie in (0, 1], got {self.p_operator}")
        longest = 1
        for _ in range(self.max_depth - 1):
            longest = min(2 + self.max_args * longest, 2**62)
        least, most = self.min_length, min(self.max_length, longest)
        possible = least == 1 or (most >= 4 and least <= most)  # a digit, or [SM 1 2 ]
        if least > self.max_length or not possible:
            raise ValueError(
                f"no expression has {least} .. {self.max_length} tokens with max_depth="
                f"{self.max_depth}, max_args={self.max_args}: it has 1, or 4 .. {longest}"
            )


ARENA = Rules()
SUBTREES = Rules(max_depth=15, max_args=9, min_length=7001, max_length=8179)


class Expression(NamedTuple):
    """One expression of L tokens and K operators; all int64.

    `tokens` (L,); for each operator, in the order of their brackets: `closings` (K,), the place of its
    closing bracket, `values` (K,), 0 .. 9, `heights` (K,), 1 over digits alone, and `operators` (K,), an
    index in `OPERATORS`. The last is the whole. (A lone digit has K = 0.)
    """

    tokens: Tensor
    closings: Tensor
    values: Tensor
    heights: Tensor
    operators: Tensor


def expression(rules: Rules, seed: int, index: int) -> Expression:
    """Expression number `index` of the stream of a seed: a function of nothing else.

    Raises
    ------
    ValueError
        If seed or index is not in 0 .. 2^64 - 1.
    RuntimeError
        If a million attempts gave no expression of an allowed length.

    Source: Nangia and Bowman 2018, ListOps; Tay et al. 2021, Long Range Arena (lengths, depth)
    """
    for name, value in (("seed", seed), ("index", index)):
        if not 0 <= value < 2**64:
            raise ValueError(f"{name} must lie in 0 .. 2^64 - 1, got {value}")
    random = np.random.Generator(np.random.Philox(key=seed, counter=index << 192))
    for _ in range(max(1, ATTEMPTS // AT_ONCE)):
        levels = _levels(rules, random)
        if levels is not None:
            return _write(levels, random)
    raise RuntimeError(f"no expression in {ATTEMPTS} attempts: {rules} are too narrow")


def tokenize(text: str) -> Tensor:
    """Token ids (L,), int64, of an expression in words, with or without brackets around pairs.

    Raises
    ------
    ValueError
        On a word that is no token.
    """
    ids = {word: i for i, word in enumerate(TOKENS) if i != PAD}
    words = [word for word in text.split() if word not in "()"]
    if unknown := sorted(set(words) - set(ids)):
        raise ValueError(f"no tokens of ListOps: {unknown[:5]}; expected {list(ids)}")
    return torch.tensor([ids[word] for word in words])


def heights(tokens: Tensor) -> Tensor:
    """Height of the subtree that each closing bracket closes, 0 elsewhere: ints (..., L) -> (..., L)."""
    flat = tokens.reshape(-1, tokens.shape[-1])
    out = torch.zeros_like(flat)
    for row, result in zip(flat.tolist(), out):
        open_heights = [0]
        for place, token in enumerate(row):
            if OPERATOR <= token < CLOSE:
                open_heights.append(0)
            elif token == CLOSE:
                height = open_heights.pop() + 1
                open_heights[-1] = max(open_heights[-1], height)
                result[place] = height
    return out.reshape(tokens.shape)


def sample(
    batch: int, length: int, generator: torch.Generator, rules: Rules, subtrees: bool
) -> Batch:
    """Draw expressions with a generator, padded to `length`.

    Returns
    -------
    inputs : dict
        u (B, L), tokens; lengths (B,). Both int64.
    y : Tensor, int64
        Values (B,); with `subtrees` (B, L): at each closing bracket its value, elsewhere `IGNORE`.
    """
    keys = torch.randint(2**62, (batch, 2), generator=generator).tolist()
    drawn = [expression(rules, *key) for key in keys]
    u = torch.full((batch, length), PAD)
    y = torch.full((batch, length), IGNORE)
    for row, one in enumerate(drawn):
        u[row, : len(one.tokens)] = one.tokens
        y[row, one.closings] = one.values
    inputs = {"u": u, "lengths": torch.tensor([len(one.tokens) for one in drawn])}
    if subtrees:
        return inputs, y
    whole = [one.values[-1] if len(one.values) else one.tokens[0] - DIGIT for one in drawn]
    return inputs, torch.stack(whole)


def listops_task(length: int = 2000, max_depth: int = 10, max_args: int = 10) -> StreamTask:
    """ListOps: expressions of a quarter of `length` to `length` - 1 tokens, and their value."""
    length_between("listops", length, 8)
    rules = Rules(max_depth, max_args, length // 4 + 1, length - 1)
    return _task(length, rules, subtrees=False)


def subtrees_task(length: int = 8192, max_depth: int = 15, max_args: int = 9) -> StreamTask:
    """ListOpsSubTrees: expressions of 7/8 of `length` to `length` tokens, a value at each bracket."""
    length_between("listops-subtrees", length, 8)
    rules = Rules(max_depth, max_args, 7 * length // 8, length)
    return _task(length, rules, subtrees=True)


def _task(length: int, rules: Rules, subtrees: bool) -> StreamTask:
    def draw(batch: int, length: int, generator: torch.Generator) -> Batch:
        return sample(batch, length, generator, rules, subtrees)

    return StreamTask(draw, length, CLASSES, None, VOCABULARY, "accuracy", block=4)


Levels = list[tuple[np.ndarray, np.ndarray]]  # is it an operator? with how many arguments?


def _levels(rules: Rules, random: np.random.Generator) -> Levels | None:
    """Draw many trees, level by level, and return the shape of the first of an allowed length, if any."""
    trees = np.arange(AT_ONCE)  # of each node of a level: which tree is it in?
    lengths, levels = np.zeros(AT_ONCE, int), []
    for depth in range(1, rules.max_depth + 1):
        chance = rules.p_operator if depth < rules.max_depth else 0.0
        inner = random.random(len(trees)) < chance
        if (
            depth == 1 and rules.min_length > 1
        ):  # the trees of one digit would be thrown away
            inner[:] = True
        counts = random.integers(2, rules.max_args + 1, np.count_nonzero(inner))
        levels.append((trees, inner, counts))
        for nodes in (trees, trees[inner]):  # a digit is one token, an operator two
            lengths += np.bincount(nodes, minlength=AT_ONCE)
        trees = np.repeat(trees[inner], counts)
        coming = lengths + np.bincount(trees, minlength=AT_ONCE)
        lengths[coming > rules.max_length] = rules.max_length + 1
        trees = trees[lengths[trees] <= rules.max_length]
        if not len(trees):
            break
    allowed = (lengths >= rules.min_length) & (lengths <= rules.max_length)
    if not allowed.any():
        return None
    tree = allowed.argmax()
    return [
        (inner[trees == tree], counts[trees[inner] == tree])
        for trees, inner, counts in levels
        if (trees == tree).any()
    ]


def _write(levels: Levels, random: np.random.Generator) -> Expression:
    """Fill a shape with digits and operators, evaluate it, and write it down."""
    solved = []  # of each level, from the deepest: values, sizes, heights, operators, starts
    below = (np.empty(0, int),) * 3
    for inner, counts in reversed(levels):
        values = random.integers(0, 10, len(inner))
        sizes, tall = np.ones(len(inner), int), np.zeros(len(inner), int)
        operators = random.integers(0, len(OPERATORS), len(counts))
        starts = np.cumsum(counts) - counts
        if len(counts):
            values[inner] = _evaluate(operators, below[0], counts, starts)
            sizes[inner] = 2 + np.add.reduceat(below[1], starts)
            tall[inner] = 1 + np.maximum.reduceat(below[2], starts)
        below = values, sizes, tall
        solved.append((values, sizes, tall, operators, starts))
    tokens = np.empty(solved[-1][1][0], int)
    place, found = np.zeros(1, int), []
    for (inner, counts), (values, sizes, tall, operators, starts) in zip(
        levels, solved[::-1]
    ):
        tokens[place[~inner]] = DIGIT + values[~inner]
        tokens[place[inner]] = OPERATOR + operators
        closing = place[inner] + sizes[inner] - 1
        tokens[closing] = CLOSE
        found.append(np.stack([closing, values[inner], tall[inner], operators]))
        if len(counts):
            sizes = solved[len(solved) - len(found) - 1][1]  # of the level below
            before = np.cumsum(sizes) - sizes
            place = before + np.repeat(place[inner] + 1 - before[starts], counts)
    nodes = np.concatenate(found, 1)
    nodes = nodes[:, np.argsort(nodes[0])]
    return Expression(torch.from_numpy(tokens), *map(torch.from_numpy, nodes))


def _evaluate(
    operators: np.ndarray, values: np.ndarray, counts: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Values of operators (m,), whose arguments stand in `values` one after the other."""
    rows = np.arange(len(counts))
    table = np.full((len(counts), counts.max()), 10)
    columns = np.arange(len(values)) - np.repeat(starts, counts)
    table[np.repeat(rows, counts), columns] = values
    table.sort(1)
    median = (table[rows, (counts - 1) // 2] + table[rows, counts // 2]) // 2
    last = table[rows, counts - 1]
    return np.choose(
        operators, [table[:, 0], last, median, np.add.reduceat(values, starts) % 10]
    )
