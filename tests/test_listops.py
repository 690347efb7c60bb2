"""ListOps: expressions are evaluated a second time from their words, and drawn by the published rules."""

import statistics
from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch

from ssm_lib.tasks import listops
from ssm_lib.tasks.base import Task
from ssm_lib.tasks.listops import ARENA, SUBTREES, Rules, expression

SHORT = Rules(max_depth=6, max_args=5, min_length=20, max_length=100)
MEANING = {
    "[MIN": min,
    "[MAX": max,
    "[MED": lambda values: int(np.median(values)),
    "[SM": lambda values: sum(values) % 10,
}


def descend(words, found):
    """Value and height of the expression that `words` begins with, by recursive descent; notes each bracket."""
    word = words.pop()[1]
    if word not in MEANING:
        return int(word), 0
    values, tallest = [], 0
    while words[-1][1] != "]":
        value, height = descend(words, found)
        values.append(value)
        tallest = max(tallest, height)
    place, _ = words.pop()
    assert len(values) >= 2
    value = MEANING[word](values)
    found.append((place, value, tallest + 1, list(MEANING).index(word), len(values)))
    return value, tallest + 1


def by_stack(words):
    """Value of an expression with a stack, in one pass over its words."""
    stack = []
    for word in words:
        if word != "]":
            stack.append(word if word in MEANING else int(word))
            continue
        values = []
        while isinstance(stack[-1], int):
            values.append(stack.pop())
        stack.append(MEANING[stack.pop()](values))
    assert len(stack) == 1
    return stack[0]


def words(tokens):
    return [listops.TOKENS[i] for i in tokens.tolist()]


@pytest.mark.parametrize(("rules", "number"), [(SHORT, 200), (ARENA, 15), (SUBTREES, 2)], ids=str)
def test_values_and_heights_are_those_of_two_other_evaluators(rules, number):
    for i in range(number):
        one = expression(rules, 7, i)
        text = words(one.tokens)
        stack, found = list(enumerate(text))[::-1], []
        value, height = descend(stack, found)
        assert not stack
        assert height == int(one.heights[-1])
        ours = torch.stack([one.closings, one.values, one.heights, one.operators], 1)
        assert [row[:4] for row in found] == [tuple(row) for row in ours.tolist()]
        assert by_stack(text) == value == int(one.values[-1])
        assert rules.min_length <= len(text) <= rules.max_length
        assert height <= rules.max_depth - 1
        assert max(row[4] for row in found) <= rules.max_args
        heights = listops.heights(one.tokens)
        assert torch.equal(heights[one.closings], one.heights)
        assert int((heights > 0).sum()) == len(one.closings)


def test_frequencies_are_those_of_the_rules():
    drawn = [expression(SHORT, 0, i) for i in range(400)]
    tokens = Counter(torch.cat([one.tokens for one in drawn]).tolist())
    digits = [tokens[listops.DIGIT + i] for i in range(10)]
    operators = [tokens[listops.OPERATOR + i] for i in range(4)]
    assert tokens[listops.CLOSE] == sum(operators)
    assert max(digits) / min(digits) < 1.15
    assert max(operators) / min(operators) < 1.15
    arguments = []
    for one in drawn:
        found = []
        descend(list(enumerate(words(one.tokens)))[::-1], found)
        arguments += [row[4] for row in found]
    assert set(arguments) == {2, 3, 4, 5}


def test_the_share_of_operators_is_that_of_the_rules_where_nothing_is_thrown_away():
    free = Rules(max_depth=3, max_args=4, min_length=1, max_length=10**6)
    lengths = [len(expression(free, 1, i).tokens) for i in range(2000)]
    assert lengths.count(1) / 2000 == pytest.approx(0.75, abs=0.03)
    below = 1 + 0.25 * (2 + 3 - 1)  # a node with digits below it, three on average
    assert statistics.mean(lengths) == pytest.approx(0.75 + 0.25 * (2 + 3 * below), rel=0.08)


def test_lengths_of_the_arena_are_those_known_of_it():
    """Its validation set has a mean of 1,035 tokens, with a mark at each end."""
    lengths = [len(expression(ARENA, 0, i).tokens) for i in range(300)]
    assert statistics.mean(lengths) == pytest.approx(1034, rel=0.08)
    assert min(lengths) > 500
    assert max(lengths) < 2000


def test_an_expression_is_a_function_of_its_seed_and_index():
    first = [expression(SHORT, 3, i).tokens.tolist() for i in range(20)]
    assert [expression(SHORT, 3, i).tokens.tolist() for i in reversed(range(20))] == first[::-1]
    others = [expression(SHORT, 4, i).tokens.tolist() for i in range(20)]
    assert len({tuple(x) for x in first + others}) == 40
    assert expression(SHORT, 2**64 - 1, 2**64 - 1).tokens.numel() >= 20


