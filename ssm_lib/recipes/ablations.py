"""Chapter 13: one deep model on the digits, and the same with one part switched off or one setting changed.

Nothing here is an option of `SequenceModel`: `VARIANTS` exchange a part of the built model, freeze parameters,
or rewrite the groups of the optimizer.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ssm_lib import train
from ssm_lib.models import SequenceModel
from ssm_lib.optim import param_groups
from ssm_lib.records import Recipe
from ssm_lib.tasks import digits

FULL: dict[str, Any] = {
    "model": {"d_model": 32, "n_layers": 4, "dropout": 0.1},
    "layer_args": {"d_state": 16, "init": "lin", "dt_min": 0.01, "dt_max": 0.2},
    "fit": {
        "epochs": 10,
        "batch_size": 32,
        "lr": 1e-2,
        "weight_decay": 0.05,
        "warmup": 0.1,
    },
    "ssm_lr": 2.5e-3,
    "ssm_weight_decay": 0.0,
    "edits": [],
    "n_test": 797,
}


class OpenGate(nn.Linear):
    """A linear map H -> H in the place of a block's H -> 2H, with a gate that is always open: no GLU.

    It returns (..., 2H): the values, then 40 for each gate. In float32 the sigmoid of 40 is 1.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map x (..., H) to values and open gates (..., 2H)."""
        y = super().forward(x)
        return torch.cat([y, torch.full_like(y, 40.0)], dim=-1)


def no_norm(model: SequenceModel) -> None:
    """Take the norm out of every block, and the one before the pooling."""
    for block in _blocks(model):
        block.norm = nn.Identity()
    model.norm = nn.Identity()


def no_glu(model: SequenceModel) -> None:
    """Hold the gate of every block open."""
    for block in _blocks(model):
        block.mix = OpenGate(block.layer.d_model, block.layer.d_model)


def dropout_per_step(model: SequenceModel) -> None:
    """Draw a mask for each step and channel, in place of one for all steps of a channel."""
    for block in _blocks(model):
        block.dropout = nn.Dropout(block.dropout.p)


def freeze_A(model: SequenceModel) -> None:
    """Keep the eigenvalues where they start."""
    _freeze(model, ("log_neg_re", "imag"))


def freeze_ssm(model: SequenceModel) -> None:
    """Keep the eigenvalues, the steps and B where they start; C and D are trained."""
    _freeze(model, ("log_neg_re", "imag", "log_dt", "B"))


def random_A(model: SequenceModel) -> None:
    """Draw the imaginary parts of the eigenvalues: exp of a standard normal number; real parts stay."""
    with torch.no_grad():
        for block in _blocks(model):
            block.layer.imag.copy_(torch.randn_like(block.layer.imag).exp())


def random_A_in_range(model: SequenceModel) -> None:
    """Draw the imaginary parts evenly from 0 to S4D-Lin's largest; real parts stay."""
    with torch.no_grad():
        for block in _blocks(model):
            imag = block.layer.imag
            imag.copy_(torch.rand_like(imag) * imag.max())


def lower_A(model: SequenceModel) -> None:
    """Divide the imaginary parts of the eigenvalues by ten; their order and the real parts stay."""
    with torch.no_grad():
        for block in _blocks(model):
            block.layer.imag.div_(10)


EDITS = {
    edit.__name__: edit
    for edit in (
        no_norm,
        no_glu,
        dropout_per_step,
        freeze_A,
        freeze_ssm,
        random_A,
        random_A_in_range,
        lower_A,
    )
}

# What each row of the table changes in `FULL`: a dict is merged, anything else replaced.
VARIANTS: dict[str, dict[str, Any]] = {
    "full model": {},
    "norm after the sum": {"model": {"prenorm": False}},
    "no norm": {"edits": ["no_norm"]},
    "batch norm": {"model": {"norm": "batch"}},
    "no GLU": {"edits": ["no_glu"]},
    "no dropout": {"model": {"dropout": 0.0}},
    "a mask for each step": {"edits": ["dropout_per_step"]},
    "Δ all small": {"layer_args": {"dt_min": 1e-3, "dt_max": 2e-3}},
    "Δ all large": {"layer_args": {"dt_min": 1.0, "dt_max": 2.0}},
    "Δ all the same": {"layer_args": {"dt_min": 0.0447, "dt_max": 0.0447}},
    "Δ over five decades": {"layer_args": {"dt_min": 1e-4, "dt_max": 10.0}},
    "one rate, 0.01": {"ssm_lr": 1e-2},
    "one rate, 0.0025": {"fit": {"lr": 2.5e-3}},
    "no decay at all": {"fit": {"weight_decay": 0.0}},
    "decay of A, Δ, B too": {"ssm_weight_decay": 0.05},
    "… as in 180,000 steps": {"ssm_weight_decay": 11.25},
    "A frozen": {"edits": ["freeze_A"]},
    "A, Δ, B frozen": {"edits": ["freeze_ssm"]},
    "A random": {"edits": ["random_A"]},
    "A random, frozen": {"edits": ["random_A", "freeze_A"]},
    "N = 2": {"layer_args": {"d_state": 2}},
    "N = 4": {"layer_args": {"d_state": 4}},
    "N = 8": {"layer_args": {"d_state": 8}},
    "N = 64": {"layer_args": {"d_state": 64}},
}

