"""Which devices train: none, one or several GPUs, or as many logical CPUs in their place."""

from typing import Any

from contract.exits import Exit, Failure
from training.untyped import tf

Strategy = Any
"""A tf.distribute.Strategy."""

SHARED_MODES = ("timeSlicing", "mps")
"""Modes in which other pods use the same device: its memory is taken as needed, not all at once."""


def make_strategy(gpus: int, mode: str, *, deterministic: bool = False) -> Strategy:
    """Choose the devices of a worker that trains alone. Call it before TensorFlow has run anything.

    Args:
        gpus: Devices to train on; 0 trains on the CPU even where GPUs are visible.
        mode: One of contract.run.GPU_MODES; `pretend` takes logical CPU devices for GPUs.
        deterministic: Take only operations that give the same bits each time.

    Raises:
        Failure: Fewer GPUs are visible than asked for.
    """
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    if mode == "pretend":
        tf.config.set_visible_devices([], "GPU")
        devices = _logical_cpus(gpus)
    else:
        devices = visible_gpus(gpus, mode)
    if not devices:
        return tf.distribute.get_strategy()
    if len(devices) == 1:
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices)


def _logical_cpus(count: int) -> list[str]:
    if count > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    return [f"CPU:{index}" for index in range(count)]


def visible_gpus(count: int, mode: str) -> list[str]:
    """Let TensorFlow see just so many GPUs, and name them.

    Raises:
        Failure: Fewer are visible.
    """
    visible = tf.config.list_physical_devices("GPU")
    if len(visible) < count:
        reason = "check the pod's limits, the node's driver and that the image's TensorFlow is built for GPUs"
        if mode == "mig" and visible:
            reason = "CUDA shows a process one MIG slice only; set gpus to 1"
        raise Failure(Exit.NO_GPU, f"gpus is {count} in mode {mode}, and TensorFlow sees {len(visible)}: {reason}")
    tf.config.set_visible_devices(visible[:count], "GPU")
    if mode in SHARED_MODES:
        for device in visible[:count]:
            tf.config.experimental.set_memory_growth(device, True)
    return [f"GPU:{index}" for index in range(count)]
