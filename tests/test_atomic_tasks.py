"""The atomic tasks against their definitions, written out token by token."""

import math

import pytest
import torch
from conftest import NO_GPU

from ssm_lib.tasks import registry
from ssm_lib.tasks.atomic import MARKED, TASKS, Task, delayed, positions

SIZES = {  # name: (inputs, channels of the input, targets) of the task of length L
    "shift": lambda L: (L, 3, (L, 8)),
    "cumsum": lambda L: (L, 3, (L, 1)),
    "cummax": lambda L: (L, 3, (L, 1)),
    "reverse": lambda L: (2 * L, 3, (L, 1)),
    "sort": lambda L: (2 * L, 3, (L, 1)),
    "select": lambda L: (L + 64, 4, (32, 1)),
    "select_fixed": lambda L: (L + 64, 4, (32, 1)),
    "solve": lambda L: (L, 3, (math.floor(math.sqrt(L + 1) - 1), 1)),
    "solve_fixed": lambda L: (L, 3, (math.floor(math.sqrt(L + 1) - 1), 1)),
    "context_shift": lambda L: (L, 3, (L, 1)),
    "mips": lambda L: (L, 14, (L, 4)),
}


def draw(name, batch=3, length=40, seed=0):
    return TASKS[name].sample(batch, length, torch.Generator().manual_seed(seed))


