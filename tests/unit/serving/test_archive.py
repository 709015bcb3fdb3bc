"""Unpacking: plain files below one directory, and nothing that an archive could do beyond that."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from contract.exits import Exit, Failure
from serving.archive import unpack

FILES = {"1/saved_model.pb": b"graph", "1/variables/data": b"weights" * 1000}


def tar_of(path: Path, members: list[tarfile.TarInfo | tuple[str, bytes]], *, gzipped: bool = True) -> Path:
    with tarfile.open(path, "w:gz") if gzipped else tarfile.open(path, "w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size, info.mode = len(member[1]), 0o4777
                tar.addfile(info, io.BytesIO(member[1]))
    return path


def zip_of(path: Path, members: list[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members:
            zipped.writestr(name, content)
    return path


def refusal(archive: Path, **limits: int) -> str:
    with pytest.raises(Failure) as caught:
        unpack(archive, archive.parent / "unpacked", **limits)
    assert caught.value.code == Exit.FETCH
    return str(caught.value)


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("kind", ["tar.gz", "tar", "zip"])
def test_all_files_arrive_with_plain_modes(tmp_path: Path, kind: str) -> None:
    archive = tmp_path / "archive"
    if kind == "zip":
        zip_of(archive, list(FILES.items()))
    else:
        tar_of(archive, [special("1/assets", tarfile.DIRTYPE), *FILES.items()], gzipped=kind == "tar.gz")
    unpack(archive, tmp_path / "unpacked")
    found = {path.relative_to(tmp_path / "unpacked").as_posix(): path for path in (tmp_path / "unpacked").rglob("*")}
    assert {name: path.read_bytes() for name, path in found.items() if path.is_file()} == FILES
    assert not any(path.stat().st_mode & (stat.S_ISUID | stat.S_IXUSR) for path in found.values() if path.is_file())


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "a\\..\\evil"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_member_that_would_leave_the_directory_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    archive = tmp_path / "inner" / "archive"
    archive.parent.mkdir()
    if kind == "zip":
        zip_of(archive, [(name, b"x")])
    else:
        tar_of(archive, [(name, b"x")])
    assert f"{name!r} would leave the directory" in refusal(archive)
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    "member",
    [
        special("l", tarfile.SYMTYPE, "/etc/passwd"),
        special("l", tarfile.LNKTYPE, "saved_model.pb"),
        special("l", tarfile.CHRTYPE),
        special("l", tarfile.FIFOTYPE),
    ],
)
def test_a_link_or_device_in_a_tar_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    assert "'l' is a link or a device" in refusal(tar_of(tmp_path / "archive", [("saved_model.pb", b"x"), member]))


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("l")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "'l' is a link or a device" in refusal(zip_of(tmp_path / "archive", [(link, b"/etc/passwd")]))


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "archive", [("saved_model.pb", b"x")])
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag bits of the central directory
    archive.write_bytes(content)
    assert "is encrypted" in refusal(archive)


def test_a_member_that_comes_twice_is_refused(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "archive", [("saved_model.pb", b"x"), ("./saved_model.pb", b"y")])
    assert "two members that want to be" in refusal(archive)


def test_content_above_the_limit_is_refused(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "archive", [("zeros", bytes(100_000))])
    assert archive.stat().st_size < 1000
    assert "above the limit of 50000 bytes" in refusal(archive, limit_bytes=50_000)


def test_members_above_the_limit_are_refused(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "archive", [(f"f{index}", b"") for index in range(4)])
    assert "more than the limit of 3 members" in refusal(archive, limit_members=3)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>" * 50, b"PK\x03\x04 no zip", b"\x1f\x8b no gzip"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "archive").write_bytes(content)
    assert "is not a whole tar, tar.gz or zip file" in refusal(tmp_path / "archive")


@pytest.mark.parametrize("kind", ["tar.gz", "tar", "zip"])
def test_an_archive_that_was_cut_off_is_refused(tmp_path: Path, kind: str) -> None:
    archive = tmp_path / "archive"
    if kind == "zip":
        zip_of(archive, list(FILES.items()))
    else:
        tar_of(archive, list(FILES.items()), gzipped=kind == "tar.gz")
    # A tar's last member ends well before the padding of the file does.
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 3])
    assert "is not a whole tar, tar.gz or zip file" in refusal(archive)
