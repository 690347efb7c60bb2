"""Training to trust a week of computing to: recipes by name, checkpoints that survive, one line for what is wrong.

`Experiment` (of `config`) is a run as plain data; `session` begins it, goes on with it, evaluates and exports
it; `loop` is the loop. ``python -m ssm_lib train RECIPE`` does it all. Importing this package does not
import Lightning Fabric; training does.
"""

from ssm_lib.engine.config import Experiment
from ssm_lib.engine.errors import InputError

__all__ = ["Experiment", "InputError"]
