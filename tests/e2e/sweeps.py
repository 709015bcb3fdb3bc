"""A sweep of digits on the cluster, beside version 1 that is served, and what its journal tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from contract.sweep import sweep_dir
from local import paths
from tests.e2e.platform import words
from training.sweep_journal import JOURNAL

PARALLELISM = 2


@dataclass(frozen=True)
class ClusterSweep:
    """Its settings, two trials at a time."""

    name: str
    trials: int
    epochs: int
    sampler: str
    space: Mapping[str, Any]

    @property
    def directory(self) -> Path:
        """Where the store keeps it."""
        return sweep_dir(paths.STORE, "digits", self.name)

    def config(self, attempt: int = 1) -> Any:
        """The stack file's words with this sweep in them."""
        config = words()
        config["tfk8s:sweeps"] = {
            self.name: {
                "tenant": "ml",
                "model": "digits",
                "attempt": attempt,
                "trials": self.trials,
                "parallelism": PARALLELISM,
                "sampler": self.sampler,
                "args": {"epochs": self.epochs},
                "space": self.space,
                "resources": {"cpu": "200m", "memory": "1Gi", "limits": {"cpu": 1, "memory": "1536Mi"}},
                "deadline": "20m",
            }
        }
        return config

    def attempts(self) -> list[FrozenTrial]:
        """Every trial that was begun, as the journal has them."""
        path = self.directory / JOURNAL
        if not path.exists():
            return []
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
        return optuna.load_study(study_name=self.name, storage=storage).trials
