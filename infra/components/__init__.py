"""The parts of the platform: one ComponentResource a file, `tfk8s:index:<Class>` each."""

from infra.components.data_set import DataSet, DataSetArgs
from infra.components.device_plugin import NvidiaDevicePlugin, NvidiaDevicePluginArgs
from infra.components.gpu_pool import GpuPool, GpuPoolArgs, QueueArgs
from infra.components.grpc_front import GrpcFront, GrpcFrontArgs
from infra.components.image import Image, ImageArgs
from infra.components.model_store import ModelStore, ModelStoreArgs
from infra.components.model_version import ModelVersion, ModelVersionArgs
from infra.components.monitoring import Monitoring, MonitoringArgs
from infra.components.served_model import ServedModel, ServedModelArgs
from infra.components.sweep import Sweep, SweepArgs
from infra.components.tenant import Tenant, TenantArgs
from infra.components.tenant_gateway import TenantGateway, TenantGatewayArgs
from infra.components.tensorboard import TensorBoard, TensorBoardArgs
from infra.components.training import TrainingArgs
from infra.components.training_job import TrainingJob, TrainingJobArgs

__all__ = [
    "DataSet",
    "DataSetArgs",
    "GpuPool",
    "GpuPoolArgs",
    "GrpcFront",
    "GrpcFrontArgs",
    "Image",
    "ImageArgs",
    "ModelStore",
    "ModelStoreArgs",
    "ModelVersion",
    "ModelVersionArgs",
    "Monitoring",
    "MonitoringArgs",
    "NvidiaDevicePlugin",
    "NvidiaDevicePluginArgs",
    "QueueArgs",
    "ServedModel",
    "ServedModelArgs",
    "Sweep",
    "SweepArgs",
    "Tenant",
    "TenantArgs",
    "TenantGateway",
    "TenantGatewayArgs",
    "TensorBoard",
    "TensorBoardArgs",
    "TrainingArgs",
    "TrainingJob",
    "TrainingJobArgs",
]
