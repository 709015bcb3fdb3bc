"""One step of a plan: what would be done to one resource, and what that means."""

from dataclasses import dataclass
from typing import Any, Final, Literal

Tree = Any
"""JSON-like data of a shape its kind decides."""

Op = Literal["create", "update", "replace", "delete", "same"]
"""`same` only where a step has something to say though nothing is done."""

OPS: Final[tuple[Op, ...]] = ("create", "update", "replace", "delete", "same")

HIDDEN: Final = "[secret]"
LAST_BUILD: Final = "[digest of the last build]"
KNOWN_AFTER_BUILD: Final = "[known after the build]"
KNOWN_AFTER_UPDATE: Final = "[known after the update]"


@dataclass(frozen=True, kw_only=True)
class FieldChange:
    """One field that differs. Secret values read `[secret]` on both sides."""

    path: str
    """As the engine writes it, such as `spec.template.spec.containers[0].image`."""

    before: Tree
    """None where the field is new."""

    after: Tree
    """None where the field goes away."""

    replaces: bool
    """Whether it cannot be changed in place, so that the resource is replaced."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What would be done to one resource."""

    op: Op
    urn: str
    type: str
    """Such as `apps/v1:Deployment`."""

    name: str
    """Its logical name, the last part of the URN."""

    kind: str
    """Such as `Deployment`."""

    object_name: str
    """Name in the cluster; empty for what is no object, or has its name from the provider."""

    namespace: str
    """Empty outside namespaces."""

    delete_first: bool = False
    """Of a replacement: the old one goes before the new one comes."""

    reason: str = ""
    """Why it is replaced, where no field says so."""

    fields: tuple[FieldChange, ...] = ()
    """Of updates and replacements."""

    effects: tuple[str, ...] = ()
    """What it means, such as `data loss: …`, `downtime: …`, `retrains: …`; the word before the colon is the kind."""

    @property
    def title(self) -> str:
        """Kind and name, such as `Deployment ml/digits-v1`."""
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {where}{self.object_name or self.name}"
