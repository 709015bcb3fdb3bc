"""Several workers that train one model together. Importing this imports TensorFlow.

Each holds the whole model and a share of every batch (MultiWorkerMirroredStrategy). TensorFlow's coordination service,
which runs in worker 0, notices a worker that is gone or silent, and fails the next operation of all the others.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from contract.exits import Exit, Failure
from contract.run import RunEnvironment
from training.strategy import Strategy, visible_gpus
from training.untyped import tf

_POLL_SECONDS = 0.3
_CONNECT_SECONDS = 10.0

Tensor = Any
"""A tf.Tensor."""


def lost(error: Exception, step: int) -> Failure:
    """What to end with when TensorFlow reports that another worker is gone after a step of this one."""
    signs = ("heartbeat", "onnection", "closed", "eadline", "unhealthy", "refused")
    lines = [line.strip() for line in str(getattr(error, "message", error)).splitlines()]
    telling = next((line for line in lines if any(sign in line for sign in signs)), type(error).__name__)
    return Failure(Exit.PEER_LOST, f"another worker was lost after step {step}: {telling[:200]}")


def is_loss(error: Exception) -> bool:
    """Whether an error of TensorFlow's comes from another worker and not from this one's own work."""
    kinds = tf.errors
    return isinstance(
        error,
        kinds.UnavailableError
        | kinds.AbortedError
        | kinds.CancelledError
        | kinds.DeadlineExceededError
        | kinds.FailedPreconditionError
        | kinds.InternalError
        | kinds.UnknownError,
    )


def form(run: RunEnvironment, *, deterministic: bool = False) -> Strategy:
    """Join the other workers, waiting for them. Call it before TensorFlow has run anything.

    Args:
        run: With its peers and this worker's index.
        deterministic: Take only operations that give the same bits each time.

    Raises:
        Failure: Fewer GPUs are visible than asked for.
        tf.errors.OpError: The others cannot be reached.
    """
    os.environ["TF_CONFIG"] = json.dumps(
        {"cluster": {"worker": list(run.peers)}, "task": {"type": "worker", "index": run.index}}
    )
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    gpus = 0 if run.gpu_mode == "pretend" else run.definition.gpus
    visible_gpus(gpus, run.gpu_mode, run.gpu_memory_fraction)
    way = tf.distribute.experimental.CommunicationImplementation
    options = tf.distribute.experimental.CommunicationOptions(implementation=way.NCCL if gpus else way.RING)
    strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    # TensorFlow's preemption notifier has put a handler of its own in place of Python's, and nobody acts on what it
    # notes: a drained worker would train on until it is killed.
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
    return strategy


def from_chief(strategy: Strategy, values: list[Tensor]) -> list[Tensor]:
    """Give every worker the chief's values, of the same shapes and types everywhere.

    The others never read the chief's files: what a shared file system shows them may be older.
    """

    @tf.function
    def spread(*own: Tensor) -> list[Tensor]:
        def one_replica() -> list[Tensor]:
            replica = tf.distribute.get_replica_context()
            is_first = tf.equal(replica.replica_id_in_sync_group, 0)
            mine = [tf.where(is_first, value, tf.zeros_like(value)) for value in own]
            return [replica.all_reduce(tf.distribute.ReduceOp.SUM, value) for value in mine]

        return strategy.run(one_replica)

    return [strategy.experimental_local_results(value)[0] for value in spread(*values)]


def wait_for_chief(chief: str, step: int, is_published: Callable[[], bool] | None) -> None:
    """Wait until the chief has published, which ends the run; it is lost if it goes without having done so.

    Nothing of TensorFlow's is asked: while an operation waits for another worker, Python may stand still.

    Args:
        chief: Its host:port.
        step: The last one, for the log.
        is_published: Whether the version is there. None where this worker cannot see it: the chief's end is the run's
            then, and how it ended is the chief's to say.

    Raises:
        Failure: The chief is lost.
    """
    host, _, port = chief.rpartition(":")
    while is_published is None or not is_published():
        try:
            socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
        except OSError as error:
            if is_published is None or is_published():
                return
            raise lost(error, step) from error
        time.sleep(_POLL_SECONDS)
