"""`python -m ops.outputs` writes the outputs' contract from its models: JSON Schemas for machines, a page for people.

`docs/outputs.schema.json` is the contract as it is. `docs/outputs/v<N>.schema.json` is what version N has promised: it
takes up additions, and refuses everything else until CONTRACT_VERSION is raised.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Final, cast

from infra.outputs import CONTRACT_VERSION, PlatformOutputs
from ops.compatibility import Schema, added, incompatible
from ops.stackfile import ROOT

DOCS: Final = ROOT / "docs"

_HEAD: Final = """# Outputs

Written from `infra/outputs.py` by `python -m ops.outputs`; edit the docstrings there.

What a stack tells applications and other stacks, version {version} of the contract. JSON Schema:
[outputs.schema.json](outputs.schema.json); what each version has promised stays in [outputs/](outputs). Within a
version fields are only added, and only with a default. No secret is among them. `<name>` stands for a name of the
stack file's.

An application reads them typed and checked:

```python
from pathlib import Path

from infra.reader import read_outputs

outputs = read_outputs(Path("outputs.json").read_text())  # pulumi stack output --json -s organization/tfk8s/prod
print(outputs.models["digits"].predict_url)
```

A Pulumi program does with `outputs_of(pulumi.StackReference("organization/tfk8s/prod"))`. Another stack of tfk8s takes
the image that was tried here, by digest, with `tfk8s:images: {{training: {{fromStack: organization/tfk8s/dev}}, …}}`.

| Output | Value | Meaning |
|---|---|---|
"""


def schema() -> Schema:
    """The contract as it is, as JSON Schema 2020-12."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**head, **PlatformOutputs.model_json_schema()}


def released(docs: Path = DOCS) -> Path:
    """Where the promise of this version is kept."""
    return docs / "outputs" / f"v{CONTRACT_VERSION}.schema.json"


def promised(docs: Path = DOCS) -> Schema:
    """What this version of the contract has promised so far; of a new version nothing, which is the schema itself."""
    file = released(docs)
    return cast("Schema", json.loads(file.read_text(encoding="utf-8"))) if file.exists() else schema()


def pages(docs: Path = DOCS) -> Mapping[Path, str]:
    """Every file to write, with its text."""
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    table = "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in _rows())
    page = _HEAD.format(version=CONTRACT_VERSION) + table
    return {docs / "outputs.schema.json": text, released(docs): text, docs / "outputs.md": page}


def main(docs: Path = DOCS) -> int:
    """Writes all files, or none of them where the contract would break its promise."""
    broken = incompatible(promised(docs), schema())
    if broken:
        sys.stderr.write(
            "\n".join([f"contract version {CONTRACT_VERSION} would break its promise; nothing was written:", *broken])
            + "\nput it back, or raise CONTRACT_VERSION in infra/outputs.py\n"
        )
        return 1
    sys.stdout.writelines(f"promised from now on: {path}\n" for path in added(promised(docs), schema()))
    for file, text in pages(docs).items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return 0


def _rows() -> Iterator[tuple[str, str, str]]:
    document = schema()
    definitions = cast("Mapping[str, Schema]", document["$defs"])

    def below(owner: Schema, path: str) -> Iterator[tuple[str, str, str]]:
        needed = cast("list[str]", owner.get("required", []))
        for name, field in cast("Mapping[str, Schema]", owner["properties"]).items():
            here = f"{path}{name}"
            values = cast("Schema", field.get("additionalProperties", {}))
            choices = cast("list[Schema]", field.get("anyOf", []))
            reference = next((cast("str", one["$ref"]) for one in (values, field, *choices) if "$ref" in one), "")
            inner = definitions.get(reference.rpartition("/")[2], {})
            kind = "keys by name" if values else "keys" if inner else _kind(field)
            yield (
                f"`{here}`",
                kind if name in needed else f"{kind}; may be absent",
                _line(field.get("description") or inner.get("description")),
            )
            if inner:
                yield from below(inner, f"{here}.<name>." if values else f"{here}.")

    return below(document, "")


def _kind(field: Schema) -> str:
    if "const" in field:
        return f"`{field['const']}`"
    choices = cast("list[Schema]", field.get("anyOf", [field]))
    kind = next(cast("str", choice["type"]) for choice in choices if choice["type"] != "null")
    words = {"integer": "whole number"}.get(kind, kind)
    if "minimum" in field:
        words += f" from {field['minimum']}"
    examples = cast("list[str]", field.get("examples", []))
    return f"{words} such as `{examples[0]}`" if examples else words


def _line(text: object) -> str:
    return " ".join(cleandoc(str(text)).split())


if __name__ == "__main__":
    raise SystemExit(main())
