"""Keeps tests of Pulumi programs honest: nothing may be asserted where Pulumi might never look."""

import functools
import gc
import os
import pickle
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType
from typing import cast

import pytest
from _pytest.runner import runtestprotocol
from ruamel.yaml import YAML

for variable in tuple(os.environ):
    # Neither the clusters nor the stacks of whoever runs the tests are any of their business.
    if variable in ("KUBECONFIG", "DOCKER_HOST") or variable.startswith(("PULUMI_", "TFK8S_")):
        del os.environ[variable]

gc.set_threshold(20_000, 20, 100)  # tests are short and memory is there

_load = cast("Callable[[YAML, object], object]", YAML.load)  # pyright: ignore[reportUnknownMemberType] - ruamel.yaml is untyped


@functools.cache
def _loaded(pure: bool, text: str) -> bytes:
    return pickle.dumps(_load(YAML(typ="safe", pure=pure), text))


def _load_once(self: YAML, stream: object) -> object:
    """Stack files are read by nearly every verb, and the same few by most tests: 7 ms each time."""
    if self.typ == ["safe"] and isinstance(stream, str):
        return pickle.loads(_loaded(self.pure, stream))
    return _load(self, stream)


YAML.load = _load_once

_DEFERRED = ("apply", "run_with_unknowns")


def pytest_configure(config: pytest.Config) -> None:
    """Spares the process that only gathers reports Hypothesis's summary, for which it would import Hypothesis."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        config.pluginmanager.unregister(name="hypothesispytest")


def pytest_collection_finish() -> None:
    """Keeps the garbage collector from looking through all modules and tests at every run of the program."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Sends one report of a test that passed from a worker instead of three, which cost as much as a short test."""
    if not hasattr(item.config, "workerinput"):
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    return True


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuses an `apply` in a test that uses the recorder: it is skipped silently for unknown values.

    `tests.unit.recorder` hands back plain values after everything has run, so no such test needs one.
    """
    if not isinstance(item, pytest.Function):
        return
    test = cast("FunctionType", item.obj)
    if _uses_recorder(item.module) and any(name in _names(test.__code__) for name in _DEFERRED):
        msg = f"{item.nodeid}: an assertion in `apply` may never run; assert on what the recorder returns"
        raise pytest.UsageError(msg)


@functools.cache
def _uses_recorder(module: ModuleType) -> bool:
    return any(getattr(value, "__module__", None) == "tests.unit.recorder" for value in vars(module).values())


def _names(code: CodeType) -> set[str]:
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*(_names(each) for each in inner))
