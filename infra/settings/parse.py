"""From the raw words of a stack file to `Settings`, with every problem named at once."""

import copy
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, cast, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ValidationError
from pydantic_core import ErrorDetails

from infra.finding import Finding
from infra.settings.base import Name, Section
from infra.settings.monitoring import MonitoringSettings
from infra.settings.platform import (
    ClusterSettings,
    DataSetSettings,
    GpuSettings,
    ImagesSettings,
    PolicySettings,
    StoreSettings,
    TenantSettings,
)
from infra.settings.pool import GpuPoolSettings
from infra.settings.standin import Location, set_aside
from infra.settings.sweeps import SweepSettings
from infra.settings.workloads import ModelSettings, TrainingJobSettings

Raw = Mapping[str, object]

_SHOWN: Final = 60
"""Characters of a wrong value that fit on a line."""


class Settings(Section):
    """A whole stack file, without the `tfk8s:` in front of its keys."""

    cluster: ClusterSettings
    images: ImagesSettings
    store: StoreSettings
    data_sets: Mapping[Name, DataSetSettings] = {}
    gpu: Annotated[GpuSettings | None, BeforeValidator(lambda words: None if words == {} else words)] = None
    """How pods get GPUs; nobody gets any where nothing is said, or `{}`, which is what the engine makes of nothing."""

    gpu_pool: GpuPoolSettings = GpuPoolSettings()
    tenants: Mapping[Name, TenantSettings]
    training_jobs: Mapping[Name, TrainingJobSettings] = {}
    sweeps: Mapping[Name, SweepSettings] = {}
    models: Mapping[Name, ModelSettings] = {}
    monitoring: MonitoringSettings | None = None
    policy: PolicySettings = PolicySettings()


@dataclass(frozen=True)
class Parsed:
    """What could be read, and what could not."""

    settings: Settings
    """The readable part, with stand-ins for the rest. Where there are findings it is good for more findings only."""

    findings: tuple[Finding, ...]


def parse(raw: Raw) -> Parsed:
    """Reads the words of a stack file (values of the `tfk8s:` keys).

    What cannot be read is reported and set aside, so that the rest can still be checked and the file's errors
    are shown together.
    """
    readable = copy.deepcopy(dict(raw))
    problems: tuple[Finding, ...] = ()
    while True:
        try:
            return Parsed(Settings.model_validate(readable), (*problems, *_dangling(raw)))
        except ValidationError as error:
            details = error.errors()
            problems = problems or tuple(map(_problem, details))
            if not set_aside(readable, details[0]["loc"], unknown=details[0]["type"] == "extra_forbidden"):
                raise


def key_path(location: Location) -> str:
    """A location in the raw mapping as the user writes it: `tfk8s:models.digits.version`."""
    return "tfk8s:" + ".".join(str(part) for part in location)


def _problem(detail: ErrorDetails) -> Finding:
    location = detail["loc"]
    if location and location[-1] == "[key]":
        location = location[:-1]
    message, fix = _words(detail, location)
    return Finding(check="settings", severity="error", path=key_path(location), message=message, fix=fix)


def _words(detail: ErrorDetails, location: Location) -> tuple[str, str]:
    value: object = detail["input"]
    message, fix = detail["msg"] + _got(location, value), "correct the value"
    match detail["type"]:
        case "extra_forbidden":
            known = _keys_of(location[:-1])
            close = difflib.get_close_matches(str(location[-1]), known, n=1)
            message = f"unknown key {location[-1]!r}"
            fix = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
        case "missing":
            message, fix = "missing", "add it; docs/stack-file.md says what it means"
        case "value_error":
            message = detail["msg"].removeprefix("Value error, ")
        case "model_type" | "dict_type" | "mapping_type":
            known = _keys_of(location)
            message = f"expected keys and values{_got(location, value)}"
            fix = f"known here: {', '.join(known)}" if known else "give keys"
        case "string_type" if isinstance(value, int | float):
            fix = "write it in quotes"
        case "int_type" if isinstance(value, str) and value.isdigit():
            fix = "write it without quotes"
        case _:
            pass
    return message, fix


def _got(location: Location, value: object) -> str:
    """The wrong value, unless it may be a password."""
    if location[:2] == ("images", "registries"):
        return ""
    text = "nothing" if value is None else repr(value)
    return f", got {text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}"


def _keys_of(location: Location) -> list[str]:
    """The keys a section knows, found by walking the models along the location."""
    keys = list(_fields(Settings))
    annotation: object = Settings
    for part in location:
        model = _model_in(annotation)
        named = model is not None and not _is_mapping(annotation)
        annotation = _fields(model).get(str(part)) if model is not None and named else model
        inner = _model_in(annotation)
        keys = list(_fields(inner)) if inner is not None and not _is_mapping(annotation) else []
    return keys


def _fields(model: type[BaseModel]) -> Mapping[str, object]:
    """Annotations of a model's keys, by the words of the stack file."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _is_mapping(annotation: object) -> bool:
    return get_origin(annotation) is Mapping


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def _dangling(raw: Raw) -> Iterator[Finding]:
    """References to what is not declared, read from the words alone so that other errors do not hide them."""
    references = (("tenants", "tenant", _tenants_named(raw)), ("dataSets", "data set", _data_named(raw)))
    for section, kind, named in references:
        declared = sorted(_mapping(raw.get(section)))
        for location, name in named:
            if isinstance(name, str) and name not in declared:
                close = difflib.get_close_matches(name, declared, n=1)
                yield Finding(
                    check="settings",
                    severity="error",
                    path=key_path(location),
                    message=f"no {kind} is called {name!r}; tfk8s:{section} declares {', '.join(declared) or 'none'}",
                    fix=f"did you mean {close[0]}?" if close else "declare it, or name one that is",
                )


def _tenants_named(raw: Raw) -> Iterator[tuple[Location, object]]:
    for tenant in _mapping(_mapping(raw.get("gpuPool")).get("tenants")):
        yield ("gpuPool", "tenants", tenant), tenant
    for section in ("trainingJobs", "sweeps", "models"):
        for name, user in _mapping(raw.get(section)).items():
            yield (section, name, "tenant"), _mapping(user).get("tenant")


def _data_named(raw: Raw) -> Iterator[tuple[Location, object]]:
    for section in ("trainingJobs", "sweeps"):
        for name, user in _mapping(raw.get(section)).items():
            yield (section, name, "dataSet"), _mapping(user).get("dataSet")


def _mapping(value: object) -> Raw:
    return cast("Raw", value) if isinstance(value, Mapping) else {}
