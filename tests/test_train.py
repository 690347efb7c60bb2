"""The training loop and the digits it is shown on."""

import builtins

import pytest
import torch

from ssm_lib import SequenceModel
from ssm_lib.tasks import digits
from ssm_lib.train import accuracy, fit, fit_stream, score


def small(seed=0):
    torch.manual_seed(seed)
    layer_args = {"d_state": 16, "init": "legs", "dt_min": 0.01}
    return SequenceModel(1, 10, d_model=32, n_layers=1, layer_args=layer_args)


def test_digits_are_split_once_and_for_all():
    train, test = digits.load()
    assert train[0].shape == (1437, 64, 1)
    assert test[0].shape == (360, 64, 1)
    assert train[0].dtype == torch.float32
    assert train[1].dtype == torch.int64
    assert abs(float(train[0].mean())) < 1e-5
    assert abs(float(train[0].std()) - 1) < 1e-3
    share = test[1].bincount(minlength=10) / 360
    assert float((share - 0.1).abs().max()) < 0.01
    again = digits.load()
    assert torch.equal(again.test[0], test[0])
    seen = {tuple(row) for row in train[0][..., 0].tolist()}
    assert not any(tuple(row) in seen for row in test[0][..., 0].tolist())


def test_digits_errors(monkeypatch):
    with pytest.raises(ValueError, match="n_test must lie in 10 .. 1787, got 5"):
        digits.load(5)
    real = builtins.__import__

    def without_sklearn(name, *args, **kwargs):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_sklearn)
    with pytest.raises(ImportError, match=r"pip install 'ssm_lib\[train\]'"):
        digits.load()


def test_training_learns_and_repeats_itself():
    train, test = digits.load()
    train = train[0][:600], train[1][:600]
    model = small()
    before = accuracy(model, *test)
    history = fit(model, train, test, epochs=4, lr=2e-2, batch_size=16)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert history[-1]["test_accuracy"] == accuracy(model, *test) > 0.7
    assert before < 0.3
    assert fit(small(), train, test, epochs=4, lr=2e-2, batch_size=16) == history


def test_accuracy_counts_and_leaves_the_mode():
    u, y = torch.randn(7, 5, 1), torch.tensor([0, 1, 2, 3, 4, 5, 6])
    model = small().train()
    guesses = model.eval()(u).argmax(-1)
    model.train()
    assert accuracy(model, u, guesses, batch_size=2) == 1.0
    assert accuracy(model, u, y) == float((guesses == y).double().mean())
    assert model.training


def test_a_diverging_run_is_named():
    u, y = torch.randn(8, 5, 1), torch.zeros(8, dtype=torch.int64)
    model = small()
    with torch.no_grad():
        model.decoder.bias[3] = float("nan")
    with pytest.raises(FloatingPointError, match=r"loss is nan in epoch 1 \(not finite: decoder.bias\)"):
        fit(model, (u, y), (u, y), epochs=1, lr=1e-3)
    with pytest.raises(ValueError, match="train has 8 inputs but 7 labels"):
        fit(model, (u, y[:7]), (u, y), epochs=1, lr=1e-3)


class Echo(torch.nn.Module):
    """Says its input times a number that it learns, shifted by `plus`."""

    def __init__(self, factor=0.0):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, u, plus=None, rate=1.0):
        return self.factor * u * rate + (0 if plus is None else plus)


def test_regression_with_named_inputs():
    u, plus = torch.randn(40, 6, 2), torch.randn(40, 1, 1)
    y = 3 * u + plus
    model = Echo()
    history = fit(
        model, ({"u": u, "plus": plus}, y), ({"u": u, "plus": plus}, y), 30, 0.2, 8, 0.0, objective="mse"
    )
    assert abs(model.factor.item() - 3) < 0.05
    assert history[0].keys() == {"epoch", "loss", "train_mse", "test_mse"}
    assert history[-1]["loss"] == pytest.approx(history[-1]["train_mse"], rel=1e-4)
    assert history[-1]["test_mse"] < 0.01 * history[0]["test_mse"]
    with pytest.raises(ValueError, match=r"inputs by name need a 'u', got \['plus'\]"):
        fit(model, ({"plus": plus}, y), ({"plus": plus}, y), 1, 0.1, objective="mse")
    with pytest.raises(ValueError, match="test has 39 inputs but 40 labels"):
        fit(model, (u, y), ({"u": u, "plus": plus[1:]}, y), 1, 0.1, objective="mse")


