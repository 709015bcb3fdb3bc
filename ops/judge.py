"""`tfk8s judge`: compares two versions of a served model, and edits the stack file as the verdict says."""

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, cast

from pydantic import ValidationError
from rich.console import Console

from infra.plan import weight_steps
from infra.settings import ModelSettings
from infra.settings.units import Duration
from ops import promotion
from ops.judging.gathering import Intervals, LabelledSet, answers, examples_of, intervals_of, test_parts
from ops.judging.samples import SourceError
from ops.judging.sources import Prometheus, Servers
from ops.judging.update import Update, file_to_edit, usual
from ops.problem import CommandError
from ops.stackfile import StackFile
from ops.verb import Verbs, add_stack_parser
from serving.judge import Answers, Evidence, Ruling, Verdict, judge, judge_stable

if TYPE_CHECKING:
    import httpx

_DESCRIPTION: Final = """Compares two versions of a served model, and edits the stack file as the verdict says.

With a canary in the stack file (models.MODEL.tracks.canary) it is compared with the stable version: on failures and
latency of its requests, and on its answers to labelled examples. The verdict is promote (stable names the canary's
version), roll back (the canary goes) or hold (nothing is written). Where the model states its load, a promotion goes
in steps of the weight that ready replicas carry, each with a verdict of its own. Addresses are those of the versions'
own servers, not of what shares the requests between them; several servers of a version have an address each.

  --incoming, --stable   asked for answers, and for their metrics every --every, until a verdict or for --for
  --prometheus           asked for the metrics of the last --for instead; --selector says how a version's are found

With --before N and --before-url the stable version is compared with that earlier one on newer labelled sets
(--feedback, --labelled): where the stable one has degraded and the one before does better, the stack file goes back.
The one before may be the canary, at weight 0; another canary must be gone first.

With --apply the edited file is deployed at once, by `pulumi up --yes --stack STACK` (the stack local: `make up`) or by
what --update says. Where TFK8S_OVERRIDES replaces models, its file is the one that is edited.

Labelled sets are JSON lines {"instance": ..., "label": 7}. The test part that each version keeps is read from --store,
the store as it is mounted here. How the verdict comes about: docs/judge.md.
"""
_SELECTOR: Final = 'model_name="{model}",version="{version}"'

T = TypeVar("T")


@dataclass(frozen=True)
class _Duel:
    """Two versions, and what of theirs cannot be had."""

    client: "httpx.Client"
    model: str
    incoming: int
    stable: int
    missing: list[str]

    def servers(self, version: int, addresses: Sequence[str]) -> Servers:
        return Servers(self.client, self.model, version, [address.rstrip("/") for address in addresses])

    def attempt(self, gather: Callable[[], T], otherwise: T) -> T:
        """What a source gives; if it does not, that is noted."""
        try:
            return gather()
        except SourceError as error:
            self.missing.append(str(error))
            return otherwise


def add_parser(verbs: Verbs) -> None:
    """Declares the verb."""
    parser = add_stack_parser(
        verbs,
        "judge",
        said="compare a canary with the stable version, and promote it or roll it back in the stack file",
        description=_DESCRIPTION,
        example="tfk8s judge prod digits --incoming http://10.0.0.8:8501 --stable http://10.0.0.7:8501 --store /models",
    )
    parser.add_argument("model", metavar="MODEL", help="name of a model of the stack")
    for name, what in (("incoming", "the canary"), ("stable", "the stable version")):
        parser.add_argument(f"--{name}", metavar="URL", action="append", default=[], help=f"REST address of {what}")
    parser.add_argument("--prometheus", metavar="URL", help="address of Prometheus")
    parser.add_argument(
        "--selector", metavar="LABELS", default=_SELECTOR, help=f"label matchers of a version (default: {_SELECTOR})"
    )
    parser.add_argument("--store", metavar="DIR", type=Path, help="root of the model store (default: store.local)")
    for name, what in (("labelled", "more labelled examples"), ("feedback", "labelled examples that still grow")):
        parser.add_argument(f"--{name}", metavar="FILE", type=Path, action="append", default=[], help=what)
    parser.add_argument("--before", metavar="N", type=int, help="the earlier version to compare stable with")
    parser.add_argument("--before-url", metavar="URL", help="REST address of that version")
    parser.add_argument(
        "--for", dest="window", metavar="TIME", default="3m", help="most traffic to judge (default: 3m)"
    )
    parser.add_argument("--every", metavar="TIME", default="10s", help="time between two looks (default: 10s)")
    written = parser.add_mutually_exclusive_group()
    written.add_argument("--dry-run", action="store_true", help="show what would be edited, and write nothing")
    written.add_argument("--apply", action="store_true", help="deploy what was edited")
    parser.add_argument("--update", metavar="COMMAND", help="what --apply runs (default: `pulumi up`, or `make up`)")


