"""What is told of a run of the engine."""

from pulumi.automation import events

from local.engine import Watched


def diagnostic(message: str, severity: str = "error", urn: str | None = None) -> events.EngineEvent:
    said = events.DiagnosticEvent(message=message, color="never", severity=severity, urn=urn)
    return events.EngineEvent(sequence=1, timestamp=0, diagnostic_event=said)


def started(kind: str, name: str, op: events.OpType = events.OpType.CREATE) -> events.EngineEvent:
    urn = f"urn:pulumi:local::tfk8s::{kind}::{name}"
    step = events.StepEventMetadata(op=op, urn=urn, type=kind, provider="")
    return events.EngineEvent(sequence=1, timestamp=0, resource_pre_event=events.ResourcePreEvent(metadata=step))


def test_an_error_that_arrives_twice_is_told_once() -> None:
    watched = Watched(lambda _: None)
    watched.on_event(diagnostic("the stack file has 1 error"))
    watched.on_event(diagnostic("an unhandled error occurred: the stack file has 1 error"))
    assert watched.failure() == "the stack file has 1 error"


def test_an_error_names_its_resource_and_carries_no_markup() -> None:
    watched = Watched(lambda _: None)
    watched.on_event(diagnostic("<{%reset%}>timed out<{%reset%}>", urn="urn:pulumi:local::tfk8s::x::digits-v1"))
    assert watched.failure() == "digits-v1: timed out"


def test_all_errors_of_a_resource_stand_together_one_below_the_other() -> None:
    watched = Watched(lambda _: None)
    urn = "urn:pulumi:local::tfk8s::x::{}".format
    watched.on_event(diagnostic("2 errors occurred:\n\t* failed\n\t* [Pod a] code 2\n\n", urn=urn("a-v1")))
    watched.on_event(diagnostic("1 error occurred:\n\t* failed too\n\n", urn=urn("b-v1")))
    watched.on_event(diagnostic("a-v1: say attempt: 2", urn=urn("tfk8s-local")))
    watched.on_event(diagnostic("update failed", urn=urn("tfk8s-local")))
    assert watched.failure().splitlines() == [
        "a-v1: failed",
        "    [Pod a] code 2",
        "a-v1: say attempt: 2",
        "b-v1: failed too",
        "update failed",
    ]


def test_warnings_are_kept_but_for_where_plugins_come_from() -> None:
    watched = Watched(lambda _: None)
    watched.on_event(diagnostic("using pulumi-resource-docker from $PATH at /somewhere", severity="warning"))
    watched.on_event(diagnostic("no digest", severity="warning"))
    assert watched.warnings == ["no digest"]


def test_progress_names_what_is_waited_for_and_not_what_stays_the_same() -> None:
    lines: list[str] = []
    watched = Watched(lines.append)
    watched.on_event(started("kubernetes:core/v1:Service", "digits", events.OpType.SAME))
    watched.on_event(started("tfk8s:index:TrainingJob", "digits-v1"))
    assert not lines
    watched.on_event(started("kubernetes:batch/v1:Job", "digits-v1"))
    assert lines == ["0 done, waiting for Job digits-v1"]


def test_progress_says_what_the_last_one_to_speak_waits_for_until_it_takes_that_back() -> None:
    def says(text: str, name: str) -> events.EngineEvent:
        urn = f"urn:pulumi:local::tfk8s::kubernetes:batch/v1:Job::{name}"
        said = events.DiagnosticEvent(message=text, color="never", severity="info#err", urn=urn, ephemeral=True)
        return events.EngineEvent(sequence=1, timestamp=0, diagnostic_event=said)

    lines: list[str] = []
    watched = Watched(lines.append)
    for name in ("digits-v1", "digits-v2"):
        watched.on_event(started("kubernetes:batch/v1:Job", name))
    watched.on_event(says("1 active", "digits-v1"))
    watched.on_event(says("suspended", "digits-v2"))
    watched.on_event(says("", "digits-v2"))
    assert lines[2:] == [
        "0 done, waiting for Job digits-v1 (1 active) and 1 more",
        "0 done, waiting for Job digits-v2 (suspended) and 1 more",
        "0 done, waiting for Job digits-v1 (1 active) and 1 more",
    ]
