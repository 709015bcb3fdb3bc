"""A server of one pod, with a Service in front of it: TensorBoard and Prometheus."""

from collections.abc import Mapping

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs, DeploymentStrategyArgs
from pulumi_kubernetes.core.v1 import PodSpecArgs, PodTemplateSpecArgs, Service, ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs


def single_server(
    name: str,
    metadata: ObjectMetaArgs,
    selector: Mapping[str, str],
    pod: PodSpecArgs,
    opts: pulumi.ResourceOptions,
    *,
    port: int,
    start_seconds: int | None = None,
) -> tuple[Deployment, Service]:
    """The Deployment and its Service.

    Never two pods at a time: they would write the same files, or need a second one's room in the quota.

    Args:
        name: Logical name of both.
        metadata: Of both; the pod has its labels.
        selector: Labels of the pod that no other pod in its namespace has.
        pod: What runs.
        opts: Of the Deployment; the Service follows it.
        port: Of the Service; the container's is called `http`.
        start_seconds: After which a start counts as failed; Kubernetes' 10 minutes where not given.
    """
    deployment = Deployment(
        name,
        metadata=metadata,
        spec=DeploymentSpecArgs(
            replicas=1,
            selector=LabelSelectorArgs(match_labels=selector),
            strategy=DeploymentStrategyArgs(type="Recreate"),
            progress_deadline_seconds=start_seconds,
            template=PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=metadata.labels), spec=pod),
        ),
        opts=opts,
    )
    service = Service(
        name,
        metadata=metadata,
        spec=ServiceSpecArgs(
            type="ClusterIP",
            selector=selector,
            ports=[ServicePortArgs(name="http", port=port, target_port="http", app_protocol="http")],
        ),
        opts=pulumi.ResourceOptions(parent=opts.parent, depends_on=[deployment]),
    )
    return deployment, service
