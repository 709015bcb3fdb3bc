"""The stack `dev` on a cluster that could be anybody's: the same program, with only the place replaced."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from local import engine, paths, tools
from local.progress import LocalError, to_stdout
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


def test_it_runs_the_image_that_another_stack_built_and_refuses_one_that_says_nothing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert platform.up().status == 0
    built = json.loads(paths.OUTPUTS.read_text())["images"]["training"]["reference"]
    yaml: Any = YAML(typ="safe")
    overrides = yaml.load(OVERRIDES)
    file = tmp_path / "overrides.yaml"
    monkeypatch.setenv("TFK8S_OVERRIDES", str(file))

    def up(stack: str) -> engine.Deployed:
        overrides["config"]["tfk8s:images"]["training"] = {"fromStack": f"organization/tfk8s/{stack}"}
        yaml.dump(overrides, file)
        return engine.up("dev", tools.pulumi(to_stdout), to_stdout)

    deployed: Any = up("local").outputs
    assert "@sha256:" in built
    assert deployed["images"]["training"]["reference"] == built
    server = platform.get("/apis/apps/v1/namespaces/ml-serving/deployments/digits-v1")
    assert [one["image"] for one in server["spec"]["template"]["spec"]["initContainers"]] == [built]
    with pytest.raises(LocalError, match="nobody"):
        up("nobody")
