"""Which versions are served: found on disk by the model's policy, loaded, retried, and unloaded."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .config import ModelConfig
from .signature import Servable
from .status import ServingError, invalid_argument, not_found

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class VersionState:
    """What `GetModelStatus` tells of a version."""

    state: str
    """START, LOADING, AVAILABLE, UNLOADING or END."""
    code: str = "OK"
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class LoadPolicy:
    """How often a failed load is tried again."""

    max_num_load_retries: int
    interval_seconds: float


def aspired_versions(config: ModelConfig) -> dict[int, Path]:
    """Versions that ought to be served and where they lie: file_system_storage_path_source.cc.

    A missing one is logged and left out.
    """
    base = Path(config.base_path)
    if not base.is_dir():
        log.error("Could not find base path %s for servable %s", base, config.name)
        return {}
    found = {int(path.name): path for path in base.iterdir() if path.name.isdecimal() and path.is_dir()}
    if not found:
        log.warning(
            "No versions of servable %s found under base path %s. "
            "Did you forget to name your leaf directory as a number (eg. '/1/')?",
            config.name,
            base,
        )
    if config.specific:
        for version in sorted(set(config.specific) - found.keys()):
            log.warning(
                "Version %s of servable %s, which was requested to be served as a 'specific' version in the "
                "servable's version policy, was not found in the file system",
                version,
                config.name,
            )
        return {version: path for version, path in found.items() if version in config.specific}
    highest = sorted(found, reverse=True)
    return {version: found[version] for version in (highest[: config.latest] if config.latest else highest)}


class Versions:
    """Every model's versions and their states."""

    def __init__(
        self, models: Sequence[ModelConfig], load: Callable[[Path], Servable], policy: LoadPolicy, *, early_labels: bool
    ) -> None:
        """Nothing is loaded yet.

        Args:
            models: What to serve.
            load: Loads the version in a directory, or raises ServingError.
            policy: Of failed loads.
            early_labels: Labels may name versions that are not available.
        """
        self._models = {model.name: model for model in models}
        self._load = load
        self._policy = policy
        self._early_labels = early_labels
        self._lock = threading.Lock()
        self._states: dict[str, dict[int, VersionState]] = {}
        self._servables: dict[str, dict[int, Servable]] = {}

    def reconcile(self) -> None:
        """Load what is aspired and new, then unload what no longer is: availability first."""
        for model in self._models.values():
            aspired = aspired_versions(model)
            for version, path in sorted(aspired.items()):
                if version not in self._states.get(model.name, {}):
                    self._load_one(model.name, version, path)
            loaded = self._servables.get(model.name, {})
            if any(version in loaded for version in aspired):
                for version in sorted(loaded.keys() - aspired.keys()):
                    self._unload(model.name, version)

    def _load_one(self, name: str, version: int, path: Path) -> None:
        identity = f"{{name: {name} version: {version}}}"
        self._set(name, version, VersionState(state="LOADING"))
        log.info("Loading servable version %s", identity)
        started = time.monotonic()
        for attempt in range(self._policy.max_num_load_retries + 1):
            if attempt:
                time.sleep(self._policy.interval_seconds)
                log.info("Retrying of Loading servable: %s retry: %s", identity, attempt)
            try:
                servable = self._load(path)
            except ServingError as error:
                log.error("Loading servable: %s failed: %s: %s", identity, error.code, error.message)
                failure = VersionState(state="LOADING", code=error.code, message=error.message)
                self._set(name, version, failure)
                continue
            with self._lock:
                self._servables.setdefault(name, {})[version] = servable
                self._states[name][version] = VersionState(state="AVAILABLE")
            log.info("Successfully loaded servable version %s in %.1f s", identity, time.monotonic() - started)
            return
        self._set(name, version, replace(self._states[name][version], state="END"))

    def _unload(self, name: str, version: int) -> None:
        self._set(name, version, VersionState(state="UNLOADING"))
        with self._lock:
            del self._servables[name][version]
        self._set(name, version, VersionState(state="END"))
        log.info("Done unloading servable version {name: %s version: %s}", name, version)

    def _set(self, name: str, version: int, state: VersionState) -> None:
        with self._lock:
            self._states.setdefault(name, {})[version] = state

    def wait_reason(self) -> str | None:
        """Why the server must not open its port yet: models without any version; None when it may.

        Raises:
            ServingError: A version ended without being available.
        """
        failed = [
            f"{{{{name: {name} version: {version}}} due to error: {state.code}: {state.message}}}, "
            for name, states in self._states.items()
            for version, state in states.items()
            if state.state == "END" and state.code != "OK" and not self._servables.get(name)
        ]
        if failed:
            raise ServingError("UNKNOWN", f"{len(failed)} servable(s) did not become available: {{{''.join(failed)}}}")
        missing = [name for name in self._models if not self._servables.get(name)]
        return f"waiting for a version of: {', '.join(missing)}" if missing else None

    def states(self, name: str, version: int | None) -> Mapping[int, VersionState]:
        """States of a model's versions, highest first.

        Raises:
            ServingError: There is no such model or version.
        """
        with self._lock:
            known = dict(sorted(self._states.get(name, {}).items(), reverse=True))
        if version is None:
            if not known:
                raise not_found(f"Could not find any versions of model {name}")
            return known
        if version not in known:
            raise not_found(f"Could not find version {version} of model {name}")
        return {version: known[version]}

    def servable(self, name: str, version: int | None) -> tuple[int, Servable]:
        """A version that can answer: the given one, else the highest.

        Raises:
            ServingError: It is not available.
        """
        with self._lock:
            available = self._servables.get(name, {})
            wanted = max(available, default=None) if version is None else version
            if wanted is None or wanted not in available:
                request = f"Latest({name})" if version is None else f"Specific({name}, {version})"
                raise not_found(f"Servable not found for request: {request}")
            return wanted, available[wanted]

    def version_of_label(self, name: str, label: str) -> int:
        """Version that a label names.

        Raises:
            ServingError: There is no such label, or its version is not available.
        """
        model = self._models.get(name)
        version = model.version_labels.get(label) if model else None
        known = version is not None and (self._early_labels or version in self._servables.get(name, {}))
        if version is None or not known:
            raise invalid_argument(f"Unrecognized servable version label: {label}")
        return version
