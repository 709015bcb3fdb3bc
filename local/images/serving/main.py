"""`tensorflow_model_server` for machines that can reach no image registry."""

import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from . import config
from .batching import Batched, BatchScheduler
from .flags import FlagError, Flags, parse_flags, usage
from .httpd import RestServer
from .metrics import Metrics
from .rest import RestApi
from .savedmodel import SavedModel
from .signature import Servable
from .status import ServingError
from .versions import LoadPolicy, Versions

log = logging.getLogger(__name__)

WAIT_SECONDS = 60.0
"""Pause between two log lines of a server that has nothing to serve."""


def main(arguments: Sequence[str]) -> int:
    """Serve until killed.

    Args:
        arguments: The command line, program name first.

    Returns:
        The exit code, if it ends by itself: 255 for anything wrong, as the real server's -1.
    """
    # Python's handler would print a traceback. SIGTERM stays as it is: process 1 ignores it, as with the real server.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s.%(msecs)03d: %(levelname).1s %(message)s",
        datefmt="%F %T",
    )
    try:
        flags = parse_flags(arguments[1:])
    except FlagError as error:
        print(f"{error}\n{usage(arguments[0])}")
        return 255
    if flags.version:
        print(f"TensorFlow ModelServer: tfk8s stand-in\nTensorFlow Library: {metadata.version('tensorflow-cpu')}")
        return 0
    try:
        return _serve(flags)
    except (config.ConfigError, ServingError, OSError) as error:
        print(f"Failed to start server. Error: {error}", flush=True)
        return 255


def _models(flags: Flags) -> list[config.ModelConfig]:
    if flags.model_config_file:
        return config.read_model_config(flags.model_config_file)
    if not flags.model_base_path:
        raise config.ConfigError("Both server_options.model_base_path and server_options.model_config_file are empty!")
    return [config.ModelConfig(name=flags.model_name, base_path=flags.model_base_path)]


def _scheduler(flags: Flags) -> BatchScheduler | None:
    if not flags.enable_batching:
        if flags.batching_parameters_file:
            raise config.ConfigError(
                "server_options.batching_parameters_file is set without setting server_options.enable_batching to true."
            )
        return None
    parameters = config.BatchingParameters()
    if flags.batching_parameters_file:
        parameters = config.read_batching_parameters(flags.batching_parameters_file)
    return BatchScheduler(parameters, flags.rest_api_timeout_in_ms / 1000)


def _serve(flags: Flags) -> int:
    monitoring = config.MonitoringConfig()
    if flags.monitoring_config_file:
        monitoring = config.read_monitoring_config(flags.monitoring_config_file)
    policy = LoadPolicy(
        max_num_load_retries=flags.max_num_load_retries,
        interval_seconds=max(flags.load_retry_interval_micros, 0) / 1e6,
    )

    scheduler = _scheduler(flags)

    def load(path: Path) -> Servable:
        model = SavedModel(str(path), flags)
        return model if scheduler is None else Batched(model, scheduler)

    versions = Versions(_models(flags), load, policy, early_labels=flags.allow_version_labels_for_unavailable_models)
    log.info(
        "tfk8s stand-in for TensorFlow Serving: REST only; gRPC is not served, whatever --port=%s says", flags.port
    )
    _load_initially(versions, flags.file_system_poll_wait_seconds)
    if flags.file_system_poll_wait_seconds > 0:
        poll = threading.Thread(
            target=_poll, args=(versions, flags.file_system_poll_wait_seconds), name="poll", daemon=True
        )
        poll.start()
    if not flags.rest_api_port:
        raise config.ConfigError("--rest_api_port is 0, and REST is all that this stand-in serves")
    metrics = Metrics()
    address = ("", flags.rest_api_port)
    with RestServer(address, RestApi(versions, metrics), metrics, monitoring, flags.rest_api_num_threads) as server:
        log.info("Exporting HTTP/REST API at:localhost:%s ...", flags.rest_api_port)
        server.serve_forever()
    return 0


def _load_initially(versions: Versions, poll_seconds: int) -> None:
    """Return when every model has a version; the port stays closed until then."""
    versions.reconcile()
    while reason := versions.wait_reason():
        if poll_seconds > 0:
            time.sleep(poll_seconds)
            versions.reconcile()
        else:
            log.warning("%s, and the file system is looked at only once", reason)
            time.sleep(WAIT_SECONDS)


def _poll(versions: Versions, seconds: int) -> None:
    while True:
        time.sleep(seconds)
        versions.reconcile()
