"""What breaks a promise, on models as a contract has them: each test changes one thing."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from infra.outputs import PlatformOutputs
from ops.compatibility import added, incompatible

make: Any = create_model
"""Untyped, since here fields are data."""


class Model(BaseModel):
    url: str
    version: Annotated[int, Field(ge=1)]
    note: str | None = None
    state: Literal["on", "off"] = "on"
    ports: list[int] = []


def contract(model: type[BaseModel] = Model, **fields: object) -> dict[str, object]:
    made: dict[str, object] = {"name": (str, ...), "models": (Mapping[str, model], ...), **fields}
    return make("Contract", **made).model_json_schema()


def changed(**fields: object) -> dict[str, object]:
    """The contract with fields of its inner model made anew."""
    return contract(make("Model", __base__=Model, **fields))


def without(name: str) -> dict[str, object]:
    kept = {key: (field.annotation, field) for key, field in Model.model_fields.items() if key != name}
    return contract(make("Model", **kept))


BEFORE = contract()


def only(after: dict[str, object]) -> str:
    broken = incompatible(BEFORE, after)
    assert len(broken) == 1, broken
    return broken[0]


def test_the_same_contract_keeps_its_promise() -> None:
    assert incompatible(BEFORE, contract()) == ()
    assert added(BEFORE, contract()) == ()


def test_a_removed_field_is_caught() -> None:
    assert only(without("url")) == "models.<name>.url: is gone, but readers rely on it"


def test_a_removed_optional_field_is_caught() -> None:
    assert only(without("note")).startswith("models.<name>.note: is gone")


def test_a_renamed_field_is_caught_at_both_names() -> None:
    fields = {("address" if key == "url" else key): (one.annotation, one) for key, one in Model.model_fields.items()}
    after = contract(make("Model", **fields))
    gone, new = incompatible(BEFORE, after)
    assert gone.startswith("models.<name>.url: is gone")
    assert new.startswith("models.<name>.address: is new and required")


def test_a_new_required_field_is_caught() -> None:
    assert only(contract(region=(str, ...))).startswith("region: is new and required")
    assert only(changed(region=(str, ...))).startswith("models.<name>.region: is new and required")


def test_a_field_that_may_be_absent_from_now_on_is_caught() -> None:
    broken = incompatible(BEFORE, changed(url=(str, "none")))
    assert "models.<name>.url: was always there, is optional" in broken


def test_a_field_that_must_be_there_from_now_on_is_caught() -> None:
    broken = incompatible(BEFORE, changed(note=(str | None, ...)))
    assert "models.<name>.note: was optional, is always there" in broken


@pytest.mark.parametrize(
    ("name", "annotation"),
    [
        ("url", int),
        ("url", str | None),
        ("version", Annotated[float, Field(ge=1)]),
        ("version", Annotated[int, Field(ge=2)]),
        ("version", int),
        ("url", Annotated[str, Field(pattern="^https://")]),
    ],
)
def test_a_narrower_wider_or_other_type_is_caught(name: str, annotation: object) -> None:
    assert all(
        told.startswith(f"models.<name>.{name}: ")
        for told in incompatible(BEFORE, changed(**{name: (annotation, ...)}))
    )
    assert incompatible(BEFORE, changed(**{name: (annotation, ...)}))


@pytest.mark.parametrize(
    ("name", "annotation", "default"),
    [
        ("note", str, ""),
        ("state", Literal["on"], "on"),
        ("state", Literal["on", "off", "broken"], "on"),
        ("state", Literal["on", "off"], "off"),
        ("ports", list[str], []),
    ],
)
def test_another_choice_default_or_item_is_caught(name: str, annotation: object, default: object) -> None:
    assert any(
        f"models.<name>.{name}" in told for told in incompatible(BEFORE, changed(**{name: (annotation, default)}))
    )


def test_values_by_name_that_become_a_list_are_caught() -> None:
    assert any(told.startswith("models: ") for told in incompatible(BEFORE, contract(models=(list[Model], ...))))


def test_refusing_unknown_fields_from_now_on_is_caught() -> None:
    closed = make("Model", __base__=Model, __cls_kwargs__={"extra": "forbid"})
    assert only(contract(closed)) == "models.<name>: additionalProperties was free, is False"


def test_every_break_is_told() -> None:
    broken = incompatible(BEFORE, contract(make("Model", url=(int, ...))))
    assert len(broken) == 5


def test_an_optional_field_may_be_added_anywhere() -> None:
    inner = make("Inner", must=(str, ...))
    after = contract(make("Model", __base__=Model, region=(inner | None, None)), later=(str, ""))
    assert incompatible(BEFORE, after) == ()
    assert set(added(BEFORE, after)) == {"later", "models.<name>.region"}


def test_words_and_names_of_classes_may_change() -> None:
    class Renamed(BaseModel):
        """Said better."""

        url: Annotated[str, Field(description="Where it answers.", examples=["http://x"], title="Address")]
        version: Annotated[int, Field(ge=1)]
        note: str | None = None
        state: Literal["on", "off"] = "on"
        ports: list[int] = []

    assert incompatible(BEFORE, contract(Renamed)) == ()


def test_a_field_that_is_called_like_a_keyword_counts() -> None:
    before = contract(title=(str, ...), required=(str, ...))
    assert incompatible(before, contract(title=(int, ...), required=(str, ...))) == (
        "title: type was string, is integer",
    )
    assert incompatible(before, contract(required=(str, ...))) == ("title: is gone, but readers rely on it",)


def test_each_field_of_the_outputs_is_guarded() -> None:
    schema = PlatformOutputs.model_json_schema()
    for name, definition in schema["$defs"].items():
        for field in definition["properties"]:
            fewer = {key: value for key, value in definition["properties"].items() if key != field}
            after = {**schema, "$defs": {**schema["$defs"], name: {**definition, "properties": fewer}}}
            assert any(f".{field}: is gone" in told for told in incompatible(schema, after)), (name, field)
