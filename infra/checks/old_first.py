"""The way out for a model whose devices are all taken: a change of its pods takes old ones away before it adds new."""

from typing import Final

from infra.plan import Demand, peak_pods, without_surge
from infra.settings import Settings

OLD_FIRST: Final = "{maxSurge: 0, maxUnavailable: 1}"
"""What `infra.plan.without_surge` does, in the stack file's words."""


def pods_old_first(settings: Settings, demand: Demand) -> int | None:
    """The most pods of a model at a time, if old ones went first.

    None for other demands, for models without devices, whose surge costs little, and where it is so already.
    """
    section, name = demand.path.split(".", 1)
    if section != "models" or not demand.requests.gpu or settings.models[name].rollout.max_surge == 0:
        return None
    model = without_surge(settings.models[name])
    return peak_pods(model, model.autoscaling.max_replicas)
