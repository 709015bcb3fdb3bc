"""Serves a stand-in to the engine: what the plugins for Kubernetes and Docker have in common."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any, Literal, NoReturn, TypeAlias, cast

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

WORKERS = 128
"""Threads that serve calls: a wait holds one for as long as it lasts, and the engine runs many steps at once."""

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
"""Objects can be larger than gRPC's default of 4 MiB."""

Severity: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class PluginError(Exception):
    """An operation failed; the text is what the user reads."""


class InitFailed(PluginError):
    """The object exists but did not become ready: the engine keeps it in the state and tries again next time."""

    def __init__(self, identity: str, properties: Struct, reasons: list[str], inputs: Struct | None = None) -> None:
        super().__init__(reasons[0])
        self.detail = provider_pb2.ErrorResourceInitFailed(
            id=identity, properties=properties, reasons=reasons, inputs=inputs
        )


class Engine:
    """The engine that started the plugin, as a place to log to."""

    def __init__(self, address: str | None) -> None:
        self._log: Any = None  # the generated stub's type names a module that is not where it says
        if address:
            self._log = cast("Any", engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))).Log

    def log(self, severity: Severity, message: str, urn: str = "", *, status: bool = False) -> None:
        """Tell the user something.

        Args:
            severity: How it is shown.
            message: The text; an empty status clears the one before.
            urn: The resource it is about.
            status: Shown beside the resource while the operation runs, and gone after it.
        """
        if self._log is None:
            print(f"{severity.lower()}: {message}", file=sys.stderr)
            return
        request = engine_pb2.LogRequest(
            severity=engine_pb2.LogSeverity.Value(severity), message=message, urn=urn, ephemeral=status
        )
        with contextlib.suppress(grpc.RpcError):  # an engine that is gone reads no log
            self._log(request, timeout=5)


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """A provider of the embedded default. Subclasses add the operations."""

    package: str
    """The package on PyPI whose version the plugin reports, since the program asks for that version."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.cancelled = threading.Event()
        """Set when the user cancelled: every wait ends."""

    def GetPluginInfo(self, request: Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """The version of the SDK package this plugin stands in for."""
        return plugin_pb2.PluginInfo(version=version(self.package))

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> Empty:
        """An engine found this plugin by `PULUMI_DEBUG_PROVIDERS`."""
        self.engine = Engine(request.address)
        return Empty()

    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        """End waits at once. An attached plugin gets this after every run, so `Configure` clears it."""
        self.cancelled.set()
        return Empty()


def fail(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    """End a call with an error the engine understands, without a traceback."""
    if isinstance(error, InitFailed):
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
        status.details.add().Pack(error.detail)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    if isinstance(error, NotImplementedError):
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "the embedded default's stand-in does not do this")
    if isinstance(error, PluginError):
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f" ({frame.tb_frame.f_code.co_filename}:{frame.tb_lineno})" if frame else ""
    context.abort(grpc.StatusCode.UNKNOWN, f"the stand-in plugin failed: {type(error).__name__}: {error}{place}")
    raise error  # abort() has raised already; its type does not say so everywhere


class Errors(grpc.ServerInterceptor):
    """Turns exceptions of any operation into errors for the engine."""

    def intercept_service(
        self,
        # Quoted, since these classes are generic in their type stubs only.
        continuation: "Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Wrap the operation that is about to be called."""
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        operation = handler.unary_unary

        def guarded(request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ANN401  # any message
            try:
                return operation(request, context)
            except Exception as error:  # noqa: BLE001  # whatever it is, the engine must get an answer
                fail(context, error)

        return grpc.unary_unary_rpc_method_handler(
            guarded,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def exit_now(*_: object) -> NoReturn:
    """Leave without waiting for threads: the engine allows five seconds after SIGINT."""
    os._exit(0)


def leave_with_parent(parent: int) -> NoReturn:
    """Leave when the engine is gone, also when it was killed and could say nothing."""
    while os.getppid() == parent:
        time.sleep(1)
    exit_now()


def serve(make: Callable[[Engine], StandIn]) -> NoReturn:
    """Serve until the engine sends SIGINT or is gone. Prints the port, which is how the engine learns it.

    Args:
        make: Makes the provider; gets the engine, whose address is the first argument of the command line.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, exit_now)
    engine = Engine(sys.argv[1] if len(sys.argv) > 1 else None)
    server = grpc.server(ThreadPoolExecutor(WORKERS), interceptors=[Errors()], options=UNLIMITED)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(make(engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    leave_with_parent(os.getppid())
