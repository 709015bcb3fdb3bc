"""The text-proto configuration files: which models and versions, where the metrics are.

The messages are rebuilt from their published definitions (tensorflow_serving/config/*.proto), so that protobuf itself
reads the files: the same syntax, and unknown fields are errors with their line and column.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

_Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "string": _Field.TYPE_STRING,
    "bool": _Field.TYPE_BOOL,
    "int64": _Field.TYPE_INT64,
    "uint32": _Field.TYPE_UINT32,
}
PACKAGE = "tensorflow.serving"

MESSAGES: dict[str, Sequence[tuple[str, int, str, bool]]] = {
    "PrometheusConfig": [("enable", 1, "bool", False), ("path", 2, "string", False)],
    "MonitoringConfig": [("prometheus_config", 1, "PrometheusConfig", False)],
    "Latest": [("num_versions", 1, "uint32", False)],
    "All": [],
    "Specific": [("versions", 1, "int64", True)],
    "VersionPolicy": [
        ("latest", 100, "Latest", False),
        ("all", 101, "All", False),
        ("specific", 102, "Specific", False),
    ],
    # A map field is, on the wire and in text, a repeated message of key and value.
    "VersionLabel": [("key", 1, "string", False), ("value", 2, "int64", False)],
    "ModelConfig": [
        ("name", 1, "string", False),
        ("base_path", 2, "string", False),
        ("model_platform", 4, "string", False),
        ("model_version_policy", 7, "VersionPolicy", False),
        ("version_labels", 8, "VersionLabel", True),
    ],
    "ModelConfigList": [("config", 1, "ModelConfig", True)],
    "ModelServerConfig": [("model_config_list", 1, "ModelConfigList", False)],
    # google.protobuf's wrappers: the same text and the same bytes.
    "Int64Value": [("value", 1, "int64", False)],
    "BoolValue": [("value", 1, "bool", False)],
    "StringValue": [("value", 1, "string", False)],
    # What it does not know here (allowed_batch_sizes, pad_variable_length_inputs) is an error.
    "BatchingParameters": [
        ("max_batch_size", 1, "Int64Value", False),
        ("batch_timeout_micros", 2, "Int64Value", False),
        ("max_enqueued_batches", 3, "Int64Value", False),
        ("num_batch_threads", 4, "Int64Value", False),
        ("thread_pool_name", 5, "StringValue", False),
        ("enable_large_batch_splitting", 8, "BoolValue", False),
        ("max_execution_batch_size", 9, "Int64Value", False),
    ],
}
"""Message to its fields: name, number, type, repeated."""


class ConfigError(Exception):
    """A configuration file cannot be used; the text says which, where and why."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One model to serve."""

    name: str
    base_path: str
    specific: tuple[int, ...] = ()
    """Versions to serve; empty means by `latest`."""
    latest: int = 1
    """How many of the highest versions to serve; 0 means all."""
    version_labels: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, kw_only=True)
class MonitoringConfig:
    """Where the metrics are."""

    enable: bool = False
    path: str = "/monitoring/prometheus/metrics"


def _message_classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="tfk8s_serving_config.proto", package=PACKAGE, syntax="proto3")
    for name, entries in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind, repeated in entries:
            entry = message.field.add(name=field_name, number=number)
            entry.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            if kind in _TYPES:
                entry.type = _TYPES[kind]
            else:
                entry.type, entry.type_name = _Field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)  # pyright: ignore[reportUnknownMemberType] (protobuf's stubs leave it untyped)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))  # pyright: ignore[reportUnknownMemberType] (same)
        for name in MESSAGES
    }


def _read(path: str, message: str) -> Any:  # noqa: ANN401 (a message made at run time has no static type)
    try:
        text = Path(path).read_text()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    try:
        return text_format.Parse(text, _message_classes()[message]())
    except text_format.ParseError as error:
        raise ConfigError(f"Invalid protobuf file: '{path}': {error}") from None


def read_model_config(path: str) -> list[ModelConfig]:
    """Models of a `ModelServerConfig` file.

    Raises:
        ConfigError: It cannot be read, is no such file, or a model lacks a name, a base path or the platform.
    """
    models = [_model(path, config) for config in _read(path, "ModelServerConfig").model_config_list.config]
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise ConfigError(f"{path}: Illegal to list model {max(names, key=names.count)} multiple times in config list")
    return models


def _model(path: str, config: Any) -> ModelConfig:  # noqa: ANN401 (as above)
    for key in ("name", "base_path"):
        if not getattr(config, key):
            raise ConfigError(f"{path}: Expected model {config.name or ''} to have {key}: it is missing or empty")
    if config.model_platform != "tensorflow":
        raise ConfigError(
            f'{path}: model {config.name} has model_platform "{config.model_platform}"; only tensorflow is served'
        )
    policy = config.model_version_policy
    versions_to_keep = 0 if policy.HasField("all") else max(policy.latest.num_versions, 1)
    return ModelConfig(
        name=config.name,
        base_path=config.base_path,
        specific=tuple(policy.specific.versions),
        latest=versions_to_keep,
        version_labels={label.key: label.value for label in config.version_labels},
    )


def read_monitoring_config(path: str) -> MonitoringConfig:
    """Prometheus part of a `MonitoringConfig` file.

    Raises:
        ConfigError: It cannot be read or is no such file.
    """
    prometheus = _read(path, "MonitoringConfig").prometheus_config
    default = MonitoringConfig()
    return MonitoringConfig(enable=prometheus.enable, path=prometheus.path or default.path)


@dataclass(frozen=True, kw_only=True)
class BatchingParameters:
    """How requests run together; defaults of SharedBatchScheduler."""

    max_batch_size: int = 1000
    """Most rows of a request."""
    max_execution_batch_size: int = 1000
    """Most rows of a batch."""
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = os.cpu_count() or 1
    enable_large_batch_splitting: bool = False
    """Requests of more rows than a batch takes are split, and else refused."""


def read_batching_parameters(path: str) -> BatchingParameters:
    """The values of a `BatchingParameters` file; defaults where it has none.

    Raises:
        ConfigError: It cannot be read, is no such file, or a value makes no sense.
    """
    read = _read(path, "BatchingParameters")
    names = [entry.name for entry in fields(BatchingParameters)]
    given = {name: getattr(read, name).value for name in names if read.HasField(name)}
    if not given.get("enable_large_batch_splitting"):
        given.pop("max_execution_batch_size", None)  # ignored, as it is there
    given.setdefault("max_execution_batch_size", given.get("max_batch_size", BatchingParameters.max_batch_size))
    parameters = BatchingParameters(**given)
    if min(parameters.max_execution_batch_size, parameters.max_enqueued_batches, parameters.num_batch_threads) < 1:
        raise ConfigError(f"{path}: sizes and threads of batches must be positive: {parameters}")
    if parameters.max_batch_size < parameters.max_execution_batch_size:
        raise ConfigError(
            f"{path}: max_batch_size {parameters.max_batch_size} must be at least max_execution_batch_size "
            f"{parameters.max_execution_batch_size}"
        )
    return parameters
