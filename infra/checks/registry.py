"""All checks, in the order in which their findings are shown."""

from collections.abc import Mapping
from typing import Final

from infra.checks.batching import batches_are_in_time, batches_fit_the_memory, warmup_fits_the_queue
from infra.checks.budget import price_stays_within_budget
from infra.checks.capacity import limits_cover_requests, quota_covers_worst_case
from infra.checks.check import Change, Check
from infra.checks.cluster import cluster_has_an_identity
from infra.checks.drain import drain_fits
from infra.checks.example import COUNTED, DIGEST, GATEWAY, PROMETHEUS
from infra.checks.exposure import source_ranges_are_networks
from infra.checks.gateway import gateways_can_mirror, gateways_may_call, tracks_have_a_gateway
from infra.checks.gpu import device_plugin_is_given, gpus_are_declared, gpus_are_shared_soundly, shares_fit_the_memory
from infra.checks.images import digests_are_given, tags_are_exact
from infra.checks.load import (
    eviction_leaves_enough,
    load_fits_the_maximum,
    replicas_come_in_time,
    traffic_moves_onto_enough,
)
from infra.checks.monitoring import objectives_can_be_missed, prometheus_is_given, requests_are_counted
from infra.checks.names import (
    label_keys_are_free,
    names_fit,
    namespaces_are_free,
    objects_have_their_own_names,
    versions_are_exact_numbers,
)
from infra.checks.nodes import nodes_hold_the_worst_case, pods_fit_a_node
from infra.checks.pool import (
    borrowing_stays_within,
    pool_is_there,
    queues_are_made_here,
    queues_can_admit,
    shares_have_a_queue,
)
from infra.checks.prices import prices_share_a_currency
from infra.checks.rollout import dips_are_known, rollouts_end_in_time, rollouts_go_one_way, usual_start_is_shorter
from infra.checks.scaling import (
    a_replica_carries_its_target,
    autoscalers_have_no_tolerance,
    autoscaling_bounds,
    cpu_target_has_a_request,
    target_leaves_head_room,
    zero_is_possible,
)
from infra.checks.store import handles_fit_tenants, one_kind_of_store
from infra.checks.sweeps import sweeps_can_be_run, sweeps_have_declared_arguments
from infra.checks.tensorflow import tensorflow_is_one_minor
from infra.checks.tracks import served_versions_have_a_source, tracks_differ, weights_sum_to_all
from infra.checks.training import batch_divides, retries_fit_the_deadline, stalls_are_told_from_starts

_SERVE: Final = "tenants.serve.quota"
_MODEL: Final = "models.digits"
_JOB: Final = "trainingJobs.digits"

