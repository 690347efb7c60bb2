"""Chapter 08: the same small network on the digits, from different eigenvalues and by both discretizations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ssm_lib import train
from ssm_lib.layers.s4d import LAWS, METHODS
from ssm_lib.models import SequenceModel
from ssm_lib.records import Recipe
from ssm_lib.tasks import digits

MODEL: dict[str, Any] = {"d_model": 32, "n_layers": 2, "layer": "s4d"}
LAYER: dict[str, Any] = {"d_state": 16, "dt_min": 0.01, "dt_max": 0.2}
FIT: dict[str, Any] = {"epochs": 8, "lr": 1e-2}


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train one model for each initialization and discretization; return their test accuracies.

    Parameters
    ----------
    settings
        ``model``, ``layer_args``: arguments of `SequenceModel`; ``fit``: of `train.fit`; ``variants``:
        pairs of init and discretization.
    seed
        Of the parameters and of the order of the samples.

    Returns
    -------
    dict: test_accuracy, {"legs zoh": share right, ...}
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data, accuracy = digits.load(), {}
    for init, method in settings["variants"]:
        torch.manual_seed(seed)
        layer = {**settings["layer_args"], "init": init, "discretization": method}
        model = SequenceModel(1, digits.CLASSES, layer_args=layer, **settings["model"])
        history = train.fit(
            model.to(device), data.train, data.test, seed=seed, **settings["fit"]
        )
        accuracy[f"{init} {method}"] = history[-1]["test_accuracy"]
    return {"test_accuracy": accuracy}


RECIPES = {
    "digits-s4d-laws": Recipe(
        task="handwritten digits, pixel by pixel",
        model="s4d",
        settings={
            "model": MODEL,
            "layer_args": LAYER,
            "fit": FIT,
            "variants": [
                *([law, method] for law in LAWS for method in METHODS),
                ["ptd", "zoh"],
            ],
        },
        run=run,
        seeds=(0, 1, 2, 3),
        source="sizes chosen for this book; the comparison is that of Gu et al. 2022 (S4D)",
    )
}
