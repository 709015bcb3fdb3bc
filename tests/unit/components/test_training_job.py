import functools
import json

import pulumi
import pytest

from contract.run import RunEnvironment, alive_probe
from tests.unit.recorder import Recorder, Resource, Tree, committed_platform, record_changed, sound_platform
from tests.unit.words import DIGEST

JOB = "trainingJobs.digits"
ROOMY = {"requests": {"cpu": 90, "memory": "90Gi", "gpu": 90}, "limits": {"cpu": 90, "memory": "90Gi"}}
POLICY = "networking.k8s.io/v1:NetworkPolicy"


@functools.cache
def gang() -> Recorder:
    """The run with two workers."""
    return record_changed(("tenants.train.quota", ROOMY), (f"{JOB}.workers", 2), (f"{JOB}.backoffLimit", 3))


def job(platform: Recorder, run: str = "digits-v3") -> Resource:
    return platform.one("batch/v1:Job", run)


def pod(platform: Recorder, run: str = "digits-v3") -> Tree:
    return job(platform, run).inputs["spec"]["template"]["spec"]


def container(platform: Recorder) -> Tree:
    [only] = pod(platform)["containers"]
    return only


def environment(platform: Recorder) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(platform)["env"]}


def definition(**args: object) -> str:
    return json.dumps({"args": args, "dataVersion": None, "gpus": 2, "seed": 0, "workers": 1})


def test_the_run_is_named_by_model_and_version() -> None:
    assert job(sound_platform()).object_name == "digits-v3"
    assert job(sound_platform()).inputs["metadata"]["namespace"] == "train"


def test_the_image_understands_its_environment() -> None:
    run = RunEnvironment.from_env(environment(sound_platform()))
    assert (run.model, run.version, run.gpu_mode, run.store) == ("digits", 3, "exclusive", "/store")
    assert run.definition.canonical() == json.dumps(json.loads(definition(epochs=3)), separators=(",", ":"))
    assert run.image == f"registry.example.org/train:1@{DIGEST}" == container(sound_platform())["image"]


def test_all_words_of_the_definition_reach_the_run() -> None:
    words = ((f"{JOB}.seed", 7), (f"{JOB}.dataVersion", "2026-01"), (f"{JOB}.args", {"epochs": 5, "learningRate": 0.1}))
    run = RunEnvironment.from_env(environment(record_changed(*words)))
    assert run.definition.words() == {
        "args": {"epochs": 5, "learningRate": 0.1},
        "dataVersion": "2026-01",
        "gpus": 2,
        "seed": 7,
        "workers": 1,
    }


def test_the_run_can_be_told_to_pretend() -> None:
    variables = committed_platform("local").one("batch/v1:Job", "digits-v1").inputs["spec"]["template"]["spec"]
    assert {"name": "TFK8S_GPU_MODE", "value": "pretend"} in variables["containers"][0]["env"]


def test_it_ends_by_reasons_the_provider_waits_for() -> None:
    spec = job(record_changed((f"{JOB}.deadline", "90m"), (f"{JOB}.backoffLimit", 2))).inputs["spec"]
    assert spec["activeDeadlineSeconds"] == 5400
    assert spec["backoffLimit"] == 2
    assert pod(sound_platform())["restartPolicy"] == "Never"
    [rule] = spec["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onPodConditions"]) == (
        "Ignore",
        [{"type": "DisruptionTarget", "status": "True"}],
    )
    for hanging in ("ttlSecondsAfterFinished", "suspend", "backoffLimitPerIndex", "completionMode", "successPolicy"):
        assert hanging not in spec


def test_a_first_process_that_stopped_is_found_and_ended_without_grace() -> None:
    for platform in (sound_platform(), gang()):
        liveness, startup = container(platform)["livenessProbe"], container(platform)["startupProbe"]
        assert liveness["exec"]["command"] == startup["exec"]["command"] == list(alive_probe())
        assert (liveness["periodSeconds"], liveness["failureThreshold"]) == (5, 1)
        assert liveness["terminationGracePeriodSeconds"] == 1
        assert startup["periodSeconds"] * startup["failureThreshold"] == 60
        assert "terminationGracePeriodSeconds" not in startup


def test_a_stall_timeout_reaches_the_run_where_one_is_given() -> None:
    assert environment(record_changed((f"{JOB}.stallTimeout", "2m")))["TFK8S_STALL_TIMEOUT"] == "120"
    assert "TFK8S_STALL_TIMEOUT" not in environment(sound_platform())


