"""Paths to values inside an object, in the engine's way of writing them."""

from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from an object's root to a value."""


def written(path: Path) -> str:
    """A path as the engine writes it: `spec.containers[0].args`, `metadata.labels["a.b/c"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif any(character in step for character in '."[]'):
            escaped = step.replace('"', '\\"')
            text += f'["{escaped}"]'
        else:
            text += f".{step}" if text else step
    return text


def parsed(text: str) -> Path:
    """The steps of a path written in the engine's way, as in `ignore_changes`."""
    steps: list[str | int] = []
    rest = text
    while rest:
        if rest.startswith('["'):
            end = rest.index('"]')
            steps.append(rest[2:end].replace('\\"', '"'))
            rest = rest[end + 2 :]
        elif rest.startswith("["):
            index, _, rest = rest[1:].partition("]")
            steps.append(int(index) if index.isdigit() else index)
        else:
            rest = rest.removeprefix(".")
            end = min((position for position in (rest.find("."), rest.find("[")) if position >= 0), default=len(rest))
            steps.append(rest[:end])
            rest = rest[end:]
    return tuple(steps)


def is_ignored(path: Path, ignored: list[Path]) -> bool:
    """Whether a path is one of the ignored ones or inside one; `*` stands for any step."""
    return any(
        len(prefix) <= len(path) and all(step in ("*", own) for step, own in zip(prefix, path, strict=False))
        for prefix in ignored
    )
