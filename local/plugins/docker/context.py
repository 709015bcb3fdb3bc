"""The build context: which files an image is built from, and the hash that tells whether they changed."""

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_TRANSLATED = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[[^\]]*\]|\\.|.", re.DOTALL)


@dataclass(frozen=True)
class Pattern:
    """One line of a .dockerignore file."""

    text: str
    """Cleaned, relative to the context's root."""
    negated: bool
    """`!`: takes files back in."""

    def matches(self, path: str) -> bool:
        """Whether the path itself or a directory above it matches."""
        return re.fullmatch(f"{_regex(self.text)}(?:/.*)?", path, re.DOTALL) is not None

    def may_match_below(self, directory: str) -> bool:
        """Whether something in the directory could match though the directory does not."""
        wildcard = re.search(r"[*?\[\\]", self.text)
        fixed = self.text[: wildcard.start()] if wildcard else self.text
        return fixed.startswith(f"{directory}/") or (wildcard is not None and f"{directory}/".startswith(fixed))


def _regex(pattern: str) -> str:
    """Regular expression of a pattern of https://docs.docker.com/build/concepts/context/#syntax."""
    return "".join(
        _TRANSLATED.get(token) or (token if token.startswith("[") and len(token) > 1 else re.escape(token[-1]))
        for token in _TOKEN.findall(pattern)
    )


def parse_ignore(text: str) -> list[Pattern]:
    """Patterns of a .dockerignore file; the last one that matches a path decides."""
    patterns: list[Pattern] = []
    for line in text.removeprefix("\ufeff").splitlines():
        entry = line.strip()
        if not entry or line.startswith("#"):
            continue
        negated = entry.startswith("!")
        cleaned = os.path.normpath(entry.removeprefix("!").strip()).lstrip("/")
        if cleaned not in {"", "."}:
            patterns.append(Pattern(cleaned, negated))
    return patterns


def read_ignore(context: Path, dockerfile: Path) -> list[Pattern]:
    """Patterns that apply: `<Dockerfile>.dockerignore` if there is one, else the context's `.dockerignore`."""
    for candidate in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), context / ".dockerignore"):
        if candidate.is_file():
            return parse_ignore(candidate.read_text())
    return []


def is_ignored(path: str, patterns: Sequence[Pattern]) -> bool:
    """Whether the build must not see a path, given relative to the context with `/` between names."""
    ignored = False
    for pattern in patterns:
        if pattern.negated == ignored and pattern.matches(path):
            ignored = not pattern.negated
    return ignored


def files(context: Path, patterns: Sequence[Pattern]) -> Iterator[str]:
    """Relative paths of the files and links that the build sees, in a stable order."""
    for directory, names, others in os.walk(context):
        base = Path(directory).relative_to(context)
        links = [name for name in names if (Path(directory) / name).is_symlink()]
        names[:] = sorted(name for name in names if name not in links and _descends((base / name).as_posix(), patterns))
        for name in sorted(others + links):
            path = (base / name).as_posix()
            if not is_ignored(path, patterns):
                yield path


def _descends(directory: str, patterns: Sequence[Pattern]) -> bool:
    taken_back = (pattern for pattern in patterns if pattern.negated)
    return not is_ignored(directory, patterns) or any(pattern.may_match_below(directory) for pattern in taken_back)


def digest(context: Path, dockerfile: Path) -> str:
    """Hash of the Dockerfile and of the name, mode and content of every file that the build sees.

    Raises:
        OSError: A file cannot be read.
    """
    entries = [_entry(dockerfile, "Dockerfile")]
    entries += [_entry(context / path, path) for path in files(context, read_ignore(context, dockerfile))]
    return hashlib.sha256("".join(entries).encode()).hexdigest()


def _entry(file: Path, name: str) -> str:
    mode = file.lstat().st_mode
    content = b""
    if stat.S_ISLNK(mode):
        content = str(file.readlink()).encode()
    elif stat.S_ISREG(mode):
        content = file.read_bytes()
    return f"{name}\0{stat.filemode(mode)}\0{hashlib.sha256(content).hexdigest()}\0"


def stage(context: Path, dockerfile: Path, target: Path) -> None:
    """Copy what the build sees into an empty directory, so that what is built is what was hashed.

    Raises:
        OSError: A file cannot be copied.
    """
    for path in files(context, read_ignore(context, dockerfile)):
        destination = target / path
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(context / path, destination, follow_symlinks=False)
