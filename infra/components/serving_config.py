"""The files that tell TensorFlow Serving what to do, in protobuf's text form.

Their messages are ModelServerConfig, MonitoringConfig (tensorflow_serving/config) and BatchingParameters
(tensorflow_serving/servables/tensorflow/session_bundle_config.proto) in https://github.com/tensorflow/serving.
"""

from infra.plan import ModelPlan
from infra.settings import ModelSettings

MODELS_DIR = "/models"
"""Where the store, or what was fetched, is mounted."""

MODELS_FILE = "models.config"
MONITORING_FILE = "monitoring.config"
BATCHING_FILE = "batching.config"

_MONITORING = 'prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }\n'
"""Metrics on the REST port."""


def config_files(model: str, version: int, settings: ModelSettings, plan: ModelPlan) -> dict[str, str]:
    """Every file by its name."""
    files = {MODELS_FILE: _models(model, version), MONITORING_FILE: _MONITORING}
    if settings.batching is not None and plan.batching is not None:
        batching = {
            # The largest request, since what is larger than a batch is split.
            "max_batch_size": plan.batching.largest_request,
            "max_execution_batch_size": settings.batching.max_batch_size,
            "batch_timeout_micros": plan.batching.timeout_micros,
            "max_enqueued_batches": plan.batching.enqueued,
            "num_batch_threads": plan.batching.threads,
        }
        lines = [f"{key} {{ value: {value} }}\n" for key, value in batching.items()]
        files[BATCHING_FILE] = "".join([*lines, "enable_large_batch_splitting { value: true }\n"])
    return files


def _models(model: str, version: int) -> str:
    """This one version, whatever else lies in the store."""
    return (
        "model_config_list {\n"
        "  config {\n"
        f'    name: "{model}"\n'
        f'    base_path: "{MODELS_DIR}/{model}"\n'
        '    model_platform: "tensorflow"\n'
        f"    model_version_policy {{ specific {{ versions: {version} }} }}\n"
        "  }\n"
        "}\n"
    )
