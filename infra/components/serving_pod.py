"""The pod of a model server: TensorFlow Serving with one pinned version, drained and probed so that no request is lost.

Flags and endpoints are those of tensorflow_serving/model_servers (main.cc, server.cc, http_rest_api_handler.cc) in
https://github.com/tensorflow/serving.
"""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import (
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    HTTPGetActionArgs,
    KeyToPathArgs,
    LifecycleArgs,
    LifecycleHandlerArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    PodSpecArgs,
    ProbeArgs,
    SecretVolumeSourceArgs,
    SleepActionArgs,
    TCPSocketActionArgs,
    TopologySpreadConstraintArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from contract.fetch import FetchEnvironment
from infra.components import pod
from infra.components.serving_config import BATCHING_FILE, MODELS_DIR, MODELS_FILE, MONITORING_FILE
from infra.components.tenant import SERVICE_ACCOUNT
from infra.plan import ModelPlan
from infra.settings import GpuSettings, ModelSettings, Percent
from infra.settings.base import ContainerResources
from infra.settings.workloads import Fetch

REST_PORT = 8501
GRPC_PORT = 8500
_CONFIG = "/etc/tfserving"
_TLS = "/etc/tfserving-tls"
_TLS_FILE = "ssl.config"
_STARTUP_PERIOD_SECONDS = 2
_FETCHED_SIZE = "20Gi"
"""Room for an unpacked model on the node's disk."""


@dataclass(frozen=True, kw_only=True)
class ServingPod:
    """What the pods of one version of a model are made from."""

    model: str
    version: int
    settings: ModelSettings
    plan: ModelPlan
    image: str
    """TensorFlow Serving."""

    fetch_image: pulumi.Input[str]
    """Holds the step that verifies, and fetches where wanted."""

    config_name: pulumi.Input[str]
    """ConfigMap with the files of `serving_config`."""

    claim_name: pulumi.Input[str]
    fetch: Fetch | None
    gpu: GpuSettings | None
    gpu_memory_fraction: Percent | None
    """Share of a device's memory for the server; None where no device is shared."""

    def spec(self, selector: dict[str, str]) -> PodSpecArgs:
        """The pod; `selector` finds its like, to spread them."""
        scheduling = pod.gpu_scheduling(self.gpu, self.settings.resources.gpu)
        return PodSpecArgs(
            service_account_name=SERVICE_ACCOUNT,
            automount_service_account_token=False,
            enable_service_links=False,
            security_context=pod.pod_security(),
            node_selector=scheduling.node_selector,
            runtime_class_name=scheduling.runtime_class_name,
            tolerations=scheduling.tolerations or None,
            topology_spread_constraints=_spread(selector),
            termination_grace_period_seconds=self.plan.grace.whole_seconds,
            init_containers=[self._verify()],
            containers=[self._server()],
            volumes=[pod.temp_volume(), self._config_volume(), self._models_volume(), *self._tls_volume()],
        )

    def _verify(self) -> ContainerArgs:
        """Refuses a version without a valid manifest. Asks for no more than the server, so it costs nothing."""
        source = {} if self.fetch is None else {"url": self.fetch.url, "sha256": self.fetch.sha256}
        wanted = FetchEnvironment(
            model=self.model,
            version=self.version,
            directory=MODELS_DIR,
            needs_warmup=self.settings.warmup == "required",
            **source,
        )
        asked = self.settings.resources
        without_gpu = ContainerResources(cpu=asked.cpu, memory=asked.memory, limits=asked.limits)
        return pod.container(
            "verify",
            self.fetch_image,
            ["python3", "-m", "serving.fetch"],
            env=pod.environment(wanted.to_env()),
            asked=pod.resources(without_gpu, None),
            mounts=[VolumeMountArgs(name="models", mount_path=MODELS_DIR, read_only=self.fetch is None)],
        )

    def _server(self) -> ContainerArgs:
        server = pod.container(
            "serve",
            self.image,
            ["tensorflow_model_server"],
            args=self._flags(),
            env=pod.environment({}, self.gpu, self.settings.resources.gpu),
            asked=pod.resources(self.settings.resources, self.gpu),
            mounts=[
                VolumeMountArgs(name="config", mount_path=_CONFIG, read_only=True),
                VolumeMountArgs(name="models", mount_path=MODELS_DIR, read_only=True),
                *[VolumeMountArgs(name=volume.name, mount_path=_TLS, read_only=True) for volume in self._tls_volume()],
            ],
        )
        server.ports = [
            ContainerPortArgs(name="rest", container_port=REST_PORT),
            ContainerPortArgs(name="grpc", container_port=GRPC_PORT),
        ]
        server.startup_probe = self._startup()
        server.readiness_probe = self._readiness()
        server.liveness_probe = _liveness()
        # TensorFlow Serving has no handler for SIGTERM: what makes the pod leave gently is this sleep before it.
        server.lifecycle = LifecycleArgs(
            pre_stop=LifecycleHandlerArgs(sleep=SleepActionArgs(seconds=self.plan.pre_stop.whole_seconds))
        )
        return server

    def _flags(self) -> list[str]:
        threads = self.plan.threads
        return [
            f"--port={GRPC_PORT}",
            f"--rest_api_port={REST_PORT}",
            f"--model_config_file={_CONFIG}/{MODELS_FILE}",
            f"--monitoring_config_file={_CONFIG}/{MONITORING_FILE}",
            # Read once: a release is a change of the stack file, not of a directory.
            "--file_system_poll_wait_seconds=0",
            # The server ends at the first failed load, and says why, instead of trying again every minute.
            "--max_num_load_retries=0",
            f"--rest_api_timeout_in_ms={self.settings.request_timeout.milliseconds}",
            f"--rest_api_num_threads={self.plan.rest_threads}",
            f"--tensorflow_intra_op_parallelism={threads}",
            f"--tensorflow_inter_op_parallelism={threads}",
            "--enable_model_warmup=true",
            # It shares the gRPC port and asks nobody who they are.
            "--enable_profiler=false",
            *self._memory_flags(),
            *self._batching_flags(),
            *self._grpc_flags(),
        ]

    def _batching_flags(self) -> list[str]:
        if self.settings.batching is None:
            return []
        return ["--enable_batching=true", f"--batching_parameters_file={_CONFIG}/{BATCHING_FILE}"]

    def _grpc_flags(self) -> list[str]:
        """Connections end by themselves, so that clients find new pods and let go of leaving ones."""
        grpc = self.settings.grpc
        if grpc is None:
            return []
        arguments = {
            "grpc.max_connection_age_ms": grpc.max_connection_age.milliseconds,
            # What a call may still take on a connection that has ended for new ones.
            "grpc.max_connection_age_grace_ms": self.settings.request_timeout.milliseconds,
        }
        flags = [f"--grpc_channel_arguments={','.join(f'{key}={value}' for key, value in arguments.items())}"]
        return flags if grpc.tls is None else [*flags, f"--ssl_config_file={_TLS}/{_TLS_FILE}"]

    def _memory_flags(self) -> list[str]:
        """The most that the server takes of a device it shares; it starts with less (`pod.environment`)."""
        share = pod.memory_share(self.gpu_memory_fraction, self.settings.resources.gpu)
        return [f"--per_process_gpu_memory_fraction={share:g}"] if share < 1 else []

    def _startup(self) -> ProbeArgs:
        """The ports open after the first successful load, so an open one ends the start-up."""
        return ProbeArgs(
            tcp_socket=TCPSocketActionArgs(port=REST_PORT),
            period_seconds=_STARTUP_PERIOD_SECONDS,
            failure_threshold=-(-self.settings.startup.whole_seconds // _STARTUP_PERIOD_SECONDS),
        )

    def _readiness(self) -> ProbeArgs:
        """Metadata is answered from the loaded model of exactly this version; the status page is 200 in any state."""
        path = f"/v1/models/{self.model}/versions/{self.version}/metadata"
        return ProbeArgs(
            http_get=HTTPGetActionArgs(path=path, port=REST_PORT),
            period_seconds=5,
            timeout_seconds=3,
            failure_threshold=3,
        )

    def _config_volume(self) -> VolumeArgs:
        return VolumeArgs(name="config", config_map=ConfigMapVolumeSourceArgs(name=self.config_name))

    def _tls_volume(self) -> list[VolumeArgs]:
        """The key stays in a Secret that somebody else made: the program knows its name and never its content."""
        grpc = self.settings.grpc
        if grpc is None or grpc.tls is None:
            return []
        item = KeyToPathArgs(key=_TLS_FILE, path=_TLS_FILE)
        secret = SecretVolumeSourceArgs(secret_name=grpc.tls.secret, items=[item], default_mode=0o440)
        return [VolumeArgs(name="tls", secret=secret)]

    def _models_volume(self) -> VolumeArgs:
        if self.fetch is not None:
            return VolumeArgs(name="models", empty_dir=EmptyDirVolumeSourceArgs(size_limit=_FETCHED_SIZE))
        claim = PersistentVolumeClaimVolumeSourceArgs(claim_name=self.claim_name, read_only=True)
        return VolumeArgs(name="models", persistent_volume_claim=claim)


def _liveness() -> ProbeArgs:
    """Slow, and of the open port only: connections are taken while every thread is busy with inference."""
    return ProbeArgs(
        tcp_socket=TCPSocketActionArgs(port=REST_PORT), period_seconds=20, timeout_seconds=5, failure_threshold=6
    )


def _spread(selector: dict[str, str]) -> list[TopologySpreadConstraintArgs]:
    """Over zones and nodes where possible, counting only the pods of the same rollout."""
    return [
        TopologySpreadConstraintArgs(
            topology_key=key,
            max_skew=1,
            when_unsatisfiable="ScheduleAnyway",
            label_selector=LabelSelectorArgs(match_labels=selector),
            match_label_keys=["pod-template-hash"],
        )
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
