"""What a stack tells applications: the outputs' contract, version 1. Imports no Pulumi, so that its readers need none.

The stack's outputs have exactly the names of `PlatformOutputs`. Within a version of the contract fields are only added.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

CONTRACT_VERSION = 1


class _Contract(BaseModel):
    """Frozen, and open to fields that a later program adds."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class TenantOutputs(_Contract):
    """A tenant."""

    namespace: str


class TrainingOutputs(_Contract):
    """The run of a training job that the stack file declares, complete and published."""

    tenant: str
    namespace: str
    version: Annotated[int, Field(ge=1)]
    """Version of the model it published."""

    job: str
    """Name of the Kubernetes Job."""

    image: str
    """Image the run was declared with."""


class ModelOutputs(_Contract):
    """A model that is served."""

    tenant: str
    namespace: str
    version: Annotated[int, Field(ge=1)]
    """The version that answers."""

    image: str
    """Image of the servers."""

    predict_url: str
    """Where to POST `{"instances": […]}` or `{"inputs": …}`, as TensorFlow Serving has it; `:predict` is included.

    The load balancer's address where the model is exposed by one, `cluster_url` otherwise. Without `:predict` it is the
    model's status page; with `/metadata` in its place the model's signature.
    """

    cluster_url: str
    """The same from inside the cluster."""


class PlatformOutputs(_Contract):
    """Everything a stack exports. No secret is among it."""

    contract_version: Literal[1] = CONTRACT_VERSION
    tenants: Mapping[str, TenantOutputs]
    models: Mapping[str, ModelOutputs]
    training: Mapping[str, TrainingOutputs]
