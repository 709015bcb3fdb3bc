"""What is said about machines that cannot run the embedded cluster."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from local import host, probes
from local.host import GIB, Facts, Taken, message, problems

GOOD = Facts(uid=0, system="Linux", machine="x86_64", free_bytes={"/cache": 100 * GIB}, memory_bytes=16 * GIB)


def test_good_machine_has_no_problems() -> None:
    assert problems(GOOD) == []


def test_other_systems_are_told_that_and_nothing_else() -> None:
    (problem,) = problems(replace(GOOD, system="Darwin", machine="arm64", uid=501))
    assert "Darwin on arm64" in problem


def test_users_other_than_root_are_told_the_command() -> None:
    (problem,) = problems(replace(GOOD, uid=1000))
    assert "user 1000" in problem
    assert "sudo make up" in problem


def test_taken_port_is_named_with_its_use_and_its_holder() -> None:
    (problem,) = problems(replace(GOOD, taken=[Taken(16443, "the API server", 77, "python -m http.server")]))
    assert problem.startswith("port 16443, needed for the API server, is taken by process 77 (python -m http.server)")


def test_taken_port_without_a_visible_holder_is_told_too() -> None:
    (problem,) = problems(replace(GOOD, taken=[Taken(16443, "the API server", None, "")]))
    assert "a process that cannot be seen" in problem


def test_full_disk_is_told_with_both_figures() -> None:
    (problem,) = problems(replace(GOOD, free_bytes={"/cache": 3 * GIB // 2}, needed_bytes=5 * GIB))
    assert "1.5 GiB are free for /cache, and 5 GiB are needed" in problem


def test_small_memory_is_told_with_both_figures() -> None:
    (problem,) = problems(replace(GOOD, memory_bytes=2 * GIB))
    assert problem == "2.0 GiB of memory; 6 GiB are needed."


def test_missing_packages_are_a_problem_only_where_they_cannot_be_installed() -> None:
    lacking = replace(GOOD, missing_packages=["containerd", "runc"])
    assert problems(lacking) == []
    (problem,) = problems(replace(lacking, can_install=False))
    assert "containerd, runc" in problem


@pytest.mark.parametrize("field", ["kernel_lacks", "cgroup_failures"])
def test_what_does_not_work_is_named_with_the_way_out_of_containers(field: str) -> None:
    (problem,) = problems(replace(GOOD, **{field: ["overlay mounts in /cache"]}))
    assert "overlay mounts in /cache" in problem
    assert "privileged" in problem


def test_other_installation_is_told_instead_of_all_its_ports() -> None:
    taken = [Taken(16443, "the API server", 1, "x")]
    (problem,) = problems(replace(GOOD, other_installation=Path("/home/a/tfk8s"), taken=taken))
    assert problem.endswith("make -C /home/a/tfk8s down")


def test_overlapping_networks_are_told() -> None:
    (problem,) = problems(replace(GOOD, overlaps=[("wg0", "10.0.0.0/8")]))
    assert "wg0 has a route to 10.0.0.0/8" in problem


def test_message_has_all_problems_and_the_way_with_a_cluster_of_ones_own() -> None:
    text = message(problems(replace(GOOD, memory_bytes=1, taken=[Taken(16443, "the API server", 1, "x")])))
    assert text.count("\n  - ") == 2
    assert "KUBECONFIG=~/.kube/config pulumi up -s dev" in text
    assert len(text.splitlines()) < 24


ROUTES = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask
eth0	00000000	010200C0	0003	0	0	0	00000000
tfk8s0	0000D50A	00000000	0001	0	0	0	00FFFFFF
wg0	0000D60A	00000000	0001	0	0	0	0000FFFF
docker0	000011AC	00000000	0001	0	0	0	0000FFFF
"""


def test_routes_of_others_that_overlap_are_found_the_default_route_is_not() -> None:
    assert host.overlaps(ROUTES) == [("wg0", "10.214.0.0/16")]


SOCKETS = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:403B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:403B 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
"""


def test_listening_socket_of_a_port_is_found_among_connections_and_other_ports() -> None:
    assert probes.listening_inodes(SOCKETS, 16443) == {"4711"}


def test_port_in_use_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert not probes.port_free("127.0.0.1", listener.getsockname()[1])


def test_every_port_of_the_cluster_is_looked_at_once() -> None:
    assert len(set(host.PORTS.values())) == len(host.PORTS)


def test_controllers_of_version_2_that_the_kubelet_needs_are_missed() -> None:
    assert probes.lacking_controllers("cpuset cpu io memory hugetlb pids rdma") == []
    assert probes.lacking_controllers("cpu io memory") == ["cpuset", "pids"]
