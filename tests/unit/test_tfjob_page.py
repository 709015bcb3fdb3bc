"""docs/tfjob.md leaves out no field of the TFJob API, and names only keys that a stack file has."""

import re

from ops.stackfile import ROOT

PAGE = (ROOT / "docs" / "tfjob.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
THEIRS, OURS = (" ".join(row[column] for row in ROWS) for column in (0, 1))
KEYS = (ROOT / "docs" / "stack-file.md").read_text(encoding="utf-8")

# kubeflow.org/v1 of training-operator v1.9.0: tensorflow_types.go and common_types.go
FIELDS = (
    "tfReplicaSpecs Chief Master Worker PS Evaluator replicas template restartPolicy successPolicy AllWorkers "
    "enableDynamicWorker cleanPodPolicy None Running All ttlSecondsAfterFinished activeDeadlineSeconds backoffLimit "
    "suspend managedBy minAvailable queue minResources priorityClass scheduleTimeoutSeconds "
    "Never OnFailure Always ExitCode conditions Created Restarting Succeeded Suspended Failed "
    "replicaStatuses startTime completionTime lastReconcileTime TF_CONFIG CUSTOM_CLUSTER_DOMAIN"
)


def test_every_field_of_a_tfjob_is_answered() -> None:
    named = set(re.findall(r"[A-Za-z_]+", " ".join(re.findall(r"`[^`]+`", THEIRS))))
    assert [field for field in FIELDS.split() if field not in named] == []


def test_every_key_named_instead_is_one_of_the_stack_file() -> None:
    named = set(re.findall(r"`((?:trainingJobs|tenants|gpuPool|gpu|images|store)(?:\.[A-Za-z<>]+)*)`", OURS))
    assert {"trainingJobs.<name>.workers", "tenants.<name>.queue", "gpuPool.patience"} <= named
    assert [key for key in sorted(named) if f"| `{key}` |" not in KEYS] == []
