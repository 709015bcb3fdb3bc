"""Downloading: https all the way, bounded, and only what was asked for."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from contract.exits import Exit, Failure
from serving.download import download, shown
from tests.unit.serving.web import Web

BODY = b"archive" * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()


def refusal(url: str, target: Path, sha256: str = SHA256, **limits: Any) -> str:
    with pytest.raises(Failure) as caught:
        download(url, sha256, target, **limits)
    assert caught.value.code == Exit.FETCH
    return str(caught.value)


@pytest.mark.parametrize("announced", [len(BODY), -1])
def test_the_right_file_arrives(web: Web, tmp_path: Path, announced: int) -> None:
    web.bodies["/m"], web.announced["/m"] = BODY, announced
    assert download(f"{web.url}/m", SHA256, tmp_path / "m") == len(BODY)
    assert (tmp_path / "m").read_bytes() == BODY


def test_a_redirect_to_https_is_followed(web: Web, tmp_path: Path) -> None:
    web.bodies["/m"], web.redirects["/old"] = BODY, f"{web.url}/m"
    assert download(f"{web.url}/old", SHA256, tmp_path / "m") == len(BODY)


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/m", "ftp://127.0.0.1/m"])
def test_a_redirect_to_anything_else_is_refused(web: Web, tmp_path: Path, target: str) -> None:
    web.redirects["/old"] = target
    assert "which is not https" in refusal(f"{web.url}/old", tmp_path / "m")


def test_another_digest_is_refused_with_both_named(web: Web, tmp_path: Path) -> None:
    web.bodies["/m"] = BODY
    message = refusal(f"{web.url}/m", tmp_path / "m", sha256="0" * 64)
    assert SHA256 in message
    assert "0" * 64 in message


@pytest.mark.parametrize("announced", [len(BODY), -1])
def test_a_file_above_the_limit_is_refused(web: Web, tmp_path: Path, announced: int) -> None:
    web.bodies["/m"], web.announced["/m"] = BODY, announced
    assert "the limit of 100" in refusal(f"{web.url}/m", tmp_path / "m", limit_bytes=100)


def test_a_file_that_is_cut_off_is_refused_with_both_sizes(web: Web, tmp_path: Path) -> None:
    web.bodies["/m"], web.announced["/m"] = BODY, len(BODY) + 5
    assert "cut off after 7000 of 7005 bytes" in refusal(f"{web.url}/m", tmp_path / "m", silence_seconds=1)


def test_a_download_past_its_deadline_is_refused(web: Web, tmp_path: Path) -> None:
    web.bodies["/m"] = BODY
    assert "is too slow" in refusal(f"{web.url}/m", tmp_path / "m", deadline_seconds=0)


def test_a_missing_file_is_refused_with_the_answer(web: Web, tmp_path: Path) -> None:
    assert "/m answered 404 Not Found" in refusal(f"{web.url}/m", tmp_path / "m")


def test_an_untrusted_certificate_is_refused(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")
    web.bodies["/m"] = BODY
    assert "certificate verify failed" in refusal(f"{web.url}/m", tmp_path / "m")
    assert web.asked == []


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "https://127.0.0.1:1/m cannot be reached: " in refusal("https://127.0.0.1:1/m", tmp_path / "m")


def test_a_signature_in_the_query_stays_out_of_logs() -> None:
    assert shown("https://example.org/m.tar?sig=secret") == "https://example.org/m.tar"
