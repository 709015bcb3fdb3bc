"""Evidence as it comes in: traffic interval by interval, and answers to labelled sets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.labelled import TEST_PART, Example, LabelledError, read
from contract.store import version_dir
from ops.judging.samples import Counters, Snapshot, SourceError
from ops.judging.sources import Servers
from serving.judge import Answers, Interval


@dataclass(frozen=True, kw_only=True)
class LabelledSet:
    """Examples that both versions are asked about."""

    name: str
    examples: Sequence[Example]
    grows: bool


class Intervals:
    """The traffic of both versions, read at the same moments."""

    def __init__(self) -> None:
        self._incoming, self._stable = Counters(), Counters()
        self._found: list[Interval] = []
        self._began = False

    @property
    def found(self) -> tuple[Interval, ...]:
        """All intervals so far; one less than there were readings."""
        return tuple(self._found)

    def read(self, incoming: Snapshot, stable: Snapshot) -> None:
        """Add the interval since the last reading.

        Raises:
            SourceError: Servers have different buckets.
        """
        interval = Interval(incoming=self._incoming.read(incoming), stable=self._stable.read(stable))
        mine, other = interval.incoming.latency, interval.stable.latency
        if mine is not None and other is not None and mine.bounds_us != other.bounds_us:
            raise SourceError("the two versions' servers count latency in different buckets")
        if self._began:
            self._found.append(interval)
        self._began = True


def intervals_of(incoming: Mapping[float, Snapshot], stable: Mapping[float, Snapshot]) -> tuple[Interval, ...]:
    """The intervals between moments at which both versions were read.

    Raises:
        SourceError: Servers have different buckets.
    """
    intervals = Intervals()
    for moment in sorted(incoming.keys() & stable.keys()):
        intervals.read(incoming[moment], stable[moment])
    return intervals.found


def test_parts(root: Path, model: str, versions: Sequence[int]) -> Iterator[LabelledSet]:
    """The test parts that versions keep in a store; one that two versions share comes once.

    Raises:
        SourceError: One cannot be read.
    """
    found: dict[int, Sequence[Example]] = {}
    for version in versions:
        examples = examples_of(version_dir(root, model, version) / TEST_PART)
        twin = next((other for other, same in found.items() if same == examples), None)
        if twin is None:
            found[version] = examples
    for version, examples in found.items():
        yield LabelledSet(name=f"test part of version {version}", examples=examples, grows=False)


def examples_of(path: Path) -> list[Example]:
    """A labelled set from a file.

    Raises:
        SourceError: It cannot be read.
    """
    try:
        return read(path)
    except LabelledError as error:
        raise SourceError(str(error)) from None


def answers(labelled: LabelledSet, incoming: Servers, stable: Servers) -> Answers:
    """Ask both versions about every example.

    Raises:
        SourceError: One does not answer.
    """
    pairs = zip(incoming.right(labelled.examples), stable.right(labelled.examples), strict=True)
    return Answers.of(labelled.name, pairs, grows=labelled.grows)
