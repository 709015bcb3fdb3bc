"""The provider's operations, as the engine calls them."""

import time
from typing import NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as rpc

from local.plugins.kubernetes import options as provider_options
from local.plugins.kubernetes.client import NOT_FOUND, ApiClient, ApiError, NoSuchKind, Unreachable
from local.plugins.kubernetes.compare import normalise
from local.plugins.kubernetes.kubeconfig import KubeconfigError
from local.plugins.kubernetes.ownership import drops_fields, leave_ignored, needs_takeover, take_over
from local.plugins.kubernetes.paths import parsed
from local.plugins.kubernetes.plan import live_inputs, plan_update
from local.plugins.kubernetes.state import (
    MANAGER,
    annotation,
    checkpoint,
    give_name,
    identity,
    is_replaced_in_place,
    kind_of,
    named,
    random_suffix,
    split,
    with_dashes,
)
from local.plugins.kubernetes.waiting import WAIT_FOR, Wait, WaitFailed, awaited_condition, check, is_awaited
from local.plugins.serve import Engine, InitFailed, PluginError, StandIn
from local.plugins.wire import Object, decode, encode, has_unknown, is_object, reveal

NOTICE = "this is the embedded default's stand-in for pulumi-resource-kubernetes, never to be used for dev or prod"

CREATE_ATTEMPTS = 5
CHECKED_ON_READ = frozenset({"DaemonSet", "Deployment", "Job", "Pod", "Service", "StatefulSet"})
"""Kinds that a refresh reports when they are not ready."""

EXISTS = (
    "{message}\n\nThe object exists in the cluster but not in this stack. Import it (`pulumi import`), delete it, or "
    "give this one another name; after a rename in the program, add an alias."
)


