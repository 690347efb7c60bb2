"""The pendulum at irregular times: S5 with the real intervals, with intervals as an input, and without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ssm_lib import train
from ssm_lib.irregular import INTERVALS, FilmModel
from ssm_lib.records import Recipe
from ssm_lib.tasks import pendulum


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train the three variants on the same films; return what each came to.

    Parameters
    ----------
    settings
        ``films``: numbers to train and to test on; ``model``: arguments of `FilmModel`; ``fit``: of
        `train.fit`.
    seed
        Of the parameters, of the order of the samples, and of the films to train on. The films to test on
        are the same for all.

    Returns
    -------
    dict: parameters; for each variant its history and the mean squared error on the test films.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    films = pendulum.load(settings["films"]["train"], seed=1 + seed)
    unseen = pendulum.load(settings["films"]["test"], seed=0)
    seen, held = (({"u": f.u, "dt": f.dt}, f.y) for f in (films, unseen))
    histories = {}
    for intervals in INTERVALS:
        torch.manual_seed(seed)
        model = FilmModel(pendulum.SIDE, 2, intervals=intervals, **settings["model"])
        fitting = {"objective": "mse", "seed": seed, **settings["fit"]}
        histories[intervals] = train.fit(model.to(device), seen, held, **fitting)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "mse": {name: rows[-1]["test_mse"] for name, rows in histories.items()},
        "history": histories,
    }


RECIPES = {
    "pendulum": Recipe(
        task="pendulum, 24 x 24 pixels, 50 of 100 frames",
        model="s5",
        settings={
            "films": {"train": 1000, "test": 300},
            "model": {
                "d_model": 32,
                "n_layers": 2,
                "layer_args": {"d_state": 32, "blocks": 4, "dt_min": 0.01, "dt_max": 0.1},
            },
            "fit": {"epochs": 24, "lr": 8e-3, "batch_size": 32, "warmup": 0.3},
        },
        run=run,
        seeds=(0, 1, 2),
        source="Smith et al. 2023, S5, pendulum: MSE × 10³ 3.41 given, 4.13 appended, 6.68 dropped; there about "
        "2,000 films, 4 layers, 100 epochs, 20 seeds, a likelihood as loss; here 1,000 films, 2 layers, 24 epochs, "
        "the squared error",
    )
}
