"""Tasks cut their batches from one stream: the same for every batch size, process and start."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssm_lib.engine.data import Parts, grouped
from ssm_lib.objectives import OBJECTIVES
from ssm_lib.tasks import base, registry
from ssm_lib.tasks.base import FiniteTask, StreamTask, Task, generator


def rows(count):
    u = torch.arange(count)[:, None, None].float()
    return u, torch.arange(count)


def finite(count=10, test=7):
    return FiniteTask(rows(count), rows(test), d_output=2, d_input=1, test_batch=3)


def stream(block=4):
    def sample(batch, length, generator):
        u = torch.randn(batch, length, 1, generator=generator)
        return {"u": u, "dt": 1 + u[..., 0]}, u.sum((1, 2))

    return StreamTask(sample, 3, d_output=1, d_input=1, block=block, test_size=10, test_batch=4)


def taken(task, batch_size, count, seed=0, start=0, step=1):
    """The targets of some batches, joined: they name the samples."""
    batches = itertools.islice(task.train_batches(batch_size, seed, start, step), count)
    return torch.cat([y for _, y in batches])


@settings(deadline=None, max_examples=30)
@given(
    make=st.sampled_from([finite, stream]),
    size=st.integers(1, 7),
    processes=st.integers(1, 4),
    start=st.integers(0, 9),
)
def test_batches_are_cuts_of_one_stream(make, size, processes, start):
    task, count = make(), 6
    whole = taken(task, 1, (start + processes * count) * size)[start * size :]
    shares = [taken(task, size, count, start=start + r, step=processes) for r in range(processes)]
    turns = torch.stack([share.view(count, size) for share in shares], 1)  # (count, processes, size)
    assert torch.equal(turns.flatten(), whole)


def test_each_pass_takes_every_sample_once_in_its_own_order():
    seen = taken(finite(10), 4, 10).view(4, 10)  # 40 samples are four passes
    assert all(torch.equal(one.sort().values, torch.arange(10)) for one in seen)
    assert len({tuple(one.tolist()) for one in seen}) == 4
    assert not torch.equal(seen[0], taken(finite(10), 10, 1, seed=1))


def test_no_two_generators_of_a_seed_are_the_same():
    seeds = {generator(5, i).initial_seed() for i in range(20_000)}
    assert len(seeds) == 20_000
    assert max(seeds) < 2**32, "torch's CPU generator takes 32 bits"
    tests = {generator(s, i, test=True).initial_seed() for s in (0, 5, 6) for i in range(5000)}
    assert not seeds & tests
    assert generator(5, 7).initial_seed() != generator(5 + 2**32, 7).initial_seed()
    assert generator(-1, 0).initial_seed() in range(2**32)
    with pytest.raises(ValueError, match=r"index must lie in 0 .. 2\^31 - 1, got -1"):
        generator(0, -1)


def test_tests_are_whole_and_always_the_same():
    for task, size in ((finite(), 7), (stream(), 10)):
        one, two = (torch.cat([y for _, y in task.evaluation()]) for _ in range(2))
        assert len(one) == size
        assert torch.equal(one, two)
    assert not set(one.tolist()) & set(taken(stream(), 10, 100).tolist())


def test_named_inputs_stay_together():
    inputs, y = next(stream().train_batches(6, 0))
    assert inputs["u"].shape == (6, 3, 1)
    assert torch.equal(inputs["dt"], 1 + inputs["u"][..., 0])
    assert torch.equal(y, inputs["u"].sum((1, 2)))


@pytest.mark.parametrize("name", [n for n in registry.TASKS if n not in registry.DOWNLOADED])
def test_every_task_keeps_the_contract(name):
    """Whoever adds a task gets this test."""
    task = registry.TASKS[name]()
    assert isinstance(task, Task)
    assert task.objective in OBJECTIVES
    assert (task.d_input is None) != (task.vocabulary is None)

    def same(one, two):
        parts = base._parts(one[0]) + [one[1]], base._parts(two[0]) + [two[1]]
        return all(torch.equal(a, b) for a, b in zip(*parts, strict=True))

    first = list(itertools.islice(task.train_batches(2, 3), 3))
    assert all(same(a, b) for a, b in zip(first, task.train_batches(2, 3)))
    assert same(next(task.train_batches(2, 3, start=2)), first[2])
    assert not same(first[0], first[1])
    assert not same(first[0], next(task.train_batches(2, 4)))
    test = next(iter(task.evaluation()))
    assert same(test, next(iter(task.evaluation())))
    with pytest.raises(ValueError, match="length"):
        registry.TASKS[name](length=0)


def test_what_cannot_be_a_task_is_said():
    with pytest.raises(ValueError, match="train has 3 inputs and 4 targets"):
        FiniteTask((rows(3)[0], rows(4)[1]), rows(2), 2, d_input=1)
    with pytest.raises(ValueError, match="test has 0 inputs and 0 targets"):
        FiniteTask(rows(3), rows(0), 2, d_input=1)
    with pytest.raises(ValueError, match="expected d_input or vocabulary, and not both"):
        FiniteTask(rows(3), rows(3), 2)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        next(finite().train_batches(0, 0))
    with pytest.raises(ValueError, match="start must be at least 0, got -1"):
        next(finite().train_batches(1, 0, -1))
    with pytest.raises(ValueError, match="digits has sequences of 64 steps, and no others; got length 65"):
        registry.digits_task(65)
    with pytest.raises(ValueError, match="toy needs a length of 4 .. 8, got 9"):
        base.length_between("toy", 9, 4, 8)


def test_batches_are_grouped_for_processes():
    groups = list(grouped(finite(test=7).evaluation(), 2))
    assert [len(group) for group in groups] == [2, 1]
    parts = Parts(finite(), 2, 0, start=1, step=2)
    assert torch.equal(next(iter(parts))[1], taken(finite(), 2, 1, start=1))


def test_objectives_are_what_their_names_say():
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 5, 3), torch.randint(0, 3, (6, 5))
    labels[0, :3] = -100
    kept = labels != -100
    for name in ("accuracy", "f1"):
        objective = OBJECTIVES[name]
        halves = objective.sums(logits[:2], labels[:2]) + objective.sums(logits[2:], labels[2:])
        assert torch.equal(halves, objective.sums(logits, labels))
    right = (logits.argmax(-1) == labels)[kept].double().mean()
    accuracy, f1 = OBJECTIVES["accuracy"], OBJECTIVES["f1"]
    assert accuracy.score(accuracy.sums(logits, labels)) == pytest.approx(float(right))
    from sklearn.metrics import f1_score

    expected = f1_score(labels[kept], logits.argmax(-1)[kept], average="macro")
    assert f1.score(f1.sums(logits, labels)) == pytest.approx(expected)
    each = torch.nn.functional.cross_entropy(logits[kept], labels[kept], reduction="none")
    classes = torch.stack([each[labels[kept] == c].mean() for c in range(3)])
    torch.testing.assert_close(f1.loss(logits, labels), classes.mean())
    torch.testing.assert_close(accuracy.loss(logits, labels), each.mean())
    y = torch.randn(6, 5, 3) + 5
    mse, r2 = OBJECTIVES["mse"], OBJECTIVES["r2"]
    error = (logits - y).square().mean()
    assert mse.score(mse.sums(logits, y)) == pytest.approx(float(error), rel=1e-5)
    expected = 1 - float(error / y.var(correction=0))
    assert r2.score(r2.sums(logits, y)) == pytest.approx(expected, rel=1e-4)
