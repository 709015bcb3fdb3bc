"""The environment of a training run: one table, written by the program and read by the training image.

A run's definition is the stack file's words and nothing else: two runs are the same when these are equal. The image is
provenance, because code may change while a run once declared does not.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

Scalar = bool | int | float | str

GPU_MODES: Final = ("exclusive", "timeSlicing", "mps", "mig", "pretend")
"""`pretend`: nodes advertise GPUs that do not exist; TensorFlow uses as many logical CPU devices."""

LARGEST_VERSION: Final = 2**63 - 1
"""TensorFlow Serving reads versions as int64."""

LARGEST_SEED: Final = 2**32 - 1
"""What NumPy's seed takes."""

MOST_WORKERS: Final = 512
"""The names of all must fit into one variable, which Linux bounds at 128 KiB (MAX_ARG_STRLEN); one has up to 177."""

MEMORY_FRACTION: Final = "TFK8S_GPU_MEMORY_FRACTION"
"""Of a run or a trial whose device other pods use too: the share of its memory that it may take."""

VARIABLES: Final = {
    "TFK8S_MODEL": "the model's name in the store",
    "TFK8S_VERSION": "the version to train, a number from 1",
    "TFK8S_STORE": "directory where the store is mounted",
    "TFK8S_DEFINITION": "the run's definition as JSON",
    "TFK8S_IMAGE": "reference of the image that runs",
    "TFK8S_GPUS": "GPUs of the pod",
    "TFK8S_GPU_MODE": "how the pod gets its GPUs",
}
"""Every variable of a training run and what it says."""

GANG_VARIABLES: Final = {
    "TFK8S_PEERS": "host:port of every worker in order of their indices; absent for a run of one worker",
    "TFK8S_STALL_TIMEOUT": "seconds without a step after which the training is started again; absent or 0: never",
    MEMORY_FRACTION: "share of a device's memory that may be taken; absent: all of it",
    "JOB_COMPLETION_INDEX": "which of the workers this one is, from 0; Kubernetes sets it in an Indexed Job",
}
"""Variables that only some runs have."""

DEFINITION_ANNOTATION: Final = "tfk8s.dev/definition"
"""Of a Job: the canonical text of what it was declared to be."""

BATCH_SIZE: Final = 64
"""Examples of one step over all replicas, where a definition's `args` name no `batchSize`."""

WORKER_PORT: Final = 2222
"""Where the workers of a run listen for each other."""

ALIVE_FILE: Final = "/tmp/tfk8s/alive"  # noqa: S108 - the temp volume of the pod's own
"""Holds the machine's uptime in whole seconds, written by a container's first process at least every 2 seconds."""

ALIVE_LIMIT_SECONDS: Final = 15
"""Age of the alive file above which the container counts as stopped: longer than TensorFlow's own service waits for a
silent worker (10 s), and short enough that a gang steps again within 35 s of one of its containers standing still."""


def alive_probe(file: str = ALIVE_FILE) -> tuple[str, ...]:
    """The command of a training container's liveness probe; it starts one shell and nothing else.

    Uptime rather than the time of day: a clock that is set right must not kill a training.
    """
    read = f"read -r now rest </proc/uptime && read -r then <{file}"
    return ("/bin/sh", "-c", f"{read} && [ $((${{now%.*}} - then)) -le {ALIVE_LIMIT_SECONDS} ]")


