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

LAYER: dict[str, Any] = {"d_state": 16, "dt_min": 0.01, "dt_max": 0.2}
PAIRS = [*((law, method) for law in LAWS for method in METHODS), ("ptd", "zoh")]


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train one model for each variant; return their test accuracies.

    Parameters
    ----------
    settings
        ``model``, ``layer_args``: arguments of `SequenceModel`; ``fit``: of `train.fit`; ``variants``:
        {name: (layer, arguments of the layer beside the common ones)}.
    seed
        Of the parameters and of the order of the samples.

    Returns
    -------
    dict: test_accuracy, {"legs zoh": share right, ...}
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data, accuracy = digits.load(), {}
    for name, (layer, more) in settings["variants"].items():
        torch.manual_seed(seed)
        arguments = {**settings["layer_args"], **more}
        model = SequenceModel(
            1, digits.CLASSES, layer=layer, layer_args=arguments, **settings["model"]
        )
        history = train.fit(
            model.to(device), data.train, data.test, seed=seed, **settings["fit"]
        )
        accuracy[name] = history[-1]["test_accuracy"]
    return {"test_accuracy": accuracy}


RECIPES = {
    "digits-s4d-laws": Recipe(
        task="handwritten digits, pixel by pixel",
        model="s4d",
        settings={
            "model": {"d_model": 32, "n_layers": 2},
            "layer_args": LAYER,
            "fit": {"epochs": 8, "lr": 1e-2},
            "variants": {
                **{
                    f"{init} {method}": ("s4d", {"init": init, "discretization": method})
                    for init, method in PAIRS
                },
                "S4 bilinear": ("s4", {"init": "legs"}),
            },
        },
        run=run,
        seeds=(0, 1, 2, 3),
        source="sizes chosen for this book; the comparison is that of Gu et al. 2022 (S4D)",
    )
}
