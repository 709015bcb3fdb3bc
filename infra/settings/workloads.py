"""Sections that describe what runs: training jobs and served models."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, PlainValidator

from infra.settings.base import ContainerResources, CpuMemory, Labels, Name, OneOf, Section, Version
from infra.settings.units import Duration, Percent

Scalar = int | float | str | bool


class JobResources(CpuMemory):
    """What a training pod asks for; GPUs are `gpus` of the job."""

    limits: CpuMemory | None = None


class TrainingJobSettings(Section):
    """One run of one model's training: `<job>-v<version>`. The job's name is the model's name in the store."""

    tenant: Name
    version: Version
    attempt: Annotated[int, Field(ge=1)] = 1
    """Raise it to run a failed version again."""

    gpus: Annotated[int, Field(ge=0)] = 0
    """Devices of the one worker; more than one trains with MirroredStrategy."""

    resources: JobResources
    deadline: Duration = Duration.parse("6h")
    """activeDeadlineSeconds: after it the run fails, whatever its retries."""

    backoff_limit: Annotated[int, Field(ge=0)] = 4
    seed: Annotated[int, Field(ge=0)] = 0
    data_version: str | None = None
    args: Mapping[str, Scalar] = {}
    """Arguments of the training program, such as `epochs`."""

    node_selector: Labels = {}

    @property
    def container(self) -> ContainerResources:
        """The worker's resources with its GPUs."""
        return ContainerResources(
            cpu=self.resources.cpu, memory=self.resources.memory, gpu=self.gpus, limits=self.resources.limits
        )


class ClusterIp(Section):
    """Reached from inside the cluster only."""

    from_namespaces: tuple[Name, ...] = Field(default=(), strict=False)
    """Namespaces whose pods may call the model, beside the tenant's own."""


class LoadBalancer(Section):
    """Reached from outside, from these networks only."""

    source_ranges: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    """CIDRs, such as 10.0.0.0/8."""


class Expose(OneOf):
    """Who can call the model."""

    cluster_ip: ClusterIp | None = Field(default=None, alias="clusterIP")
    load_balancer: LoadBalancer | None = None


class Drain(Section):
    """How a pod leaves without dropping requests."""

    propagation: Duration = Duration.parse("5s")
    """Until every proxy has stopped sending: 1 to 5 s for kube-proxy, 10 to 30 s behind a cloud's load balancer."""

    grace_period: Duration | None = None
    """terminationGracePeriodSeconds; where not given, just what the drain needs."""


class Fetch(Section):
    """An archive of a published version, for models that do not lie in the store."""

    url: Annotated[str, Field(pattern=r"^https://[^\s]+$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Track(Section):
    """A name for a version."""

    version: Version
    weight: Annotated[int, Field(ge=0, le=100)] = 100
    fetch: Fetch | None = None


class Tracks(Section):
    """The versions of a model that are served."""

    stable: Track


class Targets(Section):
    """What the autoscaler keeps."""

    cpu: Percent = Percent.parse("70%")
    """Mean CPU use of the pods, as a share of their request."""


class Autoscaling(Section):
    """Bounds and targets of the HorizontalPodAutoscaler; it owns the replicas."""

    min_replicas: Annotated[int, Field(ge=1)] = 1
    max_replicas: Annotated[int, Field(ge=1)]
    targets: Targets = Targets()


def _surge(raw: object) -> int | Percent:
    if isinstance(raw, str):
        return Percent.parse(raw)
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 1:
        msg = f"expected a count of at least 1 or a percentage such as 25%, got {raw!r}"
        raise ValueError(msg)
    return raw


class Rollout(Section):
    """How a change of the pods is rolled out; maxUnavailable is always 0."""

    max_surge: Annotated[int | Percent, PlainValidator(_surge)] = 1
    """Pods above the wanted number while rolling out: a count or a percentage."""


class ModelSettings(Section):
    """A model served by TensorFlow Serving."""

    tenant: Name
    resources: ContainerResources
    tracks: Tracks
    autoscaling: Autoscaling
    expose: Expose = Expose.model_validate({"clusterIP": {}})
    request_timeout: Duration = Duration.parse("5s")
    """Enforced by the server (--rest_api_timeout_in_ms), which is what makes the drain provable."""

    startup: Duration = Duration.parse("10m")
    """Longest time from a pod's start to its first answer: image pull, model load, warm-up."""

    drain: Drain = Drain()
    rollout: Rollout = Rollout()
