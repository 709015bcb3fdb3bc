"""The stack file, typed. Imports no Pulumi."""

from infra.settings.monitoring import MonitoringSettings
from infra.settings.parse import Parsed, Settings, key_path, parse
from infra.settings.platform import DataSetSettings, GpuSettings, StoreSettings, TenantSettings, VolumeSettings
from infra.settings.pool import GpuPoolSettings
from infra.settings.sweeps import SweepSettings
from infra.settings.units import Duration, Money, Percent, Quantity
from infra.settings.workloads import ModelSettings, Track, TrainingJobSettings

__all__ = [
    "DataSetSettings",
    "Duration",
    "GpuPoolSettings",
    "GpuSettings",
    "ModelSettings",
    "Money",
    "MonitoringSettings",
    "Parsed",
    "Percent",
    "Quantity",
    "Settings",
    "StoreSettings",
    "SweepSettings",
    "TenantSettings",
    "Track",
    "TrainingJobSettings",
    "VolumeSettings",
    "key_path",
    "parse",
]
