"""What custom resources typed by this program are made of: a mistyped field is an error before anything is sent."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Fields(BaseModel):
    """A part of an object: frozen, strict, unknown fields refused, camelCase when written."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=False,
    )

    def written(self) -> dict[str, object]:
        """As it goes to the API server, without what is not given."""
        return self.model_dump(by_alias=True, exclude_none=True)
