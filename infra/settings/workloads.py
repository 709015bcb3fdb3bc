"""Sections that describe what runs: training jobs and served models."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, model_validator

from contract.run import MOST_WORKERS
from infra.settings.base import (
    ContainerResources,
    DataVersion,
    Labels,
    Name,
    OneOf,
    PodResources,
    PositiveDuration,
    Section,
    Seed,
    Version,
    matching,
)
from infra.settings.server import Batching, Grpc
from infra.settings.units import Duration, Percent

Scalar = int | float | str | bool


def _scalar(raw: object) -> Scalar:
    if isinstance(raw, str | int) or (isinstance(raw, float) and math.isfinite(raw)):
        return raw
    msg = f"expected a string, a finite number, true or false, got {raw!r}"
    raise ValueError(msg)


ArgumentValue = Annotated[Scalar, PlainValidator(_scalar)]
"""Of an argument of the training program."""


def _positive(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw) or raw <= 0:
        msg = f"expected a number above 0, got {raw!r}"
        raise ValueError(msg)
    return float(raw)


PositiveNumber = Annotated[float, PlainValidator(_positive)]


class TrainingJobSettings(Section):
    """One run of one model's training: `<job>-v<version>`. The job's name is the model's name in the store."""

    tenant: Name
    """Where it runs: a name under `tenants`."""

    version: Version
    """Number of the run and of the model it makes: trained once, never rewritten."""

    attempt: Annotated[int, Field(ge=1)] = 1
    """Raise it to run a failed version again. What else changed of a declared run, such as `deadline` or `resources`,
    takes effect with it."""

    workers: Annotated[int, Field(ge=1, le=MOST_WORKERS)] = 1
    """Pods that train together; more than one train with MultiWorkerMirroredStrategy."""

    gpus: Annotated[int, Field(ge=0)] = 0
    """Devices of each worker; more than one of a single worker train with MirroredStrategy."""

    resources: PodResources
    """What a training pod asks for; GPUs are `gpus` of the job."""

    deadline: PositiveDuration = Duration.parse("6h")
    """activeDeadlineSeconds: after it the run fails, whatever its retries."""

    stall_timeout: PositiveDuration | None = None
    """Longest time without a step, judging an epoch included; then training starts again from its last checkpoint.
    Never, if not given."""

    backoff_limit: Annotated[int, Field(ge=0)] = 4
    """How often a failed pod is tried again; of several workers, each."""

    seed: Seed = 0
    """Of all random numbers of the run."""

    data_version: DataVersion | None = None
    """Which data to train on; the training code's own choice where not given."""

    data_set: Name | None = None
    """A name under `dataSets`, mounted read-only at `/data`; this repository's training takes `args: {data: /data}`."""

    args: Mapping[str, ArgumentValue] = {}
    """Arguments of the training program, such as `epochs`."""

    node_selector: Labels = {}
    """Labels of the nodes it may run on, beside those of GPU nodes."""

    @property
    def container(self) -> ContainerResources:
        """The worker's resources with its GPUs."""
        return self.resources.container(self.gpus)


class ClusterIp(Section):
    """Reached from inside the cluster only."""

    from_namespaces: tuple[Name, ...] = Field(default=(), strict=False)
    """Namespaces whose pods may call the model, beside the tenant's own."""


class LoadBalancer(Section):
    """Reached from outside, from these networks only."""

    source_ranges: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    """CIDRs, such as 10.0.0.0/8."""


class GatewayReference(Section):
    """A Gateway of the Gateway API that somebody else made."""

    namespace: Name
    """Where it is; it must admit routes from the tenant's namespace."""

    name: Name
    """Its name."""