_PLENTY: Final = (
    _SERVE,
    {"requests": {"cpu": 999, "memory": "9Ti", "gpu": 999}, "limits": {"cpu": 999, "memory": "9Ti"}},
)
_QUOTA: Final = {"quota": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": 1, "memory": "1Gi"}}}
_OTHER_MODEL: Final = {
    "tenant": "serve",
    "resources": {"cpu": 1, "memory": "1Gi"},
    "tracks": {"stable": {"version": 1, "fetch": {"url": "https://example.org/m.tar.gz", "sha256": "0" * 64}}},
    "autoscaling": {"maxReplicas": 1},
}
_OTHER_JOB: Final = {"tenant": "serve", "version": 2026013112000012, "resources": {"cpu": 1, "memory": "1Gi"}}

_SWEEP: Final = {
    "tenant": "serve",
    "model": "digits",
    "trials": 4,
    "space": {"learningRate": {"type": "float", "low": 0.0001, "high": 0.01, "log": True}},
    "resources": {"cpu": 1, "memory": "1Gi"},
}


def _pooled(share: Mapping[str, object], *changes: Change) -> tuple[Change, ...]:
    return (("tenants.train.queue", "gpus"), ("gpuPool.tenants", {"train": share}), *changes)


def _model(**words: object) -> tuple[tuple[str, object], ...]:
    return tuple((f"{_MODEL}.{key}", value) for key, value in words.items())


def _nodes(**pool: object) -> tuple[tuple[str, object], ...]:
    return (("cluster.nodePools", {"a100": pool}),)


CHECKS: Final[tuple[Check, ...]] = (
    Check(
        id="cluster-identity",
        find=cluster_has_an_identity,
        severities=("warning",),
        example=(("cluster", {"context": "prod-gpu"}),),
    ),
    Check(id="tenant-name", find=namespaces_are_free, example=(("tenants.kube-system", _QUOTA),)),
    Check(id="object-name", find=objects_have_their_own_names, example=(_PLENTY, ("models.digits-v3", _OTHER_MODEL))),
    Check(id="name-length", find=names_fit, example=(_PLENTY, (f"trainingJobs.{'long-' * 7}named", _OTHER_JOB))),
    Check(id="version-number", find=versions_are_exact_numbers, example=((f"{_JOB}.version", 20260131120000123),)),
    Check(id="label-key", find=label_keys_are_free, example=(("tenants.serve.labels", {"cost center": "vision"}),)),
    Check(
        id="autoscaling-bounds",
        find=autoscaling_bounds,
        example=_model(autoscaling={"minReplicas": 4, "maxReplicas": 1}),
    ),
    Check(
        id="cpu-target",
        find=cpu_target_has_a_request,
        example=_model(resources={"cpu": 0, "memory": "1Gi", "gpu": 1, "limits": {"cpu": 1, "memory": "1Gi"}}),
    ),
    Check(
        id="head-room",
        find=target_leaves_head_room,
        example=_model(
            resources={"cpu": "500m", "memory": "1Gi", "gpu": 1},
            autoscaling={"maxReplicas": 3, "targets": {"cpu": "95%"}},
        ),
    ),
    Check(
        id="requests-target",
        find=a_replica_carries_its_target,
        example=(
            *COUNTED,
            ("cluster.kubernetesVersion", "1.35"),
            *_model(
                autoscaling={"minReplicas": 2, "maxReplicas": 3, "targets": {"requestsPerSecond": 60}},
                load={"requestsPerSecond": 50, "perReplica": 50},
            ),
        ),
    ),
    Check(
        id="hpa-tolerance",
        find=autoscalers_have_no_tolerance,
        example=(
            *COUNTED,
            ("cluster.kubernetesVersion", "1.34"),
            *_model(autoscaling={"maxReplicas": 3, "targets": {"requestsPerSecond": 40}}),
        ),
    ),
    Check(
        id="scale-to-zero",
        find=zero_is_possible,
        example=(
            *COUNTED,
            ("cluster.kubernetesVersion", "1.36"),
            *_model(autoscaling={"minReplicas": 0, "maxReplicas": 3, "targets": {"requestsPerSecond": 40}}),
        ),
    ),
    Check(
        id="limits",
        find=limits_cover_requests,
        example=_model(
            resources={"cpu": "500m", "memory": "1Gi", "gpu": 1, "limits": {"cpu": "250m", "memory": "1Gi"}}
        ),
    ),
    Check(id="quota", find=quota_covers_worst_case, example=((f"{_SERVE}.requests.gpu", 4),)),
    Check(id="pod-fits-node", find=pods_fit_a_node, example=_nodes(count=9, cpu=8, memory="32Gi", gpu=1)),
    Check(
        id="nodes",
        find=nodes_hold_the_worst_case,
        severities=("error", "warning"),
        example=_nodes(count=2, cpu=8, memory="32Gi", gpu=2),
    ),
    Check(id="gpu-mode", find=gpus_are_declared, example=(("gpu", {}), (f"{_JOB}.gpus", 0))),
    Check(id="gpu-sharing", find=gpus_are_shared_soundly, example=(("gpu", {"mode": "timeSlicing", "podsPerGpu": 4}),)),
    Check(
        id="gpu-memory",
        find=shares_fit_the_memory,
        example=(("gpu", {"mode": "timeSlicing", "podsPerGpu": 4, "memoryFraction": "30%"}), (f"{_JOB}.gpus", 1)),
    ),
    Check(
        id="device-plugin",
        find=device_plugin_is_given,
        example=(("images.devicePlugin", None),),
    ),
    Check(
        id="queue-owner",
        find=queues_are_made_here,
        severities=("warning",),
        example=(("tenants.train.queue", "gpus"),),
    ),
    Check(id="pool-queue", find=shares_have_a_queue, example=(("gpuPool.tenants", {"train": {"gpu": 2}}),)),
    Check(
        id="pool-devices",
        find=pool_is_there,
        severities=("error", "warning"),
        example=_pooled(
            {"gpu": 20},
            ("tenants.train.quota.requests.gpu", 20),
            *_nodes(count=8, cpu=8, memory="32Gi", gpu=2),
        ),
    ),
    Check(
        id="pool-borrowing",
        find=borrowing_stays_within,
        severities=("error", "warning"),
        example=_pooled({"gpu": 2, "borrowingLimit": 1}),
    ),
    Check(id="pool-admission", find=queues_can_admit, example=_pooled({"gpu": 1})),
    Check(id="batch-size", find=batch_divides, example=((f"{_JOB}.args", {"batchSize": 65}),)),
    Check(id="retries", find=retries_fit_the_deadline, example=((f"{_JOB}.deadline", "2m"),)),
    Check(
        id="stall-timeout",
        find=stalls_are_told_from_starts,
        severities=("error", "warning"),
        example=((f"{_JOB}.stallTimeout", "6h"),),
    ),
    Check(id="drain", find=drain_fits, example=_model(requestTimeout="20s", drain={"gracePeriod": "29s"})),
    Check(
        id="batching-time",
        find=batches_are_in_time,
        example=_model(
            batching={"maxBatchSize": 64, "maxEnqueuedBatches": 8},
            autoscaling={"minReplicas": 2, "maxReplicas": 3},
            load={"requestsPerSecond": 50, "perReplica": 50},
        ),
    ),
    Check(
        id="batching-memory",
        find=batches_fit_the_memory,
        example=_model(batching={"maxBatchSize": 128, "memoryPerRow": "8Mi"}),
    ),
    Check(
        id="batching-warm-up",
        find=warmup_fits_the_queue,
        example=_model(batching={"maxBatchSize": 8, "maxEnqueuedBatches": 2}),
    ),
    Check(id="start-up", find=usual_start_is_shorter, example=_model(coldStart="12m")),
    Check(id="rollout-step", find=rollouts_go_one_way, example=_model(rollout={"maxSurge": 0})),
    Check(
        id="capacity-dip",
        find=dips_are_known,
        severities=("warning",),
        example=_model(
            autoscaling={"minReplicas": 2, "maxReplicas": 3},
            rollout={"maxSurge": 0, "maxUnavailable": 1},
            load={"requestsPerSecond": 100, "perReplica": 50},
        ),
    ),
    Check(
        id="rollout-time",
        find=rollouts_end_in_time,
        severities=("warning",),
        example=(_PLENTY, *_model(autoscaling={"minReplicas": 3, "maxReplicas": 800})),
    ),
    Check(
        id="scale-ceiling",
        find=load_fits_the_maximum,
        example=_model(
            autoscaling={"minReplicas": 2, "maxReplicas": 3},
            load={"requestsPerSecond": 50, "step": 200, "perReplica": 50},
        ),
    ),
    Check(
        id="scale-time",
        find=replicas_come_in_time,
        example=(
            _PLENTY,
            *_model(
                resources={"cpu": 2, "memory": "4Gi", "gpu": 1},
                autoscaling={"minReplicas": 3, "maxReplicas": 20},
                load={"requestsPerSecond": 100, "step": 700, "perReplica": 50, "within": "5m"},
            ),
        ),
    ),
    Check(
        id="eviction",
        find=eviction_leaves_enough,
        severities=("warning",),
        example=_model(load={"requestsPerSecond": 20, "perReplica": 50}),
    ),
    Check(
        id="track-load",
        find=traffic_moves_onto_enough,
        severities=("warning",),
        example=(
            _PLENTY,
            *_model(
                autoscaling={"minReplicas": 2, "maxReplicas": 10}, load={"requestsPerSecond": 300, "perReplica": 50}
            ),
        ),
    ),
    Check(id="track-weights", find=weights_sum_to_all, example=_model(tracks={"stable": {"version": 3, "weight": 50}})),
    Check(
        id="track-versions",
        find=tracks_differ,
        example=(_PLENTY, *_model(expose=GATEWAY, tracks={"stable": {"version": 3}, "canary": {"version": 3}})),
    ),
    Check(
        id="one-track",
        find=tracks_have_a_gateway,
        example=(_PLENTY, *_model(tracks={"stable": {"version": 3}, "canary": {"version": 2}})),
    ),
    Check(id="gateway-peers", find=gateways_may_call, example=_model(expose={"gateway": {"className": "traefik"}})),
    Check(
        id="gateway-feature",
        find=gateways_can_mirror,
        example=(
            _PLENTY,
            *_model(expose=GATEWAY, tracks={"stable": {"version": 3}, "canary": {"version": 2, "mirror": True}}),
        ),
    ),
    Check(
        id="served-version",
        find=served_versions_have_a_source,
        severities=("warning",),
        example=_model(tracks={"stable": {"version": 4}}),
    ),
    Check(
        id="store-kind",
        find=one_kind_of_store,
        example=(("store", {"local": "/models", "nfs": {"server": "10.0.0.1", "path": "/exports"}}),),
    ),
    Check(
        id="store-handles",
        find=handles_fit_tenants,
        example=(("store", {"csi": {"driver": "efs.csi.aws.com", "volumeHandles": {"train": "fs-1::fsap-1"}}}),),
    ),
    Check(id="sweep", find=sweeps_can_be_run, example=(_PLENTY, ("sweeps.digits", {**_SWEEP, "parallelism": 9}))),
    Check(
        id="sweep-model",
        find=sweeps_have_declared_arguments,
        example=(_PLENTY, ("sweeps.digits", {**_SWEEP, "model": "digit"})),
    ),
    Check(id="monitoring-image", find=prometheus_is_given, example=(("monitoring", {}),)),
    Check(
        id="objectives",
        find=objectives_can_be_missed,
        example=(PROMETHEUS, ("monitoring", {"objectives": {"availability": "90%"}})),
    ),
    Check(
        id="requests-counted",
        find=requests_are_counted,
        severities=("error", "warning"),
        example=(
            PROMETHEUS,
            ("cluster.kubernetesVersion", "1.35"),
            ("monitoring", {}),
            *_model(autoscaling={"maxReplicas": 3, "targets": {"requestsPerSecond": 40}}),
        ),
    ),
    Check(id="image-tag", find=tags_are_exact, example=(("images.serving.ref", "tensorflow/serving:latest"),)),
    Check(
        id="image-digest",
        find=digests_are_given,
        severities=("warning", "error"),
        example=(("images.serving.ref", "tensorflow/serving:2.20.0"),),
    ),
    Check(
        id="tensorflow-minor",
        find=tensorflow_is_one_minor,
        example=(("images.training", {"ref": f"registry.example.org/tensorflow-train:2.21.0@{DIGEST}"}),),
    ),
    Check(
        id="source-ranges",
        find=source_ranges_are_networks,
        severities=("error", "warning"),
        example=_model(expose={"loadBalancer": {"sourceRanges": ["10.0.0.1/8"]}}),
    ),
    Check(id="price-currency", find=prices_share_a_currency, example=(("policy.prices", {"gpu": "1 EUR"}),)),
    Check(id="budget", find=price_stays_within_budget, example=(("policy.monthlyBudget", "2000 USD"),)),
)
"""Each with its id, what it may say, and a change of the example that makes it say so."""
