"""A model without TensorFlow."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from local.images.serving.config import ModelConfig
from local.images.serving.metrics import Metrics
from local.images.serving.rest import RestApi
from local.images.serving.signature import Array, Servable, Signature, TensorInfo
from local.images.serving.status import ServingError
from local.images.serving.versions import LoadPolicy, Versions

ONCE = LoadPolicy(max_num_load_retries=0, interval_seconds=0)


class FakeModel:
    """Doubles its input `x`; `slow` takes too long."""

    signatures: Mapping[str, Signature] = {
        "serving_default": Signature(
            inputs={"x": TensorInfo(dtype="DT_FLOAT", shape=(-1, 2))}, method_name="tensorflow/serving/predict"
        ),
        "slow": Signature(inputs={"x": TensorInfo(dtype="DT_FLOAT", shape=None)}, method_name="other"),
        "label": Signature(
            inputs={"x": TensorInfo(dtype="DT_STRING", shape=None)}, method_name="tensorflow/serving/classify"
        ),
    }

    def run(self, signature_name: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if signature_name == "slow":
            raise ServingError("DEADLINE_EXCEEDED", "Timed out waiting for notification")
        return {"y": np.asarray(inputs["x"]) * 2}

    def signature_def_json(self) -> str:
        return '{"signature_def": {}}'


def fake(_path: Path) -> FakeModel:
    """Loads the fake from anywhere."""
    return FakeModel()


def served(
    base: Path,
    *,
    load: Callable[[Path], Servable] = fake,
    versions: Sequence[int] = (1,),
    labels: dict[str, int] | None = None,
    policy: LoadPolicy = ONCE,
    early_labels: bool = False,
) -> Versions:
    """Versions of one model, `digits`, whose directories are made."""
    for version in versions:
        (base / str(version)).mkdir(exist_ok=True)
    config = ModelConfig(name="digits", base_path=str(base), latest=0, version_labels=labels or {})
    found = Versions([config], load, policy, early_labels=early_labels)
    found.reconcile()
    return found


def api(versions: Versions) -> tuple[RestApi, Metrics]:
    """REST API over the versions, with the metrics it counts in."""
    metrics = Metrics()
    return RestApi(versions, metrics), metrics