def run(options: argparse.Namespace) -> int:
    """Gathers, decides, edits, and deploys if told to.

    Raises:
        CommandError: The stack file or the arguments name nothing to judge, the file cannot be edited, or its update
            failed.
        StackFileError: The file that TFK8S_OVERRIDES names cannot be read.
    """
    update = _update(options)
    stack, given = cast("str", options.stack), cast("Path | None", options.file)
    file = StackFile.read(file_to_edit(stack, given, os.environ))
    model = cast("str", options.model)
    stable = file.get(("config", "tfk8s:models", model, "tracks", "stable", "version"))
    if not isinstance(stable, int):
        raise CommandError(f"{file.path}: there is no models.{model}.tracks.stable.version to judge against")
    canary, before = promotion.canary_version(file, model), cast("int | None", options.before)
    if canary is None and before is None:
        raise CommandError(
            f"{file.path}: models.{model}.tracks has no canary\n    add one, or compare the stable version with an "
            "earlier one: --before N --before-url URL"
        )
    if canary is not None and before not in (None, canary):
        raise CommandError(
            f"{file.path}: models.{model}.tracks.canary is version {canary}, and not {before}\n    judge the canary "
            "first, without --before: going back is for a model without one, or with the version before as its canary"
        )
    with _client() as client:
        if before is None:
            duel = _Duel(client, model, cast("int", canary), stable, [])
            verdict = _judge_canary(duel, file, options)
        else:
            duel = _Duel(client, model, stable, before, [])
            verdict = _judge_stable(duel, file, options)
    sys.stdout.write(f"{model}: {verdict.ruling.value} version {duel.incoming}, compared with version {duel.stable}\n")
    sys.stdout.writelines(f"  - {reason}\n" for reason in verdict.reasons)
    if verdict.ruling is not Ruling.HOLD:
        if canary is None:
            promotion.go_back(file, model, duel.stable)
        elif verdict.ruling is Ruling.PROMOTE or canary == before:
            weight = promotion.promote(file, model, _steps(file, model))
            if weight is not None:
                sys.stdout.write(
                    f"  - weight {weight} first, which version {canary}'s replicas carry; then judge it again\n"
                )
        else:
            promotion.roll_back(file, model)
        sys.stdout.write(f"{file.diff()}\n")
        if not cast("bool", options.dry_run):
            file.write()
            sys.stdout.write(f"written; `{update or usual(stack)}` makes it so\n")
            sys.stdout.flush()  # before what the update prints
            if update is not None:
                update.run(file.path)
    return 0


def _steps(file: StackFile, model: str) -> tuple[int, ...]:
    """Weights by which the replicas that are ready carry all requests; none where the model states no load.

    Words that are no model are what an update of the file refuses.
    """
    try:
        settings = ModelSettings.model_validate(file.get(("config", "tfk8s:models", model)))
    except ValidationError:
        return ()
    return weight_steps(settings, 100)


def _update(options: argparse.Namespace) -> Update | None:
    given = cast("str | None", options.update)
    if cast("bool", options.apply):
        return Update.of(cast("str", options.stack), cast("Path | None", options.file), given)
    if given is not None:
        raise CommandError("--update says what --apply runs: add --apply, or leave it out")
    return None


def _judge_canary(duel: _Duel, file: StackFile, options: argparse.Namespace) -> Verdict:
    incoming = duel.servers(duel.incoming, _addresses(options, "incoming"))
    stable = duel.servers(duel.stable, _addresses(options, "stable"))
    labelled = duel.attempt(lambda: list(_labelled(duel, file, options)), [])
    # Before the metrics are read: these requests are not callers'.
    compared = tuple(found for each in labelled if (found := _compared(duel, each, incoming, stable)))
    window, every = _seconds(options, "window"), _seconds(options, "every")
    address = cast("str | None", options.prometheus)
    if address is not None:
        prometheus = Prometheus(duel.client, address.rstrip("/"))

        def both() -> Evidence:
            one, other = (
                prometheus.snapshots(_selector(options, duel.model, version), window_seconds=window, step_seconds=every)
                for version in (duel.incoming, duel.stable)
            )
            return Evidence(intervals=intervals_of(one, other), answers=compared)

        found = duel.attempt(both, Evidence(answers=compared))
        return judge(Evidence(intervals=found.intervals, answers=compared, missing=tuple(duel.missing)))
    return _watch(duel, (incoming, stable), compared, looks=math.ceil(window / every), every=every)


