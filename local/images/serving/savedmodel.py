"""A SavedModel in a TensorFlow session, as the real server runs it."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format

from .flags import Flags
from .runtime import import_tensorflow
from .signature import Array, Signature, TensorInfo
from .status import ServingError, invalid_argument
from .warmup import warmup_requests

CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
"""TensorFlow's error codes by number."""


class SavedModel:
    """One version of a model, loaded.

    Attributes:
        signatures: Its signatures by name.
    """

    def __init__(self, path: str, flags: Flags) -> None:
        """Load it and replay its warm-up requests.

        Args:
            path: Directory of the version.
            flags: Of the server: parallelism, tags, timeout, warm-up.

        Raises:
            ServingError: It cannot be loaded, or a warm-up request fails.
        """
        self._tf = import_tensorflow()
        threads = flags.tensorflow_session_parallelism
        config = self._tf.config(
            intra_op_parallelism_threads=flags.tensorflow_intra_op_parallelism or threads,
            inter_op_parallelism_threads=flags.tensorflow_inter_op_parallelism or threads,
        )
        self._options = self._tf.run_options(timeout_in_ms=max(flags.rest_api_timeout_in_ms, 0))
        self._session = self._tf.session(graph=self._tf.graph(), config=config)
        try:
            with self._session.graph.as_default():
                meta_graph = self._tf.load(self._session, flags.saved_model_tags.split(","), path)
        except self._tf.op_error as error:
            raise self._serving_error(error) from None
        except (OSError, RuntimeError, ValueError) as error:
            raise ServingError("NOT_FOUND", str(error)) from None
        self._definitions: dict[str, Any] = {
            name: definition
            for name, definition in sorted(meta_graph.signature_def.items())
            if not name.startswith("__")
        }
        self.signatures: Mapping[str, Signature] = {
            name: self._signature(definition) for name, definition in self._definitions.items()
        }
        if flags.enable_model_warmup:
            self._warm_up(path, max(flags.num_request_iterations_for_warmup, 1))

    def _signature(self, definition: Any) -> Signature:  # noqa: ANN401 (a SignatureDef)
        names = self._tf.as_dtype
        inputs = {
            name: TensorInfo(
                dtype=f"DT_{names(info.dtype).name.upper().replace('FLOAT32', 'FLOAT').replace('FLOAT64', 'DOUBLE')}",
                shape=None if info.tensor_shape.unknown_rank else tuple(dim.size for dim in info.tensor_shape.dim),
            )
            for name, info in sorted(definition.inputs.items())
        }
        return Signature(inputs=inputs, method_name=definition.method_name)

    def _warm_up(self, path: str, iterations: int) -> None:
        for signature_name, inputs in warmup_requests(self._tf, path):
            for _ in range(iterations):
                self.run(signature_name, inputs)

    def run(self, signature_name: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """See `Servable.run`."""
        definition = self._definitions[signature_name]
        for name, array in inputs.items():
            info = self.signatures[signature_name].inputs[name]
            if not info.accepts(array.shape):
                raise invalid_argument(
                    f'Input "{name}" of signature "{signature_name}" has shape {_dims(array.shape)}, '
                    f"expected {_dims(info.shape or ())}"
                )
        feed = {definition.inputs[name].name: array for name, array in inputs.items()}
        fetches = {name: info.name for name, info in sorted(definition.outputs.items())}
        try:
            return self._session.run(fetches, feed, options=self._options)
        except self._tf.op_error as error:
            raise self._serving_error(error) from None
        except (TypeError, ValueError) as error:
            raise invalid_argument(str(error)) from None

    def signature_def_json(self) -> str:
        """See `Servable.signature_def_json`."""
        parts = ",\n".join(
            f'  "{name}": '
            + json_format.MessageToJson(
                definition, indent=1, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            ).replace("\n", "\n  ")
            for name, definition in self._definitions.items()
        )
        return f'{{\n "signature_def": {{\n{parts}\n }}\n}}\n'

    @staticmethod
    def _serving_error(error: Any) -> ServingError:  # noqa: ANN401 (an OpError)
        message = str(error.message).removeprefix("Graph execution error:\n\n")  # the Python client's own addition
        return ServingError(CODES[int(error.error_code)], message)


def _dims(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"