def slow_shift(u, L):
    return [[u[i - j * L // 8][0] if i >= j * L // 8 else 0.0 for j in range(8)] for i in range(L)]


def slow_context_shift(u, L):
    angle = math.atan2(u[1][0], u[0][0]) % (2 * math.pi)
    s = round(angle * L / (2 * math.pi))
    assert 0 <= s <= L - 3
    return [[u[i - s][0] if i >= s else 0.0] for i in range(L)]


def slow_cumsum(u, L):
    return [[sum(u[k][0] for k in range(i + 1)) / math.sqrt(i + 1)] for i in range(L)]


def slow_cummax(u, L):
    return [[max(u[k][0] for k in range(i + 1))] for i in range(L)]


def slow_reverse(u, L):
    assert all(u[i][0] == 0 for i in range(L, 2 * L))
    return [[u[L - 1 - j][0]] for j in range(L)]


def slow_sort(u, L):
    assert all(u[i][0] == 0 for i in range(L, 2 * L))
    return [[v] for v in sorted((u[i][0] for i in range(L)), key=lambda v: abs(v - u[0][0]))]


def slow_select(u, L):
    assert all(u[i][0] == u[i][1] == 0 for i in range(L + MARKED, L + 2 * MARKED))
    assert {u[i][1] for i in range(L + MARKED)} == {0.0, 1.0}
    return [[u[i][0]] for i in range(L + MARKED) if u[i][1] == 1]


def slow_solve(u, L):
    N = math.floor(math.sqrt(L + 1) - 1)
    rows = [[u[i * (N + 1) + j][0] for j in range(N + 1)] for i in range(N)]
    assert all(u[i][0] == 0 for i in range(N * (N + 1), L))
    return [[sum(rows[i][j] * rows[i][N] for i in range(N))] for j in range(N)]  # A^T B


def slow_mips(u, L):
    def score(i, j):
        return sum(u[i][c] * u[j][4 + c] for c in range(4))

    return [u[max(range(i + 1), key=lambda j: score(i, j))][8:12] for i in range(L)]


SLOW = {
    "shift": slow_shift,
    "cumsum": slow_cumsum,
    "cummax": slow_cummax,
    "reverse": slow_reverse,
    "sort": slow_sort,
    "select": slow_select,
    "select_fixed": slow_select,
    "solve": slow_solve,
    "solve_fixed": slow_solve,
    "context_shift": slow_context_shift,
    "mips": slow_mips,
}


@pytest.mark.parametrize("length", [3, 5, 40, 65])
@pytest.mark.parametrize("name", TASKS)
def test_targets_are_what_the_task_says(name, length):
    task = TASKS[name]
    u, y = draw(name, 3, length)
    steps, channels, (scored_steps, outputs) = SIZES[name](length)
    assert u.shape == (3, steps, channels)
    assert y.shape == (3, scored_steps, outputs)
    assert (channels, outputs) == (task.d_input, task.d_output)
    assert u.dtype == y.dtype == torch.float32
    for tokens, target in zip(u.tolist(), y, strict=True):
        expected = torch.tensor(SLOW[name](tokens, length))
        torch.testing.assert_close(target, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", TASKS)
def test_the_last_two_channels_tell_the_position(name):
    u, _ = draw(name)
    T = u.shape[1]
    for i in (0, 1, T // 3, T - 1):
        angle = 2 * math.pi * i / T
        expected = torch.tensor([math.cos(angle), math.sin(angle)]).expand(3, 2)
        torch.testing.assert_close(u[:, i, -2:], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["shift", "cumsum", "cummax", "reverse", "sort", "select", "select_fixed"])
def test_values_are_normal_and_their_largest_size_is_one(name):
    u, _ = draw(name, 50, 400)
    values = u[..., 0] if not name.startswith("select") else u[:, :432, 0]
    torch.testing.assert_close(values.abs().amax(1), torch.ones(50))
    values = values[:, :400]
    ratio = values.square().mean() ** 2 * 3 / values.pow(4).mean()  # 1 for normal numbers
    assert 0.9 < ratio < 1.1
    assert abs(values.mean()) < 0.02


def test_the_noise_of_context_shift_has_size_one_without_its_header():
    u, _ = draw("context_shift", 20, 50)
    torch.testing.assert_close(u[:, 2:, 0].abs().amax(1), torch.ones(20))
    torch.testing.assert_close(u[:, :2, 0].square().sum(1), torch.ones(20))


def test_all_shifts_of_the_context_come_and_none_else():
    u, _ = draw("context_shift", 500, 8)
    s = torch.atan2(u[:, 1, 0], u[:, 0, 0]).mul(8 / (2 * math.pi)).round().int() % 8
    assert set(s.tolist()) == set(range(6))


def test_mips_compares_unit_vectors():
    u, _ = draw("mips", 4, 30)
    torch.testing.assert_close(u[..., :12].unflatten(-1, (3, 4)).norm(dim=-1), torch.ones(4, 30, 3))


def test_solve_has_an_orthogonal_matrix_and_a_unit_vector():
    u, y = draw("solve", 3, 48)  # N = 6
    A = u[:, :42, 0].unflatten(1, (6, 7))[..., :6]
    torch.testing.assert_close(A @ A.mT, torch.eye(6).expand(3, 6, 6), rtol=0, atol=1e-5)
    torch.testing.assert_close(A @ y, u[:, :42, 0].unflatten(1, (6, 7))[..., 6:], rtol=0, atol=1e-5)
    torch.testing.assert_close(y.norm(dim=1), torch.ones(3, 1))
    assert not torch.equal(A[0], A[1])


def test_the_fixed_matrix_is_the_orthogonal_part_of_a_gaussian_one():
    u, _ = draw("solve_fixed", 1, 48)
    gaussian = torch.randn(1, 6, 6, generator=torch.Generator().manual_seed(0))[0].double()
    values, V = torch.linalg.eigh(gaussian.T @ gaussian)
    expected = gaussian @ V @ torch.diag(values.rsqrt()) @ V.T  # G (G^T G)^(-1/2) = U V^T
    A = u[0, :42, 0].unflatten(0, (6, 7))[:, :6]
    torch.testing.assert_close(A.double(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["select", "solve"])
def test_what_is_fixed_is_the_same_in_all_samples_of_all_seeds(name):
    def structure(name, seed):
        u, _ = draw(name, 3, 48, seed)
        return u[..., 1] if name.startswith("select") else u[:, :42, 0].unflatten(1, (6, 7))[..., :6]

    first, second = structure(f"{name}_fixed", 0), structure(f"{name}_fixed", 1)
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(first, first[:1].expand_as(first))
    free = structure(name, 0)
    assert not torch.equal(free[0], free[1])
    (u, y), (v, z) = draw(f"{name}_fixed", seed=0), draw(f"{name}_fixed", seed=1)
    assert not torch.equal(u, v)
    assert not torch.equal(y, z)


@pytest.mark.parametrize("name", TASKS)
def test_the_generator_alone_decides_and_goes_on(name):
    before = torch.random.get_rng_state()
    generator = torch.Generator().manual_seed(5)
    u, y = TASKS[name].sample(2, 20, generator)
    v, _ = TASKS[name].sample(2, 20, generator)
    again = draw(name, 2, 20, seed=5)
    assert torch.equal(u, again[0])
    assert torch.equal(y, again[1])
    assert not torch.equal(u, v)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU)
@pytest.mark.parametrize("name", TASKS)
def test_samples_are_on_the_generators_device(name):
    u, y = TASKS[name].sample(2, 20, torch.Generator("cuda").manual_seed(0))
    assert u.device.type == y.device.type == "cuda"
    v, _ = next(registry.TASKS[name](20, device="cuda").train_batches(2, 0))
    assert v.device.type == "cuda"


@pytest.mark.parametrize(
    ("batch", "length", "error", "message"),
    [
        (0, 8, ValueError, "batch must be at least 1"),
        (2, 8.0, TypeError, "length must be an int"),
        (2, 0, ValueError, "length must be at least 1"),
        (True, 8, TypeError, "batch must be an int"),
    ],
)
def test_wrong_sizes_say_what_was_expected(batch, length, error, message):
    with pytest.raises(error, match=message):
        TASKS["shift"].sample(batch, length, torch.Generator())


@pytest.mark.parametrize("name", ["context_shift", "solve", "solve_fixed"])
def test_tasks_that_need_three_steps_say_so(name):
    with pytest.raises(ValueError, match="length must be at least 3, got 2"):
        draw(name, length=2)


def test_small_helpers():
    x = torch.tensor([[1.0, 2, 3]])
    assert delayed(x, 1).tolist() == [[0, 1, 2]]
    assert delayed(x, 5).tolist() == [[0, 0, 0]]
    assert positions(4, x).round(decimals=6).tolist() == [[1, 0], [0, 1], [-1, 0], [0, -1]]
    with pytest.raises(AttributeError):
        TASKS["shift"].d_input = 4
    assert isinstance(TASKS["shift"], Task)