# What parts the causes of two rows, in a record of its own. "A random" is both random and low: the first two are
# one of the two each. The small rate has too few steps, or is too small.
CAUSES: dict[str, dict[str, Any]] = {
    "A random, 0 to 7π": {"edits": ["random_A_in_range"]},
    "A of S4D-Lin / 10": {"edits": ["lower_A"]},
    "one rate, 0.0025, 30 epochs": {"fit": {"lr": 2.5e-3, "epochs": 30}},
}


def settings_of(variant: str) -> dict[str, Any]:
    """`FULL`, changed as `VARIANTS` or `CAUSES` say; KeyError on an unknown name."""
    settings = copy.deepcopy(FULL)
    for key, value in (VARIANTS | CAUSES)[variant].items():
        settings[key] = {**settings[key], **value} if isinstance(value, dict) else value
    return settings


def build(settings: Mapping[str, Any], seed: int) -> SequenceModel:
    """The model of some settings, with its edits applied.

    Parameters
    ----------
    settings
        As `FULL`: ``model`` and ``layer_args`` for `SequenceModel`, ``edits``: names in `EDITS`.
    seed
        Of the parameters.
    """
    torch.manual_seed(seed)
    model = SequenceModel(
        1, digits.CLASSES, layer_args=settings["layer_args"], **settings["model"]
    )
    for name in settings["edits"]:
        EDITS[name](model)
    return model


def groups(model: nn.Module, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The groups of `param_groups`, the slow ones with the decay that the settings ask for."""
    fit = settings["fit"]
    found = param_groups(model, fit["lr"], settings["ssm_lr"], fit["weight_decay"])
    found[-1]["weight_decay"] = settings["ssm_weight_decay"]
    return found


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train one model for each variant.

    Parameters
    ----------
    settings
        ``variants``: {name: settings as `FULL`}.
    seed
        Of the parameters, the order of the samples and the dropout.

    Returns
    -------
    dict: variants, {name: test_accuracy after the last epoch, train_accuracy in it, parameters}; a run whose
        loss is no longer finite has test_accuracy null, and ``diverged``: what was said.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found: dict[str, Any] = {}
    for name, each in settings["variants"].items():
        data = digits.load(each["n_test"])
        model = build(each, seed).to(device)
        row: dict[str, Any] = {"parameters": sum(p.numel() for p in model.parameters())}
        try:
            history = train.fit(
                model,
                data.train,
                data.test,
                seed=seed,
                groups=groups(model, each),
                **each["fit"],
            )
            row |= {k: history[-1][k] for k in ("test_accuracy", "train_accuracy", "loss")}
        except FloatingPointError as error:
            row |= {"test_accuracy": None, "diverged": str(error)}
        found[name] = row
    return {"variants": found}


def _blocks(model: SequenceModel) -> list[Any]:
    return list(model.blocks)


def _freeze(model: SequenceModel, names: tuple[str, ...]) -> None:
    for block in _blocks(model):
        for name in names:
            getattr(block.layer, name).requires_grad_(False)


RECIPES = {
    name: Recipe(
        task="handwritten digits, pixel by pixel; 1,000 to train on, 797 to test",
        model="s4d",
        settings={"variants": {variant: settings_of(variant) for variant in variants}},
        run=run,
        seeds=(0, 1, 2),
        source=source,
    )
    for name, variants, source in (
        (
            "digits-ablations",
            VARIANTS,
            "sizes chosen for this book; what is switched off follows the papers' ablations",
        ),
        (
            "digits-causes",
            CAUSES,
            "chosen for this book; sizes of digits-ablations",
        ),
    )
}
