"""Sections that describe where the platform runs: cluster, images, store, GPUs, tenants, policy."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr

from infra.settings.base import (
    CpuMemory,
    ImageReference,
    Labels,
    Name,
    OneOf,
    PodResources,
    PositiveDuration,
    Repository,
    Section,
    matching,
)
from infra.settings.units import Duration, Money, Percent, Quantity


def _absolute(path: str) -> str:
    if not PurePosixPath(path).is_absolute():
        msg = f"expected an absolute path, got {path!r}"
        raise ValueError(msg)
    return path


AbsolutePath = Annotated[str, AfterValidator(_absolute)]


class NodePool(CpuMemory):
    """Nodes of one kind. CPU, memory and GPUs are what one node can give to pods (`allocatable`)."""

    count: Annotated[int, Field(ge=1)]
    """How many there are, or may become where an autoscaler adds them."""

    gpu: Annotated[int, Field(ge=0)] = 0
    """Devices, or shares of them where `gpu` shares."""

    pods: Annotated[int, Field(ge=1)] = 110
    """Most pods on a node; the kubelet's own default."""


class ClusterSettings(Section):
    """The one cluster this stack may touch."""

    context: str
    """Context of the kubeconfig. There is no default: the current context is never used."""

    kubeconfig: str | None = None
    """Path of the kubeconfig; where it is not given, KUBECONFIG or ~/.kube/config as kubectl reads them."""

    kube_system_uid: (
        Annotated[str, matching(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UID in lower case")] | None
    ) = None
    """UID of the namespace `kube-system`, which no two clusters share; where given, any other cluster is refused."""

    kubernetes_version: Annotated[str, matching(r"1\.[0-9]{1,3}", "a minor version such as '1.35'")] | None = None
    """Oldest minor version among its API servers and controllers; says what its autoscaler can do."""

    feature_gates: Mapping[str, bool] = {}
    """Feature gates of API server and controller manager that are not at their version's default."""

    node_pools: Mapping[Name, NodePool] = {}
    """Nodes by kind; where given, everything must fit on them."""

    max_grace_period: PositiveDuration = Duration.parse("10m")
    """Longest time a leaving node gives its pods (cluster-autoscaler's --max-graceful-termination-sec, 600 s)."""


class BuildSettings(Section):
    """How the training image is built from this repository and where it is pushed."""

    repository: Repository
    """Registry and path without a tag."""

    base: ImageReference
    """Base image; brings TensorFlow, or Python alone, on which the locked tensorflow-cpu is installed."""

    platform: str = "linux/amd64"
    """Operating system and architecture of the nodes; one, as pulumi-docker has it."""

    cache_from: tuple[ImageReference, ...] = Field(default=(), strict=False)
    """Images whose layers a build may take instead of making them, such as an earlier build."""


class TrainingImage(OneOf):
    """Built here, taken from another stack, or given."""

    build: BuildSettings | None = None
    """Built here: the image runs by the digest of its push."""

    from_stack: (
        Annotated[str, matching(r"[^/\s]+/[^/\s]+/[^/\s]+", "a stack such as organization/tfk8s/dev")] | None
    ) = None
    """Built by another stack, which says its digest: what was tried there runs here."""

    ref: ImageReference | None = None
    """Built elsewhere; a preview then needs no Docker daemon."""


class GivenImage(Section):
    """An image somebody else publishes."""

    ref: ImageReference
    """Repository and exact tag, better with its digest, which `tfk8s pin` adds."""


def _sealed(raw: object) -> object:
    """In a file, a secret is `secure: …`, which only the engine can open; it stands for itself until then."""
    if not isinstance(raw, Mapping):
        return raw
    words = cast("Mapping[object, object]", raw)
    sealed = list(words) == ["secure"] and isinstance(words["secure"], str)
    return "sealed" if sealed else words


class RegistryCredentials(Section):
    """Log-in for pushing and pulling. Set it with `pulumi config set --secret --path`."""

    username: Annotated[str, BeforeValidator(_sealed)]
    """Account at the registry."""

    password: Annotated[SecretStr, BeforeValidator(_sealed)]
    """Password or token; never shown."""


class ImagesSettings(Section):
    """The images of the platform."""

    training: TrainingImage
    """Runs training Jobs and the step that verifies a model before it is served."""

    serving: GivenImage
    """TensorFlow Serving."""

    device_plugin: GivenImage | None = None
    """NVIDIA's device plugin; needed where `gpu` is set and its mode is not `pretend`."""

    prometheus: GivenImage | None = None
    """Prometheus 3; needed where `monitoring` is set."""

    registries: Mapping[str, RegistryCredentials] = {}
    """Credentials by registry host."""


class NfsStore(Section):
    """A directory exported over NFS."""

    server: str
    """Host name or address of the NFS server."""

    path: AbsolutePath
    """Exported directory."""


class CsiStore(Section):
    """A volume of a CSI driver, with a handle of its own for each tenant: two volumes that share one get stuck."""

    driver: str
    """Name of the CSI driver, such as `efs.csi.aws.com`."""

    volume_handles: Mapping[Name, str]
    """A handle by tenant; each tenant needs its own."""

    volume_attributes: Mapping[str, str] = {}
    """Passed on to the driver, the same for every tenant."""


class VolumeSettings(Section):
    """A directory that pods mount. Exactly one of nfs, csi and local."""

    nfs: NfsStore | None = None
    """A directory exported over NFS."""

    csi: CsiStore | None = None
    """A volume of a CSI driver."""

    local: AbsolutePath | None = None
    """A directory of the node, for clusters of one node."""

    size: Quantity = Quantity.parse("100Gi")
    """Capacity the volumes state; static volumes do not enforce it."""


class StoreSettings(VolumeSettings):
    """Where models lie: `<store>/<model>/<version>/`. Exactly one of nfs, csi and local."""


class DataSetSettings(VolumeSettings):
    """Data to train on that lie outside the store. Exactly one of nfs, csi and local."""


class GpuSettings(Section):
    """How pods get GPUs."""

    mode: Literal["exclusive", "timeSlicing", "mps", "mig", "pretend"]
    """`pretend`: nodes advertise GPUs that do not exist; nothing is installed and TensorFlow uses the CPU."""

    pods_per_gpu: Annotated[int, Field(ge=2, le=64)] | None = None
    """How many pods share one device; for timeSlicing and mps."""

    memory_fraction: Percent | None = None
    """Share of a device's memory that one pod may take where pods share it; 100% / podsPerGpu where not given."""

    runtime_class_name: str | None = None
    """RuntimeClass of pods with a GPU, such as `nvidia`."""

    node_selector: Labels = {"nvidia.com/gpu.present": "true"}
    """Labels of GPU nodes; gpu-feature-discovery sets the default one."""

    @property
    def resource(self) -> str:
        """Name of the extended resource pods ask for; renameByDefault gives shared devices a name of their own."""
        return "nvidia.com/gpu.shared" if self.shares else "nvidia.com/gpu"

    @property
    def shares(self) -> bool:
        """Whether several pods use one device."""
        return self.mode in ("timeSlicing", "mps")


class QuotaRequests(CpuMemory):
    """Sum of what all pods of the tenant may request."""

    gpu: Annotated[int, Field(ge=0)] = 0
    """Devices, or shares of them where `gpu` shares."""


class QuotaSettings(Section):
    """The tenant's ResourceQuota."""

    requests: QuotaRequests
    limits: CpuMemory
    """Sum of what all pods of the tenant may use."""

    pods: Annotated[int, Field(ge=1)] | None = None
    """Number of pods at the same time; unlimited where not given."""


class ContainerDefaults(Section):
    """The tenant's LimitRange: what a container gets that states nothing."""

    requests: CpuMemory = CpuMemory(cpu=Quantity.parse("100m"), memory=Quantity.parse("128Mi"))
    """Requests of a container that states none."""

    limits: CpuMemory = CpuMemory(cpu=Quantity.parse("500m"), memory=Quantity.parse("512Mi"))
    """Limits of a container that states none."""


class TensorBoardSettings(Section):
    """Curves of the runs in the store, for the tenant's own pods and `kubectl port-forward`."""

    resources: PodResources = PodResources(
        cpu=Quantity.parse("200m"),
        memory=Quantity.parse("512Mi"),
        limits=CpuMemory(cpu=Quantity.parse("1"), memory=Quantity.parse("1Gi")),
    )
    """TensorFlow, which it imports, takes 600 MiB where they are there, and a CPU for the first 4 s."""


class TenantSettings(Section):
    """A namespace that can only be used within its quota, its limits and its network."""

    quota: QuotaSettings
    container_defaults: ContainerDefaults = ContainerDefaults()
    queue: Name | None = None
    """LocalQueue of Kueue that its training Jobs wait in; made here where `gpuPool` gives the tenant a share."""

    labels: Labels = {}
    """Added to every object of the tenant, for selection and cost."""

    tensorboard: TensorBoardSettings | None = None
    """TensorBoard in the tenant; none where not given. `{}` takes its defaults."""


class PriceSettings(Section):
    """Price card per hour, after OpenCost's fallback prices (opencost: configs/default.json)."""

    cpu_core: Money = Money.parse("0.031611 USD")
    """One core for an hour."""

    memory_gib: Money = Money.parse("0.004237 USD")
    """One GiB for an hour."""

    gpu: Money = Money.parse("0.95 USD")
    """One GPU for an hour; where pods share it, each pays its part."""


def _day(raw: object) -> date:
    if isinstance(raw, str):
        # The engine hands an unquoted date on as a point in time.
        day = raw.removesuffix("T00:00:00Z")
        try:
            return date.fromisoformat(day)
        except ValueError:
            raw = day
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return raw
    msg = f"expected a day such as 2026-12-31, got {str(raw)!r}"
    raise ValueError(msg)


class Waiver(Section):
    """Lets a check pass, for a reason and for a time."""

    reason: Annotated[str, Field(min_length=1)]
    """Why it is right here; printed with what it waives."""

    until: Annotated[date, PlainValidator(_day)]
    """Last day it counts, such as 2026-12-31."""


class PolicySettings(Section):
    """What this stack insists on."""

    require_digest: bool = False
    """Makes an image without a digest an error instead of a warning."""

    monthly_budget: Money | None = None
    """Most that a month may cost at worst: everything at its maximum for 730 hours, and each run to its deadline."""

    waivers: Mapping[str, Waiver] = {}
    """Checks that may fail, by their id (docs/checks.md)."""

    prices: PriceSettings = PriceSettings()
