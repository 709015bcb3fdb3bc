"""TensorBoard of a tenant: the curves of every run in the store that its pods see."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import (
    ContainerPortArgs,
    HTTPGetActionArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    PodSpecArgs,
    ProbeArgs,
    Service,
    TCPSocketActionArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.components import labels, network, pod
from infra.components.model_store import ModelStore
from infra.components.single import single_server
from infra.components.tenant import SERVICE_ACCOUNT, Tenant
from infra.settings.platform import TensorBoardSettings

_NAME: Final = "tensorboard"
"""Of the Deployment and the Service; a tenant has one."""

_PORT: Final = 6006
_STORE: Final = "/store"
_RELOAD_SECONDS: Final = 30
"""Between two walks through the store; TensorBoard's own 5 s are much for one that lies on a network."""

_STARTUP_PERIOD_SECONDS: Final = 2
_STARTUP_SECONDS: Final = 120
"""It imports TensorFlow first: 4 s of a CPU, and more from a cold disk."""

_GRACE_SECONDS: Final = 10
"""It ends by itself at SIGTERM, and a page that loads then loads again."""


@dataclass(frozen=True, kw_only=True)
class TensorBoardArgs:
    """Whose curves are shown, with what."""

    settings: TensorBoardSettings

    image: pulumi.Input[str]
    """The training image, which has the `tensorboard` package."""

    tenant: Tenant
    tenant_name: str
    """Key of the tenant in the stack file, which is its namespace's name too."""

    store: ModelStore


class TensorBoard(pulumi.ComponentResource):
    """One pod that reads `<store>/<model>/.logs/<version>/`, and a Service for the tenant's own pods.

    It asks nobody who they are, so it has no way in from outside: `kubectl port-forward` is one for people.
    """

    deployment: Deployment
    service: Service

    cluster_url: str
    """The page, from inside the tenant."""

    def __init__(self, name: str, args: TensorBoardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:TensorBoard", name, None, opts)
        tenant = args.tenant
        selector = labels.model_selector(_NAME, _NAME)
        object_labels = {**labels.common(_NAME, tenant.labels), **selector}
        after_tenant = pulumi.ResourceOptions(parent=self, depends_on=tenant.ready)

        def metadata(object_name: str = _NAME) -> ObjectMetaArgs:
            return ObjectMetaArgs(name=object_name, namespace=tenant.namespace_name, labels=object_labels)

        callers, calls = f"{_NAME}-callers", f"{_NAME}-calls"
        own = [network.own_namespace()]
        policies = (
            network.allow_in(f"{name}-callers", metadata(callers), selector, own, _PORT, opts=after_tenant),
            network.allow_calls(f"{name}-calls", metadata(calls), selector, _PORT, after_tenant),
        )
        self.deployment, self.service = single_server(
            name,
            metadata(),
            selector,
            _pod(args),
            pulumi.ResourceOptions(parent=self, depends_on=[*tenant.ready, *policies]),
            port=_PORT,
            start_seconds=_STARTUP_SECONDS + _GRACE_SECONDS,
        )
        self.cluster_url = f"http://{_NAME}.{args.tenant_name}.svc:{_PORT}"
        self.register_outputs({"clusterUrl": self.cluster_url})


def _pod(args: TensorBoardArgs) -> PodSpecArgs:
    container = pod.container(
        "tensorboard",
        args.image,
        ["python3", "-m", "tensorboard.main"],
        args=[
            # Walks into directories with a dot too, which is where the logs of all models are.
            f"--logdir={_STORE}",
            "--host=0.0.0.0",
            f"--port={_PORT}",
            f"--reload_interval={_RELOAD_SECONDS}",
        ],
        env=pod.environment({}),
        asked=pod.resources(args.settings.resources.container(), None),
        mounts=[VolumeMountArgs(name="store", mount_path=_STORE, read_only=True)],
    )
    container.ports = [ContainerPortArgs(name="http", container_port=_PORT)]
    page = HTTPGetActionArgs(path="/data/environment", port=_PORT)
    container.startup_probe = ProbeArgs(
        http_get=page,
        period_seconds=_STARTUP_PERIOD_SECONDS,
        timeout_seconds=3,
        failure_threshold=_STARTUP_SECONDS // _STARTUP_PERIOD_SECONDS,
    )
    container.readiness_probe = ProbeArgs(http_get=page, period_seconds=5, timeout_seconds=3, failure_threshold=3)
    # Of the open port only: it may be busy with many curves.
    container.liveness_probe = ProbeArgs(
        tcp_socket=TCPSocketActionArgs(port=_PORT), period_seconds=20, timeout_seconds=5, failure_threshold=6
    )
    claim = PersistentVolumeClaimVolumeSourceArgs(claim_name=args.store.claim_name, read_only=True)
    return PodSpecArgs(
        service_account_name=SERVICE_ACCOUNT,
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=pod.pod_security(),
        termination_grace_period_seconds=_GRACE_SECONDS,
        containers=[container],
        volumes=[pod.temp_volume(), VolumeArgs(name="store", persistent_volume_claim=claim)],
    )
