import functools
import json
from typing import Any

import pulumi
import pytest

from contract.sweep import SweepEnvironment
from tests.unit.recorder import Recorder, Resource, Tree, record_changed, sound_platform
from tests.unit.words import DIGEST, SWEEP

ROOMY = ("tenants.train.quota", {
    "requests": {"cpu": 90, "memory": "90Gi", "gpu": 90}, "limits": {"cpu": 90, "memory": "90Gi"}
})  # fmt: skip


def swept(*changes: tuple[str, object], **options: Any) -> Recorder:
    return record_changed(ROOMY, ("sweeps.rates", SWEEP), *changes, **options)


@functools.cache
def sound_sweep() -> Recorder:
    return swept()


def job(platform: Recorder) -> Resource:
    return platform.one("batch/v1:Job", "rates-sweep")


def pod(platform: Recorder) -> Tree:
    return job(platform).inputs["spec"]["template"]["spec"]


def environment(platform: Recorder) -> dict[str, str]:
    [container] = pod(platform)["containers"]
    return {variable["name"]: variable["value"] for variable in container["env"]}


def kept() -> dict[str, Any]:
    return json.loads(sound_sweep().one("pulumi:index:Stash", "rates-sweep-definition").inputs["input"])


def test_trials_are_the_indices_of_one_job() -> None:
    spec = job(sound_sweep()).inputs["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 6, 2)
    assert (job(sound_sweep()).object_name, job(sound_sweep()).inputs["metadata"]["namespace"]) == (
        "rates-sweep", "train",
    )  # fmt: skip


def test_it_ends_by_reasons_the_provider_waits_for() -> None:
    spec = job(swept(("sweeps.rates.deadline", "90m"))).inputs["spec"]
    assert (spec["activeDeadlineSeconds"], spec["backoffLimit"]) == (5400, 6)
    [rule] = spec["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onPodConditions"]) == ("Ignore", [{"type": "DisruptionTarget", "status": "True"}])
    for hanging in ("ttlSecondsAfterFinished", "suspend", "backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"):
        assert hanging not in spec


def test_no_two_pods_have_one_slot_at_a_time() -> None:
    assert job(sound_sweep()).inputs["spec"]["podReplacementPolicy"] == "Failed"
    assert pod(sound_sweep())["restartPolicy"] == "Never"


def test_the_image_understands_its_environment() -> None:
    variables = environment(sound_sweep())
    assert "JOB_COMPLETION_INDEX" not in variables
    trial = SweepEnvironment.from_env({**variables, "JOB_COMPLETION_INDEX": "5"})
    assert (trial.name, trial.model, trial.slot, trial.gpu_mode, trial.store) == (
        "rates", "digits", 5, "exclusive", "/store",
    )  # fmt: skip
    assert json.loads(trial.definition.canonical()) == kept()
    assert trial.definition.base.args == {"epochs": 3}
    [container] = pod(sound_sweep())["containers"]
    assert trial.image == f"registry.example.org/train:1@{DIGEST}" == container["image"]


def test_a_trial_runs_the_sweeps_program_and_writes_to_the_store() -> None:
    [container] = pod(sound_sweep())["containers"]
    assert container["command"] == ["python3", "-m", "training.sweep"]
    assert {"name": "store", "mountPath": "/store"} in container["volumeMounts"]
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert "livenessProbe" not in container


def test_trials_with_gpus_get_to_gpu_nodes() -> None:
    spec = pod(swept(("sweeps.rates.gpus", 1)))
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert "tolerations" not in pod(sound_sweep())


def test_trials_run_on_the_nodes_they_are_told_and_through_the_taint_of_gpu_nodes() -> None:
    assert pod(swept(("sweeps.rates.nodeSelector", {"pool": "small"})))["nodeSelector"] == {"pool": "small"}
    spec = pod(swept(("sweeps.rates.gpus", 1), ("sweeps.rates.nodeSelector", {"pool": "a100"})))
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true", "pool": "a100"}
    assert spec["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_a_tenants_queue_holds_its_sweeps() -> None:
    queued = swept(("tenants.train.queue", "gpus"), ("gpuPool.tenants", {"train": {"gpu": 2}}))
    held = job(queued)
    assert held.inputs["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert "kueue.x-k8s.io/queue-name" not in job(sound_sweep()).inputs["metadata"]["labels"]
    [queue] = [one for one in queued.objects() if one.type.endswith(":LocalQueue")]
    assert queued.waits_for(held, queue)


def test_a_declared_sweep_is_not_touched_until_the_next_attempt() -> None:
    assert set(job(sound_sweep()).ignore_changes) == {"spec", "metadata.labels", "metadata.annotations"}
    second = swept(("sweeps.rates.attempt", 2))
    for kind, name in (("batch/v1:Job", "rates-sweep"), ("pulumi:index:Stash", "rates-sweep-definition")):
        assert sound_sweep().one(kind, name).replacement_trigger == 1
        assert second.one(kind, name).replacement_trigger == 2
    assert job(second).delete_before_replace


def test_the_engine_waits_longer_than_the_deadline() -> None:
    waiting = job(swept(("sweeps.rates.deadline", "90m")))
    assert waiting.create_timeout == waiting.update_timeout == "5520s"


@pytest.mark.parametrize("preview", [True, False])
def test_other_words_under_a_used_name_are_refused_with_both_named(preview: bool) -> None:
    then = kept()
    then["base"]["args"]["epochs"] = 12
    then["space"]["learningRate"]["high"] = 0.1
    del then["space"]["batchSize"]
    with pytest.raises(pulumi.RunError) as refused:
        swept(preview=preview, kept={"rates-sweep-definition": json.dumps(then)})
    text = str(refused.value)
    for said in (
        "tfk8s:sweeps.rates",
        "args.epochs: 12 and 3",
        "space.learningRate.high: 0.1 and 0.01",
        "space.batchSize.choices: not given and [32, 64]",
        "give the changed sweep another name",
    ):
        assert said in text
    assert "trials:" not in text


def test_the_same_words_written_otherwise_are_the_same() -> None:
    assert job(swept(kept={"rates-sweep-definition": json.dumps(kept(), indent=2)}))


def test_more_pods_or_time_are_no_other_sweep() -> None:
    before = {"rates-sweep-definition": json.dumps(kept())}
    assert job(swept(("sweeps.rates.parallelism", 3), ("sweeps.rates.deadline", "1h"), kept=before))


def test_the_job_waits_for_its_definition_to_be_accepted() -> None:
    platform = sound_sweep()
    assert platform.waits_for(job(platform), platform.one("pulumi:index:Stash", "rates-sweep-definition"))


def test_applications_are_told_where_the_best_arguments_are() -> None:
    told = sound_sweep().outputs["sweeps"]["rates"]
    assert told.items() >= {
        "tenant": "train", "namespace": "train", "model": "digits", "job": "rates-sweep",
        "best": "digits/.sweeps/rates/best.json",
    }.items()  # fmt: skip
    assert sound_platform().outputs["sweeps"] == {}


def test_the_longest_name_and_the_last_pod_fit() -> None:
    longest = "a" * 40
    platform = record_changed(ROOMY, (f"sweeps.{longest}", SWEEP))
    assert len(f"{platform.one('batch/v1:Job', f'{longest}-sweep').object_name}-9999-x7k2p") <= 63
