"""The program, from the words of a stack file to what applications are told."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from infra.checks import require_valid
from infra.components import (
    Image,
    ImageArgs,
    ModelStore,
    ModelStoreArgs,
    NvidiaDevicePlugin,
    NvidiaDevicePluginArgs,
    ServedModel,
    ServedModelArgs,
    Tenant,
    TenantArgs,
    TrainingJob,
    TrainingJobArgs,
)
from infra.config import read_config
from infra.finding import StackFileError
from infra.outputs import CONTRACT_VERSION, ModelOutputs, TenantOutputs, TrainingOutputs
from infra.plan import Plan
from infra.settings import Settings
from infra.settings.platform import ClusterSettings


def deploy() -> None:
    """Reads, checks and registers everything; what cannot work is refused before anything is registered.

    Raises:
        pulumi.RunError: What is wrong with the stack file, on one screen.
    """
    try:
        settings, plan, warnings = require_valid(read_config(), date.today())
    except StackFileError as error:
        raise pulumi.RunError(error.text()) from None
    for warning in warnings:
        pulumi.log.warn(warning.text().removeprefix("warning: "))  # the engine says so itself
    _Platform(settings, plan).export()


class _Platform:
    """All components of a stack, in the order in which they need each other."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.settings = settings
        self.plan = plan
        self.options = pulumi.ResourceOptions(providers=[_cluster(settings.cluster)])
        self.training_image = self._training_image()
        self.tenants = {name: self._tenant(name) for name in settings.tenants}
        self.stores = {name: self._store(name) for name in settings.tenants}
        self._device_plugin()
        self.runs = {name: self._run(name) for name in settings.training_jobs}
        self.models = {name: self._model(name) for name in settings.models}

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

    def _device_plugin(self) -> None:
        gpu, image = self.settings.gpu, self.settings.images.device_plugin
        if gpu is None or gpu.mode == "pretend" or image is None:
            return
        args = NvidiaDevicePluginArgs(gpu=gpu, image=image.ref, registries=self.settings.images.registries)
        NvidiaDevicePlugin("nvidia-device-plugin", args, self.options)

    def _run(self, name: str) -> TrainingJob:
        settings, plan = self.settings.training_jobs[name], self.plan.jobs[name]
        args = TrainingJobArgs(
            model=name,
            settings=settings,
            plan=plan,
            image=self.training_image.reference,
            tenant=self.tenants[settings.tenant],
            store=self.stores[settings.tenant],
            gpu=self.settings.gpu,
        )
        return TrainingJob(plan.run, args, self.options)

    def _model(self, name: str) -> ServedModel:
        settings = self.settings.models[name]
        args = ServedModelArgs(
            settings=settings,
            plan=self.plan.models[name],
            serving_image=self.settings.images.serving.ref,
            training_image=self.training_image.reference,
            tenant=self.tenants[settings.tenant],
            store=self.stores[settings.tenant],
            gpu=self.settings.gpu,
            after=self._training_of(name, settings.tracks.stable.version),
        )
        return ServedModel(name, args, self.options)

    def _training_of(self, model: str, version: int) -> tuple[pulumi.Resource, ...]:
        """The run that makes this version, where this very stack trains it."""
        job = self.settings.training_jobs.get(model)
        return (self.runs[model].job,) if job is not None and job.version == version else ()

    def export(self) -> None:
        """Tells applications what there is, as `infra.outputs.PlatformOutputs` has it."""
        pulumi.export("contract_version", CONTRACT_VERSION)
        pulumi.export("tenants", {name: self._tenant_outputs(name) for name in self.tenants})
        pulumi.export("training", {name: self._run_outputs(name) for name in self.runs})
        pulumi.export("models", {name: self._model_outputs(name) for name in self.models})

    def _tenant_outputs(self, name: str) -> pulumi.Output[Mapping[str, object]]:
        namespace = self.tenants[name].namespace_name
        return namespace.apply(lambda namespace: TenantOutputs(namespace=namespace).model_dump())

    def _run_outputs(self, name: str) -> pulumi.Output[Mapping[str, object]]:
        settings, run = self.settings.training_jobs[name], self.runs[name]
        tenant = self.tenants[settings.tenant]
        return pulumi.Output.all(tenant.namespace_name, run.job_name, run.image).apply(
            lambda known: TrainingOutputs(
                tenant=settings.tenant, version=settings.version, namespace=known[0], job=known[1], image=known[2]
            ).model_dump()
        )

    def _model_outputs(self, name: str) -> pulumi.Output[Mapping[str, object]]:
        settings, model = self.settings.models[name], self.models[name]
        tenant = self.tenants[settings.tenant]
        return pulumi.Output.all(tenant.namespace_name, model.predict_url).apply(
            lambda known: ModelOutputs(
                tenant=settings.tenant,
                version=settings.tracks.stable.version,
                image=self.settings.images.serving.ref,
                namespace=known[0],
                predict_url=known[1],
                cluster_url=model.cluster_url,
            ).model_dump()
        )


def _cluster(settings: ClusterSettings) -> kubernetes.Provider:
    """The one provider: of this context and no other, whatever the current one is.

    With the context as its identifier, renewed credentials are an update of the provider; without one they would
    replace it, and with it everything in the cluster.
    """
    kubeconfig = None if settings.kubeconfig is None else str(Path(settings.kubeconfig).expanduser())
    return kubernetes.Provider(
        "cluster",
        context=settings.context,
        kubeconfig=kubeconfig,
        cluster_identifier=settings.context,
        enable_server_side_apply=True,
    )