def test_a_failed_run_is_retried_four_times_unless_said() -> None:
    assert job(sound_platform()).inputs["spec"]["backoffLimit"] == 4


def test_the_engine_waits_longer_than_the_deadline() -> None:
    run = job(record_changed((f"{JOB}.deadline", "90m")))
    assert run.create_timeout == run.update_timeout == "5520s"


def test_the_reason_of_a_failure_is_the_end_of_its_log() -> None:
    assert container(sound_platform())["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_it_asks_for_what_the_stack_file_says() -> None:
    asked = container(sound_platform())["resources"]
    assert {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "2"}.items() <= asked["requests"].items()
    assert {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "2"}.items() <= asked["limits"].items()


def test_limits_are_the_requests_where_none_are_given() -> None:
    job_ = committed_platform("dev").one("batch/v1:Job", "digits-v1").inputs["spec"]["template"]["spec"]
    [only] = job_["containers"]
    assert only["resources"]["limits"]["cpu"] == only["resources"]["requests"]["cpu"] == "1"
    assert only["resources"]["limits"]["nvidia.com/gpu.shared"] == "1"


def test_a_pod_with_gpus_gets_to_a_gpu_node() -> None:
    platform = record_changed(("gpu.runtimeClassName", "nvidia"), (f"{JOB}.nodeSelector", {"disk": "fast"}))
    assert pod(platform)["nodeSelector"] == {"nvidia.com/gpu.present": "true", "disk": "fast"}
    assert pod(platform)["runtimeClassName"] == "nvidia"
    assert pod(platform)["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_a_pod_without_gpus_may_go_anywhere() -> None:
    spec = pod(record_changed((f"{JOB}.gpus", 0), ("gpu.runtimeClassName", "nvidia")))
    for word in ("nodeSelector", "runtimeClassName", "tolerations"):
        assert word not in spec
    assert "nvidia.com/gpu" not in spec["containers"][0]["resources"]["limits"]
    assert "/dev/shm" not in [mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]]


def test_pretend_gpus_are_on_nodes_without_the_labels_of_gpu_nodes() -> None:
    spec = committed_platform("local").one("batch/v1:Job", "digits-v1").inputs["spec"]["template"]["spec"]
    assert "nodeSelector" not in spec
    assert spec["tolerations"]


def test_gpus_talk_through_memory() -> None:
    [volume] = [volume for volume in pod(sound_platform())["volumes"] if volume["name"] == "shm"]
    assert volume["emptyDir"]["medium"] == "Memory"
    assert volume["emptyDir"]["sizeLimit"]
    assert {"name": "shm", "mountPath": "/dev/shm"} in container(sound_platform())["volumeMounts"]


def test_on_a_shared_gpu_tensorflow_leaves_memory_to_others() -> None:
    shared = record_changed(("gpu", {"mode": "timeSlicing", "podsPerGpu": 2}), (f"{JOB}.gpus", 1))
    assert environment(shared)["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert "TF_FORCE_GPU_ALLOW_GROWTH" not in environment(sound_platform())


def test_it_writes_to_the_store() -> None:
    [mount] = [mount for mount in container(sound_platform())["volumeMounts"] if mount["name"] == "store"]
    assert mount == {"name": "store", "mountPath": "/store"}


def test_a_declared_run_is_not_touched_by_images_code_settings_or_labels() -> None:
    assert set(job(sound_platform()).ignore_changes) == {"spec", "metadata.labels", "metadata.annotations"}


def test_the_next_attempt_replaces_the_run_and_its_definition() -> None:
    first, second = sound_platform(), record_changed((f"{JOB}.attempt", 2))
    for kind, name in (("batch/v1:Job", "digits-v3"), ("pulumi:index:Stash", "digits-v3-definition")):
        assert first.one(kind, name).urn == second.one(kind, name).urn
        assert first.one(kind, name).replacement_trigger == 1
        assert second.one(kind, name).replacement_trigger == 2
    assert job(second).delete_before_replace


def test_the_definition_is_kept_as_first_declared() -> None:
    stash = sound_platform().one("pulumi:index:Stash", "digits-v3-definition")
    assert json.loads(stash.inputs["input"]) == json.loads(definition(epochs=3))
    assert stash.ignore_changes == ("input",)
    assert json.loads(job(sound_platform()).inputs["metadata"]["annotations"]["tfk8s.dev/definition"]) == json.loads(
        definition(epochs=3)
    )


@pytest.mark.parametrize("preview", [True, False])
def test_other_words_under_a_used_number_are_refused_with_both_named(preview: bool) -> None:
    kept = {"digits-v3-definition": definition(epochs=12)}
    with pytest.raises(pulumi.RunError) as refused:
        record_changed(preview=preview, kept=kept)
    text = str(refused.value)
    assert "tfk8s:trainingJobs.digits" in text
    assert "digits-v3" in text
    assert "args.epochs: 12 and 3" in text
    assert "attempt: 2" in text


def test_the_same_words_written_otherwise_are_the_same() -> None:
    spaced = json.dumps(json.loads(definition(epochs=3.0)), indent=2)
    assert job(record_changed(kept={"digits-v3-definition": spaced}))


def test_the_job_waits_for_its_definition_to_be_accepted() -> None:
    platform = sound_platform()
    assert platform.waits_for(job(platform), platform.one("pulumi:index:Stash", "digits-v3-definition"))


def test_a_new_version_is_a_new_run_beside_the_old_words() -> None:
    platform = record_changed((f"{JOB}.version", 4), ("models.digits.tracks.stable.version", 3))
    assert platform.all("batch/v1:Job")[0].name == "digits-v4"
    assert job(sound_platform()).urn not in platform.urns()


def test_several_workers_are_one_indexed_job_whose_containers_start_again_in_place() -> None:
    spec = job(gang()).inputs["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 2, 2)
    assert spec["backoffLimit"] == 7, "three restarts of each worker, together six, and Kubernetes fails it at seven"
    assert spec["template"]["spec"]["restartPolicy"] == "OnFailure"
    for hanging in ("podFailurePolicy", "ttlSecondsAfterFinished", "backoffLimitPerIndex", "successPolicy"):
        assert hanging not in spec


def test_several_workers_without_retries_have_none() -> None:
    platform = record_changed(("tenants.train.quota", ROOMY), (f"{JOB}.workers", 2), (f"{JOB}.backoffLimit", 0))
    assert job(platform).inputs["spec"]["backoffLimit"] == 0


def test_workers_know_each_other_by_names_that_kubernetes_gives_them() -> None:
    run = RunEnvironment.from_env({**environment(gang()), "JOB_COMPLETION_INDEX": "1"})
    assert run.peers == (
        "digits-v3-0.digits-v3-workers.train.svc:2222",
        "digits-v3-1.digits-v3-workers.train.svc:2222",
    )
    assert (run.definition.workers, run.is_chief) == (2, False)
    assert pod(gang())["subdomain"] == "digits-v3-workers"
    service = gang().one("core/v1:Service", "digits-v3-workers")
    assert (service.object_name, service.inputs["metadata"]["namespace"]) == ("digits-v3-workers", "train")
    assert service.inputs["spec"]["clusterIP"] == "None"
    assert service.inputs["spec"]["publishNotReadyAddresses"] is True
    labels = job(gang()).inputs["spec"]["template"]["metadata"]["labels"]
    assert service.inputs["spec"]["selector"].items() <= labels.items()


def test_only_the_runs_own_pods_reach_the_workers_port() -> None:
    policy = gang().one(POLICY, "digits-v3-workers").inputs
    pods = {"matchLabels": gang().one("core/v1:Service", "digits-v3-workers").inputs["spec"]["selector"]}
    ports = [{"port": 2222, "protocol": "TCP"}]
    assert policy["metadata"]["namespace"] == "train"
    assert policy["spec"] == {
        "podSelector": pods,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [{"podSelector": pods}], "ports": ports}],
        "egress": [{"to": [{"podSelector": pods}], "ports": ports}],
    }
    assert pods["matchLabels"]["app.kubernetes.io/version"] == "3"


def test_workers_start_when_their_network_stands() -> None:
    for kind in ("core/v1:Service", POLICY):
        assert gang().waits_for(job(gang()), gang().one(kind, "digits-v3-workers"))


def test_one_worker_needs_no_name_and_no_way_to_others() -> None:
    assert "subdomain" not in pod(sound_platform())
    assert "TFK8S_PEERS" not in environment(sound_platform())
    assert all("workers" not in one.name for one in sound_platform().resources)
