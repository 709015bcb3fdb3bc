"""Words of stack files for tests of settings, plan and checks: one sound stack, and changes of it."""

import copy
from collections.abc import Mapping
from datetime import date
from typing import Final, cast

from ruamel.yaml import YAML

from infra.checks import CHECKS, examine
from infra.checks.example import COUNTED, DIGEST, sound_words
from infra.finding import Finding
from ops.stackfile import ROOT

__all__ = ["COUNTED", "DIGEST", "GONE", "SWEEP", "TODAY", "Words", "changed", "found", "only", "part", "sound", "stack"]

TODAY: Final = date(2026, 1, 31)
GONE: Final = object()
"""Takes a key away."""

SEVERITIES: Final = {check.id: check.severities for check in CHECKS}

Words = dict[str, object]

SWEEP: Final[Words] = {
    "tenant": "train",
    "model": "digits",
    "trials": 6,
    "parallelism": 2,
    "space": {
        "learningRate": {"type": "float", "low": 0.0001, "high": 0.01, "log": True},
        "batchSize": {"type": "categorical", "choices": [32, 64]},
    },
    "resources": {"cpu": 1, "memory": "2Gi"},
}
"""A sound sweep; the sound stack's quotas have no room for it."""


def sound() -> Words:
    """A stack without any finding; each quota is exactly what is needed at worst."""
    return sound_words()


def part(*keys: str) -> Words:
    """A section of the sound stack."""
    here = sound()
    for key in keys:
        here = cast("Words", here[key])
    return here


def changed(*changes: tuple[str, object]) -> Words:
    """The sound stack with values put at dotted key paths; sections on the way are made, `GONE` takes away."""
    words = sound()
    for path, value in changes:
        *parents, last = path.split(".")
        here = words
        for parent in parents:
            here = cast("Words", here.setdefault(parent, {}))
        if value is GONE:
            del here[last]
        else:
            here[last] = copy.deepcopy(value)
    return words


def found(*changes: tuple[str, object]) -> tuple[Finding, ...]:
    """Everything that is said about the changed stack, each as severe as its check may be."""
    findings = examine(changed(*changes), TODAY).findings
    for finding in findings:
        assert finding.severity in SEVERITIES.get(finding.check, ("error", "warning")), finding.text()
    return findings


def only(check: str, *changes: tuple[str, object]) -> Finding:
    """The one thing that is said about the changed stack, by the check that should say it."""
    findings = found(*changes)
    assert [finding.check for finding in findings] == [check], [finding.text() for finding in findings]
    return findings[0]


def stack(name: str) -> Words:
    """The words of a committed stack file."""
    text = (ROOT / f"Pulumi.{name}.yaml").read_text(encoding="utf-8")
    file = cast("Mapping[str, Words]", YAML(typ="safe", pure=True).load(text))  # pyright: ignore[reportUnknownMemberType] - ruamel.yaml is untyped
    return {key.removeprefix("tfk8s:"): value for key, value in file["config"].items() if key.startswith("tfk8s:")}