class Gateway(Section):
    """Reached through a Gateway API gateway, which shares the requests among the tracks. Give className or parent."""

    class_name: Name | None = None
    """GatewayClass, such as traefik or gke-l7-rilb: the tenant gets a Gateway of it, one for all its models."""

    parent: GatewayReference | None = None
    """A Gateway that is there already, such as one with TLS that all tenants share."""

    hostname: (
        Annotated[
            str,
            matching(
                r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*",
                "a host name in lower case",
            ),
        ]
        | None
    ) = None
    """Host name of the requests; where not given, any, and the gateway's address is what callers are told."""

    port: Annotated[int, Field(ge=1, le=65535)] = 80
    """Where the gateway listens: plain HTTP for className; with parent, 443 means that it takes https."""

    from_namespaces: tuple[Name, ...] = Field(default=(), strict=False)
    """Namespaces whose pods may call the model, beside the tenant's own: those in which the gateway's proxies run."""

    from_ranges: tuple[str, ...] = Field(default=(), strict=False)
    """CIDRs of proxies that are no pods, such as a cloud's load balancers."""

    features: tuple[Literal["HTTPRouteRequestTimeout", "HTTPRouteRequestMirror"], ...] = Field(default=(), strict=False)
    """What the implementation can beyond the core, in the words of GatewayClass' `status.supportedFeatures`."""

    @model_validator(mode="after")
    def _one_gateway(self) -> "Gateway":
        if (self.class_name is None) == (self.parent is None):
            msg = "give exactly one of className (a gateway is made) and parent (one that is there)"
            raise ValueError(msg)
        if self.parent is not None and self.hostname is None:
            msg = "a parent needs a hostname: callers are told no other address"
            raise ValueError(msg)
        return self


class Expose(OneOf):
    """Who can call the model."""

    cluster_ip: ClusterIp | None = Field(default=None, alias="clusterIP")
    load_balancer: LoadBalancer | None = None
    gateway: Gateway | None = None


class Drain(Section):
    """How a pod leaves without dropping requests."""

    propagation: Duration = Duration.parse("5s")
    """Until every proxy has stopped sending: 1 to 5 s for kube-proxy, 10 to 30 s behind a cloud's load balancer."""

    grace_period: Duration | None = None
    """terminationGracePeriodSeconds; where not given, just what the drain needs."""


class Fetch(Section):
    """An archive of a published version, for models that do not lie in the store."""

    url: Annotated[str, matching(r"https://[^\s/]+/\S*", "an address that starts with https://")]
    """Of the archive."""

    sha256: Annotated[str, matching(r"[0-9a-f]{64}", "64 hexadecimal digits in lower case")]
    """SHA-256 of the archive; anything else is refused."""


class Track(Section):
    """A name for a version."""

    version: Version
    """Number of a published version."""

    weight: Annotated[int, Field(ge=0, le=100)] = 100
    """Share of the requests, in percent."""

    fetch: Fetch | None = None
    """Where to get the version if it does not lie in the store."""

    @property
    def load_share(self) -> int:
        """Requests that reach its servers, in percent of all that callers send."""
        return self.weight


HeaderName = Annotated[
    str, matching(r"[a-z0-9!#$%&'*+.^_`|~-]{1,256}", "the name of a header in lower case, such as x-track")
]


class Canary(Track):
    """A version beside the stable one: incoming, tried on a share of the requests, or on those that ask for it."""

    weight: Annotated[int, Field(ge=0, le=100)] = 0
    """Share of the requests, in percent; none while the version only starts."""

    headers: Annotated[
        Mapping[HeaderName, Annotated[str, Field(min_length=1, max_length=4096)]], Field(max_length=16)
    ] = {}
    """Requests that carry all of these headers, with exactly these values, go to this version whatever its weight."""

    mirror: bool = False
    """Sends a copy of every request without these headers here too, and drops the answer."""

    @property
    def load_share(self) -> int:
        """Its weight, and every request once more where they are mirrored."""
        return self.weight + 100 * self.mirror


