"""The Gateway API's definitions in the embedded cluster: sent as their files have them, and once."""

import json
from pathlib import Path

import httpx
import pytest

from local.cluster import gateway
from local.cluster.credentials import pki
from local.cluster.gateway import define
from local.progress import LocalError

GROUP = "gateway.networking.k8s.io"
PLACE = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    for name in ("gateways", "httproutes", "vap_safeupgrades"):
        (tmp_path / f"{GROUP}_{name}.yaml").write_text(f"kind: {name}\n")
    return tmp_path


def sent(definitions: Path, *, there: dict[str, str], status: int = 200) -> dict[str, bytes]:
    """What was applied, by path, to a cluster that has these definitions in these versions."""
    applied: dict[str, bytes] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            assert request.headers["Content-Type"] == "application/apply-patch+yaml"
            applied[request.url.path] = request.content
            return httpx.Response(status, text="no room")
        version = there.get(request.url.path.rpartition("/")[2])
        annotations = {"gateway.networking.k8s.io/bundle-version": version}
        return httpx.Response(200, json={"metadata": {"annotations": annotations}}) if version else httpx.Response(404)

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://api") as client:
        define(client, definitions, "v1.5.1")
    return applied


def test_every_kind_is_defined_by_its_own_file(definitions: Path) -> None:
    assert sent(definitions, there={}) == {
        f"{PLACE}/gateways.{GROUP}": b"kind: gateways\n",
        f"{PLACE}/httproutes.{GROUP}": b"kind: httproutes\n",
    }


def test_what_is_there_in_this_version_is_left_alone_and_an_older_one_is_not(definitions: Path) -> None:
    there = {f"gateways.{GROUP}": "v1.5.1", f"httproutes.{GROUP}": "v1.4.0"}
    assert list(sent(definitions, there=there)) == [f"{PLACE}/httproutes.{GROUP}"]


def test_a_refused_definition_is_named(definitions: Path) -> None:
    with pytest.raises(LocalError, match=f"refused gateways.{GROUP}: no room"):
        sent(definitions, there={}, status=507)


def test_the_gateway_has_a_certificate_and_need_not_make_a_key_at_each_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def config(name: str) -> Path:
        return tmp_path / name

    monkeypatch.setattr(gateway, "config", config)
    gateway.write_config()
    program = gateway.program(Path("traefik"))
    [file] = program.files
    assert f"--providers.file.filename={file}" in program.command
    certificate = json.loads(file.read_text())["tls"]["stores"]["default"]["defaultCertificate"]
    assert certificate == {"certFile": str(pki("gateway.pem")), "keyFile": str(pki("gateway.pem"))}
