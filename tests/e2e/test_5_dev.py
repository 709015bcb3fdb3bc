"""The stack `dev` on a cluster that could be anybody's: the same program, with only the place replaced."""

import shutil

import pytest

from local import engine, paths, tools
from local.progress import to_stdout
from tests.e2e.platform import Platform

OVERRIDES = paths.ROOT / "examples" / "dev-on-embedded.yaml"


def test_dev_deploys_trains_and_serves(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    if not paths.OUTPUTS.exists():
        assert platform.up().status == 0
    store = paths.STORE / "dev"
    store.mkdir()
    shutil.chown(store, group=paths.STORE_GROUP)
    store.chmod(0o2775)
    monkeypatch.setenv("TFK8S_OVERRIDES", str(OVERRIDES))

    deployed = engine.up("dev", tools.pulumi(to_stdout), to_stdout)

    assert {"ml-training", "ml-serving"} <= set(deployed.outputs["tenants"])  # pyright: ignore[reportArgumentType] - outputs are JSON
    assert (store / "digits" / "1" / "manifest.json").exists()
    # Inside the cluster only: asked through the API server, as nobody listens on this machine.
    service = "/api/v1/namespaces/ml-serving/services/digits:8501/proxy/v1/models/digits"
    assert platform.get(service)["model_version_status"][0]["state"] == "AVAILABLE"
    assert "TFK8S_OVERRIDES" in " ".join(deployed.warnings)