_VERSION_RULE: Final = "must be a whole number from 1 to 2^63-1"
_DIGITS: Final = re.compile(r"[0-9]{1,20}")
_PEER: Final = re.compile(r"[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?:[1-9][0-9]{0,4}")
NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class RunError(ValueError):
    """What is wrong with a run's environment or definition: all of it, each problem naming its place."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        count = "" if len(problems) == 1 else f"{len(problems)} problems: "
        super().__init__(count + "; ".join(problems))


@dataclass(frozen=True, kw_only=True)
class RunDefinition:
    """What makes a run this run: the words of the stack file that a published version is compared by.

    Raises:
        RunError: With every problem at once.
    """

    args: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    """Arguments as declared; defaults of the training code are not part of a definition."""

    seed: int = 0
    data_version: str | None = None
    """None: the training code's own choice."""

    workers: int = 1
    """Pods that train together."""

    gpus: int = 0
    """GPUs of each worker."""

    def __post_init__(self) -> None:
        problems = [
            f"args.{name} is {value!r}: must be a string, a finite number or a boolean"
            for name, value in self.args.items()
            if not _is_scalar(value)
        ]
        counts = (("seed", self.seed, 0), ("workers", self.workers, 1), ("gpus", self.gpus, 0))
        problems += [
            f"{name} is {value!r}: must be a whole number of at least {least}"
            for name, value, least in counts
            if not _is_count(value, least)
        ]
        if not isinstance(cast("object", self.data_version), str | None):
            problems.append(f"dataVersion is {self.data_version!r}: must be a string or null")
        if problems:
            raise RunError(problems)

    def words(self) -> dict[str, object]:
        """The definition as plain values under the stack file's names; whole floats are whole numbers (20.0 is 20)."""
        return {
            "args": {name: _whole(value) for name, value in sorted(self.args.items())},
            "dataVersion": self.data_version,
            "gpus": self.gpus,
            "seed": self.seed,
            "workers": self.workers,
        }

    def canonical(self) -> str:
        """The one JSON text of this definition: equal definitions, equal texts."""
        return json.dumps(self.words(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    @classmethod
    def parse(cls, text: str) -> "RunDefinition":
        """Read a definition from JSON.

        Raises:
            RunError: Not JSON, not an object, a key unknown or missing, or a wrong value.
        """
        try:
            raw = cast("object", json.loads(text))
        except ValueError as error:
            raise RunError([f"not JSON: {error}"]) from None
        return cls.of(raw)

    @classmethod
    def of(cls, raw: object) -> "RunDefinition":
        """Read a definition from plain values, such as a manifest's.

        Raises:
            RunError: Not an object, a key unknown or missing, or a wrong value.
        """
        keys = {"args", "dataVersion", "gpus", "seed", "workers"}
        if not isinstance(raw, dict):
            raise RunError([f"must be an object with {', '.join(sorted(keys))}, not {type(raw).__name__}"])
        words = cast("dict[str, object]", raw)
        problems = [f"{key} is missing" for key in sorted(keys - words.keys())]
        problems += [f"{key} is unknown" for key in sorted(words.keys() - keys)]
        if not isinstance(words.get("args", {}), dict):
            problems.append(f"args is {words['args']!r}: must be an object")
        if problems:
            raise RunError(problems)
        # The constructor checks every value; the casts only tell the type checker what it will accept.
        return cls(
            args=cast("dict[str, Scalar]", words["args"]),
            seed=cast("int", words["seed"]),
            data_version=cast("str | None", words["dataVersion"]),
            workers=cast("int", words["workers"]),
            gpus=cast("int", words["gpus"]),
        )

    def differences(self, other: "RunDefinition") -> list[str]:
        """Name each word that differs, with this definition's value first: `args.epochs: 12 and 20`."""
        mine, theirs = _flat(self.words()), _flat(other.words())
        return [
            f"{name}: {mine.get(name, 'not given')} and {theirs.get(name, 'not given')}"
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name) != theirs.get(name)
        ]


@dataclass(frozen=True, kw_only=True)
class RunEnvironment:
    """Everything a training container is told.

    Raises:
        RunError: With every problem at once, by the variable's name.
    """

    model: str
    """Name of the model in the store; the training job's key in the stack file."""

    version: int
    definition: RunDefinition
    gpu_mode: str
    """One of GPU_MODES."""

    gpu_memory_fraction: float = 1.0
    """Share of a device's memory that the run may take, above 0; 1 where it has the device to itself."""

    image: str = ""
    """Reference of the training image, recorded as provenance. The program leaves it empty, because it learns the
    reference when the image is built, and adds TFK8S_IMAGE to `to_env()` itself."""

    store: str = "/store"
    """Absolute path where the store is mounted."""

    peers: tuple[str, ...] = ()
    """`host:port` of every worker in order of their indices; empty for one worker."""

    index: int = 0
    """Which of the peers this worker is. Kubernetes tells it, not the program."""

    stall_timeout: int = 0
    """Seconds without a step after which the training is started again; 0: never."""

    @property
    def is_chief(self) -> bool:
        """Whether this worker is the one that writes into the store."""
        return self.index == 0

    def __post_init__(self) -> None:
        problems: list[str] = []
        if not NAME.fullmatch(self.model):
            problems.append(f"TFK8S_MODEL is {self.model!r}: must be a name of a-z, 0-9 and -, at most 63 long")
        if not _is_count(self.version, 1) or self.version > LARGEST_VERSION:
            problems.append(f"TFK8S_VERSION is {self.version!r}: {_VERSION_RULE}")
        if not self.store.startswith("/"):
            problems.append(f"TFK8S_STORE is {self.store!r}: must be an absolute path")
        if self.gpu_mode not in GPU_MODES:
            problems.append(f"TFK8S_GPU_MODE is {self.gpu_mode!r}: must be one of {', '.join(GPU_MODES)}")
        problems += problems_of_fraction(self.gpu_memory_fraction)
        problems += self._problems_of_peers()
        if not _is_count(self.stall_timeout, 0):
            problems.append(f"TFK8S_STALL_TIMEOUT is {self.stall_timeout!r}: must be a whole number of seconds, or 0")
        if problems:
            raise RunError(problems)

    def _problems_of_peers(self) -> list[str]:
        workers = self.definition.workers
        if len(self.peers) != (workers if workers > 1 else 0):
            return [f"TFK8S_PEERS names {len(self.peers)} workers: the definition says {workers}"]
        problems = [f"TFK8S_PEERS: {peer!r} must be host:port" for peer in self.peers if not _PEER.fullmatch(peer)]
        if not _is_count(self.index, 0) or self.index >= workers:
            problems.append(f"JOB_COMPLETION_INDEX is {self.index!r}: must be a whole number from 0 to {workers - 1}")
        return problems

    def to_env(self) -> dict[str, str]:
        """The container's variables, for the program.

        TFK8S_IMAGE is not among them while the image is not known, nor JOB_COMPLETION_INDEX, which Kubernetes adds.
        """
        variables = {
            "TFK8S_MODEL": self.model,
            "TFK8S_VERSION": str(self.version),
            "TFK8S_STORE": self.store,
            "TFK8S_DEFINITION": self.definition.canonical(),
            "TFK8S_GPUS": str(self.definition.gpus),
            "TFK8S_GPU_MODE": self.gpu_mode,
        }
        if self.gpu_memory_fraction < 1:
            variables[MEMORY_FRACTION] = f"{self.gpu_memory_fraction:g}"
        if self.image:
            variables["TFK8S_IMAGE"] = self.image
        if self.peers:
            variables["TFK8S_PEERS"] = ",".join(self.peers)
        if self.stall_timeout:
            variables["TFK8S_STALL_TIMEOUT"] = str(self.stall_timeout)
        return variables

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "RunEnvironment":
        """Read the variables, in the image.

        Raises:
            RunError: With every problem at once, by the variable's name.
        """
        problems = [f"{name} is missing ({what})" for name, what in VARIABLES.items() if name not in env]
        definition = RunDefinition()
        if "TFK8S_DEFINITION" in env:
            try:
                definition = RunDefinition.parse(env["TFK8S_DEFINITION"])
            except RunError as error:
                problems += [f"TFK8S_DEFINITION: {problem}" for problem in error.problems]
            else:
                if "TFK8S_GPUS" in env and env["TFK8S_GPUS"] != str(definition.gpus):
                    problems.append(f"TFK8S_GPUS is {env['TFK8S_GPUS']!r}: the definition says {definition.gpus}")
        # Stand-ins for what is missing or wrong keep the other checks going; the problem itself is noted.
        version = env.get("TFK8S_VERSION", "1")
        if not _DIGITS.fullmatch(version):
            problems.append(f"TFK8S_VERSION is {version!r}: {_VERSION_RULE}")
            version = "1"
        peers = tuple(filter(None, env.get("TFK8S_PEERS", "").split(",")))
        if peers and "JOB_COMPLETION_INDEX" not in env:
            problems.append(f"JOB_COMPLETION_INDEX is missing ({GANG_VARIABLES['JOB_COMPLETION_INDEX']})")
        if env.get("TFK8S_IMAGE") == "":
            problems.append("TFK8S_IMAGE is empty: must be the reference of the image that runs")
        try:
            run = cls(
                model=env.get("TFK8S_MODEL", "missing"),
                version=int(version),
                store=env.get("TFK8S_STORE", "/missing"),
                definition=definition,
                image=env.get("TFK8S_IMAGE", ""),
                gpu_mode=env.get("TFK8S_GPU_MODE", GPU_MODES[0]),
                gpu_memory_fraction=memory_fraction(env, problems),
                peers=peers,
                # Any Indexed Job has the variable; alone, a worker is its own chief.
                index=_count_in(env, "JOB_COMPLETION_INDEX", problems) if peers else 0,
                stall_timeout=_count_in(env, "TFK8S_STALL_TIMEOUT", problems),
            )
        except RunError as error:
            raise RunError(problems + list(error.problems)) from None
        if problems:
            raise RunError(problems)
        return run


def problems_of_fraction(value: float) -> list[str]:
    """What is wrong with a share of a device's memory, if anything."""
    return [] if 0 < value <= 1 else [f"{MEMORY_FRACTION} is {value:g}: must be above 0 and at most 1"]


def memory_fraction(env: Mapping[str, str], problems: list[str]) -> float:
    """The share of a device's memory that the variables give; what is no number is noted."""
    text = env.get(MEMORY_FRACTION, "1")
    try:
        return float(text)
    except ValueError:
        problems.append(f"{MEMORY_FRACTION} is {text!r}: must be a number above 0 and at most 1")
        return 1.0


def _count_in(env: Mapping[str, str], name: str, problems: list[str]) -> int:
    text = env.get(name) or "0"
    if _DIGITS.fullmatch(text):
        return int(text)
    problems.append(f"{name} is {text!r}: must be a whole number")
    return 0


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_scalar(value: object) -> bool:
    return isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))


def _whole(value: Scalar) -> Scalar:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _flat(words: Mapping[str, object]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in words.items():
        if isinstance(value, dict):
            inner = cast("dict[str, object]", value)
            flat |= {f"{name}.{key}": json.dumps(item, ensure_ascii=False) for key, item in inner.items()}
        else:
            flat[name] = json.dumps(value, ensure_ascii=False)
    return flat