class Tracks(Section):
    """The versions of a model that are served."""

    stable: Track
    """The version that serves."""

    canary: Canary | None = None
    """A second version; needs `expose: {gateway: …}`."""

    def named(self) -> tuple[tuple[str, Track], ...]:
        """Every track with its name."""
        return (("stable", self.stable), *((("canary", self.canary),) if self.canary is not None else ()))


class Load(Section):
    """What the model's callers do; where given, it is proved that the autoscaler keeps up."""

    requests_per_second: PositiveNumber
    """Usual load of all callers together."""

    per_replica: PositiveNumber
    """Requests per second that one replica answers in time with its whole CPU request busy: measure it."""

    step: PositiveNumber | None = None
    """Load it may jump to at once; the usual load where not given."""

    within: PositiveDuration | None = None
    """Time in which the replicas for the step must be ready; where not given, the time is only shown."""


class Targets(Section):
    """What the autoscaler keeps; of two targets the one that wants more replicas counts."""

    cpu: Percent = Percent.parse("70%")
    """Mean CPU use of the pods, as a share of their request; not looked at where minReplicas is 0."""

    requests_per_second: PositiveNumber | None = None
    """Requests per second for each replica, counted where they arrive: the external metric
    `tfk8s_model_requests_per_second`, whose series docs/scaling.md says how to make."""


class Autoscaling(Section):
    """Bounds and targets of the HorizontalPodAutoscaler; it owns the replicas."""

    min_replicas: Annotated[int, Field(ge=0)] = 1
    """Fewest pods, also without load; 0 needs targets.requestsPerSecond, since no pod is left to measure."""

    max_replicas: Annotated[int, Field(ge=1)]
    """Most pods under load; a rollout may surge above it."""

    targets: Targets = Targets()

    @property
    def looks_at_cpu(self) -> bool:
        """Whether CPU is a target: the last pod's own idling would keep it, and above 1 % of the request it does."""
        return self.min_replicas > 0


def _surge(raw: object) -> int | Percent:
    if isinstance(raw, str):
        return Percent.parse(raw)
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 0:
        msg = f"expected a count or a percentage such as 25%, got {raw!r}"
        raise ValueError(msg)
    return raw


class Rollout(Section):
    """How a change of the pods is rolled out: new pods first, or old ones first where there is no room for more."""

    max_surge: Annotated[int | Percent, PlainValidator(_surge)] = 1
    """Pods above the wanted number while rolling out: a count or a percentage."""

    max_unavailable: Annotated[int, Field(ge=0)] = 0
    """Pods that may be missing while rolling out, on a pool without room for a surge: with `maxSurge: 0` only."""


class ModelSettings(Section):
    """A model served by TensorFlow Serving."""

    tenant: Name
    """Where it is served: a name under `tenants`."""

    resources: ContainerResources
    tracks: Tracks
    autoscaling: Autoscaling
    expose: Expose = Expose.model_validate({"clusterIP": {}})
    request_timeout: PositiveDuration = Duration.parse("5s")
    """Enforced by the server (--rest_api_timeout_in_ms), which is what makes the drain provable."""

    startup: PositiveDuration = Duration.parse("10m")
    """Longest time from a pod's start to its first answer: image pull, model load, warm-up."""

    cold_start: PositiveDuration = Duration.parse("60s")
    """Usual time from a pod's creation to ready, from which times of rollouts and scale-ups are predicted. Where it is
    stated and minReplicas is above 1, minReadySeconds is 15 s less half of it, which is the quickest start: a version's
    first replica does not count before the autoscaler, which looks every 15 s, has asked for the others."""

    warmup: Literal["required", "optional"] = "required"
    """Whether a version must bring requests that the server replays before it is ready; training writes them."""

    batching: Batching | None = None
    """Requests run together; off where not given."""

    grpc: Grpc | None = None
    """Calls by gRPC; the port is reached by nobody where not given."""

    drain: Drain = Drain()
    rollout: Rollout = Rollout()
    load: Load | None = None
