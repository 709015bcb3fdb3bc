"""From the raw words of a stack file to `Settings`, with every problem named at once."""

import copy
import difflib
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from infra.finding import Finding
from infra.settings.base import Name, Section
from infra.settings.platform import (
    ClusterSettings,
    GpuSettings,
    ImagesSettings,
    PolicySettings,
    StoreSettings,
    TenantSettings,
)
from infra.settings.workloads import ModelSettings, TrainingJobSettings

Raw = Mapping[str, object]
Location = tuple[int | str, ...]


class Settings(Section):
    """A whole stack file, without the `tfk8s:` in front of its keys."""

    cluster: ClusterSettings
    images: ImagesSettings
    store: StoreSettings
    gpu: GpuSettings | None = None
    tenants: Mapping[Name, TenantSettings]
    training_jobs: Mapping[Name, TrainingJobSettings] = {}
    models: Mapping[Name, ModelSettings] = {}
    policy: PolicySettings = PolicySettings()


@dataclass(frozen=True)
class Parsed:
    """What could be read, and what could not."""

    settings: Settings | None
    """The readable part. Trustworthy as a whole only where there are no findings; otherwise good for more findings."""

    findings: tuple[Finding, ...]


def parse(raw: Raw) -> Parsed:
    """Reads the words of a stack file (values of the `tfk8s:` keys).

    Where something cannot be read, it is reported and left out, so that the rest can still be checked
    and the file's errors are shown together.
    """
    readable = cast("MutableMapping[str, object]", copy.deepcopy(dict(raw)))
    settings: Settings | None = None
    while settings is None and readable:
        try:
            settings = Settings.model_validate(readable)
        except ValidationError as error:
            for detail in error.errors():
                _drop(readable, detail["loc"])
    return Parsed(settings, (*_validation_problems(raw), *_dangling(raw)))


def key_path(location: Location) -> str:
    """A location in the raw mapping as the user writes it: `tfk8s:models.digits.version`."""
    return "tfk8s:" + ".".join(str(part) for part in location)


def _validation_problems(raw: Raw) -> Iterator[Finding]:
    try:
        Settings.model_validate(raw)
    except ValidationError as error:
        for detail in error.errors():
            yield _problem(detail)


def _problem(detail: ErrorDetails) -> Finding:
    location = detail["loc"]
    if location and location[-1] == "[key]":
        location = location[:-1]
    message, fix = _words(detail, location)
    return Finding(check="settings", severity="error", path=key_path(location), message=message, fix=fix)


def _words(detail: ErrorDetails, location: Location) -> tuple[str, str]:
    known = _keys_of(location[:-1])
    match detail["type"]:
        case "extra_forbidden":
            close = difflib.get_close_matches(str(location[-1]), known, n=1)
            fix = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
            return f"unknown key {location[-1]!r}", fix
        case "missing":
            return "missing", "add it; docs and `Pulumi.yaml` say what it means"
        case _:
            said = detail["type"] == "value_error" or location[-1:] == ("password",)
            got = "" if said else f", got {_shown(detail['input'])}"
            return detail["msg"].removeprefix("Value error, ") + got, "correct the value"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"  # noqa: PLR2004 - a screen's worth of a wrong value


def _keys_of(location: Location) -> list[str]:
    """The keys a section knows, found by walking the models along the location."""
    model: type[BaseModel] | None = Settings
    for part in location:
        if model is None:
            return []
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        model = _model_in(fields[str(part)].annotation) if str(part) in fields else model
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def _drop(readable: MutableMapping[str, object], location: Location) -> None:
    """Leaves out what cannot be read: the value itself, or the smallest part around it that is there."""
    parents: list[MutableMapping[str, object]] = []
    here: object = readable
    for part in location:
        if not isinstance(here, MutableMapping) or part not in here:
            break
        parents.append(cast("MutableMapping[str, object]", here))
        here = parents[-1][str(part)]
    if len(parents) == len(location) and parents:
        parents[-1].pop(str(location[-1]))
    elif len(parents) > 0:
        parents[-1].pop(str(location[len(parents) - 1]))
    else:
        readable.clear()


def _dangling(raw: Raw) -> Iterator[Finding]:
    """References to tenants that are not declared, read from the words alone so that other errors do not hide them."""
    declared = sorted(_mapping(raw.get("tenants")))
    for section in ("trainingJobs", "models"):
        for name, user in _mapping(raw.get(section)).items():
            tenant = _mapping(user).get("tenant")
            if not isinstance(tenant, str) or tenant in declared:
                continue
            close = difflib.get_close_matches(tenant, declared, n=1)
            yield Finding(
                check="settings",
                severity="error",
                path=key_path((section, name, "tenant")),
                message=f"no tenant is called {tenant!r}; tfk8s:tenants declares {', '.join(declared) or 'none'}",
                fix=f"did you mean {close[0]}?" if close else "declare it, or name one that is",
            )


def _mapping(value: object) -> Raw:
    return cast("Raw", value) if isinstance(value, Mapping) else {}
