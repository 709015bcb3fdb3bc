"""`make up`: from nothing to a correct prediction, with everything overlapped that can be."""

import json
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import cast

import httpx
from rich.console import Console
from rich.table import Table

from contract.store import verify, version_dir
from infra.checks import require_valid
from infra.overrides import stack_file_words
from infra.reader import until_answered
from local import engine, paths, processes, tools
from local.cluster import lifecycle, namespace
from local.images import build_base_images
from local.progress import LocalError, elapsed
from local.screen import Screen
from training.data import load

STACK = "local"
_PREDICT_SECONDS = 30.0
"""How long a ready server may take to be reached through its load balancer."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A digit nobody trained on, and what the served model says of it."""

    label: int
    predicted: int
    probability: float


def up(console: Console) -> None:
    """Brings up cluster and stack, predicts, and prints where everything is.

    Raises:
        LocalError, StackFileError: What is wrong, on one screen.
    """
    started = time.monotonic()
    # Words first: a stack file that cannot work should cost nothing.
    asked = require_valid(stack_file_words(paths.ROOT / f"Pulumi.{STACK}.yaml", os.environ), date.today())
    monitored = asked.settings.monitoring is not None
    processes.mark_children()
    screen = Screen(console)
    with screen.shown():
        pulumi = _parts(screen, monitored=monitored)
        if stand_ins := engine.write_plugins():
            screen.say(f"provider stand-ins for {' and '.join(stand_ins)}, which serve the embedded default only")
        with screen.step("stack") as progress:
            deployed = engine.up(STACK, pulumi, progress)
            progress(_changes(deployed.changes))
        for warning in deployed.warnings:
            screen.say(f"warning: {warning}")
        _write_outputs(deployed.outputs)
        with screen.step("predict") as progress:
            progress("asking the served models about a digit nobody trained on")
            predictions = {
                name: _predict(str(model["predict_url"])) for name, model in _models(deployed.outputs).items()
            }
            progress("answered")
    console.print(_table(deployed.outputs, predictions, str(asked.plan.price_per_hour)))
    console.print(f"ready in {elapsed(started)}")


def _parts(screen: Screen, *, monitored: bool) -> Path:
    """Builds and starts everything the stack needs; images build while tools do."""

    def build_and_start() -> Path:
        with screen.step("tools") as progress:
            tools.kubernetes(progress)
        with screen.step("cluster") as progress:
            lifecycle.start(progress, counted=monitored)
        with screen.step("engine") as progress:
            return tools.pulumi(progress)

    def images() -> None:
        with screen.step("images") as progress:
            build_base_images(progress, prometheus=monitored)

    with screen.step("registry") as progress:
        lifecycle.start_registry(progress)
    with ThreadPoolExecutor(max_workers=2) as pool:
        engine_command, base_images = pool.submit(build_and_start), pool.submit(images)
        try:
            for future in as_completed([engine_command, base_images]):
                future.result()
        except BaseException:
            # The pool waits for its threads, and they for builds that nobody wants any more.
            processes.kill(set(processes.members(processes.MARK)) - set(processes.members(namespace.MARK)))
            raise
        return engine_command.result()


def _changes(changes: Mapping[str, int]) -> str:
    words = {"same": "unchanged", "create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}
    parts = [f"{count} {words[operation]}" for operation, count in sorted(changes.items()) if operation in words]
    return ", ".join(parts)


def _write_outputs(outputs: Mapping[str, object]) -> None:
    temporary = paths.OUTPUTS.with_suffix(".tmp")
    temporary.write_text(json.dumps(outputs, indent=2) + "\n")
    temporary.rename(paths.OUTPUTS)


def _models(outputs: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    return cast("Mapping[str, Mapping[str, object]]", outputs["models"])


def _predict(url: str) -> Prediction:
    held_out = load().test
    pixels, label = held_out.images[0].tolist(), int(held_out.labels[0])
    deadline = time.monotonic() + _PREDICT_SECONDS
    while True:
        try:
            # A model without pods is woken by the question.
            answer = until_answered(lambda: httpx.post(url, json={"instances": [pixels]}, timeout=10))
            break
        except httpx.TransportError as error:
            if time.monotonic() > deadline:
                message = f"{url} did not answer a prediction within {_PREDICT_SECONDS:.0f} s: {error}"
                raise LocalError(f"{message}\n`make status` shows the pods.") from None
            time.sleep(0.2)
    if answer.is_error:
        raise LocalError(f"{url} refused a prediction: {answer.status_code} {answer.text}")
    probabilities = cast("list[float]", answer.json()["predictions"][0])
    predicted = max(range(len(probabilities)), key=probabilities.__getitem__)
    return Prediction(label=label, predicted=predicted, probability=probabilities[predicted])


def _accuracy(model: str, version: object) -> str:
    """Held-out accuracy as the training run measured it, from the manifest in the store."""
    number = cast("int", version)
    manifest = verify(version_dir(paths.STORE, model, number), model=model, version=number)
    return f"{manifest.metrics['testAccuracy']:.4f}"


def _table(outputs: Mapping[str, object], predictions: Mapping[str, Prediction], price: str) -> Table:
    """What one came for, readable on the narrowest terminal."""
    table = Table(show_header=False, title="tfk8s serves", title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, model in _models(outputs).items():
        answer = predictions[name]
        table.add_row("model", f"{name} version {model['version']}")
        table.add_row("endpoint", str(model["predict_url"]))
        table.add_row("held-out accuracy", _accuracy(name, model["version"]))
        table.add_row("one held-out digit", f"a {answer.label} read as {answer.predicted} ({answer.probability:.1%})")
        table.add_section()
    table.add_row("price", f"{price} an hour for what serves at its minimum, by the price card")
    table.add_row("kubeconfig", str(paths.KUBECONFIG.relative_to(paths.ROOT)))
    table.add_row("stop and remove", "make down")
    return table