def _watch(
    duel: _Duel, servers: tuple[Servers, Servers], compared: tuple[Answers, ...], *, looks: int, every: float
) -> Verdict:
    """Look again and again until there is something to do, or for as many times as were asked for."""
    intervals = Intervals()
    lasting = tuple(duel.missing)
    look = 0
    with Console(stderr=True, highlight=False).status("reads the servers' metrics") as now:
        while True:
            duel.missing.clear()
            duel.attempt(lambda: intervals.read(servers[0].snapshot(), servers[1].snapshot()), None)
            missing = (*lasting, *duel.missing)
            verdict = judge(Evidence(intervals=intervals.found, answers=compared, missing=missing))
            if verdict.ruling is not Ruling.HOLD or look == looks:
                return verdict
            look += 1
            requests = sum(interval.incoming.requests for interval in intervals.found)
            now.update(f"{requests:,} requests to version {duel.incoming}: hold so far; look {look} of {looks}")
            time.sleep(every)


def _judge_stable(duel: _Duel, file: StackFile, options: argparse.Namespace) -> Verdict:
    url = cast("str | None", options.before_url)
    if url is None:
        raise CommandError(f"--before {duel.stable} needs --before-url, the REST address of that version")
    now, before = duel.servers(duel.incoming, _addresses(options, "stable")), duel.servers(duel.stable, [url])
    own = Answers.of(f"test part of version {duel.incoming}", [], grows=False)
    root = _store(file, options)
    if root is not None:
        parts = duel.attempt(lambda: list(test_parts(root, duel.model, [duel.incoming])), [])
        own = next((found for each in parts if (found := _compared(duel, each, now, before))), own)
    newer = duel.attempt(lambda: list(_newer(options)), [])
    compared = [found for each in newer if (found := _compared(duel, each, now, before))]
    return judge_stable(own, compared, duel.missing)


def _compared(duel: _Duel, labelled: LabelledSet, incoming: Servers, stable: Servers) -> Answers | None:
    return duel.attempt(lambda: answers(labelled, incoming, stable), None)


def _labelled(duel: _Duel, file: StackFile, options: argparse.Namespace) -> Iterator[LabelledSet]:
    root = _store(file, options)
    if root is not None:
        yield from test_parts(root, duel.model, [duel.incoming, duel.stable])
    yield from _newer(options)


def _newer(options: argparse.Namespace) -> Iterator[LabelledSet]:
    for name, grows in (("labelled", False), ("feedback", True)):
        for path in cast("list[Path]", getattr(options, name)):
            yield LabelledSet(name=f"set {path.name}", examples=examples_of(path), grows=grows)


def _store(file: StackFile, options: argparse.Namespace) -> Path | None:
    """Where the store is mounted here; None where nobody says, or a local store is another machine's."""
    given = cast("Path | None", options.store)
    local = file.get(("config", "tfk8s:store", "local"))
    if given is None and isinstance(local, str) and Path(local).is_dir():
        return Path(local)
    return given


def _addresses(options: argparse.Namespace, name: str) -> list[str]:
    addresses = cast("list[str]", getattr(options, name))
    if not addresses:
        raise CommandError(
            f"--{name} is missing: the REST address of a server of that version, such as http://10.0.0.8:8501"
        )
    return addresses


def _selector(options: argparse.Namespace, model: str, version: int) -> str:
    return cast("str", options.selector).replace("{model}", model).replace("{version}", str(version))


def _seconds(options: argparse.Namespace, name: str) -> float:
    text = cast("str", getattr(options, name))
    try:
        seconds = float(Duration.parse(text).seconds)
    except ValueError as error:
        raise CommandError(str(error)) from None
    if seconds <= 0:
        raise CommandError(f"{text!r} is no time to wait: must be above 0s")
    return seconds


def _client() -> "httpx.Client":
    import httpx  # noqa: PLC0415 - takes long to import, and `tfk8s --help` needs none

    return httpx.Client()
