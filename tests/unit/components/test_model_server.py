"""What a stack file may ask of a model beside the usual: no warm-up, old pods first, batches, gRPC, TLS."""

import functools
from pathlib import Path

from local.images.serving.config import BatchingParameters, read_batching_parameters
from local.images.serving.flags import parse_flags
from ops.stackfile import ROOT
from tests.unit.components.test_model_version import MODEL, NAME, deployment, environment, flags, pod, server, verify
from tests.unit.recorder import Recorder, record_changed, sound_platform

QUOTA = {"requests": {"cpu": 99, "memory": "99Gi", "gpu": 99}, "limits": {"cpu": 99, "memory": "99Gi"}}
SERVING = {"app.kubernetes.io/name": "digits", "app.kubernetes.io/component": "serving"}


@functools.cache
def asked() -> Recorder:
    """A stack file that asks for all of it."""
    return record_changed(
        ("tenants.serve.quota", QUOTA),
        (f"{MODEL}.resources", {"cpu": 2, "memory": "1Gi", "gpu": 1, "limits": {"cpu": 3, "memory": "1Gi"}}),
        (f"{MODEL}.requestTimeout", "3s"),
        (f"{MODEL}.warmup", "optional"),
        (f"{MODEL}.rollout", {"maxSurge": 0, "maxUnavailable": 2}),
        (f"{MODEL}.batching", {"maxBatchSize": 16, "timeout": "1.5ms"}),
        (
            f"{MODEL}.grpc",
            {"fromNamespaces": ["apps", "serve"], "maxConnectionAge": "40s", "tls": {"secret": "digits-tls"}},
        ),
    )


def test_a_model_may_be_served_without_warm_up_if_the_stack_file_says_so() -> None:
    assert environment(verify(asked()))["TFK8S_WARMUP"] == "optional"


def test_on_a_full_pool_a_rollout_takes_servers_first_if_the_stack_file_says_so() -> None:
    strategy = deployment(asked()).inputs["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 2}


def test_batching_is_off_unless_asked_for() -> None:
    data = sound_platform().one("core/v1:ConfigMap", f"{NAME}-config").inputs["data"]
    assert data.keys() == {"models.config", "monitoring.config"}
    assert not {"enable_batching", "batching_parameters_file"} & flags(sound_platform()).keys()


def test_a_batching_server_is_told_by_a_file_that_the_stand_in_reads_too(tmp_path: Path) -> None:
    file = tmp_path / "batching.config"
    file.write_text(asked().one("core/v1:ConfigMap", f"{NAME}-config").inputs["data"]["batching.config"])
    assert read_batching_parameters(str(file)) == BatchingParameters(
        max_batch_size=48,  # three batches may wait, for three threads
        max_execution_batch_size=16,
        batch_timeout_micros=1500,
        max_enqueued_batches=3,
        num_batch_threads=3,
        enable_large_batch_splitting=True,
    )
    assert flags(asked())["enable_batching"] == "true"
    assert flags(asked())["batching_parameters_file"] == "/etc/tfserving/batching.config"


def test_threads_wait_inside_a_batch_so_there_are_two_for_each_row_of_one() -> None:
    assert flags(asked())["rest_api_num_threads"] == "32"
    assert flags(sound_platform())["rest_api_num_threads"] == "4"


def test_the_stand_in_knows_every_flag() -> None:
    for platform in (sound_platform(), asked()):
        assert parse_flags(server(platform)["args"]).rest_api_port == 8501


def test_the_page_about_the_server_names_every_flag() -> None:
    page = (ROOT / "docs" / "model-server.md").read_text(encoding="utf-8")
    missing = {name for platform in (sound_platform(), asked()) for name in flags(platform) if f"`--{name}" not in page}
    assert not missing


def test_grpc_is_reached_from_the_stated_namespaces_alone() -> None:
    allowed = asked().one("networking.k8s.io/v1:NetworkPolicy", "digits-grpc").inputs["spec"]
    assert allowed["podSelector"] == {"matchLabels": SERVING}
    [rule] = allowed["ingress"]
    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}} for name in ("apps", "serve")
    ]
    assert rule["ports"] == [{"protocol": "TCP", "port": 8500}]
    calls = asked().one("networking.k8s.io/v1:NetworkPolicy", "digits-grpc-calls").inputs["spec"]
    assert calls["egress"] == [
        {"to": [{"podSelector": {"matchLabels": SERVING}}], "ports": [{"protocol": "TCP", "port": 8500}]}
    ]


def test_grpc_has_a_front_of_its_own_that_follows_the_models() -> None:
    front = asked().one("core/v1:Service", "digits-grpc")
    assert front.inputs["spec"]["type"] == "ClusterIP"
    assert [(port["name"], port["port"]) for port in front.inputs["spec"]["ports"]] == [("grpc", 8500)]
    assert front.inputs["spec"]["selector"] == {**SERVING, "app.kubernetes.io/version": "3"}
    assert asked().waits_for(front, asked().one("core/v1:Service", "digits"))
    rest = asked().one("core/v1:Service", "digits").inputs["spec"]["ports"]
    assert [port["port"] for port in rest] == [8501]


def test_a_grpc_connection_ends_within_the_drain_and_leaves_its_calls_their_time() -> None:
    assert flags(asked())["grpc_channel_arguments"].split(",") == [
        "grpc.max_connection_age_ms=40000",
        "grpc.max_connection_age_grace_ms=3000",
    ]
    assert server(asked())["lifecycle"]["preStop"] == {"sleep": {"seconds": 5 + 44 + 3}}
    assert pod(asked())["terminationGracePeriodSeconds"] == 57


def test_without_grpc_nothing_is_said_of_its_connections() -> None:
    assert not {"grpc_channel_arguments", "ssl_config_file"} & flags(sound_platform()).keys()


def test_the_key_of_tls_is_mounted_from_a_secret_that_the_program_only_names() -> None:
    [volume] = [volume for volume in pod(asked())["volumes"] if volume["name"] == "tls"]
    assert volume["secret"] == {
        "secretName": "digits-tls",
        "items": [{"key": "ssl.config", "path": "ssl.config"}],
        "defaultMode": 0o440,
    }
    assert {"name": "tls", "mountPath": "/etc/tfserving-tls", "readOnly": True} in server(asked())["volumeMounts"]
    assert flags(asked())["ssl_config_file"] == "/etc/tfserving-tls/ssl.config"
    assert "digits-tls" not in [one.name for one in asked().all("core/v1:Secret")]
