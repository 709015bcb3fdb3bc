"""The work of a training run: train, judge, publish. Importing this module imports TensorFlow."""

import math
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from contract import store
from contract.exits import Exit, Failure, say
from contract.manifest import Manifest
from contract.run import RunEnvironment
from training.arguments import Arguments
from training.data import Digits
from training.loop import Epoch, TensorBoardLog, evaluate, train
from training.model import export
from training.strategy import make_strategy
from training.untyped import tf


def work(run: RunEnvironment, arguments: Arguments, digits: Digits, staging: Path) -> Manifest:
    """Train a version and publish it.

    Args:
        run: What to do; the version is not published yet.
        arguments: Of the run's definition, checked.
        digits: The data.
        staging: Where to write before publishing.

    Raises:
        Failure: GPUs are missing, or the training diverged.
        store.StoreError: The store cannot be written.
    """
    start = time.monotonic()
    root = Path(run.store)
    strategy = make_strategy(run.definition.gpus, run.gpu_mode)
    store.require_writable(root, run.model)
    for leftover in store.remove_leftovers(root, run.model, run.version):
        say(f"removed {leftover}, left by an attempt that crashed")
    logs = store.logs_dir(root, run.model, run.version)
    shutil.rmtree(logs, ignore_errors=True)  # curves of a crashed attempt would mix with this one's
    log = TensorBoardLog(logs)
    devices = f"{run.definition.gpus} GPUs (mode {run.gpu_mode})" if run.definition.gpus else "the CPU"
    say(
        f"training {run.model} version {run.version}: {arguments.epochs} epochs of {len(digits.train)} digits "
        f"in batches of {arguments.batch_size} on {devices}, TensorFlow {tf.__version__}"
    )
    epochs: list[Epoch] = []

    def report(epoch: Epoch) -> None:
        epochs.append(epoch)
        say(
            f"epoch {epoch.number}/{arguments.epochs}: "
            f"loss {epoch.train.loss:.4f}, accuracy {epoch.train.accuracy:.3f}, "
            f"validation accuracy {epoch.validation.accuracy:.3f}, {epoch.seconds:.1f} s"
        )
        if not math.isfinite(epoch.train.loss + epoch.validation.loss):
            raise Failure(
                Exit.BAD_INPUT,
                f"the loss is {epoch.train.loss} after epoch {epoch.number}: "
                f"lower args.learningRate ({arguments.learning_rate})",
            )
        log.write(epoch)

    model = train(digits, arguments, strategy, run.definition.seed, report)
    test, last = evaluate(model, digits.test), epochs[-1]
    manifest = Manifest(
        model=run.model,
        version=run.version,
        definition=run.definition,
        image=run.image,
        data_digest=digits.digest,
        tensorflow_version=str(tf.__version__),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        metrics={
            "testAccuracy": round(test.accuracy, 6),
            "testLoss": round(test.loss, 6),
            "validationAccuracy": round(last.validation.accuracy, 6),
            "validationLoss": round(last.validation.loss, 6),
            "trainAccuracy": round(last.train.accuracy, 6),
            "trainLoss": round(last.train.loss, 6),
            "testExamples": len(digits.test),
            "validationExamples": len(digits.validation),
            "trainExamples": len(digits.train),
            "epochs": len(epochs),
            "seconds": round(time.monotonic() - start, 1),
        },
    )
    return store.publish(root, manifest, lambda directory: export(model, directory), staging=staging)
