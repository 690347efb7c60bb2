"""Recipes that end within minutes on two CPU cores: the digits, the spoken digits, and a delay for tests."""

from ssm_lib.engine.config import Experiment

OURS = "made for this book; no paper reports it"

EXPERIMENTS = {
    "delay": Experiment(
        task="delay",
        model={
            "d_model": 16,
            "n_layers": 1,
            "layer": "s4d",
            "layer_args": {"d_state": 16},
            "pooling": "none",
        },
        task_args={"length": 32, "lag": 4},
        steps=300,
        batch_size=32,
        lr=1e-2,
        ssm_lr=1e-2,
        warmup=20,
        eval_every=50,
        save_every=50,
        source=OURS,
    ),
    "digits-s4d": Experiment(
        task="digits",
        model={
            "d_model": 32,
            "n_layers": 2,
            "layer": "s4d",
            "layer_args": {"d_state": 32, "init": "lin", "dt_min": 0.01},
        },
        steps=540,  # six passes
        batch_size=16,
        lr=1e-2,
        ssm_lr=2.5e-3,
        warmup=54,
        eval_every=90,
        save_every=90,
        seeds=(0, 1, 2),
        source=OURS,
    ),
    "speech-s5": Experiment(
        task="spoken-digits",
        model={
            "d_model": 32,
            "n_layers": 3,
            "layer": "s5",
            "layer_args": {"d_state": 64, "blocks": 4},
        },
        steps=408,  # six passes
        batch_size=16,
        lr=6e-3,
        ssm_lr=1.5e-3,
        warmup=122,
        eval_every=68,
        save_every=68,
        source=OURS,
    ),
}
