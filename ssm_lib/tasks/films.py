"""The pendulum as training takes it: films at irregular times, and the model that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ssm_lib import validate
from ssm_lib.irregular import FilmModel
from ssm_lib.tasks import pendulum
from ssm_lib.tasks.base import FiniteTask, fixed_length

OUTPUTS = 2  # sine and cosine of the angle


class PendulumTask(FiniteTask):
    """Say the angle in each frame: `ssm_lib.tasks.pendulum`; mean squared error.

    Parameters
    ----------
    length
        Frames of each film: 50, and no other number.
    films, test_films
        To train on and to test on; the papers train on 2,000.
    """

    def __init__(
        self, length: int = pendulum.KEPT, films: int = 200, test_films: int = 100
    ) -> None:
        fixed_length("pendulum", length, pendulum.KEPT)
        seen, unseen = pendulum.load(films, seed=1), pendulum.load(test_films, seed=0)
        super().__init__(
            ({"u": seen.u, "dt": seen.dt}, seen.y),
            ({"u": unseen.u, "dt": unseen.dt}, unseen.y),
            OUTPUTS,
            d_input=pendulum.SIDE**2,
            objective="mse",
        )

    def build_model(
        self,
        layer: str = "s5",
        d_model: int = 32,
        n_layers: int = 2,
        layer_args: Mapping[str, Any] | None = None,
        intervals: str = "given",
    ) -> FilmModel:
        """A `ssm_lib.irregular.FilmModel` with these arguments; ValueError on a layer other than s5."""
        validate.one_of("layer", layer, ("s5",))
        return FilmModel(pendulum.SIDE, OUTPUTS, d_model, n_layers, layer_args, intervals)
