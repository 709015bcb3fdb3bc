"""The command lines of the cluster's processes: where they listen, who may call, and that they tell no secret."""

import re
from pathlib import Path

import pytest

from local import paths
from local.cluster import adapter, control_plane, credentials, gateway, node
from local.cluster.program import Program, flags, supervisor_section

BINARIES = Path("/tools/bin")
PROGRAMS = [
    node.registry(),
    node.containerd(),
    control_plane.etcd(),
    control_plane.api_server(BINARIES),
    control_plane.controller_manager(BINARIES),
    control_plane.scheduler(BINARIES),
    node.kubelet(BINARIES),
    node.kube_proxy(BINARIES),
    node.coredns(BINARIES),
    node.metrics_server(BINARIES),
    node.agent(),
    adapter.program(Path("/tools/prometheus-adapter")),
    gateway.program(Path("/tools/traefik")),
]


def flag(program: Program, name: str) -> str:
    values = [word.partition("=")[2] for word in program.command if word.startswith(f"--{name}=")]
    assert len(values) == 1, f"--{name} of {program.name}: {values}"
    return values[0]


@pytest.mark.parametrize("program", PROGRAMS[3:6], ids=lambda program: program.name)
def test_control_plane_listens_on_loopback_without_profiling(program: Program) -> None:
    assert flag(program, "bind-address") == "127.0.0.1"
    assert flag(program, "profiling") == "false"


def test_etcd_listens_on_loopback_and_wants_certificates_of_everybody() -> None:
    etcd = PROGRAMS[2]
    for name in ("listen-client-urls", "listen-peer-urls"):
        assert flag(etcd, name).startswith("https://127.0.0.1:")
    assert flag(etcd, "client-cert-auth") == flag(etcd, "peer-client-cert-auth") == "true"


def test_api_server_knows_nobody_without_a_certificate_and_restricts_nodes() -> None:
    server = PROGRAMS[3]
    assert flag(server, "anonymous-auth") == "false"
    assert flag(server, "authorization-mode") == "Node,RBAC"
    assert flag(server, "enable-admission-plugins") == "NodeRestriction"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_process_arguments_name_files_and_no_secrets(program: Program) -> None:
    text = " ".join([*program.command, *program.environment.values()])
    assert not re.search(r"token|password|secret|BEGIN", text, re.IGNORECASE)


def test_etcd_trusts_an_authority_of_its_own() -> None:
    # Or every user of the cluster could read and write the database.
    assert flag(PROGRAMS[2], "trusted-ca-file") != flag(PROGRAMS[3], "client-ca-file")


def test_metrics_server_listens_where_the_api_server_looks_for_it() -> None:
    server = PROGRAMS[9]
    assert (flag(server, "bind-address"), flag(server, "secure-port")) == (paths.BRIDGE_ADDRESS, "14443")


def test_the_adapter_listens_on_the_bridge_and_asks_the_monitorings_prometheus_through_the_api_server() -> None:
    asking = PROGRAMS[-2]
    assert (flag(asking, "bind-address"), flag(asking, "secure-port")) == (paths.BRIDGE_ADDRESS, "14444")
    service = "/api/v1/namespaces/tfk8s-monitoring/services/prometheus:9090/proxy"
    assert flag(asking, "prometheus-url") == f"{paths.API_SERVER}{service}"


def test_every_kubeconfig_on_a_command_line_is_written() -> None:
    written = {str(credentials.kubeconfig_file(user.file)) for user in credentials.USERS}
    named = {
        word for program in PROGRAMS for part in program.command if (word := part.partition("=")[2]).endswith("config")
    }
    assert {name for name in named if name.endswith(".kubeconfig")} <= written


def test_supervisor_section_keeps_a_process_up_and_its_log_small() -> None:
    section = supervisor_section(Program(name="etcd", command=["etcd", "--name=a b"]), Path("/logs"))
    assert section.splitlines()[:2] == ["[program:etcd]", "command=etcd '--name=a b'"]
    assert "autorestart=true" in section
    assert "stdout_logfile=/logs/etcd.log" in section
    assert re.search(r"stdout_logfile_maxbytes=\d+\n", section)


def test_supervisor_section_escapes_percent_signs_which_would_be_expanded() -> None:
    section = supervisor_section(Program(name="x", command=["x", "50%"], environment={"A": "9%"}), Path("/a%b"))
    assert "command=x 50%%" in section
    assert 'environment=A="9%%"' in section
    assert "stdout_logfile=/a%%b/x.log" in section


def test_changed_configuration_file_changes_the_section_so_that_the_process_restarts(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("one")
    program = Program(name="x", command=["x"], environment={"A": "1"}, files=[file])
    before = supervisor_section(program, tmp_path)
    assert supervisor_section(program, tmp_path) == before
    file.write_text("two")
    assert supervisor_section(program, tmp_path) != before


def test_flags_are_written_as_name_and_value() -> None:
    assert flags({"port": 1, "file": Path("/a")}) == ["--port=1", "--file=/a"]


def test_the_gateway_listens_on_loopback_and_serves_its_health_apart() -> None:
    traefik = PROGRAMS[-1]
    assert flag(traefik, "entryPoints.web.address") == f"127.0.0.1:{paths.GATEWAY_PORT}"
    assert flag(traefik, "entryPoints.traefik.address") == f"127.0.0.1:{paths.GATEWAY_HEALTH_PORT}"
    assert flag(traefik, "entryPoints.metrics.address") == f"{paths.BRIDGE_ADDRESS}:18082"
    assert flag(traefik, "providers.kubernetesGateway.statusAddress.ip") == "127.0.0.1"
    assert traefik.environment["KUBECONFIG"].endswith("gateway.kubeconfig")
