"""What the cluster makes of the machine."""

from pathlib import Path

import pytest

from local.cluster import footprint


@pytest.mark.parametrize(
    ("file", "processors", "weight"),
    [("cpu.shares", 2, 2048), ("cpu.weight", 2, 200), ("cpu.weight", 128, 10_000), ("cpu.shares", 512, 262_144)],
)
def test_pods_weigh_by_the_processors_up_to_what_the_kernel_takes(
    file: str, processors: int, weight: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: processors)
    (tmp_path / file).write_text("1024")
    footprint.weigh(tmp_path)
    assert (tmp_path / file).read_text() == str(weight)


def test_a_group_of_another_controller_has_no_weight(tmp_path: Path) -> None:
    footprint.weigh(tmp_path)
    assert list(tmp_path.iterdir()) == []
