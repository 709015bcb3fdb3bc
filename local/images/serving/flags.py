"""The command line: those flags of tensorflow_model_server that mean something here, with its names and defaults."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields


class FlagError(Exception):
    """A flag is unknown or its value is malformed; the text says which."""


@dataclass(frozen=True, kw_only=True)
class Flags:
    """Values of the flags (model_servers/main.cc, defaults of model_servers/server.h)."""

    port: int = 8500
    """Accepted, and gRPC is not served."""
    rest_api_port: int = 0
    """0 serves nothing."""
    rest_api_num_threads: int = 4 * (os.cpu_count() or 1)
    """Requests worked on at a time."""
    rest_api_timeout_in_ms: int = 30000
    """Limit of one session run."""
    model_config_file: str = ""
    model_name: str = "default"
    model_base_path: str = ""
    monitoring_config_file: str = ""
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = 60_000_000
    file_system_poll_wait_seconds: int = 1
    """0 looks once."""
    allow_version_labels_for_unavailable_models: bool = False
    enable_model_warmup: bool = True
    num_request_iterations_for_warmup: int = 0
    saved_model_tags: str = "serve"
    tensorflow_session_parallelism: int = 0
    tensorflow_intra_op_parallelism: int = 0
    tensorflow_inter_op_parallelism: int = 0
    enable_batching: bool = False
    batching_parameters_file: str = ""
    ssl_config_file: str = ""
    """Accepted: TLS is of gRPC alone."""
    enable_profiler: bool = True
    """Accepted: the profiler is a gRPC service."""
    per_process_gpu_memory_fraction: float = 0.0
    """Accepted: it uses no GPU."""
    num_load_threads: int = 0
    """Accepted: loads happen one after the other."""
    num_unload_threads: int = 0
    """Accepted."""
    grpc_max_threads: int = 4 * (os.cpu_count() or 1)
    """Accepted."""
    grpc_channel_arguments: str = ""
    """Accepted."""
    enable_grpc_healthcheck_service: bool = False
    """Accepted."""
    flush_filesystem_caches: bool = True
    """Accepted."""
    version: bool = False
    """Print the version and end."""


def parse_flags(arguments: Sequence[str]) -> Flags:
    """Read `--name=value` arguments; the last of a repeated one counts.

    Raises:
        FlagError: One is unknown or malformed.
    """
    kinds: dict[str, type] = {field.name: type(field.default) for field in fields(Flags)}
    values: dict[str, bool | int | float | str] = {}
    for argument in arguments:
        name, has_value, text = argument.removeprefix("--").partition("=")
        kind = kinds.get(name)
        if not argument.startswith("--") or kind is None or (not has_value and kind is not bool):
            raise FlagError(f"unknown argument: {argument}")
        values[name] = _value(kind, name, text if has_value else "true")
    return Flags(**values)  # pyright: ignore[reportArgumentType] (each value was made with its field's own type)


def _value(kind: type, name: str, text: str) -> bool | int | float | str:
    if kind is str:
        return text
    if kind is bool:
        if text.lower() in {"true", "1"}:
            return True
        if text.lower() in {"false", "0"}:
            return False
        raise FlagError(f"Couldn't interpret value {text} for flag {name}.")
    try:
        return float(text) if kind is float else int(text)
    except ValueError:
        raise FlagError(f"Couldn't interpret value {text} for flag {name}.") from None


def usage(program: str) -> str:
    """What is printed after a bad command line."""
    lines = [f"usage: {program}", "Flags:"]
    lines += [f"\t--{field.name}={field.default}\t{type(field.default).__name__}" for field in fields(Flags)]
    return "\n".join(lines)
