"""No false alarm: every committed stack file and every example of one can be deployed as it stands, without waivers."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest
from ruamel.yaml import YAML

from infra.checks import examine
from infra.overrides import stack_file_words
from infra.settings import Settings
from ops.stackfile import ROOT
from tests.unit.words import TODAY, Words

STACKS = ("local", "dev", "prod")
UNTIL_PINNED = {"image-digest", "cluster-identity"}
"""What `tfk8s pin` fills in."""

REQUIRED = {name for name, field in Settings.model_fields.items() if field.is_required()}
_FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def config_of(text: str) -> Words:
    loaded = cast("object", YAML(typ="safe", pure=True).load(text))  # pyright: ignore[reportUnknownMemberType] - ruamel.yaml is untyped
    config = cast("Mapping[str, object]", loaded).get("config") if isinstance(loaded, Mapping) else None
    words = cast("Words", config) if isinstance(config, Mapping) else {}
    return {key.removeprefix("tfk8s:"): value for key, value in words.items() if key.startswith("tfk8s:")}


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def examples() -> Iterator[tuple[str, Words]]:
    """Blocks with a `config:` in the documentation, and files of examples/ that have one."""
    for page in pages():
        for number, block in enumerate(_FENCE.findall(page.read_text(encoding="utf-8")), 1):
            if "config:" in block and (words := config_of(block)):
                yield f"{page.relative_to(ROOT)} block {number}", words
    for file in sorted((ROOT / "examples").rglob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        if "config:" in text and (words := config_of(text)):
            yield str(file.relative_to(ROOT)), words


def base_of(words: Words) -> Words:
    """A part of a stack file replaces keys of dev, as TFK8S_OVERRIDES does; a whole one stands for itself."""
    return {} if set(words) >= REQUIRED else dict(stack_file_words(ROOT / "Pulumi.dev.yaml", {}))


EXAMPLES = dict(examples())


@pytest.mark.parametrize("name", STACKS)
def test_every_committed_stack_file_passes_without_waivers(name: str) -> None:
    examined = examine(stack_file_words(ROOT / f"Pulumi.{name}.yaml", {}), TODAY, as_written=True)
    assert {finding.check for finding in examined.findings} <= UNTIL_PINNED, [one.text() for one in examined.findings]
    assert examined.valid
    assert examined.settings.policy.waivers == {}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_passes_without_waivers(name: str) -> None:
    examined = examine({**base_of(EXAMPLES[name]), **EXAMPLES[name]}, TODAY, as_written=True)
    assert {finding.check for finding in examined.findings} <= UNTIL_PINNED, [one.text() for one in examined.findings]
    assert examined.settings.policy.waivers == {}


def test_the_examples_are_found() -> None:
    assert {"README.md block 1", "docs/tfjob.md block 2", "examples/dev-on-embedded.yaml"} <= set(EXAMPLES)
    assert any(set(words) >= REQUIRED for words in EXAMPLES.values())
