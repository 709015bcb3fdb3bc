"""The page: one file that needs nothing else."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops.reporting.facts import Facts

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TEMPLATES: Final = Path(__file__).resolve().parent / "templates"


def page(facts: Facts) -> str:
    """The page as text; the same for the same facts. Everything that comes from a stack file is escaped."""
    return _environment().get_template("report.html").render(facts=facts)


@functools.cache
def _environment() -> "Environment":
    # Imported here, for only this verb needs it and it takes a while.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - see above

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["ticked"] = _ticked
    return environment


def _ticked(text: str) -> "Markup":
    """Text in which what stands between backticks is code, as findings have it."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - comes with jinja2

    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    pieces = (Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts))
    return Markup("").join(pieces)
