"""TensorFlow and Keras, which ship no type information, as values of type Any: stated once instead of at every use.

Importing this module takes seconds and starts TensorFlow; whoever may end without needing it imports it late.
"""

import os
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, cast

# The end of the log is what the user of `pulumi up` reads. 2: errors only. A notice that oneDNN is on is not covered by
# that; without oneDNN there is none, and a step on the CPU takes up to three times as long.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Said by TensorFlow of its own code whenever a tf.function walks through a distributed data set.
warnings.filterwarnings("ignore", message="To make it possible to preserve tf.data options")


@contextmanager
def _absent(*names: str) -> Generator[None]:
    """Let imports of these packages fail, as if they were not installed."""
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    kept = {name: modules[name] for name in names if name in modules}
    modules |= dict.fromkeys(names)
    try:
        yield
    finally:
        for name in names:
            del modules[name]
        modules |= kept


# Keras does without these two, and else imports both whole: over a quarter of the time until TensorFlow is there, for
# which a gang waits whenever it lost a worker.
with _absent("sklearn", "scipy"):
    tf: Any = import_module("tensorflow")  # imports Keras
    keras: Any = import_module("keras")
