"""The arguments of a training: their defaults, their ranges and everything that can be wrong with them."""

from dataclasses import dataclass

from contract.exits import Exit, Failure
from contract.run import BATCH_SIZE, LARGEST_SEED, RunDefinition

DIGITS = "digits"
"""The `data` that ships inside the image."""


@dataclass(frozen=True)
class Arguments:
    """The arguments of a training, by the names of a definition's `args` in snake case."""

    epochs: int = 12
    """Passes over the train part, 1 to 1000."""

    batch_size: int = BATCH_SIZE
    """Examples of one step over all replicas; divisible by their number."""

    learning_rate: float = 0.002
    """Of Adam, above 0 and at most 1."""

    data: str = DIGITS
    """`digits`, or a directory of records (training/records.py): absolute, or relative to the store."""

    checkpoint_steps: int = 100
    """Steps that are repeated at most when a worker is lost, 1 to 1,000,000; checkpoints are a tenth closer."""

    deterministic: bool = False
    """Whether TensorFlow takes only operations that give the same bits each time; slower on GPUs."""


def parse(definition: RunDefinition) -> Arguments:
    """Read the arguments of a definition.

    Raises:
        Failure: With every problem at once, each naming key, value and range.
    """
    names = {"epochs", "batchSize", "learningRate", "data", "checkpointSteps", "deterministic"}
    problems = [
        f"args.{name} is unknown: known are {', '.join(sorted(names))}" for name in definition.args if name not in names
    ]
    chosen = Arguments(
        epochs=_whole(definition, "epochs", Arguments.epochs, 1000, problems),
        batch_size=_whole(definition, "batchSize", Arguments.batch_size, 1_000_000, problems),
        learning_rate=_rate(definition, problems),
        data=_data(definition, problems),
        checkpoint_steps=_whole(definition, "checkpointSteps", Arguments.checkpoint_steps, 1_000_000, problems),
        deterministic=_yes_or_no(definition, "deterministic", problems),
    )
    replicas = definition.workers * max(1, definition.gpus)
    if chosen.batch_size % replicas:
        whose = "GPUs of all workers" if definition.gpus else "workers"
        if definition.workers == 1:
            whose = "GPUs"
        problems.append(
            f"args.batchSize is {chosen.batch_size}: must be divisible by {replicas}, the number of {whose}"
        )
    if definition.seed > LARGEST_SEED:
        problems.append(f"seed is {definition.seed}: must be at most {LARGEST_SEED}")
    if problems:
        raise Failure(Exit.BAD_INPUT, f"the definition is wrong: {'; '.join(problems)}")
    return chosen


def _whole(definition: RunDefinition, name: str, default: int, most: int, problems: list[str]) -> int:
    value = definition.args.get(name, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
        return value
    problems.append(f"args.{name} is {value!r}: must be a whole number from 1 to {most}")
    return default


def _rate(definition: RunDefinition, problems: list[str]) -> float:
    value = definition.args.get("learningRate", Arguments.learning_rate)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    problems.append(f"args.learningRate is {value!r}: must be a number above 0 and at most 1")
    return Arguments.learning_rate


def _data(definition: RunDefinition, problems: list[str]) -> str:
    value = definition.args.get("data", DIGITS)
    if isinstance(value, str) and value and "\0" not in value:
        return value
    problems.append(f"args.data is {value!r}: must be {DIGITS} or a directory of records")
    return DIGITS


def _yes_or_no(definition: RunDefinition, name: str, problems: list[str]) -> bool:
    value = definition.args.get(name, False)
    if isinstance(value, bool):
        return value
    problems.append(f"args.{name} is {value!r}: must be true or false")
    return False
