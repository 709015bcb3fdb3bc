"""The init step: the server starts only on a version proved whole."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from contract import store
from contract.exits import Exit, Failure
from contract.fetch import FetchEnvironment
from serving.fetch import provide
from tests.unit.serving.web import Web

ROOT = Path(__file__).parents[3]
WHOLE = "digits version 3 is whole: 2 files, 0.0 MB, trained 2026-01-31T12:00:00Z by train@sha256:1"


def archive_of(directory: Path, prefix: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(directory, prefix)
    return buffer.getvalue()


def wanted(directory: Path, version: int = 3) -> FetchEnvironment:
    return FetchEnvironment(model="digits", version=version, directory=str(directory))


def fetched(web: Web, directory: Path, body: bytes, version: int = 3) -> FetchEnvironment:
    web.bodies["/m"] = body
    directory.mkdir(exist_ok=True)
    return FetchEnvironment(
        model="digits",
        version=version,
        directory=str(directory),
        url=f"{web.url}/m?sig=secret",
        sha256=hashlib.sha256(body).hexdigest(),
    )


def do(request: FetchEnvironment) -> str:
    return provide(request, store.staging_path(Path(request.directory), request.model, request.version))


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_whole_version_in_the_store_is_served(published: Path) -> None:
    assert do(wanted(published)) == WHOLE


def test_a_missing_version_lists_those_that_exist(published: Path) -> None:
    (published / "digits" / "12").mkdir()
    with pytest.raises(store.MissingError, match=r"digits/4 does not exist: the versions of digits are 3, 12"):
        do(wanted(published, version=4))


def test_a_model_without_any_version_says_so(tmp_path: Path) -> None:
    with pytest.raises(store.MissingError, match="there is no version of digits yet"):
        do(wanted(tmp_path))


def test_a_damaged_version_is_not_served(published: Path) -> None:
    (published / "digits/3/saved_model.pb").write_bytes(b"grapH")
    with pytest.raises(store.DamagedError, match=r"saved_model\.pb has SHA-256 .*Serve another version"):
        do(wanted(published))


def without_warmup(root: Path) -> Path:
    """Another store, with a version like the published one but for the requests."""
    manifest = replace(store.verify(root / "digits/3", model="digits", version=3), version=4)
    store.publish(root, manifest, lambda directory: (directory / "saved_model.pb").touch())
    return root


def test_a_version_without_warm_up_requests_is_not_served(published: Path) -> None:
    said = r"digits/4 has no assets\.extra/tf_serving_warmup_requests.* or set models\.digits\.warmup to optional"
    with pytest.raises(Failure, match=said) as caught:
        do(wanted(without_warmup(published), version=4))
    assert caught.value.code == Exit.STORE


def test_a_version_without_warm_up_requests_is_served_where_they_are_optional(published: Path) -> None:
    said = do(replace(wanted(without_warmup(published), version=4), needs_warmup=False))
    assert said.startswith("digits version 4 is whole: 1 files")


@pytest.mark.parametrize("prefix", [".", "3", "digits/3"])
def test_a_version_is_fetched_wherever_it_lies_in_the_archive(
    web: Web, published: Path, tmp_path: Path, prefix: str
) -> None:
    request = fetched(web, tmp_path / "models", archive_of(published / "digits/3", prefix))
    assert do(request) == WHOLE
    assert names(tmp_path / "models/digits") == ["3"]
    assert store.verify(tmp_path / "models/digits/3", model="digits", version=3)


def test_a_pod_that_starts_again_fetches_nothing(web: Web, published: Path, tmp_path: Path) -> None:
    request = fetched(web, tmp_path / "models", archive_of(published / "digits/3", "3"))
    assert do(request) == do(request)
    assert len(web.asked) == 1


def test_leftovers_of_an_attempt_that_was_killed_are_removed(web: Web, published: Path, tmp_path: Path) -> None:
    (tmp_path / "models/digits/.tmp-3-killed/unpacked").mkdir(parents=True)
    do(fetched(web, tmp_path / "models", archive_of(published / "digits/3", "3")))
    assert names(tmp_path / "models/digits") == ["3"]


def test_an_archive_of_another_version_is_refused_and_leaves_nothing(web: Web, published: Path, tmp_path: Path) -> None:
    request = fetched(web, tmp_path / "models", archive_of(published / "digits/3", "3"), version=4)
    with pytest.raises(Failure, match=r"does not hold the version: .*is of digits version 3, not of digits version 4"):
        do(request)
    assert names(tmp_path / "models/digits") == []


def test_a_damaged_version_in_an_archive_is_refused_and_leaves_nothing(
    web: Web, published: Path, tmp_path: Path
) -> None:
    (published / "digits/3/extra").touch()
    request = fetched(web, tmp_path / "models", archive_of(published / "digits/3", "3"))
    with pytest.raises(Failure, match="extra is not listed") as caught:
        do(request)
    assert caught.value.code == Exit.FETCH
    assert names(tmp_path / "models/digits") == []


def test_an_archive_with_two_versions_is_refused(web: Web, published: Path, tmp_path: Path) -> None:
    (published / "digits/4").mkdir()
    (published / "digits/4/manifest.json").touch()
    request = fetched(web, tmp_path / "models", archive_of(published / "digits", "digits"))
    with pytest.raises(Failure, match=r"holds 2 files named manifest\.json"):
        do(request)


def test_another_archive_than_asked_for_is_not_even_unpacked(web: Web, published: Path, tmp_path: Path) -> None:
    request = fetched(web, tmp_path / "models", archive_of(published / "digits/3", "3"))
    web.bodies["/m"] = b"something else"
    with pytest.raises(Failure, match="asked for was"):
        do(request)
    assert names(tmp_path / "models/digits") == []


def test_a_directory_that_is_not_mounted_is_an_error(web: Web, published: Path, tmp_path: Path) -> None:
    request = fetched(web, tmp_path / "models", archive_of(published / "digits/3", "3"))
    (tmp_path / "models").rmdir()
    with pytest.raises(store.StoreError, match=r"cannot write to .*models/digits: No such file or directory"):
        do(request)


def process(env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "serving.fetch"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_success_is_one_line_and_code_0(published: Path) -> None:
    result = process(wanted(published).to_env())
    assert (result.returncode, result.stdout, result.stderr) == (0, WHOLE + "\n", "")


def test_a_refusal_is_one_line_and_its_code(published: Path) -> None:
    result = process(wanted(published, version=9).to_env())
    assert result.returncode == Exit.STORE
    assert result.stderr.startswith("error: digits version 9 cannot be served: ")
    assert result.stderr.count("\n") == 1


def test_wrong_variables_are_named_together() -> None:
    result = process({"TFK8S_VERSION": "x"})
    assert result.returncode == Exit.BAD_INPUT
    assert result.stderr.startswith("error: the environment of the init step is wrong: 3 problems: TFK8S_MODEL is")


def test_the_init_step_needs_nothing_but_the_standard_library() -> None:
    code = "import sys, serving.fetch; print({'tensorflow', 'numpy', 'requests'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout == b"set()\n"