def test_text_is_read_back_with_and_without_brackets_around_pairs():
    text = "( ( ( ( [MAX 2 ) ( ( ( [SM 4 ) 7 ) ] ) ) 0 ) ] )"
    tokens = listops.tokenize(text)
    assert words(tokens) == ["[MAX", "2", "[SM", "4", "7", "]", "0", "]"]
    assert by_stack(words(tokens)) == 2
    assert torch.equal(listops.heights(tokens), torch.tensor([0, 0, 0, 0, 0, 1, 0, 2]))
    one = expression(SHORT, 0, 0)
    assert torch.equal(listops.tokenize(" ".join(words(one.tokens))), one.tokens)
    assert torch.equal(listops.heights(tokens.expand(2, 3, -1))[1, 2], listops.heights(tokens))
    with pytest.raises(ValueError, match=r"no tokens of ListOps: \['<pad>', '\[AVG'\]"):
        listops.tokenize("[AVG <pad> 3 ]")


@pytest.mark.parametrize("make", [listops.listops_task, listops.subtrees_task])
def test_tasks_give_padded_batches_that_depend_on_the_index_alone(make):
    task = make(length=64, max_depth=5, max_args=5)
    assert isinstance(task, Task)
    whole = list(islice(task.train_batches(8, seed=1), 3))
    halves = list(islice(task.train_batches(4, seed=1, start=1, step=2), 3))
    for (inputs, y), (part, z) in zip(whole, halves):
        assert torch.equal(inputs["u"][4:], part["u"])
        assert torch.equal(y[4:], z)
        assert inputs["u"].shape == (8, 64)
        for row, length in zip(inputs["u"], inputs["lengths"]):
            assert bool((row[:length] != listops.PAD).all())
            assert not bool((row[length:] != listops.PAD).any())
            assert row[length - 1] == listops.CLOSE
        if y.ndim == 2:
            assert torch.equal(y != listops.IGNORE, inputs["u"] == listops.CLOSE)
            last = y.gather(1, inputs["lengths"][:, None] - 1)[:, 0]
        else:
            last = y
        values = [by_stack(words(row[:n])) for row, n in zip(inputs["u"], inputs["lengths"])]
        assert last.tolist() == values
    trained = {tuple(row.tolist()) for inputs, _ in whole for row in inputs["u"]}
    tested = {tuple(row.tolist()) for inputs, _ in task.evaluation() for row in inputs["u"]}
    assert len(trained) == 24
    assert not trained & tested


def test_a_lone_digit_is_its_own_value():
    generator = torch.Generator().manual_seed(0)
    inputs, y = listops.sample(50, 4, generator, Rules(1, 2, 1, 4), subtrees=False)
    assert inputs["lengths"].tolist() == [1] * 50
    assert torch.equal(inputs["u"][:, 0] - listops.DIGIT, y)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Rules(max_depth=0), ValueError, "max_depth must be at least 1, got 0"),
        (lambda: Rules(max_args=1), ValueError, "max_args must be at least 2, got 1"),
        (lambda: Rules(min_length=2.5), TypeError, "min_length must be an int"),
        (lambda: Rules(p_operator=1.5), ValueError, r"p_operator must lie in \(0, 1\], got 1.5"),
        (lambda: Rules(p_operator=float("nan")), ValueError, "p_operator must be positive"),
        (lambda: Rules(min_length=9, max_length=8), ValueError, "no expression has 9 .. 8 tokens"),
        (lambda: Rules(max_depth=2, max_args=3, min_length=6), ValueError, "it has 1, or 4 .. 5"),
        (lambda: Rules(min_length=2, max_length=3), ValueError, "no expression has 2 .. 3 tokens"),
        (lambda: expression(SHORT, -1, 0), ValueError, "seed must lie in 0"),
        (lambda: expression(SHORT, 0, 2**64), ValueError, "index must lie in 0"),
        (lambda: listops.listops_task(length=7), ValueError, "listops needs a length of at least 8, got 7"),
        (lambda: listops.subtrees_task(length=0), ValueError, "length must be at least 1"),
        (lambda: listops.subtrees_task(length=512, max_depth=3), ValueError, "no expression has 448 .. 512"),
    ],
)
def test_bad_rules_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_rules_that_are_all_but_impossible_end(monkeypatch):
    monkeypatch.setattr(listops, "ATTEMPTS", 100)
    with pytest.raises(RuntimeError, match="no expression in 100 attempts: .* are too narrow"):
        expression(Rules(max_depth=4, max_args=10, min_length=1200, max_length=1222), 0, 0)
