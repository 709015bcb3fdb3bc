"""Every sum about a stack, done once: what it may need at worst, how long things take, what it costs.

Components and checks read the plan; nothing else computes.
"""

from infra.plan.amounts import Amounts, Demand, shown, total
from infra.plan.nodes import Packing, fits, node_of, one_pod, pack, spread
from infra.plan.objectives import Burn, burns
from infra.plan.pool import SharePlan
from infra.plan.prices import HOURS_PER_MONTH
from infra.plan.retries import backoff, waits
from infra.plan.scaling import (
    CREATED_PER_SECOND,
    METRIC_LAG,
    SCALE_UP_PERCENT,
    SCALE_UP_PODS,
    SYNC,
    ScaleStep,
    ScaleUp,
    capacity,
    largest_load,
    replicas_for,
    saturation,
    scale_up,
    tolerance,
    weight_steps,
)
from infra.plan.server import BatchingPlan
from infra.plan.serving import (
    GRACE_MARGIN,
    ModelPlan,
    RolloutPlan,
    largest_replicas,
    peak_pods,
    surge_pods,
    without_surge,
)
from infra.plan.stack import JobPlan, MonitoringPlan, NodesPlan, Plan, TenantPlan, make_plan
from infra.plan.sweeps import SweepPlan, sweep_data_set, sweep_definition

__all__ = [
    "CREATED_PER_SECOND",
    "GRACE_MARGIN",
    "HOURS_PER_MONTH",
    "METRIC_LAG",
    "SCALE_UP_PERCENT",
    "SCALE_UP_PODS",
    "SYNC",
    "Amounts",
    "BatchingPlan",
    "Burn",
    "Demand",
    "JobPlan",
    "ModelPlan",
    "MonitoringPlan",
    "NodesPlan",
    "Packing",
    "Plan",
    "RolloutPlan",
    "ScaleStep",
    "ScaleUp",
    "SharePlan",
    "SweepPlan",
    "TenantPlan",
    "backoff",
    "burns",
    "capacity",
    "fits",
    "largest_load",
    "largest_replicas",
    "make_plan",
    "node_of",
    "one_pod",
    "pack",
    "peak_pods",
    "replicas_for",
    "saturation",
    "scale_up",
    "shown",
    "spread",
    "surge_pods",
    "sweep_data_set",
    "sweep_definition",
    "tolerance",
    "total",
    "waits",
    "weight_steps",
    "without_surge",
]
