"""What the workers of one run need to find each other: names from the first moment, and a network of their own."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import Service, ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from contract.run import WORKER_PORT
from infra.components import labels, network
from infra.components.tenant import Tenant

COMPONENT = "training"
"""Label of everything that belongs to a run."""


def subdomain(run: str) -> str:
    """Name of the run's headless Service; `<model>-v<version>` itself is the Service that serves it."""
    return f"{run}-workers"


def peers(run: str, namespace: str, count: int) -> tuple[str, ...]:
    """`host:port` of every worker in order of their indices; none where one works alone.

    Kubernetes gives the pods of an Indexed Job the host names `<job>-<index>`
    (https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode).
    """
    if count == 1:
        return ()
    return tuple(f"{run}-{index}.{subdomain(run)}.{namespace}.svc:{WORKER_PORT}" for index in range(count))


@dataclass(frozen=True, kw_only=True)
class WorkersArgs:
    """Whose workers they are."""

    model: str
    version: int
    tenant: Tenant


class Workers(pulumi.ComponentResource):
    """Headless Service and NetworkPolicy of a run of several workers: nobody else reaches their port.

    TensorFlow's own traffic is neither encrypted nor authenticated, and runs what it is told
    (https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md).
    """

    ready: tuple[pulumi.Resource, ...]
    """What must stand before the workers start."""

    def __init__(self, run: str, args: WorkersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:Workers", run, None, opts)
        tenant = args.tenant
        name = subdomain(run)
        pods = labels.version_selector(COMPONENT, args.model, args.version)
        metadata = ObjectMetaArgs(
            name=name,
            namespace=tenant.namespace_name,
            labels=labels.versioned(COMPONENT, tenant.labels, model=args.model, version=args.version),
        )
        after_tenant = pulumi.ResourceOptions(parent=self, depends_on=tenant.ready)
        service = Service(
            name,
            metadata=metadata,
            spec=ServiceSpecArgs(
                cluster_ip="None",
                # Each waits for the others before it is of any use, so none could become ready first.
                publish_not_ready_addresses=True,
                selector=pods,
                ports=[ServicePortArgs(name="workers", port=WORKER_PORT, protocol="TCP")],
            ),
            opts=after_tenant,
        )
        policy = network.allow_among(name, metadata, pods, WORKER_PORT, after_tenant)
        self.ready = (service, policy)
        self.register_outputs({})
