"""Promotion and rollback as text: few words change, comments stay."""

from pathlib import Path

import pytest

from ops.problem import CommandError
from ops.promotion import canary_version, promote, roll_back
from ops.stackfile import StackFile

FLOW = """\
config:
  tfk8s:models:
    digits: # read by the post office
      tenant: ml
      tracks: {stable: {version: 7, weight: 90}, canary: {version: 8, weight: 10}} # since Monday
      autoscaling: {maxReplicas: 3}
"""
BLOCK = """\
config:
  tfk8s:models:
    digits:
      tracks:
        # what serves
        stable:
          version: 7 # trained in May
          weight: 90
        # what is tried
        canary:
          version: 8
          weight: 10
          headers: {x-track: canary}

      autoscaling: {maxReplicas: 3}
"""


def stack(text: str) -> StackFile:
    return StackFile(Path("Pulumi.prod.yaml"), text)


def edited(file: StackFile) -> list[str]:
    return [line for line in file.diff().splitlines() if not line.startswith(("---", "+++", "@@"))]


def test_a_promotion_in_flow_style_is_a_diff_of_one_line() -> None:
    file = stack(FLOW)
    promote(file, "digits")
    assert edited(file) == [
        "-      tracks: {stable: {version: 7, weight: 90}, canary: {version: 8, weight: 10}} # since Monday",
        "+      tracks: {stable: {version: 8}} # since Monday",
    ]


@pytest.mark.parametrize(
    ("canary", "weight", "left"),
    [
        (", weight: 10", 50, "{stable: {version: 7, weight: 50}, canary: {version: 8, weight: 50}}"),
        ("", 50, "{stable: {version: 7, weight: 50}, canary: {version: 8, weight: 50}}"),
        (", weight: 50", 66, "{stable: {version: 7, weight: 34}, canary: {version: 8, weight: 66}}"),
        (", weight: 60", 66, "{stable: {version: 7, weight: 34}, canary: {version: 8, weight: 66}}"),
        (", weight: 66", None, "{stable: {version: 8}}"),
    ],
)
def test_the_weight_grows_to_the_next_step_and_the_last_one_is_stable(
    canary: str, weight: int | None, left: str
) -> None:
    file = stack(FLOW.replace(", weight: 10", canary))
    assert promote(file, "digits", (50, 66, 100)) == weight
    assert edited(file)[1:] == [f"+      tracks: {left} # since Monday"]


def test_a_track_that_states_no_weight_gets_one_behind_its_version() -> None:
    file = stack(BLOCK.replace("          weight: 90\n", "").replace("          weight: 10\n", ""))
    promote(file, "digits", (50, 100))
    assert edited(file) == ["+          weight: 50", "+          weight: 50"]


def test_a_rollback_in_flow_style_is_a_diff_of_one_line() -> None:
    file = stack(FLOW)
    roll_back(file, "digits")
    assert edited(file)[1:] == ["+      tracks: {stable: {version: 7}} # since Monday"]


def test_a_canary_written_first_goes_as_well() -> None:
    file = stack(
        FLOW.replace(
            "{stable: {version: 7, weight: 90}, canary: {version: 8, weight: 10}}",
            "{canary: {version: 8}, stable: {version: 7}}",
        )
    )
    roll_back(file, "digits")
    assert edited(file)[1:] == ["+      tracks: {stable: {version: 7}} # since Monday"]


def test_a_promotion_in_block_style_leaves_comments_and_empty_lines() -> None:
    file = stack(BLOCK)
    promote(file, "digits")
    assert edited(file) == [
        "-          version: 7 # trained in May",
        "-          weight: 90",
        "+          version: 8 # trained in May",
        "-        canary:",
        "-          version: 8",
        "-          weight: 10",
        "-          headers: {x-track: canary}",
    ]


def test_a_canary_at_the_end_of_a_file_without_a_last_line_end_goes_as_well() -> None:
    tracks = "tracks:\n        stable: {version: 7}\n        canary: {version: 8}"
    file = stack(f"config:\n  tfk8s:models:\n    digits:\n      {tracks}")
    roll_back(file, "digits")
    assert edited(file) == ["-        canary: {version: 8}"]


def test_the_canary_of_a_model_is_known_by_its_version() -> None:
    assert canary_version(stack(FLOW), "digits") == 8
    assert canary_version(stack(FLOW), "letters") is None


def test_without_a_canary_nothing_is_edited() -> None:
    file = stack(FLOW.replace(", canary: {version: 8, weight: 10}", ""))
    with pytest.raises(CommandError, match=r"models\.digits\.tracks has no canary"):
        promote(file, "digits")
    with pytest.raises(CommandError, match=r"there is no tfk8s:models\.digits\.tracks\.canary"):
        roll_back(file, "digits")
    assert not file.diff()


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("version: 8", "version: 8, fetch: {url: 'https://a/b', sha256: 00}", "fetch belongs"),
        ("version: 7", "version: 7, fetch: {url: 'https://a/b', sha256: 00}", "fetch of stable belongs"),
    ],
)
def test_what_belongs_to_one_version_is_carried_over_by_hand(old: str, new: str, what: str) -> None:
    file = stack(FLOW.replace(old, new))
    with pytest.raises(CommandError, match=what):
        promote(file, "digits")
    assert not file.diff()
