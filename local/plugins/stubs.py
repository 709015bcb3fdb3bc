"""Loads the protobuf stubs that ship in Pulumi's SDK without loading the SDK."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def use_stubs_only() -> None:
    """Make `pulumi.runtime.proto` importable without running `pulumi/__init__.py`.

    The engine starts a plugin for every operation: the whole SDK takes 0.6 s to import, the stubs 0.16 s. Only the
    plugins' own processes may call this, before anything imports Pulumi.
    """
    spec = importlib.util.find_spec("pulumi")
    if spec is None or spec.submodule_search_locations is None:
        message = "the pulumi package is not installed in this environment"
        raise ModuleNotFoundError(message)
    root = Path(spec.submodule_search_locations[0])
    for name, directory in (("pulumi", root), ("pulumi.runtime", root / "runtime")):
        module = ModuleType(name)
        module.__path__ = [str(directory)]
        sys.modules[name] = module
    # httpx imports its own command line with click and rich where it can: a fifth of a second for nothing.
    sys.modules["httpx._main"] = None  # pyright: ignore[reportArgumentType]  # None is how Python marks "not to be had"
