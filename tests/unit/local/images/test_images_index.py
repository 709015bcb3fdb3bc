"""How builds reach the package index the host uses."""

import configparser
import tomllib
from pathlib import Path

import pytest

from local.images import index

URL = "https://user:secret@index.example.org/simple"


@pytest.fixture
def pip_conf(tmp_path: Path) -> list[Path]:
    path = tmp_path / "host-pip.conf"
    path.write_text(f"[global]\nindex-url = {URL}\nno-color = true\n")
    return [path]


def test_variables_win_over_files(pip_conf: list[Path]) -> None:
    assert index.pip_settings({}, pip_conf) == {"index-url": URL}
    found = index.pip_settings({"PIP_INDEX_URL": "https://other.example.org", "PIP_CERT": "/ca.pem"}, pip_conf)
    assert found == {"index-url": "https://other.example.org", "cert": "/ca.pem"}


def test_uv_gets_what_pip_would_use_but_its_own_variables_win(pip_conf: list[Path]) -> None:
    assert index.uv_environment({}, pip_conf)["UV_DEFAULT_INDEX"] == URL
    assert index.uv_environment({"UV_DEFAULT_INDEX": "mine"}, pip_conf)["UV_DEFAULT_INDEX"] == "mine"
    assert index.uv_environment({"PIP_CERT": "/ca.pem"}, [])["SSL_CERT_FILE"] == "/ca.pem"


def test_containers_get_configuration_by_mounts_only(tmp_path: Path) -> None:
    volumes = index.write_container_files(tmp_path, {"index-url": URL})
    assert volumes[:2] == [
        f"--volume={tmp_path}/pip.conf:/etc/pip.conf:ro",
        f"--volume={tmp_path}/uv.toml:/etc/uv/uv.toml:ro",
    ]
    parser = configparser.RawConfigParser()
    parser.read(tmp_path / "pip.conf")
    assert parser["global"]["index-url"] == URL
    assert tomllib.loads((tmp_path / "uv.toml").read_text())["index"] == [{"url": URL, "default": True}]


def test_mounts_do_not_depend_on_the_hosts_settings(tmp_path: Path) -> None:
    assert index.write_container_files(tmp_path, {}) == index.write_container_files(tmp_path, {"index-url": URL})
