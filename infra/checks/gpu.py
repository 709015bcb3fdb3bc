"""GPUs: declared, shared in a way that works, and used evenly."""

from collections.abc import Iterator
from datetime import date

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import GpuSettings, Settings
from infra.settings.standin import Location

_SHARING = ("timeSlicing", "mps")
_ALL = 100


def gpus_are_declared(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Pods get GPUs only where the stack says how."""
    if settings.gpu is None:
        for location, count in _pods_with_gpus(settings):
            yield error(
                "gpu-mode",
                location,
                f"asks for {count} GPU{'s' if count > 1 else ''}, and tfk8s:gpu is not set: the pod would stay Pending",
                "set tfk8s:gpu, such as {mode: exclusive}, or ask for none",
            )


def gpus_are_shared_soundly(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Sharing modes say how many pods share a device, and a pod takes one share: more give no more compute.

    The same holds for slices: CUDA shows a process one MIG instance
    (https://docs.nvidia.com/datacenter/tesla/mig-user-guide/).
    """
    gpu = settings.gpu
    if gpu is None:
        return
    if gpu.mode == "mig":
        for location, count in _pods_with_gpus(settings):
            if count > 1:
                yield error(
                    "gpu-sharing",
                    location,
                    f"asks for {count} slices in mode mig; CUDA shows a process no more than 1",
                    "ask for 1, or use mode exclusive",
                )
    yield from _workers_on_parts(settings, gpu)
    if gpu.mode not in _SHARING:
        if gpu.pods_per_gpu is not None:
            yield error(
                "gpu-sharing",
                ("gpu", "podsPerGpu"),
                f"podsPerGpu is {gpu.pods_per_gpu}, and in mode {gpu.mode} nothing is shared",
                f"remove it, or choose a mode that shares: {' or '.join(_SHARING)}",
            )
        return
    if gpu.pods_per_gpu is None:
        yield error(
            "gpu-sharing",
            ("gpu", "podsPerGpu"),
            f"missing: mode {gpu.mode} needs the number of pods that share a device",
            "set podsPerGpu, from 2 to 64",
        )
    for location, count in _pods_with_gpus(settings):
        if count > 1:
            yield error(
                "gpu-sharing",
                location,
                f"asks for {count} shares in mode {gpu.mode}; the device plugin refuses a pod more than 1 "
                "(failRequestsGreaterThanOne)",
                "ask for 1, or use mode exclusive",
            )


def _workers_on_parts(settings: Settings, gpu: GpuSettings) -> Iterator[Finding]:
    """NCCL takes a device once (https://github.com/NVIDIA/nccl/issues/418), and the scheduler does not know that."""
    parts = {"timeSlicing": "shares", "mps": "shares", "mig": "slices"}.get(gpu.mode)
    for name, job in settings.training_jobs.items():
        if parts is not None and job.workers > 1 and job.gpus:
            yield error(
                "gpu-sharing",
                ("trainingJobs", name, "workers"),
                f"{job.workers} workers may get {parts} of the same device in mode {gpu.mode}, and NCCL, by which they "
                "exchange gradients, refuses that",
                "use one worker, or mode exclusive, or train on the CPU (gpus: 0)",
            )


def device_plugin_is_given(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Real GPUs need NVIDIA's device plugin."""
    gpu = settings.gpu
    if gpu is not None and gpu.mode != "pretend" and settings.images.device_plugin is None:
        yield error(
            "device-plugin",
            ("images", "devicePlugin"),
            f"missing: tfk8s:gpu has mode {gpu.mode}, for which NVIDIA's device plugin is installed",
            'add it, such as {ref: "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"}',
        )


def shares_fit_the_memory(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """The pods that share a device do not take more than its memory together."""
    gpu = settings.gpu
    if gpu is None or gpu.memory_fraction is None:
        return
    location = ("gpu", "memoryFraction")
    if not gpu.shares:
        yield error(
            "gpu-memory",
            location,
            f"memoryFraction is {gpu.memory_fraction}, and in mode {gpu.mode} a pod has its device to itself",
            f"remove it, or choose a mode that shares: {' or '.join(_SHARING)}",
        )
    elif gpu.pods_per_gpu is not None and (total := gpu.pods_per_gpu * gpu.memory_fraction.value) > _ALL:
        yield error(
            "gpu-memory",
            location,
            f"podsPerGpu {gpu.pods_per_gpu} x memoryFraction {gpu.memory_fraction} = {total}% > 100% of a device",
            f"lower memoryFraction to {_ALL // gpu.pods_per_gpu}%, or leave it out",
        )


def _pods_with_gpus(settings: Settings) -> Iterator[tuple[Location, int]]:
    for name, job in settings.training_jobs.items():
        if job.gpus:
            yield ("trainingJobs", name, "gpus"), job.gpus
    for name, sweep in settings.sweeps.items():
        if sweep.gpus:
            yield ("sweeps", name, "gpus"), sweep.gpus
    for name, model in settings.models.items():
        if model.resources.gpu:
            yield ("models", name, "resources", "gpu"), model.resources.gpu
