"""A plain training loop: AdamW, warm-up and cosine, a progress bar, a history."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ssm_lib import validate
from ssm_lib.objectives import OBJECTIVES, Objective, Tally, last_steps
from ssm_lib.optim import param_groups

Inputs = (
    Tensor | Mapping[str, Tensor]
)  # what a model is called with: u, or its arguments by name


def fit(
    model: nn.Module,
    train: tuple[Inputs, Tensor],
    test: tuple[Inputs, Tensor],
    epochs: int,
    lr: float,
    batch_size: int = 64,
    weight_decay: float = 0.01,
    seed: int = 0,
    objective: str = "accuracy",
    warmup: float = 0.0,
    groups: Sequence[Mapping[str, Any]] | None = None,
) -> list[dict[str, float]]:
    """Train a model of sequences and measure it after each epoch.

    Parameters
    ----------
    model
        Maps its inputs to logits (B, classes) or to values shaped like the targets. Trained in place, on
        the device it is on.
    train, test : (inputs, y)
        Inputs (S, L, d_input), or a dict of tensors (S, ...) that the model takes by name; labels (S,)
        or (S, L), int64, or real targets.
    epochs
        Passes over the training set.
    lr
        Peak learning rate; it falls to 0 along half a cosine. Eigenvalues, steps and B are trained at
        a quarter of it.
    batch_size, weight_decay
        Of AdamW; see `ssm_lib.optim.param_groups` for what is not decayed.
    seed
        Of the order of the training samples.
    objective
        ``"accuracy"``: cross-entropy is minimized, and the share of correct labels measured; ``"mse"``:
        the mean squared error is both; or another of `ssm_lib.objectives.OBJECTIVES`.
    warmup
        Share of all steps, in [0, 1), in which the learning rate first rises to its peak.
    groups
        Optimizer groups to use in place of those of `param_groups`; `lr` and `weight_decay` hold for a
        group that does not set its own.

    Returns
    -------
    list of dict, one per epoch: epoch, loss (mean over the epoch), train_OBJECTIVE, test_OBJECTIVE, such as
    test_accuracy (in [0, 1]). The one of the training set is measured while training, so on weights that
    still change.

    Raises
    ------
    ValueError
        If inputs and targets differ in number, or on an unknown objective or a warmup out of range.
    FloatingPointError
        If the loss is NaN or infinite; it names the epoch and the parameters that are not finite.
    """
    for name, (inputs, targets) in (("train", train), ("test", test)):
        for count in {len(x) for x in _named(inputs).values()}:
            if count != len(targets):
                raise ValueError(f"{name} has {count} inputs but {len(targets)} labels")
    device = _device(model)
    u, y = _to(train[0], device), train[1].to(device)
    steps = epochs * math.ceil(len(y) / batch_size)
    goal, optimizer = _objective(objective), _adamw(model, lr, weight_decay, groups)
    optimize = _optimize(model, optimizer, steps, goal, warmup)
    order = torch.Generator().manual_seed(seed)
    history: list[dict[str, float]] = []
    with tqdm(total=steps, unit="step", desc="training") as bar:
        for epoch in range(1, epochs + 1):
            model.train()
            tally = Tally(goal)
            for batch in torch.randperm(len(y), generator=order).split(batch_size):
                part = {name: x[batch] for name, x in u.items()}
                optimize(part, y[batch], tally, f"epoch {epoch}")
                bar.update()
            loss, reached = tally.total()
            row = {"epoch": epoch, "loss": loss, f"train_{objective}": reached}
            row[f"test_{objective}"] = score(model, *test, objective)
            history.append(row)
            bar.set_postfix(
                loss=f"{row['loss']:.3f}", test=f"{row[f'test_{objective}']:.3f}"
            )
    return history


def fit_stream(
    model: nn.Module,
    sample: Callable[[torch.Generator], tuple[Inputs, Tensor]],
    steps: int,
    lr: float,
    weight_decay: float = 0.01,
    seed: int = 0,
    objective: str = "r2",
    warmup: float = 0.0,
    every: int = 50,
    groups: Sequence[Mapping[str, Any]] | None = None,
) -> list[dict[str, float]]:
    """Train on an endless stream of fresh samples: what is measured while training is a test.

    Parameters
    ----------
    model, lr, weight_decay, objective, warmup, groups
        As in `fit`. If a target has fewer steps than the model's output, the last ones are compared.
    sample
        Draws one batch, (inputs, y), with the generator that it is given; a CPU generator.
    steps
        Number of batches.
    seed
        Of the generator.
    every
        Steps that one row of the history is the mean of.

    Returns
    -------
    list of dict: step (the last of the row's), loss and OBJECTIVE over the row's steps.

    Raises
    ------
    ValueError, FloatingPointError
        As `fit`; the error names the step.
    """
    validate.positive_int("steps", steps)
    validate.positive_int("every", every)
    device = _device(model)
    goal, optimizer = _objective(objective), _adamw(model, lr, weight_decay, groups)
    optimize = _optimize(model, optimizer, steps, goal, warmup)
    generator = torch.Generator().manual_seed(seed)
    history: list[dict[str, float]] = []
    model.train()
    tally = Tally(goal)
    with tqdm(total=steps, unit="step", desc="training") as bar:
        for step in range(1, steps + 1):
            inputs, y = sample(generator)
            optimize(_to(inputs, device), y.to(device), tally, f"step {step}")
            bar.update()
            if step % every == 0 or step == steps:
                loss, reached = tally.total()
                row = {"step": step, "loss": loss, objective: reached}
                history.append(row)
                bar.set_postfix({"loss": row["loss"], objective: row[objective]})
                tally = Tally(goal)
    return history


@torch.no_grad()
def score(
    model: nn.Module,
    inputs: Inputs,
    y: Tensor,
    objective: str = "accuracy",
    batch_size: int = 256,
    rate: float = 1.0,
) -> float:
    """How well a model does on a set of samples, by one of the objectives of `fit`.

    Parameters
    ----------
    model
        As in `fit`; evaluated in eval mode and left in the mode it was in.
    inputs, y
        As in `fit`.
    objective
        A key of `ssm_lib.objectives.OBJECTIVES`: ``"accuracy"`` in [0, 1], ``"mse"``, ``"r2"``, ``"f1"``.
    batch_size
        Sequences per call of the model.
    rate
        Of the samples, relative to those trained on; as `ssm_lib.layers.base.SSMLayer.forward`.

    Raises
    ------
    ValueError
        On an unknown objective.
    """
    device, tally = _device(model), Tally(_objective(objective))
    training = model.training
    model.eval()
    named = _named(inputs)
    for batch in torch.arange(len(y)).split(batch_size):
        part = {name: x[batch].to(device) for name, x in named.items()}
        targets = y[batch].to(device)
        tally.add(_outputs(model, part, targets, rate), targets)
    model.train(training)
    return tally.total()[1]


def accuracy(model: nn.Module, inputs: Inputs, y: Tensor, batch_size: int = 256) -> float:
    """Share of labels that are the largest logit, in [0, 1]: `score` with its first objective."""
    return score(model, inputs, y, "accuracy", batch_size)


def _adamw(
    model: nn.Module,
    lr: float,
    weight_decay: float,
    groups: Sequence[Mapping[str, Any]] | None,
) -> torch.optim.Optimizer:
    if groups is None:
        groups = param_groups(model, lr, lr / 4, weight_decay)
    plain = [dict(group) for group in groups]
    return torch.optim.AdamW(plain, lr=lr, weight_decay=weight_decay)


def _optimize(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    steps: int,
    objective: Objective,
    warmup: float,
) -> Callable[[dict[str, Tensor], Tensor, Tally, str], None]:
    """One step of training as a function of a batch, the tally it is added to, and its name in errors."""
    if not 0 <= warmup < 1:
        raise ValueError(f"warmup must lie in [0, 1), a share of the steps, got {warmup}")
    rising = round(warmup * steps)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

    def optimize(inputs: dict[str, Tensor], y: Tensor, tally: Tally, where: str) -> None:
        outputs = _outputs(model, inputs, y)
        loss = objective.loss(outputs, y)
        if not torch.isfinite(loss):
            raise FloatingPointError(_diverged(model, where, loss))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        tally.add(outputs, y, loss, len(y))

    return optimize


def _outputs(
    model: nn.Module, inputs: dict[str, Tensor], y: Tensor, rate: float = 1.0
) -> Tensor:
    """The model's outputs, of as many of the last steps as the targets have."""
    first, *rest = inputs.items()
    arguments = dict(rest) if rate == 1 else {**dict(rest), "rate": rate}
    return last_steps(model(first[1], **arguments), y)


def _objective(name: str) -> Objective:
    return OBJECTIVES[validate.one_of("objective", name, OBJECTIVES)]


def _named(inputs: Inputs) -> dict[str, Any]:
    """The inputs by the model's names for them; the first one, u, is passed by its place."""
    if isinstance(inputs, Tensor):
        return {"u": inputs}
    if "u" not in inputs:
        raise ValueError(f"inputs by name need a 'u', got {sorted(inputs)}")
    return {"u": inputs["u"], **inputs}


def _to(inputs: Inputs, device: torch.device) -> dict[str, Tensor]:
    return {name: x.to(device) for name, x in _named(inputs).items()}


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _diverged(model: nn.Module, where: str, loss: Tensor) -> str:
    bad = [
        name for name, p in model.named_parameters() if not bool(torch.isfinite(p).all())
    ]
    held = f"not finite: {', '.join(bad)}" if bad else "all parameters are finite"
    return f"the loss is {loss.item()} in {where} ({held}); try a smaller lr"
