"""`tfk8s judge` on servers that answer: 100 requests a second, a tenth to the canary, and a clock."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract.labelled import TEST_PART, Example, write
from local import paths
from tests.bench.duel import Faults, load_on, served
from training.data import load

PER_SECOND = 100.0
WEIGHT = 0.1
MOST_SECONDS = 180.0
STACK = """\
config:
  tfk8s:models:
    digits:
      tracks: {stable: {version: 7, weight: 90}, canary: {version: 8, weight: 10}} # read by the post office
"""
TFK8S = Path(sys.executable).with_name("tfk8s")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A stack file, and a store with the test part of both versions."""
    (tmp_path / "Pulumi.prod.yaml").write_text(STACK)
    test = load().test
    examples = [Example(image.tolist(), int(label)) for image, label in zip(test.images, test.labels, strict=True)]
    for version in (7, 8):
        (tmp_path / f"digits/{version}").mkdir(parents=True)
        write(tmp_path / f"digits/{version}" / TEST_PART, examples)
    return tmp_path


def judged(place: Path, faults: Faults, most: str) -> tuple[str, float]:
    """What the command says of a canary with such faults, and after how many seconds."""
    with (
        served(8, faults) as incoming,
        served(7, Faults()) as stable,
        load_on(incoming, stable, per_second=PER_SECOND, weight=WEIGHT),
    ):
        started = time.monotonic()
        command = [TFK8S, "judge", "prod", "digits", "--file", place / "Pulumi.prod.yaml", "--store", place]
        addresses = ["--incoming", incoming, "--stable", stable, "--for", most]
        done = subprocess.run([*command, *addresses], cwd=paths.ROOT, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    print(f"\n{faults}: after {seconds:.1f} s\n{done.stdout}")
    return done.stdout, seconds


@pytest.mark.parametrize("faults", [Faults(errors=0.01), Faults(times_slower=3), Faults(wrong=0.05)])
def test_a_harmful_canary_is_rolled_back_within_three_minutes(place: Path, faults: Faults) -> None:
    said, seconds = judged(place, faults, "3m")
    assert said.startswith("digits: roll back version 8")
    assert seconds <= MOST_SECONDS
    assert (
        (place / "Pulumi.prod.yaml").read_text().endswith("tracks: {stable: {version: 7}} # read by the post office\n")
    )


def test_a_good_canary_is_promoted(place: Path) -> None:
    said, _ = judged(place, Faults(), "10m")
    assert said.startswith("digits: promote version 8")
    assert (
        (place / "Pulumi.prod.yaml").read_text().endswith("tracks: {stable: {version: 8}} # read by the post office\n")
    )
