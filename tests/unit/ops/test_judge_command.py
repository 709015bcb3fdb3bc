"""`tfk8s judge`: what it gathers, what it prints, and the few words it changes in a stack file."""

from pathlib import Path

import pytest

from contract.labelled import Example, write
from ops import cli
from ops import judge as judge_verb
from tests.unit.ops.judged import EXAMPLES, TEXT, Version, network, no_time

WITHOUT_CANARY = TEXT.replace(", weight: 90}, canary: {version: 8, weight: 10}", "}")
LOADED = f"""{TEXT}\
      tenant: ml
      resources: {{cpu: 1, memory: 1Gi}}
      load: {{requestsPerSecond: 300, perReplica: 50}}
      autoscaling: {{minReplicas: 3, maxReplicas: 20}}
      expose: {{gateway: {{className: traefik}}}}
"""
SERVERS = ("--incoming", "http://v8:8501", "--stable", "http://v7:8501/")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack file, and a store whose versions were tested on the same examples."""
    (tmp_path / "stack.yaml").write_text(TEXT)
    for version in (7, 8):
        (tmp_path / f"digits/{version}").mkdir(parents=True)
        write(tmp_path / f"digits/{version}/test.jsonl", EXAMPLES)
    monkeypatch.setattr(judge_verb.time, "sleep", no_time)
    monkeypatch.setattr(judge_verb, "_client", lambda: network({}))
    return tmp_path


def run(place: Path, monkeypatch: pytest.MonkeyPatch, incoming: Version, stable: Version, *more: str) -> int:
    versions = {f"v{version.number}": version for version in (incoming, stable)}
    monkeypatch.setattr(judge_verb, "_client", lambda: network(versions))
    return cli.main(["judge", "prod", "digits", "--file", str(place / "stack.yaml"), "--store", str(place), *more])


def tracks(place: Path) -> str:
    return (place / "stack.yaml").read_text().splitlines()[3].strip()


def test_a_good_canary_becomes_stable_in_a_diff_of_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(place, monkeypatch, Version(8), Version(7), *SERVERS) == 0
    said = capsys.readouterr().out
    assert said.startswith("digits: promote version 8, compared with version 7\n  - Failures: 0 % of ")
    assert said.count("test part of version") == 1, "both have the same test part"
    assert tracks(place) == "tracks: {stable: {version: 8}} # read by the post office"
    assert (place / "stack.yaml").read_text().startswith(TEXT[: TEXT.index("tracks")])


def test_with_a_stated_load_a_good_canary_grows_in_steps_that_its_replicas_carry(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "stack.yaml").write_text(LOADED)
    for left, said in (
        (
            "{stable: {version: 7, weight: 50}, canary: {version: 8, weight: 50}}",
            "weight 50 first, which version 8's replicas",
        ),
        (
            "{stable: {version: 7, weight: 34}, canary: {version: 8, weight: 66}}",
            "weight 66 first, which version 8's replicas",
        ),
        ("{stable: {version: 8}}", "digits: promote version 8"),
    ):
        assert run(place, monkeypatch, Version(8), Version(7), *SERVERS) == 0
        assert said in capsys.readouterr().out
        assert tracks(place) == f"tracks: {left} # read by the post office"


@pytest.mark.parametrize(
    ("canary", "reason"),
    [
        (Version(8, failures=5), "Failures: 1 % of "),
        (Version(8, latency_us=9000), "Latency: 100 % of "),
        (Version(8, wrong=frozenset(range(11))), "Answers on the test part of version 8: "),
    ],
)
def test_a_harmful_canary_goes(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], canary: Version, reason: str
) -> None:
    assert run(place, monkeypatch, canary, Version(7), *SERVERS) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"digits: roll back version 8, compared with version 7\n  - {reason}")
    assert tracks(place) == "tracks: {stable: {version: 7}} # read by the post office"


def test_a_dry_run_shows_the_diff_and_writes_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(place, monkeypatch, Version(8), Version(7), *SERVERS, "--dry-run") == 0
    assert "+      tracks: {stable: {version: 8}} # read" in capsys.readouterr().out
    assert (place / "stack.yaml").read_text() == TEXT


@pytest.mark.parametrize("down", [7, 8])
def test_a_server_that_is_down_is_hold_and_nothing_is_written(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], down: int
) -> None:
    canary, stable = Version(8, is_down=down == 8), Version(7, is_down=down == 7)
    assert run(place, monkeypatch, canary, stable, *SERVERS, "--for", "1m") == 0
    said = capsys.readouterr().out
    assert said.startswith("digits: hold version 8, compared with version 7\n  - Missing: http://")
    assert f"http://v{down}:8501/monitoring/prometheus/metrics does not answer: connection refused." in said
    assert (place / "stack.yaml").read_text() == TEXT


def test_an_address_of_another_version_is_noticed(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    swapped = ("--incoming", "http://v7:8501", "--stable", "http://v7:8501")
    assert run(place, monkeypatch, Version(8), Version(7), *swapped, "--for", "10s") == 0
    said = capsys.readouterr().out
    assert "Missing: http://v7:8501/v1/models/digits/versions/8:predict answers 404" in said
    assert "hold version 8" in said


def test_feedback_is_judged_beside_the_test_part(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place / "feedback.jsonl", [Example(number, number % 10) for number in range(1000, 1100)])
    canary = Version(8, wrong=frozenset(range(1000, 1020)))
    assert run(place, monkeypatch, canary, Version(7), *SERVERS, "--feedback", str(place / "feedback.jsonl")) == 0
    assert (
        "roll back version 8, compared with version 7\n  - Answers on the set feedback.jsonl" in capsys.readouterr().out
    )


def test_a_stable_version_that_degrades_on_feedback_gives_way_to_the_one_before(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "stack.yaml").write_text(WITHOUT_CANARY.replace("version: 7", "version: 8"))
    write(place / "feedback.jsonl", [Example(number, number % 10) for number in range(1000, 1100)])
    now, before = Version(8, wrong=frozenset(range(1000, 1020))), Version(7)
    more = ("--stable", "http://v8", "--before", "7", "--before-url", "http://v7")
    assert run(place, monkeypatch, now, before, *more, "--feedback", str(place / "feedback.jsonl")) == 0
    assert "roll back version 8, compared with version 7\n  - It has degraded, right on 80 %" in capsys.readouterr().out
    assert tracks(place) == "tracks: {stable: {version: 7}} # read by the post office"


@pytest.mark.parametrize(("wrong", "left"), [(20, "{stable: {version: 7}}"), (0, None)])
def test_the_version_before_may_be_the_canary_and_is_then_not_judged_as_one(
    place: Path, monkeypatch: pytest.MonkeyPatch, wrong: int, left: str | None
) -> None:
    text = TEXT.replace("7, weight: 90", "8").replace("8, weight: 10", "7, weight: 0")
    (place / "stack.yaml").write_text(text)
    write(place / "feedback.jsonl", [Example(number, number % 10) for number in range(1000, 1100)])
    now, before = Version(8, wrong=frozenset(range(1000, 1000 + wrong))), Version(7)
    more = ("--stable", "http://v8", "--before", "7", "--before-url", "http://v7")
    assert run(place, monkeypatch, now, before, *more, "--feedback", str(place / "feedback.jsonl")) == 0
    expected = f"tracks: {left} # read by the post office" if left else text.splitlines()[3].strip()
    assert tracks(place) == expected


@pytest.mark.parametrize(
    ("text", "arguments", "what"),
    [
        (TEXT, (), "--incoming is missing: the REST address of a server"),
        (TEXT, (*SERVERS, "--every", "0s"), "'0s' is no time to wait"),
        (TEXT, (*SERVERS, "--for", "soon"), "expected a duration with its unit"),
        (TEXT.replace("digits:", "letters:"), SERVERS, "there is no models.digits.tracks.stable.version"),
        (WITHOUT_CANARY, SERVERS, "has no canary\n    add one, or compare"),
        (WITHOUT_CANARY, ("--before", "6"), "--before 6 needs --before-url"),
        (TEXT, ("--before", "6", "--before-url", "http://v6"), "canary is version 8, and not 6\n    judge the canary"),
    ],
)
def test_what_names_nothing_to_judge_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], text: str, arguments: tuple[str, ...], what: str
) -> None:
    (place / "stack.yaml").write_text(text)
    assert cli.main(["judge", "prod", "digits", "--file", str(place / "stack.yaml"), *arguments]) == 1
    assert what in capsys.readouterr().err
