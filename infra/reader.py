"""Reads what a stack exports, checked and typed. Its Pulumi-free half serves any Python application.

pulumi stack output --json -s organization/tfk8s/prod > outputs.json

outputs = read_outputs(Path("outputs.json").read_text())
url = outputs.models["digits"].predict_url
until_answered(lambda: httpx.post(url, json={"instances": [...]}))
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, cast

from pydantic import ValidationError

from infra.outputs import CONTRACT_VERSION, PlatformOutputs

if TYPE_CHECKING:
    import pulumi
    from pydantic_core import ErrorDetails

_MASK: Final = "[secret]"
"""What `pulumi stack output` prints in place of a secret."""

_SHOWN: Final = 60
"""Most characters of a wrong value that an error repeats."""


_NOBODY_THERE: Final = 503
"""What gateways say for a Service without ready pods: the model sleeps (minReplicas 0), or starts."""

_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 5.0
_LONGEST_RETRY_AFTER_SECONDS: Final = 60.0


class Answer(Protocol):
    """What `httpx`, `requests` and others hand back."""

    @property
    def status_code(self) -> int: ...  # noqa: D102 - of HTTP
    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102 - names in any case


A = TypeVar("A", bound=Answer)


class OutputsError(ValueError):
    """Outputs that this reader cannot rely on; its text says what is wrong, where, and what to do."""


def read_outputs(source: str | Mapping[str, object]) -> PlatformOutputs:
    """What a stack says, typed.

    Args:
        source: What `pulumi stack output --json` printed, or the same already read.

    Raises:
        OutputsError: No JSON, no outputs of tfk8s, another version of the contract, or values of a wrong type: all of
            them at once, each with its path.
    """
    outputs = _whole(_parsed(source) if isinstance(source, str) else source)
    _require_version(outputs)
    try:
        read = PlatformOutputs.model_validate(outputs)
    except ValidationError as error:
        raise _refused(map(_told, error.errors(include_url=False))) from None
    masked = tuple(_masked(read.model_dump(), ""))
    if masked:
        raise _refused(f"{path}: is a secret" for path in masked)
    return read


def outputs_of(reference: "pulumi.StackReference") -> "pulumi.Output[PlatformOutputs]":
    """What a referenced stack says, typed, for a Pulumi program.

    Raises:
        pulumi.RunError: In preview and update alike, where `read_outputs` refuses them.
    """
    import pulumi  # noqa: PLC0415 - only a Pulumi program has a reference, and only it needs Pulumi

    def read(known: Sequence[object]) -> PlatformOutputs:
        name, outputs = known
        try:
            return read_outputs(cast("Mapping[str, object]", outputs))
        except OutputsError as error:
            msg = f"outputs of {name}: {error}"
            raise pulumi.RunError(msg) from None

    return pulumi.Output.all(reference.name, reference.outputs).apply(read)


def until_answered(
    ask: Callable[[], A],
    *,
    patience_seconds: float = 300.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> A:
    """Asks again while the answer is 503, which is how a model without pods greets its first caller.

    The requests themselves are what wakes it: the gateway counts them, and the autoscaler starts a pod. A prediction
    changes nothing, so it may be asked twice.

    Args:
        ask: Sends one request; what it raises is not caught.
        patience_seconds: From the first request to the start of the last.
        clock: Seconds.
        sleep: Waits.

    Returns:
        The first answer that is no 503, or the last 503.
    """
    deadline, pause = clock() + patience_seconds, _FIRST_PAUSE_SECONDS
    while True:
        answer = ask()
        if answer.status_code != _NOBODY_THERE:
            return answer
        # Between half and all of the pause: callers that came together should not come back together.
        wait = max(retry_after_seconds(answer.headers), pause * random.uniform(0.5, 1))  # noqa: S311 - nothing secret
        if clock() + wait >= deadline:
            return answer
        sleep(wait)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def retry_after_seconds(headers: Mapping[str, str]) -> float:
    """How long an answer asks to wait, a minute at most; 0 where it says nothing that can be understood (RFC 9110)."""
    said = headers.get("Retry-After", "").strip()
    try:
        wait = float(said) if said.isdecimal() else (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):  # no date, or one without a time zone
        return 0.0
    return min(max(wait, 0.0), _LONGEST_RETRY_AFTER_SECONDS)


def _parsed(text: str) -> Mapping[str, object]:
    try:
        value = cast("object", json.loads(text))
    except ValueError as error:
        msg = f"no JSON: {error}\nit starts with {_shown(text)}\nwrite it with `pulumi stack output --json -s STACK`"
        raise OutputsError(msg) from None
    if isinstance(value, dict):
        return cast("Mapping[str, object]", value)
    msg = (
        f"expected an object with all outputs, got {_shown(value)}\n"
        "write it with `pulumi stack output --json -s STACK`, without the name of an output"
    )
    raise OutputsError(msg)


def _require_version(outputs: Mapping[str, object]) -> None:
    if "contract_version" not in outputs:
        held = f"they hold {', '.join(sorted(outputs))}" if outputs else "there are none at all"
        msg = (
            f"no contract_version among the outputs ({held}): the stack is none of tfk8s, or was never updated\n"
            "name a stack of tfk8s, and run `pulumi up` on it first"
        )
        raise OutputsError(msg)
    written = outputs["contract_version"]
    if isinstance(written, bool) or written != CONTRACT_VERSION:
        newer = isinstance(written, int) and written > CONTRACT_VERSION
        fix = "read it with the tfk8s that wrote it" if newer else "run `pulumi up` on that stack with this tfk8s"
        msg = f"contract_version: written by contract {_shown(written)}, this reader knows {CONTRACT_VERSION}\n{fix}"
        raise OutputsError(msg)


def _whole(outputs: Mapping[str, object]) -> dict[str, object]:
    """The outputs with whole numbers as integers: on its way through Pulumi's wire every number becomes a float."""

    def whole(value: object) -> object:
        if isinstance(value, Mapping):
            return _whole(cast("Mapping[str, object]", value))
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return {key: whole(value) for key, value in outputs.items()}


def _told(error: "ErrorDetails") -> str:
    path = ".".join(map(str, error["loc"]))
    if error["type"] == "missing":
        return f"{path}: is missing"
    given: object = error["input"]
    if given == _MASK:
        return f"{path}: is a secret"
    return f"{path}: {error['msg'].replace('Input should', 'should')}, but is {_shown(given)}"


def _masked(value: object, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, object]", value).items():
            yield from _masked(inner, f"{path}.{key}" if path else key)
    elif value == _MASK:
        yield path


def _refused(told: Iterator[str]) -> OutputsError:
    return OutputsError(
        "\n".join(
            [
                f"outputs that contract {CONTRACT_VERSION} does not allow:",
                *(f"  {line}" for line in told),
                "run `pulumi up` on that stack with this tfk8s; docs/outputs.md says what each output is",
            ]
        )
    )


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
