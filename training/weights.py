"""How far the weights of two SavedModels lie apart. Importing this imports TensorFlow."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.comparison import Weights
from training.untyped import tf

_VARIABLES = "variables/variables"
"""The checkpoint inside a SavedModel."""

_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""What belongs to what, by TensorFlow; no weight."""

_SECOND_LIST = "_all_variables/"
"""Keras' archive saves every variable once more under this name, older versions of it in any order."""


def compare(published: Path, again: Path) -> Weights:
    """Compare two SavedModels, variable by variable.

    Args:
        published: Directory of the one.
        again: Directory of the other.

    Raises:
        OSError: One of them has no weights that TensorFlow can read.
    """
    before, now = _read(published), _read(again)
    count = sum(value.size for value in before.values())
    mismatch = _mismatch(before, now)
    if mismatch:
        return Weights(count=count, differing=0, largest=0.0, mismatch=mismatch)
    differing, largest, where = 0, 0.0, ""
    for name, value in before.items():
        other = now[name]
        unequal = int(np.count_nonzero(value != other))
        if not unequal:
            continue
        differing += unequal
        apart = float(np.abs(value.astype(np.float64) - other.astype(np.float64)).max())
        if not np.isfinite(apart):
            mismatch = f"{name} has values that are not finite"
            return Weights(count=count, differing=0, largest=0.0, mismatch=mismatch)
        if apart >= largest:
            largest, where = apart, name
    return Weights(count=count, differing=differing, largest=largest, where=where)


def _read(model: Path) -> dict[str, NDArray[Any]]:
    """Values of all variables by the names that the SavedModel has for them, in order."""
    try:
        reader = tf.train.load_checkpoint(str(model / _VARIABLES))
    except (tf.errors.OpError, ValueError) as error:
        raise OSError(0, f"no weights that TensorFlow {tf.__version__} can read: {error}", str(model)) from error
    names = [name for name in reader.get_variable_to_shape_map() if name != _OBJECT_GRAPH]
    once = [name for name in names if not name.startswith(_SECOND_LIST)]
    return {name.partition("/.ATTRIBUTES")[0]: np.asarray(reader.get_tensor(name)) for name in sorted(once or names)}


def _mismatch(before: dict[str, NDArray[Any]], now: dict[str, NDArray[Any]]) -> str:
    if only := sorted(before.keys() ^ now.keys()):
        return f"the models have other variables: {', '.join(only[:3])} is in one of them only"
    for name, value in before.items():
        if (value.shape, value.dtype) != (now[name].shape, now[name].dtype):
            return (
                f"{name} was {value.dtype} {list(value.shape)} and is {now[name].dtype} {list(now[name].shape)}: "
                "the models are not the same"
            )
    return ""
