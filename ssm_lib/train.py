"""A plain training loop: AdamW, cosine schedule, a progress bar, a history."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from ssm_lib.optim import param_groups


def fit(
    model: nn.Module,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    epochs: int,
    lr: float,
    batch_size: int = 64,
    weight_decay: float = 0.01,
    seed: int = 0,
) -> list[dict[str, float]]:
    """Train a classifier of sequences and measure it after each epoch.

    Parameters
    ----------
    model
        Maps (B, L, d_input) to logits (B, classes). Trained in place, on the device it is on.
    train, test : (u, y)
        Inputs (S, L, d_input) and integer labels (S,).
    epochs
        Passes over the training set.
    lr
        Peak learning rate; it falls to 0 along half a cosine. Eigenvalues, steps and B are trained at
        a quarter of it.
    batch_size, weight_decay
        Of AdamW; see `ssm_lib.optim.param_groups` for what is not decayed.
    seed
        Of the order of the training samples.

    Returns
    -------
    list of dict, one per epoch: epoch, loss (mean over the epoch), train_accuracy, test_accuracy (in
    [0, 1]). train_accuracy is measured while training, so on weights that still change.

    Raises
    ------
    ValueError
        If inputs and labels differ in number.
    FloatingPointError
        If the loss is NaN or infinite; it names the epoch and the parameters that are not finite.
    """
    for name, (u, y) in (("train", train), ("test", test)):
        if len(u) != len(y):
            raise ValueError(f"{name} has {len(u)} inputs but {len(y)} labels")
    device = next(model.parameters()).device
    u, y = train[0].to(device), train[1].to(device)
    steps = epochs * math.ceil(len(u) / batch_size)
    optimizer = torch.optim.AdamW(param_groups(model, lr, lr / 4, weight_decay))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    order = torch.Generator().manual_seed(seed)
    history: list[dict[str, float]] = []
    with tqdm(total=steps, unit="step", desc="training") as bar:
        for epoch in range(1, epochs + 1):
            model.train()
            total, correct = 0.0, 0
            for batch in torch.randperm(len(u), generator=order).split(batch_size):
                logits = model(u[batch])
                loss = F.cross_entropy(logits, y[batch])
                if not torch.isfinite(loss):
                    raise FloatingPointError(_diverged(model, epoch, loss))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                total += loss.item() * len(batch)
                correct += int((logits.argmax(-1) == y[batch]).sum())
                bar.update()
            row = {
                "epoch": epoch,
                "loss": total / len(u),
                "train_accuracy": correct / len(u),
            }
            history.append({**row, "test_accuracy": accuracy(model, *test)})
            bar.set_postfix(
                loss=f"{row['loss']:.3f}", test=f"{history[-1]['test_accuracy']:.3f}"
            )
    return history


@torch.no_grad()
def accuracy(model: nn.Module, u: Tensor, y: Tensor, batch_size: int = 256) -> float:
    """Share of sequences whose largest logit is the label, in [0, 1].

    Parameters
    ----------
    model
        As in `fit`; evaluated in eval mode and left in the mode it was in.
    u : Tensor (S, L, d_input)
    y : Tensor (S,), integer labels
    batch_size
        Sequences per call of the model.
    """
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    guesses = [model(part.to(device)).argmax(-1).cpu() for part in u.split(batch_size)]
    model.train(training)
    return float((torch.cat(guesses) == y.cpu()).double().mean())


def _diverged(model: nn.Module, epoch: int, loss: Tensor) -> str:
    bad = [
        name for name, p in model.named_parameters() if not bool(torch.isfinite(p).all())
    ]
    held = f"not finite: {', '.join(bad)}" if bad else "all parameters are finite"
    return f"the loss is {loss.item()} in epoch {epoch} ({held}); try a smaller lr"