class KubernetesStandIn(StandIn):
    """Creates, changes, reads and deletes objects of one cluster."""

    package = "pulumi-kubernetes"

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._client: ApiClient | None = None
        self._unreachable = "the provider is not configured"
        self._options = provider_options.read({})
        self._namespace = "default"

    # -- configuration

    def CheckConfig(self, request: rpc.CheckRequest, context: grpc.ServicerContext) -> rpc.CheckResponse:
        """Accept the configuration; `Configure` says what is wrong with it."""
        return rpc.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: rpc.DiffRequest, context: grpc.ServicerContext) -> rpc.DiffResponse:
        """Say whether another configuration means another cluster."""
        changed, replacing = provider_options.cluster_changes(decode(request.olds), decode(request.news))
        some = rpc.DiffResponse.DIFF_SOME if changed else rpc.DiffResponse.DIFF_NONE
        return rpc.DiffResponse(changes=some, diffs=changed, replaces=replacing)

    def Configure(self, request: rpc.ConfigureRequest, context: grpc.ServicerContext) -> rpc.ConfigureResponse:
        """Connect. A cluster that is not there is no error yet: previews work without it."""
        self.cancelled.clear()
        config = reveal(decode(request.args))
        self._options = provider_options.read(config)
        self.engine.log("INFO", NOTICE)
        try:
            connection = provider_options.connect(config)
            client = ApiClient(connection)
            client.request("GET", "/version")
        except (KubeconfigError, Unreachable, ApiError) as error:
            self._client, self._unreachable = None, str(error)
        else:
            self._client = client
            self._namespace = self._options.namespace or connection.namespace or "default"
        return rpc.ConfigureResponse(acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True)

    def _cluster(self) -> ApiClient:
        if self._client is None:
            message = f"the configured Kubernetes cluster is unreachable: {self._unreachable}"
            raise PluginError(message)
        return self._client

    # -- operations

    def Check(self, request: rpc.CheckRequest, context: grpc.ServicerContext) -> rpc.CheckResponse:
        """Complete the inputs: name and namespace."""
        kind = kind_of(request.urn.split("::")[2].rpartition("$")[2])[1]
        if kind.endswith(("Patch", "List")):
            message = f"the embedded default's stand-in manages whole, single objects, no {kind}"
            raise PluginError(message)
        inputs = give_name(decode(request.news), reveal(decode(request.olds)), request)
        if annotation(inputs, WAIT_FOR) and not awaited_condition(inputs):
            message = f"of the annotation {WAIT_FOR} the embedded default's stand-in knows condition=TYPE alone"
            raise PluginError(message)
        metadata = inputs.get("metadata")
        if is_object(metadata) and "namespace" not in metadata and self._is_namespaced(inputs):
            inputs = inputs | {"metadata": {**metadata, "namespace": self._namespace}}
        return rpc.CheckResponse(inputs=encode(inputs))

    def _is_namespaced(self, obj: Object) -> bool:
        if self._client is None:
            return False
        try:
            return self._client.kind(obj.get("apiVersion", ""), obj.get("kind", "")).namespaced
        except NoSuchKind:
            return True  # a custom resource whose definition comes with the same update

    def Diff(self, request: rpc.DiffRequest, context: grpc.ServicerContext) -> rpc.DiffResponse:
        """Compare the new inputs with the object as last seen."""
        state, news = decode(request.olds), decode(request.news)
        plan = plan_update(state, news, self._options, [parsed(text) for text in request.ignoreChanges])
        replacing = list(plan.replacing)
        if self._is_failed_job_to_replace(plan.new, plan.live):
            replacing.append('metadata.annotations["pulumi.com/replaceUnready"]')
        detailed = {
            path: rpc.PropertyDiff(kind=rpc.PropertyDiff.Kind.Value(kind), inputDiff=kind.startswith("DELETE"))
            for path, kind in plan.changes.items()
        }
        return rpc.DiffResponse(
            changes=rpc.DiffResponse.DIFF_SOME if detailed or replacing else rpc.DiffResponse.DIFF_NONE,
            replaces=replacing,
            deleteBeforeReplace=bool(replacing) and is_replaced_in_place(plan.new, plan.live),
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    def _is_failed_job_to_replace(self, new: Object, live: Object) -> bool:
        if annotation(new, "pulumi.com/replaceUnready") != "true" or new.get("kind") != "Job" or self._client is None:
            return False
        current = self._client.find(live)
        return current is not None and not check(self._client, current, 0).ready

    def Create(self, request: rpc.CreateRequest, context: grpc.ServicerContext) -> rpc.CreateResponse:
        """Make an object that must not exist, and wait until it is ready."""
        inputs = decode(request.properties)
        obj = with_dashes(reveal(inputs))
        if request.preview:
            return rpc.CreateResponse(properties=self._preview_create(request.properties, inputs, obj))
        manager = f"pulumi-kubernetes-{random_suffix()}"
        created = self._create(obj)
        live = self._wait(request.urn, request.timeout, inputs, created, manager)
        return rpc.CreateResponse(id=identity(live), properties=encode(checkpoint(inputs, live, manager)))

    def _preview_create(self, properties: Struct, inputs: Object, obj: Object) -> Struct:
        """What the server would make of it; the inputs alone where it cannot say yet."""
        if self._client is None or has_unknown(obj):
            return properties
        try:
            planned = self._client.create(obj, dry_run=True)
        except NoSuchKind:
            return properties
        except ApiError as error:
            if error.reason in ("AlreadyExists", "Forbidden") or error.about == "namespaces":
                return properties  # about to be replaced; not allowed to try; its namespace is yet to come
            raise
        planned.pop("status", None)
        return encode(checkpoint(inputs, planned, ""))

    def _create(self, obj: Object) -> Object:
        """Create, with patience for a namespace or a definition made at the same time."""
        client = self._cluster()
        for attempt in range(CREATE_ATTEMPTS):
            try:
                return client.create(obj)
            except (ApiError, NoSuchKind) as error:
                if isinstance(error, ApiError) and error.reason == "AlreadyExists":
                    raise PluginError(EXISTS.format(message=error)) from error
                missing = isinstance(error, NoSuchKind) or error.code == NOT_FOUND
                if not missing or attempt == CREATE_ATTEMPTS - 1:
                    raise
                time.sleep(0.5 * 2**attempt)
        raise AssertionError  # the last attempt returned or raised

    def Update(self, request: rpc.UpdateRequest, context: grpc.ServicerContext) -> rpc.UpdateResponse:
        """Apply the inputs, also unchanged ones, and wait: an object that failed before is tried again."""
        inputs, olds = decode(request.news), decode(request.olds)
        obj = normalise(with_dashes(reveal(inputs)))
        if request.preview and (self._client is None or has_unknown(obj)):
            return rpc.UpdateResponse(properties=request.news)
        client = self._cluster()
        manager = annotation(obj, "pulumi.com/patchFieldManager") or olds.get(MANAGER) or "pulumi-kubernetes"
        force = self._options.force or annotation(obj, "pulumi.com/patchForce") == "true"
        live = client.get(obj)
        if request.preview:
            force = force or needs_takeover(live)  # a dry run cannot take over, and would conflict with the create
        else:
            live = take_over(client, live, manager)
        obj = leave_ignored(obj, live, manager, [parsed(text) for text in request.ignoreChanges])
        try:
            applied = client.apply(obj, manager, force=force, dry_run=request.preview)
        except ApiError as error:
            unsure = needs_takeover(live) and drops_fields(normalise(with_dashes(reveal(split(olds)[0]))), obj)
            if request.preview and (error.reason == "Forbidden" or (error.reason == "Invalid" and unsure)):
                return rpc.UpdateResponse(properties=request.news)
            raise
        if not request.preview:
            applied = self._wait(request.urn, request.timeout, inputs, applied, manager)
        return rpc.UpdateResponse(properties=encode(checkpoint(inputs, applied, manager)))

    def Read(self, request: rpc.ReadRequest, context: grpc.ServicerContext) -> rpc.ReadResponse:
        """Fetch an object, for a refresh or an import; an empty answer says that it is gone."""
        client = self._cluster()
        inputs, state = decode(request.inputs), decode(request.properties)
        target = named(request.id, *kind_of(request.urn.split("::")[2].rpartition("$")[2]))
        if inputs:
            target |= {"apiVersion": inputs.get("apiVersion"), "kind": inputs.get("kind")}
        try:
            live = client.find(target)
        except NoSuchKind:
            live = None
        if live is None:
            return rpc.ReadResponse()
        found = live_inputs(live, inputs)
        properties = encode(checkpoint(found, live, state.get(MANAGER) or f"pulumi-kubernetes-{random_suffix()}"))
        if inputs and is_awaited(live) and live.get("kind") in CHECKED_ON_READ:
            readiness = check(client, live, float("inf"))
            if not readiness.ready:
                reason = f"{live['kind']} {request.id} is not ready: {readiness.failure or readiness.missing}"
                raise InitFailed(request.id, properties, [reason], encode(found))
        return rpc.ReadResponse(id=request.id, properties=properties, inputs=encode(found))

    def Delete(self, request: rpc.DeleteRequest, context: grpc.ServicerContext) -> Empty:
        """Delete an object and everything it owns, and wait until it is gone."""
        inputs, live = split(decode(request.properties))
        client = self._cluster()
        propagation = (annotation(inputs, "pulumi.com/deletionPropagationPolicy") or "foreground").capitalize()
        try:
            client.delete(live, propagation)
            self._wait_for(request.urn, request.timeout).until_gone(live)
        except NoSuchKind:
            return Empty()  # its definition is gone, so is the object
        except WaitFailed as failure:
            last_seen = checkpoint(inputs, failure.live or live, decode(request.properties).get(MANAGER) or "")
            raise InitFailed(request.id, encode(last_seen), failure.reasons) from failure
        return Empty()

    # -- waiting

    def _wait_for(self, urn: str, timeout_seconds: float) -> Wait:
        shown = [""]

        def report(text: str) -> None:
            if text != shown[-1]:
                shown.append(text)
                self.engine.log("INFO", text, urn, status=True)

        return Wait(self._cluster(), self.cancelled, report, timeout_seconds)

    def _wait(self, urn: str, timeout_seconds: float, inputs: Object, obj: Object, manager: str) -> Object:
        if not is_awaited(obj):
            return obj
        try:
            return self._wait_for(urn, timeout_seconds).until_ready(obj)
        except WaitFailed as failure:
            self._fail_initialisation(failure, inputs, obj, manager)
        except PluginError as error:  # the object exists all the same, so the state must keep it
            self._fail_initialisation(WaitFailed([f"cannot be followed: {error}"], None), inputs, obj, manager)

    def _fail_initialisation(self, failure: WaitFailed, inputs: Object, obj: Object, manager: str) -> NoReturn:
        live = failure.live or obj
        headline = f"{obj.get('kind')} {identity(obj)} exists but did not become ready: {failure.reasons[0]}"
        properties = encode(checkpoint(inputs, live, manager))
        raise InitFailed(identity(obj), properties, [headline, *failure.reasons[1:]]) from failure
