"""Secrets of a stack file are sealed. Only the file can say so: the engine hands them over in the clear."""

from collections.abc import Iterator, Mapping
from typing import cast

from infra.checks.report import error
from infra.finding import Finding

ID = "secret"


def secrets_are_sealed(words: Mapping[str, object]) -> Iterator[Finding]:
    """Passwords of registries stand in the file as `secure: …`, as `pulumi config set --secret` writes them.

    Args:
        words: Values of the `tfk8s:` keys as they stand in the file.
    """
    registries = _mapping(_mapping(words.get("images")).get("registries"))
    for host, credentials in registries.items():
        password = _mapping(credentials).get("password")
        if isinstance(password, str | int | float):
            yield error(
                ID,
                ("images", "registries", host, "password"),
                "stands in the file in the clear, where everybody who reads the repository finds it",
                "change it at the registry, then seal the new one: pulumi config set --secret --path "
                f"'tfk8s:images.registries[\"{host}\"].password'",
            )


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
