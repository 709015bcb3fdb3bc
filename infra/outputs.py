"""What a stack tells applications: the outputs' contract, version 1. Imports no Pulumi, so that its readers need none.

The stack's outputs have exactly the names of `PlatformOutputs`. Within a version of the contract fields are only added,
and only with a default, so that a reader of today understands the outputs of yesterday and of tomorrow.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

CONTRACT_VERSION: Final = 1

Price = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)? [A-Z]{3}$", examples=["0.0084 USD"])]
"""An amount and its currency, by the price card of the stack (`policy.prices`) for what pods request."""

ModelVersion = Annotated[int, Field(ge=1)]


class _Contract(BaseModel):
    """Frozen, strict, and open to fields that a later program adds."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", use_attribute_docstrings=True)


class TrainingImageOutputs(_Contract):
    """The image of training Jobs, and where it came from."""

    reference: Annotated[str, Field(examples=["registry.example.org/ml/train@sha256:…"])]
    """What pods run: by the digest of its push where a stack built it, else as the stack file gives it."""

    base: Annotated[str | None, Field(examples=["tensorflow/tensorflow:2.20.0-gpu"])] = None
    """Base image it was built on, as the stack file gives it; absent where no stack built it."""

    built_by: Annotated[str | None, Field(examples=["organization/tfk8s/dev"])] = None
    """Stack that built it, through however many stacks it was promoted; absent where no stack built it."""


class ImagesOutputs(_Contract):
    """Images that this stack runs and another may take (`images.training.fromStack`)."""

    training: TrainingImageOutputs


class TenantOutputs(_Contract):
    """A tenant."""

    namespace: str
    """Its namespace."""

    price_per_hour_min: Price
    """Of its models with as few replicas as they may have, and of its TensorBoard."""

    price_per_hour_max: Price
    """Of its models with as many replicas as they may have, and of its TensorBoard."""

    price_runs_max: Price
    """Of its training runs and sweeps, each once until its deadline."""

    tensorboard_url: Annotated[str | None, Field(examples=["http://tensorboard.ml.svc:6006"])] = None
    """TensorBoard, from the tenant's own pods; absent where the tenant has none."""


class TrainingOutputs(_Contract):
    """The run of a training job that the stack file declares, complete and published."""

    tenant: str
    """Name of its tenant."""

    namespace: str
    """Where it ran."""

    version: ModelVersion
    """Version of the model it published."""

    job: str
    """Name of the Kubernetes Job."""

    image: str
    """Image the run was declared with."""

    price_per_hour: Price
    """While it runs."""

    price_max: Price
    """If it runs until its deadline, retries included."""


class SweepResultOutputs(_Contract):
    """What a sweep found on the validation part. A version trained with it shows on the test part what it is worth."""

    metric: Annotated[str, Field(examples=["validationAccuracy"])]
    """What was compared: `validationAccuracy`, of which more is better, or `validationLoss`."""

    parameters: Mapping[str, bool | int | float | str]
    """Best values of the arguments that were varied, as a training job's `args` take them."""

    value: float
    """Of the metric, with these."""

    declared_value: float | None = None
    """Of the metric, with the arguments as declared; absent where their trial failed."""

    beats_declared: bool
    """Whether the former is better than the latter."""


class SweepOutputs(_Contract):
    """A sweep, all of whose trials are done."""

    tenant: str
    """Name of its tenant."""

    namespace: str
    """Where it ran."""

    model: str
    """Model whose training was varied."""

    job: str
    """Name of the Kubernetes Job."""

    best: Annotated[str, Field(examples=["digits/.sweeps/rates/best.json"])]
    """File in the model store, relative to its root: the best arguments, and whether they beat the declared ones."""

    result: SweepResultOutputs | None = None
    """The same, as it was read when the sweep had ended; absent where it could not be."""

    price_per_hour: Price
    """While it runs."""

    price_max: Price
    """If it runs until its deadline."""


class TrackOutputs(_Contract):
    """A version of a model that is served, and its share of the requests."""

    version: ModelVersion
    """Number of the version."""

    weight: Annotated[int, Field(ge=0, le=100)]
    """In percent of the requests through `predict_url`, those left out whose headers ask for a track."""


class ModelOutputs(_Contract):
    """A model that is served."""

    tenant: str
    """Name of its tenant."""

    namespace: str
    """Where it is served."""

    version: ModelVersion
    """The version that answers: the stable one, where there are several tracks."""

    tracks: Mapping[str, TrackOutputs] = {}
    """Every version that is served, by the track that names it: `stable`, and `canary` where there is one."""

    image: str
    """Image of the servers."""

    predict_url: Annotated[str, Field(examples=["http://192.0.2.7:8501/v1/models/digits:predict"])]
    """Where to POST `{"instances": […]}` or `{"inputs": …}`, as TensorFlow Serving has it; `:predict` is included.

    The load balancer's address, or the gateway's or its host name, where the model is exposed by one; `cluster_url`
    otherwise. Without `:predict` it is the model's status page; with `/metadata` in its place the model's signature.
    """

    cluster_url: Annotated[str, Field(examples=["http://digits.ml-serving.svc:8501/v1/models/digits:predict"])]
    """The same from inside the cluster; behind it is the stable version alone."""

    price_per_hour_min: Price
    """With as few replicas as it may have."""

    price_per_hour_max: Price
    """With as many replicas as it may have."""


class PlatformOutputs(_Contract):
    """Everything a stack exports. No secret is among it."""

    contract_version: Literal[1]
    """Version of this contract."""

    images: ImagesOutputs
    tenants: Mapping[str, TenantOutputs]
    """Who shares the cluster; names of the stack file."""

    models: Mapping[str, ModelOutputs]
    """What can be asked; names of the stack file."""

    training: Mapping[str, TrainingOutputs]
    """What was trained; names of the stack file, which are those of the models."""

    sweeps: Mapping[str, SweepOutputs] = {}
    """What was searched; names of the stack file."""