def test_scores_are_what_their_names_say():
    u = torch.randn(30, 6, 2)
    y = u + 0.1 * torch.randn(30, 6, 2) + 5
    model = Echo(1.0)
    error = (u - y).square().mean()
    assert score(model, u, y, "mse", batch_size=7) == pytest.approx(float(error), rel=1e-5)
    r2 = 1 - float(error / y.var(correction=0))
    assert score(model, u, y, "r2", batch_size=7) == pytest.approx(r2, rel=1e-4)
    assert score(model, u, 2 * u, "r2", rate=2.0) == pytest.approx(1)
    last = score(model, u, u[:, -2:], "mse")  # only the last steps are compared
    assert last == 0
    with pytest.raises(ValueError, match="unknown objective 'mae'"):
        score(model, u, y, "mae")


def test_labels_of_each_step():
    logits = torch.randn(8, 5, 3)
    labels = logits.argmax(-1)
    assert score(Echo(1.0), logits, labels) == score(Echo(1.0), logits, labels, "f1") == 1
    half = torch.where(torch.arange(5) < 2, labels, -100)  # these count for nothing
    assert score(Echo(1.0), -logits, half) < 0.5 < score(Echo(1.0), logits, half)
    history = fit(Echo(1.0), (logits, labels), (logits, labels), 1, 0.01)
    assert history[0]["train_accuracy"] == 1


def test_a_stream_of_fresh_samples():
    seen = []

    def sample(generator):
        u = torch.randn(16, 6, 1, generator=generator)
        seen.append(u)
        return u, 2 * u[:, -3:]

    model = Echo()
    history = fit_stream(model, sample, 110, 0.1, every=50)
    assert [row["step"] for row in history] == [50, 100, 110]
    assert history[0].keys() == {"step", "loss", "r2"}
    assert history[-1]["r2"] > 0.99 > history[0]["r2"]
    assert abs(model.factor.item() - 2) < 0.05
    assert len(seen) == 110
    assert not torch.equal(seen[0], seen[1])
    first = seen[:3]
    seen.clear()
    fit_stream(Echo(), sample, 3, 0.1)
    assert all(torch.equal(a, b) for a, b in zip(first, seen))
    with pytest.raises(FloatingPointError, match=r"the loss is nan in step 1 \(all parameters are finite\)"):
        fit_stream(Echo(), lambda generator: (torch.ones(1, 1, 1), torch.tensor([[[float("nan")]]])), 3, 0.1)
    with pytest.raises(ValueError, match="every must be at least 1"):
        fit_stream(Echo(), sample, 3, 0.1, every=0)
    held = Echo()
    fit_stream(held, sample, 3, 0.1, groups=[{"params": held.parameters(), "lr": 0.0}])
    assert held.factor == Echo().factor


def test_warmup_rises_then_falls():
    class Watch(Echo):
        values = []

        def forward(self, u):
            self.values.append(float(self.factor.detach()))
            return self.factor * 0 + self.factor + 0 * u

    model, u = Watch(), torch.zeros(100, 2, 1)
    fit(model, (u, u - 1e3), (u, u), 1, 1.0, batch_size=1, weight_decay=0.0, objective="mse", warmup=0.3)
    moves = -torch.tensor(model.values[:100]).diff()  # Adam moves by the learning rate at each step
    assert int(moves.argmax()) in range(25, 35)
    assert float(moves[0]) < 0.1 * float(moves.max())
    assert float(moves[-1]) < 0.1 * float(moves.max())
    with pytest.raises(ValueError, match=r"warmup must lie in \[0, 1\), a share of the steps, got 1"):
        fit(model, (u, u), (u, u), 1, 1.0, warmup=1)
