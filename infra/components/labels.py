"""Labels of everything the program makes: Kubernetes' recommended ones, and the tenant's own for cost.

https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
"""

from collections.abc import Mapping

_NAME = "app.kubernetes.io/name"
_COMPONENT = "app.kubernetes.io/component"
_VERSION = "app.kubernetes.io/version"

Labels = Mapping[str, str]


def common(component: str, own: Labels) -> dict[str, str]:
    """Labels of an object that belongs to no model; `own` are the tenant's."""
    return {
        **own,
        "app.kubernetes.io/part-of": "tfk8s",
        "app.kubernetes.io/managed-by": "pulumi",
        _COMPONENT: component,
    }


def versioned(component: str, own: Labels, *, model: str, version: int) -> dict[str, str]:
    """Labels of an object that belongs to one version of a model."""
    return {
        **common(component, own),
        "app.kubernetes.io/instance": f"{model}-v{version}",
        **version_selector(component, model, version),
    }


def queued(queue: str | None) -> dict[str, str]:
    """Label that makes Kueue hold a Job until its queue has room; on the Job alone, not on its pods."""
    return {} if queue is None else {"kueue.x-k8s.io/queue-name": queue}


def searching(component: str, own: Labels, *, model: str, job: str) -> dict[str, str]:
    """Labels of an object that belongs to a model and to no version of it."""
    return {**common(component, own), "app.kubernetes.io/instance": job, **model_selector(component, model)}


def component_selector(component: str) -> dict[str, str]:
    """Selects the pods of every model in a namespace."""
    return {_COMPONENT: component}


def model_selector(component: str, model: str) -> dict[str, str]:
    """Selects the pods of every version of a model. Training and serving pods of one model differ by component."""
    return {_NAME: model, _COMPONENT: component}


def version_selector(component: str, model: str, version: int) -> dict[str, str]:
    """Selects the pods of one version of a model."""
    return {**model_selector(component, model), _VERSION: str(version)}
