"""What the repository's program would register for a stack file, without engine, cluster or network.

The program runs against a resource monitor of ours that notes every registration and answers as providers would. It has
run and settled before anything is handed back, so all values are plain.
"""

import asyncio
import contextvars
import json
import logging
import runpy
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar, TypeVarTuple, cast

import pulumi
from pulumi.runtime import mocks, set_all_config
from pulumi.runtime.settings import ROOT as ROOT_RESOURCE
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import run_in_stack

from infra.checks import require_valid
from infra.cluster_identity import without_asking
from infra.outputs import CONTRACT_VERSION, ImagesOutputs, PlatformOutputs, TrainingImageOutputs
from ops.monitor import UNKNOWN, Answers, Monitor, NoMocks, Recording, Resource, Tree
from ops.problem import CommandError
from ops.stackfile import ROOT

__all__ = ["UNKNOWN", "Answers", "Recording", "Resource", "Tree", "record", "run_program", "run_recorded"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def record(
    words: Mapping[str, object], *, stack: str = "test", preview: bool = False, answers: Answers | None = None
) -> Recording:
    """Runs the repository's program with the words of a stack file. Not in two threads at once: mocks are global.

    Args:
        words: Values of the `tfk8s:` keys, without the prefix.
        stack: The stack's name.
        preview: What only an update can tell is UNKNOWN instead of being answered.
        answers: What stands in for it otherwise.

    Raises:
        StackFileError: The stack cannot work; the program was not run.
        CommandError: The program refused it for something that shows only while it runs.
    """
    settings = require_valid(words, date.today()).settings
    given, origin = answers or Answers(), settings.images.training.from_stack
    if origin is not None and origin not in given.stacks:
        given = replace(given, stacks={**given.stacks, origin: taken_outputs(origin, given)})
    try:
        return run_recorded(run_program, words=words, stack=stack, preview=preview, answers=given)
    except pulumi.RunError as refusal:
        raise CommandError(str(refusal)) from None


def taken_outputs(stack: str, answers: Answers) -> Mapping[str, object]:
    """What a stack that nobody asked can be taken to say, by its contract; `.invalid` names no host (RFC 2606)."""
    image = TrainingImageOutputs(reference=f"unknown.invalid/{stack}@{answers.digest}", built_by=stack)
    outputs = PlatformOutputs(
        contract_version=CONTRACT_VERSION, images=ImagesOutputs(training=image), tenants={}, models={}, training={}
    )
    return outputs.model_dump(exclude_none=True)


def run_program() -> None:
    """Runs `__main__.py`, the program of the repository; no cluster is asked who it is."""
    with without_asking():
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


def run_recorded(
    build: Callable[[], object],
    *,
    words: Mapping[str, object],
    stack: str = "test",
    preview: bool = False,
    answers: Answers | None = None,
) -> Recording:
    """Runs `build` as a program, whatever it registers; arguments as of `record`.

    Raises:
        Exception: What the program raised, in its body or in an Output.
    """
    config = {f"tfk8s:{key}": json.dumps(value) for key, value in words.items()}
    recording = Recording()
    monitor = Monitor(recording, answers or Answers(), preview=preview)
    logger = _listening(recording)

    def run() -> None:
        loop = _NoThreads()
        asyncio.set_event_loop(loop)
        # After a refusal many futures end with it and nobody asks them; the language host keeps silent about them too.
        loop.set_exception_handler(lambda _loop, _context: None)
        set_all_config(config)
        mocks.set_mocks(
            NoMocks(),
            project="tfk8s",
            stack=stack,
            preview=preview,
            logger=logger,
            monitor=monitor,
            organization="organization",  # as in a backend of one's own
        )
        # set_mocks makes a root stack that is finished at once; run_in_stack makes one as the engine does.
        ROOT_RESOURCE.set(None)
        cast("Any", SETTINGS).outputs.clear()  # an attribute the SDK sets dynamically
        try:
            loop.run_until_complete(run_in_stack(lambda: cast("None", build())))
        finally:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.close()

    # A context of its own: nothing of Pulumi's settings or configuration reaches the caller or the next run. A thread
    # of its own: Pulumi records the whole stack with every resource, and a caller's may be deep.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(contextvars.copy_context().run, run).result()
    return recording


class _NoThreads(asyncio.SelectorEventLoop):
    """Does at once what the SDK hands to threads because engines take their time: ours answers from memory."""

    def run_in_executor(self, executor: object, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever awaits it gets it
            done.set_exception(error)
        return done


def _listening(recording: Recording) -> logging.Logger:
    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            recording.warnings.append(record.getMessage())

    logger = logging.Logger("program", logging.WARNING)
    logger.addHandler(Listener(logging.WARNING))
    return logger
