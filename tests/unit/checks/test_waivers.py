from datetime import date, timedelta

from infra.checks import Examined, examine
from tests.unit.recorder import record_changed
from tests.unit.words import GONE, TODAY, changed

OPEN = ("models.digits.expose", {"loadBalancer": {"sourceRanges": ["10.0.0.1/8"]}})
"""An error of `source-ranges`."""

LATEST = ("images.serving.ref", "tensorflow/serving:latest")


def waived(until: date, *changes: tuple[str, object], check: str = "source-ranges") -> Examined:
    waiver = {check: {"reason": "a lab, for once", "until": until}}
    return examine(changed(("policy.waivers", waiver), *changes), TODAY)


def test_a_waived_error_stops_nothing_and_is_kept_with_its_reason() -> None:
    examined = waived(TODAY, OPEN)
    assert (examined.valid, examined.findings) == (True, ())
    [one] = examined.waived
    assert (one.finding.check, one.waiver.reason) == ("source-ranges", "a lab, for once")
    assert one.text().splitlines() == [
        "waived until 2026-01-31: tfk8s:models.digits.expose.loadBalancer.sourceRanges.0  [source-ranges]",
        "    10.0.0.1/8 is no network in CIDR form",
        "    a lab, for once",
    ]


def test_from_the_day_after_the_finding_counts_again_and_says_so() -> None:
    examined = waived(TODAY - timedelta(days=1), OPEN)
    [finding] = examined.findings
    assert (finding.check, finding.severity, examined.waived) == ("source-ranges", "error", ())
    assert finding.message.endswith("is no network in CIDR form; its waiver expired on 2026-01-30")


def test_a_waiver_takes_every_finding_of_its_check_and_of_no_other() -> None:
    ranges = ("models.digits.expose", {"loadBalancer": {"sourceRanges": ["10.0.0.1/8", "0.0.0.0/0"]}})
    examined = waived(TODAY, ranges, ("gpu", GONE))
    assert len(examined.waived) == 2
    assert {finding.check for finding in examined.findings} == {"gpu-mode"}


def test_an_unknown_id_is_an_error_with_the_close_one() -> None:
    [finding] = waived(TODAY, check="source-range").findings
    assert (finding.check, finding.severity) == ("waiver", "error")
    assert finding.path == "tfk8s:policy.waivers.source-range"
    assert finding.fix == "did you mean source-ranges?"


def test_words_that_cannot_be_read_cannot_be_waived() -> None:
    for check in ("settings", "waiver", "secret", "run-definition"):
        examined = waived(TODAY, ("models.digits.requestTimeout", 5), check=check)
        assert [finding.check for finding in examined.findings] == ["settings", "waiver"]
        assert not examined.valid


def test_a_waiver_that_waives_nothing_is_a_warning() -> None:
    for until in (TODAY, TODAY - timedelta(days=1)):
        [finding] = waived(until).findings
        assert (finding.check, finding.severity) == ("waiver", "warning")
        assert "waives nothing" in finding.message


def test_beside_unreadable_words_nothing_is_said_of_waivers_that_waive_nothing() -> None:
    assert [finding.check for finding in waived(TODAY, ("store", [])).findings] == ["settings"]


def test_the_program_runs_with_waived_errors() -> None:
    platform = record_changed(("policy.waivers", {"image-tag": {"reason": "lab", "until": "9999-12-31"}}), LATEST)
    assert platform.resources
    assert platform.warnings == []
