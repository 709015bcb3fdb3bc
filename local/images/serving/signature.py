"""What a model takes and gives, as its SavedModel's signatures say; no TensorFlow here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DTYPES: dict[str, type[np.generic]] = {
    "DT_FLOAT": np.float32,
    "DT_DOUBLE": np.float64,
    "DT_INT32": np.int32,
    "DT_INT16": np.int16,
    "DT_INT8": np.int8,
    "DT_UINT8": np.uint8,
    "DT_STRING": np.object_,
    "DT_INT64": np.int64,
    "DT_BOOL": np.bool_,
    "DT_UINT32": np.uint32,
    "DT_UINT64": np.uint64,
}
"""Types that JSON can carry: AddValueToTensor in util/json_tensor.cc."""


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """One named input."""

    dtype: str
    """TensorFlow's name, such as `DT_FLOAT`."""
    shape: tuple[int, ...] | None
    """-1 where any size will do; None where any rank will do."""

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of this shape may be fed."""
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(w in (-1, s) for w, s in zip(self.shape, shape, strict=True))


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One signature of a SavedModel."""

    inputs: Mapping[str, TensorInfo]
    method_name: str


class Servable(Protocol):
    """A loaded model version."""

    signatures: Mapping[str, Signature]

    def run(self, signature_name: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name.

        Raises:
            ServingError: TensorFlow refused the inputs, or took longer than the time limit.
        """
        ...

    def signature_def_json(self) -> str:
        """JSON of the `SignatureDefMap`, as the metadata path shows it."""
        ...
