"""Certificates and kubeconfigs."""

import base64
import json
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local import paths
from local.cluster import credentials
from local.cluster.certificates import Authority
from local.private import write_private


@pytest.fixture
def authority() -> Authority:
    return Authority("test")


def names(certificate: x509.Certificate) -> list[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in extension]


def purposes(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    return set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_client_certificate_names_user_and_groups(authority: Authority) -> None:
    certificate = x509.load_pem_x509_certificate(authority.client("system:node:n", groups=["system:nodes"]).certificate)
    subject = certificate.subject
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "system:node:n"
    assert [one.value for one in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["system:nodes"]
    assert purposes(certificate) == {ExtendedKeyUsageOID.CLIENT_AUTH}


def test_server_certificate_holds_for_names_and_addresses_only_as_a_server(authority: Authority) -> None:
    pair = authority.server("api", addresses=["localhost", "127.0.0.1"])
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    assert names(certificate) == ["localhost", "127.0.0.1"]
    assert purposes(certificate) == {ExtendedKeyUsageOID.SERVER_AUTH}


def test_certificates_verify_against_their_authority_and_no_other(authority: Authority) -> None:
    certificate = x509.load_pem_x509_certificate(authority.client("u").certificate)
    own = x509.load_pem_x509_certificate(authority.certificate)
    certificate.verify_directly_issued_by(own)
    other = x509.load_pem_x509_certificate(Authority("test").certificate)
    with pytest.raises(InvalidSignature):
        certificate.verify_directly_issued_by(other)


def test_issued_certificates_cannot_issue_others(authority: Authority) -> None:
    certificate = x509.load_pem_x509_certificate(authority.client("u").certificate)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_kubeconfig_holds_everything_and_names_its_context(authority: Authority) -> None:
    pair = authority.client("u")
    config = json.loads(credentials.kubeconfig(authority.certificate, pair))
    assert config["current-context"] == config["contexts"][0]["name"] == "tfk8s-local"
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:16443"
    assert base64.b64decode(config["users"][0]["user"]["client-key-data"]) == pair.key


def test_private_files_are_readable_by_their_owner_only_and_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "new" / "key"
    write_private(file, b"first")
    file.chmod(0o644)
    write_private(file, b"second")
    assert file.read_bytes() == b"second"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["key"]


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "CLUSTER", tmp_path / "cluster")
    monkeypatch.setattr(paths, "KUBECONFIG", tmp_path / "kubeconfig")
    credentials.ensure()
    return tmp_path


def test_credentials_are_made_once(installation: Path) -> None:
    before = {file: file.read_bytes() for file in installation.rglob("*") if file.is_file()}
    credentials.ensure()
    assert {file: file.read_bytes() for file in installation.rglob("*") if file.is_file()} == before


def test_no_credential_is_readable_by_others_and_no_authority_keeps_its_key(installation: Path) -> None:
    files = [file for file in installation.rglob("*") if file.is_file()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert not [file for file in files if file.name.endswith("ca.key")]


def test_two_installations_share_no_key(installation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = credentials.pki("service-accounts.key").read_bytes()
    monkeypatch.setattr(paths, "CLUSTER", tmp_path / "other")
    credentials.ensure()
    assert credentials.pki("service-accounts.key").read_bytes() != first


def test_only_the_person_is_an_administrator() -> None:
    assert [user.file for user in credentials.USERS if "system:masters" in user.groups] == [credentials.ADMIN]


def test_service_account_key_pair_belongs_together(installation: Path) -> None:
    private = load_pem_private_key(credentials.pki("service-accounts.key").read_bytes(), None)
    public = load_pem_public_key(credentials.pki("service-accounts.pub").read_bytes())
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert private.public_key() == public
