"""What TensorFlow is told of GPUs, call by call: there is none here, and TensorFlow takes seconds to start."""

import ctypes
import importlib
import sys
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import pytest

from contract.exits import Exit, Failure

GIB = 2**30


class Config:
    """`tf.config` of a machine with some GPUs."""

    def __init__(self, gpus: int) -> None:
        self.gpus = [f"physical {index}" for index in range(gpus)]
        self.calls: list[tuple[object, ...]] = []
        self.experimental = SimpleNamespace(enable_op_determinism=lambda: self.calls.append(("deterministic",)))

    def LogicalDeviceConfiguration(self, memory_limit: int) -> int:
        return memory_limit

    def list_physical_devices(self, kind: str) -> list[str]:
        return self.gpus if kind == "GPU" else ["cpu"]

    def set_visible_devices(self, devices: list[str], kind: str) -> None:
        self.calls.append(("see", kind, *devices))

    def set_logical_device_configuration(self, device: str, limits: list[int]) -> None:
        self.calls.append(("limit MiB", device, *limits))


class Driver:
    """`libcuda.so.1` of a machine whose GPUs have 16 GiB and one more for each that lies before it."""

    status = 0

    def __init__(self, name: str) -> None:
        assert name == "libcuda.so.1"

    def cuInit(self, flags: int) -> int:
        return self.status or flags

    def cuDeviceGet(self, device: Any, ordinal: int) -> int:
        device._obj.value = ordinal
        return 0

    def cuDeviceTotalMem_v2(self, size: Any, device: ctypes.c_int) -> int:
        size._obj.value = (16 + device.value) * GIB
        return 0


@pytest.fixture
def strategy(monkeypatch: pytest.MonkeyPatch) -> Generator[Any]:
    """The module, with a TensorFlow that only notes what it is told."""
    config = Config(gpus=2)
    tf = SimpleNamespace(
        config=config,
        distribute=SimpleNamespace(OneDeviceStrategy=str, MirroredStrategy=tuple),
    )
    monkeypatch.setitem(sys.modules, "training.untyped", SimpleNamespace(tf=tf))
    monkeypatch.delitem(sys.modules, "training.strategy", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", Driver)
    yield importlib.import_module("training.strategy")
    del sys.modules["training.strategy"]


def test_a_device_of_its_own_is_used_whole(strategy: Any) -> None:
    assert strategy.make_strategy(1, "exclusive") == "GPU:0"
    assert strategy.tf.config.calls == [("see", "GPU", "physical 0")]


@pytest.mark.parametrize("mode", ["timeSlicing", "mps"])
def test_of_a_shared_device_it_takes_its_share_of_all_memory_at_most(strategy: Any, mode: str) -> None:
    assert strategy.make_strategy(1, mode, memory_fraction=0.25) == "GPU:0"
    assert strategy.tf.config.calls == [("see", "GPU", "physical 0"), ("limit MiB", "physical 0", 4096)]


def test_each_device_is_limited_by_its_own_size(strategy: Any) -> None:
    strategy.visible_gpus(2, "timeSlicing", 0.5)
    assert strategy.tf.config.calls[1:] == [("limit MiB", "physical 0", 8192), ("limit MiB", "physical 1", 8704)]


def test_a_mig_slice_has_walls_of_its_own_and_a_second_one_is_not_seen(strategy: Any) -> None:
    assert strategy.make_strategy(1, "mig") == "GPU:0"
    assert [call[0] for call in strategy.tf.config.calls] == ["see"]
    with pytest.raises(Failure, match="CUDA shows a process one MIG slice only; set gpus to 1") as caught:
        strategy.make_strategy(3, "mig")
    assert caught.value.code == Exit.NO_GPU


def test_a_driver_that_does_not_answer_is_said_in_one_line(strategy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Driver, "status", 100)
    with pytest.raises(
        Failure, match=r"a share of a GPU's memory cannot be taken: CUDA error 100 \(cuda\.h\)"
    ) as caught:
        strategy.visible_gpus(1, "mps", 0.5)
    assert caught.value.code == Exit.NO_GPU


def test_without_a_driver_the_library_is_named(strategy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(Failure, match=r"libcuda\.so\.1: cannot open shared object file"):
        strategy.visible_gpus(1, "mps", 0.5)
