"""The training loop and the digits it is shown on."""

import builtins

import pytest
import torch

from ssm_lib import SequenceModel
from ssm_lib.tasks import digits
from ssm_lib.train import accuracy, fit


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
