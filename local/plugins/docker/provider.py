"""The provider's operations, as the engine calls them."""

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as rpc

from local.plugins.docker import inputs
from local.plugins.docker.build import Builder
from local.plugins.serve import PluginError, StandIn
from local.plugins.wire import Object, Secret, decode, encode, mapping, reveal

NOTICE = "this is the embedded default's stand-in for pulumi-resource-docker, never to be used for dev or prod"
IMAGE = "docker:index/image:Image"

INPUTS = "__inputs"
"""Where the state keeps the inputs of the last successful build."""


class DockerStandIn(StandIn):
    """Builds and pushes images."""

    package = "pulumi-docker"

    def CheckConfig(self, request: rpc.CheckRequest, context: grpc.ServicerContext) -> rpc.CheckResponse:
        """Accept the configuration: it is about a daemon, and there is none."""
        return rpc.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: rpc.DiffRequest, context: grpc.ServicerContext) -> rpc.DiffResponse:
        """No configuration matters."""
        return rpc.DiffResponse(changes=rpc.DiffResponse.DIFF_NONE)

    def Configure(self, request: rpc.ConfigureRequest, context: grpc.ServicerContext) -> rpc.ConfigureResponse:
        """Say what this is."""
        self.cancelled.clear()
        self.engine.log("INFO", NOTICE)
        return rpc.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: rpc.CheckRequest, context: grpc.ServicerContext) -> rpc.CheckResponse:
        """Complete the inputs, the hash of the build context among them."""
        kind = request.urn.split("::")[2].rpartition("$")[2]
        if kind != IMAGE:
            raise PluginError(f"the embedded default's stand-in builds {IMAGE}, no {kind}")
        news = decode(request.news)
        completed = inputs.complete(reveal(news))
        if "registry" in news:  # the only input that may be secret
            completed["registry"] = news["registry"]
        return rpc.CheckResponse(inputs=encode(completed))

    def Diff(self, request: rpc.DiffRequest, context: grpc.ServicerContext) -> rpc.DiffResponse:
        """Compare with the inputs of the last successful build."""
        old = mapping(reveal(decode(request.olds)), INPUTS)
        found = inputs.differences(old, reveal(decode(request.news)))
        detailed = {key: rpc.PropertyDiff(kind=rpc.PropertyDiff.Kind.Value(kind)) for key, kind in found.items()}
        some = rpc.DiffResponse.DIFF_SOME if found else rpc.DiffResponse.DIFF_NONE
        return rpc.DiffResponse(changes=some, diffs=list(found), detailedDiff=detailed, hasDetailedDiff=bool(found))

    def Create(self, request: rpc.CreateRequest, context: grpc.ServicerContext) -> rpc.CreateResponse:
        """Build and push; a preview builds only if the program asks for it."""
        news = decode(request.properties)
        properties = self._make(request.urn, news, preview=request.preview)
        return rpc.CreateResponse(id="" if request.preview else news["imageName"], properties=properties)

    def Update(self, request: rpc.UpdateRequest, context: grpc.ServicerContext) -> rpc.UpdateResponse:
        """Build and push again."""
        return rpc.UpdateResponse(properties=self._make(request.urn, decode(request.news), preview=request.preview))

    def Read(self, request: rpc.ReadRequest, context: grpc.ServicerContext) -> rpc.ReadResponse:
        """Nothing is reconciled: the state stays."""
        return rpc.ReadResponse(id=request.id, inputs=request.inputs, properties=request.properties)

    def Delete(self, request: rpc.DeleteRequest, context: grpc.ServicerContext) -> Empty:
        """Images in a registry stay: somebody may run them."""
        return Empty()

    def _make(self, urn: str, news: Object, *, preview: bool) -> Struct:
        if preview and not inputs.can_build_in_preview(news):
            return encode(news)
        build = inputs.read(reveal(news))

        def say(line: str) -> None:
            self.engine.log("INFO", line, urn, status=True)

        repo_digest = Builder(build, say, self.cancelled).run(push=build.push and not preview)
        say("")
        return encode({**inputs.outputs(build, repo_digest), INPUTS: Secret(reveal(news))})
