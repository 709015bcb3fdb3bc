"""What Prometheus may do in a tenant: see its pods, and ask the model servers for their metrics."""

from typing import Final

import pulumi
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, Role, RoleBinding, RoleRefArgs, SubjectArgs

from infra.components import labels, network
from infra.components.model_version import COMPONENT
from infra.components.serving_pod import REST_PORT
from infra.components.tenant import Tenant
from infra.settings.monitoring import NAMESPACE

_NAME: Final = "monitoring"
"""Of the Role, its binding and the NetworkPolicy; a tenant has one of each."""


def allow(name: str, tenant: Tenant, account: ServiceAccount, parent: pulumi.Resource) -> tuple[pulumi.Resource, ...]:
    """A Role of this namespace alone, its binding, and the way in to the servers.

    Args:
        name: In front of the objects' logical names.
        tenant: Serves a model.
        account: Of Prometheus.
        parent: The component.
    """
    object_labels = labels.common(_NAME, tenant.labels)
    metadata = ObjectMetaArgs(name=_NAME, namespace=tenant.namespace_name, labels=object_labels)
    opts = pulumi.ResourceOptions(parent=parent, depends_on=tenant.ready)
    role = Role(
        f"{name}-role",
        metadata=metadata,
        rules=[PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["get", "list", "watch"])],
        opts=opts,
    )
    binding = RoleBinding(
        f"{name}-binding",
        metadata=metadata,
        role_ref=RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=role.metadata.name),
        subjects=[SubjectArgs(kind="ServiceAccount", name=account.metadata.name, namespace=account.metadata.namespace)],
        opts=opts,
    )
    servers = labels.component_selector(COMPONENT)
    sources = network.namespaces([NAMESPACE])
    way_in = network.allow_in(f"{name}-way-in", metadata, servers, sources, REST_PORT, opts=opts)
    return role, binding, way_in
