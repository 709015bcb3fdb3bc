"""The program, from the words of a stack file to what applications are told."""

from collections.abc import Mapping
from datetime import date

import pulumi
import pulumi_kubernetes as kubernetes

from contract.sweep_result import SweepResult
from infra.checks import require_valid
from infra.cluster_identity import guarded_kubeconfig
from infra.components import (
    DataSet,
    DataSetArgs,
    GpuPool,
    GpuPoolArgs,
    GrpcFront,
    GrpcFrontArgs,
    Image,
    ImageArgs,
    ModelStore,
    ModelStoreArgs,
    Monitoring,
    MonitoringArgs,
    NvidiaDevicePlugin,
    NvidiaDevicePluginArgs,
    QueueArgs,
    ServedModel,
    ServedModelArgs,
    Sweep,
    SweepArgs,
    Tenant,
    TenantArgs,
    TenantGateway,
    TenantGatewayArgs,
    TensorBoard,
    TensorBoardArgs,
    TrainingArgs,
    TrainingJob,
    TrainingJobArgs,
)
from infra.config import read_config
from infra.finding import StackFileError
from infra.kubeconfig import ClusterError
from infra.outputs import (
    CONTRACT_VERSION,
    ImagesOutputs,
    ModelOutputs,
    SweepOutputs,
    SweepResultOutputs,
    TenantOutputs,
    TrackOutputs,
    TrainingOutputs,
)
from infra.plan import Plan, sweep_data_set, sweep_definition
from infra.settings import Settings
from infra.settings.platform import ClusterSettings
from infra.settings.server import Grpc


def deploy() -> None:
    """Reads, checks and registers everything; what cannot work is refused before anything is registered.

    Raises:
        pulumi.RunError: What is wrong with the stack file or the cluster, on one screen.
    """
    try:
        examined = require_valid(read_config(), date.today())
    except StackFileError as error:
        raise pulumi.RunError(error.text()) from None
    for warning in examined.findings:
        pulumi.log.warn(warning.text().removeprefix("warning: "))  # the engine says so itself
    for waived in examined.waived:
        pulumi.log.info(waived.text())
    cluster = _guarded_provider(examined.settings.cluster)
    _Platform(examined.settings, examined.plan, cluster).export()


