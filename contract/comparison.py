"""What came of training a published version again beside it.

The training image prints it as one line, the last of its log; `tfk8s reproduce` reads that line and shows it.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final, cast

from contract.document import fields_of
from contract.manifest import FileEntry, Manifest, ManifestError

SCHEMA_VERSION: Final = 1

TOLERANCE: Final = 0.01
"""How far a metric may lie from the published one: a hundredth of all examples, or of a nat of loss."""

TIMES: Final = frozenset({"seconds"})
"""Metrics that are another number each time, whatever was learned; they are shown and not judged."""

_VARIABLES: Final = "variables/"
"""Where a SavedModel has its weights."""


class ComparisonError(ValueError):
    """A line is no comparison; the message says why."""


class Verdict(StrEnum):
    """What a comparison comes to."""

    IDENTICAL = "identical"
    """Every weight has the same bits, and every metric the same value."""

    WITHIN_TOLERANCE = "within tolerance"
    """The same data, the same variables, and no metric further off than the tolerance."""

    DIFFERENT = "different"
    """Anything else."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """How far the weights of two SavedModels lie apart."""

    count: int
    """Numbers compared."""

    differing: int
    """How many of them have not the same bits."""

    largest: float
    """Largest absolute difference."""

    where: str = ""
    """The variable that has it; empty where nothing differs."""

    mismatch: str = ""
    """Why they cannot be compared, such as other shapes; empty if they can."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A version as it was published, and as it was trained again."""

    published: Manifest
    again: Manifest
    weights: Weights
    tolerance: float = TOLERANCE
    """Of metrics, as an absolute difference."""

    @property
    def metrics(self) -> dict[str, tuple[float | None, float | None]]:
        """Every metric by name, as published and as found again; None where only one has it."""
        names = [*self.published.metrics, *(name for name in self.again.metrics if name not in self.published.metrics)]
        return {name: (self.published.metrics.get(name), self.again.metrics.get(name)) for name in names}

    @property
    def variables(self) -> dict[str, tuple[str | None, str | None]]:
        """SHA-256 of each file that holds weights, as published and as found again; None where only one has it."""
        mine, theirs = _variables(self.published.files), _variables(self.again.files)
        return {path: (mine.get(path), theirs.get(path)) for path in sorted(mine.keys() | theirs.keys())}

    @property
    def differences(self) -> list[str]:
        """What makes the verdict `different`, a sentence each; empty for any other verdict."""
        found: list[str] = []
        if self.published.data_digest != self.again.data_digest:
            found.append(f"the data is another: {self.published.data_digest[:12]}… and {self.again.data_digest[:12]}…")
        if self.weights.mismatch:
            found.append(self.weights.mismatch)
        for name, (before, now) in self.metrics.items():
            if name in TIMES:
                continue
            if before is None or now is None:
                found.append(f"{name} is a metric of the {'second' if before is None else 'published'} training only")
            elif round(abs(before - now), 9) > self.tolerance:  # 0.98 and 0.97 are not more than 0.01 apart
                found.append(f"{name} was {before:g} and is {now:g}: more than {self.tolerance:g} apart")
        return found

    @property
    def verdict(self) -> Verdict:
        """What it comes to. Another image or TensorFlow is shown and not judged: what was learned counts."""
        if self.differences:
            return Verdict.DIFFERENT
        judged = (pair for name, pair in self.metrics.items() if name not in TIMES)
        is_same = not self.weights.differing and all(before == now for before, now in judged)
        return Verdict.IDENTICAL if is_same else Verdict.WITHIN_TOLERANCE

    @property
    def sentence(self) -> str:
        """The verdict for people, with the numbers."""
        weights = self.weights
        told = f"all {weights.count:,} weights have the same bits"
        if weights.differing:
            told = (
                f"{weights.differing:,} of {weights.count:,} weights differ, "
                f"by {weights.largest:.3g} at most ({weights.where})"
            )
        if weights.mismatch:
            told = "the weights cannot be compared"
        match self.verdict:
            case Verdict.IDENTICAL:
                return f"identical: {told}, and every metric is the same"
            case Verdict.WITHIN_TOLERANCE:
                return f"within tolerance: no metric is more than {self.tolerance:g} off; {told}"
            case Verdict.DIFFERENT:
                return f"different: {'; '.join(self.differences)}; {told}"

    def line(self) -> str:
        """The comparison as one line of JSON."""
        document = {
            "schemaVersion": SCHEMA_VERSION,
            "verdict": str(self.verdict),
            "tolerance": self.tolerance,
            "weights": asdict(self.weights),
            "published": json.loads(self.published.text()),
            "again": json.loads(self.again.text()),
        }
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    @classmethod
    def parse(cls, text: str) -> "Comparison":
        """Read a line back. The verdict in it is for other readers; here it follows from the rest.

        Raises:
            ComparisonError: It is none, or one of another schema.
        """
        try:
            fields = fields_of(text, SCHEMA_VERSION)
        except ValueError as error:
            raise ComparisonError(str(error)) from None
        try:
            published, again = (Manifest.parse(json.dumps(fields.get(key))) for key in ("published", "again"))
        except ManifestError as error:
            raise ComparisonError(f"one of its manifests is not valid: {error}") from None
        return cls(published=published, again=again, weights=_weights(fields), tolerance=_number(fields, "tolerance"))


def _variables(files: tuple[FileEntry, ...]) -> dict[str, str]:
    return {entry.path: entry.sha256 for entry in files if entry.path.startswith(_VARIABLES)}


def _weights(fields: Mapping[str, object]) -> Weights:
    raw = fields.get("weights")
    words = cast("dict[str, object]", raw) if isinstance(raw, dict) else {}
    where, mismatch = words.get("where"), words.get("mismatch")
    if not isinstance(where, str) or not isinstance(mismatch, str):
        raise ComparisonError(f"weights is {raw!r}: must be an object with count, differing, largest, where, mismatch")
    return Weights(
        count=int(_number(words, "count")),
        differing=int(_number(words, "differing")),
        largest=_number(words, "largest"),
        where=where,
        mismatch=mismatch,
    )


def _number(fields: Mapping[str, object], key: str) -> float:
    value = fields.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ComparisonError(f"{key} is {value!r}: must be a finite number")
    return value
