"""Which devices train: none, one or several GPUs, or as many logical CPUs in their place."""

import ctypes
from typing import Any

from contract.exits import Exit, Failure
from training.untyped import tf

Strategy = Any
"""A tf.distribute.Strategy."""

_CUDA = "libcuda.so.1"
"""NVIDIA's driver, which is wherever TensorFlow sees a GPU."""

_MIB = 2**20


def make_strategy(gpus: int, mode: str, *, memory_fraction: float = 1.0, deterministic: bool = False) -> Strategy:
    """Choose the devices of a worker that trains alone. Call it before TensorFlow has run anything.

    Args:
        gpus: Devices to train on; 0 trains on the CPU even where GPUs are visible.
        mode: One of contract.run.GPU_MODES; `pretend` takes logical CPU devices for GPUs.
        memory_fraction: As of `visible_gpus`.
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
        devices = visible_gpus(gpus, mode, memory_fraction)
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


def visible_gpus(count: int, mode: str, memory_fraction: float = 1.0) -> list[str]:
    """Let TensorFlow see just so many GPUs, and name them.

    Args:
        count: Devices to see.
        mode: One of contract.run.GPU_MODES but `pretend`.
        memory_fraction: Share of each device's memory that TensorFlow may take. Below 1 other pods use the rest: they
            find it free only because TF_FORCE_GPU_ALLOW_GROWTH, which the program sets, keeps TensorFlow from taking
            its share before it needs it.

    Raises:
        Failure: Fewer are visible, or the driver does not say how much memory they have.
    """
    visible = tf.config.list_physical_devices("GPU")
    if len(visible) < count:
        reason = "check the pod's limits, the node's driver and that the image's TensorFlow is built for GPUs"
        if mode == "mig" and visible:
            reason = "CUDA shows a process one MIG slice only; set gpus to 1"
        raise Failure(Exit.NO_GPU, f"gpus is {count} in mode {mode}, and TensorFlow sees {len(visible)}: {reason}")
    tf.config.set_visible_devices(visible[:count], "GPU")
    if memory_fraction < 1:
        for ordinal, device in enumerate(visible[:count]):
            mib = int(_memory_bytes(ordinal) * memory_fraction) // _MIB
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=mib)
            tf.config.set_logical_device_configuration(device, [limit])
    return [f"GPU:{index}" for index in range(count)]


def _memory_bytes(ordinal: int) -> int:
    """All of a device's memory, by CUDA's driver: TensorFlow tells only what it took, after it has taken it.

    `cuDeviceTotalMem` is what TensorFlow Serving's --per_process_gpu_memory_fraction is a part of, too
    (https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__DEVICE.html). It makes no context on the device.
    """
    device, size = ctypes.c_int(), ctypes.c_size_t()
    try:
        cuda = ctypes.CDLL(_CUDA)
    except OSError as error:
        raise Failure(Exit.NO_GPU, f"a share of a GPU's memory cannot be taken: {error}") from None
    calls = (
        lambda: cuda.cuInit(0),
        lambda: cuda.cuDeviceGet(ctypes.byref(device), ordinal),
        lambda: cuda.cuDeviceTotalMem_v2(ctypes.byref(size), device),
    )
    for call in calls:
        if status := call():
            raise Failure(Exit.NO_GPU, f"a share of a GPU's memory cannot be taken: CUDA error {status} (cuda.h)")
    return size.value
