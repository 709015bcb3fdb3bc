"""The parts of TensorFlow that load and run a graph; the only module that imports it.

`import tensorflow` brings Keras and the Python of every operator. That is two thirds of a server's start, on processors
that others answer requests with meanwhile.
"""

import logging
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TensorFlow:
    """What a server needs of TensorFlow, under the names of `tf.compat.v1`; the package has no usable types."""

    session: Any
    graph: Any
    config: Any
    """ConfigProto."""
    run_options: Any
    load: Any
    """saved_model.load."""
    as_dtype: Any
    op_error: Any
    data_loss_error: Any
    record_iterator: Any
    """io.tf_record_iterator."""
    make_ndarray: Any


def import_tensorflow() -> TensorFlow:
    """Import those parts, without the package's own start, which imports all the rest."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # built for the CPU; do not look for a driver
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it calls the session API deprecated at each start
    if "tensorflow" not in sys.modules:
        spec = find_spec("tensorflow")
        package = ModuleType("tensorflow")
        package.__path__ = list((spec and spec.submodule_search_locations) or ())
        sys.modules["tensorflow"] = package
        sys.modules.setdefault("keras", None)  # pyright: ignore[reportArgumentType] (None makes the import fail, as documented)
    errors = import_module("tensorflow.python.framework.errors_impl")
    protos = import_module("tensorflow.core.protobuf.config_pb2")
    return TensorFlow(
        session=import_module("tensorflow.python.client.session").Session,
        graph=import_module("tensorflow.python.framework.ops").Graph,
        config=protos.ConfigProto,
        run_options=protos.RunOptions,
        load=import_module("tensorflow.python.saved_model.loader_impl").load,
        as_dtype=import_module("tensorflow.python.framework.dtypes").as_dtype,
        op_error=errors.OpError,
        data_loss_error=errors.DataLossError,
        record_iterator=import_module("tensorflow.python.lib.io.tf_record").tf_record_iterator,
        make_ndarray=import_module("tensorflow.python.framework.tensor_util").MakeNdarray,
    )