class _Platform:
    """All components of a stack, in the order in which they need each other."""

    def __init__(self, settings: Settings, plan: Plan, cluster: kubernetes.Provider) -> None:
        self.settings = settings
        self.plan = plan
        self.training_image = self._training_image()
        self.options = pulumi.ResourceOptions(providers=[cluster], depends_on=self.training_image.accepted)
        self.tenants = {name: self._tenant(name) for name in settings.tenants}
        self.stores = {name: self._store(name) for name in settings.tenants}
        self.data_sets = {(tenant, name): self._data_set(tenant, name) for tenant, name in sorted(plan.data_sets)}
        self.tensorboards = {name: self._tensorboard(name) for name in settings.tenants}
        self._device_plugin()
        self.pool = self._gpu_pool()
        self.runs = {name: self._run(name) for name in settings.training_jobs}
        self.sweeps = {name: self._sweep(name) for name in settings.sweeps}
        self.gateways = {key: self._gateway(*key) for key in plan.gateways}
        self.models = {name: self._model(name) for name in settings.models}
        self._monitoring()
        for name, model in settings.models.items():
            if model.grpc is not None:
                self._grpc_front(name, model.tracks.stable.version, model.grpc)

    def _training_image(self) -> Image:
        images = self.settings.images
        return Image("training-image", ImageArgs(source=images.training, registries=images.registries))

    def _tenant(self, name: str) -> Tenant:
        args = TenantArgs(
            settings=self.settings.tenants[name],
            gpu=self.settings.gpu,
            registries=self.settings.images.registries,
        )
        return Tenant(name, args, self.options)

    def _store(self, name: str) -> ModelStore:
        args = ModelStoreArgs(settings=self.settings.store, tenant=self.tenants[name], tenant_name=name)
        return ModelStore(f"{name}-models", args, self.options)

    def _data_set(self, tenant: str, name: str) -> DataSet:
        args = DataSetArgs(
            data_set=name,
            settings=self.settings.data_sets[name],
            tenant=self.tenants[tenant],
            tenant_name=tenant,
        )
        return DataSet(f"{tenant}-data-{name}", args, self.options)

    def _tensorboard(self, name: str) -> TensorBoard | None:
        settings = self.settings.tenants[name].tensorboard
        if settings is None:
            return None
        args = TensorBoardArgs(
            settings=settings,
            image=self.training_image.reference,
            tenant=self.tenants[name],
            tenant_name=name,
            store=self.stores[name],
        )
        return TensorBoard(f"{name}-tensorboard", args, self.options)

    def _device_plugin(self) -> None:
        gpu, image = self.settings.gpu, self.settings.images.device_plugin
        if gpu is None or gpu.mode == "pretend" or image is None:
            return
        args = NvidiaDevicePluginArgs(gpu=gpu, image=image.ref, registries=self.settings.images.registries)
        NvidiaDevicePlugin("nvidia-device-plugin", args, self.options)

    def _gpu_pool(self) -> GpuPool | None:
        if not self.plan.pool:
            return None
        queues = {
            name: QueueArgs(tenant=self.tenants[name], settings=self.settings.tenants[name], share=share)
            for name, share in self.plan.pool.items()
        }
        args = GpuPoolArgs(settings=self.settings.gpu_pool, tenants=queues, gpu=self.settings.gpu)
        return GpuPool("gpu-pool", args, self.options)

    def _run(self, name: str) -> TrainingJob:
        settings, plan = self.settings.training_jobs[name], self.plan.jobs[name]
        given = self._given(settings.tenant, settings.data_set)
        args = TrainingJobArgs(model=name, settings=settings, plan=plan, given=given)
        return TrainingJob(plan.run, args, self.options)

    def _sweep(self, name: str) -> Sweep:
        settings, plan = self.settings.sweeps[name], self.plan.sweeps[name]
        given = self._given(settings.tenant, sweep_data_set(self.settings, settings))
        definition = sweep_definition(self.settings, name)
        args = SweepArgs(sweep=name, settings=settings, definition=definition, plan=plan, given=given)
        return Sweep(plan.job, args, self.options)

    def _given(self, tenant: str, data_set: str | None) -> TrainingArgs:
        return TrainingArgs(
            image=self.training_image.reference,
            tenant=self.tenants[tenant],
            store=self.stores[tenant],
            cluster=self.settings.cluster,
            data=self.data_sets.get((tenant, data_set or "")),
            gpu=self.settings.gpu,
            gpu_memory_fraction=self.plan.gpu_memory_fraction,
            queue=None if self.pool is None else self.pool.local_queues.get(tenant),
        )

    def _gateway(self, tenant: str, class_name: str) -> TenantGateway:
        args = TenantGatewayArgs(
            tenant=self.tenants[tenant], class_name=class_name, ports=self.plan.gateways[tenant, class_name]
        )
        return TenantGateway(f"{tenant}-{class_name}", args, self.options)

    def _model(self, name: str) -> ServedModel:
        settings, job = self.settings.models[name], self.settings.training_jobs.get(name)
        gateway = settings.expose.gateway
        args = ServedModelArgs(
            settings=settings,
            plan=self.plan.models[name],
            serving_image=self.settings.images.serving.ref,
            training_image=self.training_image.reference,
            tenant=self.tenants[settings.tenant],
            store=self.stores[settings.tenant],
            gpu=self.settings.gpu,
            gpu_memory_fraction=self.plan.gpu_memory_fraction,
            runs={} if job is None else {job.version: self.runs[name].job},
            gateway=None if gateway is None else self.gateways.get((settings.tenant, gateway.class_name or "")),
        )
        return ServedModel(name, args, self.options)

    def _monitoring(self) -> None:
        settings, image = self.settings.monitoring, self.settings.images.prometheus
        if settings is None or image is None:
            return
        args = MonitoringArgs(
            settings=settings,
            image=image.ref,
            models=self.settings.models,
            tenants=self.tenants,
            registries=self.settings.images.registries,
        )
        Monitoring("monitoring", args, self.options)

    def _grpc_front(self, model: str, version: int, settings: Grpc) -> GrpcFront:
        namespace = self.settings.models[model].tenant
        args = GrpcFrontArgs(
            model=model,
            version=version,
            namespace=namespace,
            settings=settings,
            tenant=self.tenants[namespace],
            after=self.models[model].front,
        )
        return GrpcFront(f"{model}-grpc", args, self.options)

    def export(self) -> None:
        """Tells applications what there is, as `infra.outputs.PlatformOutputs` has it."""
        pulumi.export("contract_version", CONTRACT_VERSION)
        pulumi.export("images", self._images_outputs())
        pulumi.export("tenants", {name: self._tenant_outputs(name) for name in self.tenants})
        pulumi.export("training", {name: self._run_outputs(name) for name in self.runs})
        pulumi.export("sweeps", {name: self._sweep_outputs(name) for name in self.sweeps})
        pulumi.export("models", {name: self._model_outputs(name) for name in self.models})

    def _images_outputs(self) -> pulumi.Output[Mapping[str, object]]:
        return self.training_image.origin.apply(lambda image: ImagesOutputs(training=image).model_dump())

    def _tenant_outputs(self, name: str) -> pulumi.Output[Mapping[str, object]]:
        plan, tensorboard = self.plan.tenants[name], self.tensorboards[name]
        return self.tenants[name].namespace_name.apply(
            lambda namespace: TenantOutputs(
                namespace=namespace,
                price_per_hour_min=str(plan.price_per_hour_min),
                price_per_hour_max=str(plan.price_per_hour_max),
                price_runs_max=str(plan.price_runs_max),
                tensorboard_url=tensorboard.cluster_url if tensorboard is not None else None,
            ).model_dump()
        )

    def _run_outputs(self, name: str) -> pulumi.Output[Mapping[str, object]]:
        settings, plan, run = self.settings.training_jobs[name], self.plan.jobs[name], self.runs[name]
        tenant = self.tenants[settings.tenant]
        return pulumi.Output.all(tenant.namespace_name, run.job_name, run.image).apply(
            lambda known: TrainingOutputs(
                tenant=settings.tenant,
                version=settings.version,
                namespace=known[0],
                job=known[1],
                image=known[2],
                price_per_hour=str(plan.price_per_hour),
                price_max=str(plan.price_max),
            ).model_dump()
        )

    def _sweep_outputs(self, name: str) -> pulumi.Output[Mapping[str, object]]:
        settings, plan, sweep = self.settings.sweeps[name], self.plan.sweeps[name], self.sweeps[name]
        tenant = self.tenants[settings.tenant]
        return pulumi.Output.all(tenant.namespace_name, sweep.job_name, sweep.result).apply(
            lambda known: SweepOutputs(
                tenant=settings.tenant,
                namespace=known[0],
                model=settings.model,
                job=known[1],
                best=plan.best,
                result=_found(known[2]),
                price_per_hour=str(plan.price_per_hour),
                price_max=str(plan.price_max),
            ).model_dump()
        )

    def _model_outputs(self, name: str) -> pulumi.Output[Mapping[str, object]]:
        settings, plan, model = self.settings.models[name], self.plan.models[name], self.models[name]
        tenant = self.tenants[settings.tenant]
        return pulumi.Output.all(tenant.namespace_name, model.predict_url).apply(
            lambda known: ModelOutputs(
                tenant=settings.tenant,
                version=settings.tracks.stable.version,
                tracks={
                    track: TrackOutputs(version=served.version, weight=served.weight)
                    for track, served in settings.tracks.named()
                },
                image=self.settings.images.serving.ref,
                namespace=known[0],
                predict_url=known[1],
                cluster_url=model.cluster_url,
                price_per_hour_min=str(plan.price_per_hour_min),
                price_per_hour_max=str(plan.price_per_hour_max),
            ).model_dump()
        )


def _found(result: SweepResult | None) -> SweepResultOutputs | None:
    if result is None or result.best is None:
        return None
    return SweepResultOutputs(
        metric=result.metric,
        parameters=result.best.parameters,
        value=result.best.value,
        declared_value=None if result.declared is None else result.declared.value,
        beats_declared=result.beats_declared,
    )


def _guarded_provider(settings: ClusterSettings) -> kubernetes.Provider:
    """The one provider: of this context and no other, whatever the current one is, and of a cluster known to be right.

    With the context as its identifier, renewed credentials are an update of the provider; without one they would
    replace it, and with it everything in the cluster.
    """
    try:
        kubeconfig = guarded_kubeconfig(settings)
    except ClusterError as error:
        raise pulumi.RunError(str(error)) from None
    return kubernetes.Provider(
        "cluster",
        context=settings.context,
        kubeconfig=kubeconfig,
        cluster_identifier=settings.context,
        enable_server_side_apply=True,
    )
