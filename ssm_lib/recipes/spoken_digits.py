"""Spoken digits, raw sound of 4,000 samples: trained at 8 kHz, tested at 8 and at 4 kHz on unheard voices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ssm_lib import resample, train
from ssm_lib.models import SequenceModel
from ssm_lib.records import Recipe
from ssm_lib.tasks import spoken_digits


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train one model; return its history and its accuracies.

    Parameters
    ----------
    settings
        ``model``: arguments of `SequenceModel` beside its sizes of input and output; ``fit``: arguments of
        `train.fit`.
    seed
        Of the parameters and of the order of the samples.

    Returns
    -------
    dict: history; test_accuracy at 8 kHz; half_rate: at every second sample, with the step doubled and not;
        rates: at each rate, accuracies with the step told and not, of band-limited and of plain samples.
    """
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = spoken_digits.load()
    model = SequenceModel(1, spoken_digits.CLASSES, **settings["model"]).to(device)
    history = train.fit(model, data.train, data.test, seed=seed, **settings["fit"])
    u, y = data.test
    half = {
        name: train.score(model, u[:, ::2], y, rate=rate)
        for name, rate in (("step doubled", 2.0), ("step kept", 1.0))
    }
    rates = []
    for rate in (1, 2, 4, 8):
        row: dict[str, float] = {"rate": rate}
        for name, clean in (("band-limited", True), ("plain", False)):
            v = resample.decimate(u, rate, clean)
            row[name] = train.score(model, v, y, rate=float(rate))
            row[f"{name}, step kept"] = train.score(model, v, y)
        rates.append(row)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "history": history,
        "test_accuracy": history[-1]["test_accuracy"],
        "half_rate": half,
        "rates": rates,
    }


def _recipe(layer: str, layer_args: Mapping[str, Any]) -> Recipe:
    return Recipe(
        task="spoken digits, 8 kHz, unheard voices",
        model=layer,
        settings={
            "model": {
                "d_model": 32,
                "n_layers": 3,
                "layer": layer,
                "layer_args": dict(layer_args),
            },
            "fit": {"epochs": 6, "lr": 6e-3, "batch_size": 16, "warmup": 0.3},
        },
        run=run,
        source="synthetic speech made for this book; no paper reports it",
    )


RECIPES = {
    "spoken-digits-s4d": _recipe("s4d", {"d_state": 64, "init": "lin"}),
    "spoken-digits-s5": _recipe("s5", {"d_state": 64, "blocks": 4}),
}
