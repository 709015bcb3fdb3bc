"""The configuration files of the node's processes."""

import json
import tomllib

from local import paths
from local.cluster import node
from local.cluster.supervisor import main_config


def test_kubelet_listens_on_loopback_and_asks_the_api_server_who_may_call() -> None:
    config = node.kubelet_config()
    assert config["address"] == config["healthzBindAddress"] == "127.0.0.1"
    assert config["readOnlyPort"] == 0
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert config["authentication"]["webhook"] == {"enabled": True}
    assert config["authorization"] == {"mode": "Webhook"}
    assert config["enableProfilingHandler"] is False


def test_kubelet_keeps_pods_in_a_cgroup_that_can_be_found_again() -> None:
    assert node.kubelet_config()["cgroupRoot"] == paths.CGROUP_ROOT


def test_kubelet_caps_the_logs_of_containers() -> None:
    config = node.kubelet_config()
    assert (config["containerLogMaxSize"], config["containerLogMaxFiles"]) == ("10Mi", 2)


def test_kubelet_runs_on_either_version_of_cgroups() -> None:
    assert node.kubelet_config()["failCgroupV1"] is False


def test_kube_proxy_uses_nftables_and_opens_no_port_to_the_network() -> None:
    config = node.kube_proxy_config()
    assert config["mode"] == "nftables"
    assert config["nodePortAddresses"] == ["10.213.0.1/32"]
    assert config["healthzBindAddress"].startswith("127.0.0.1:")
    assert config["metricsBindAddress"].startswith("127.0.0.1:")


def test_kube_proxy_rewrites_senders_so_that_pods_on_one_bridge_can_call_services() -> None:
    assert node.kube_proxy_config()["nftables"]["masqueradeAll"] is True


def test_containerd_keeps_images_in_the_cache_and_all_else_in_its_own_run_directory() -> None:
    config = tomllib.loads(node.containerd_config())
    assert config["root"] == str(paths.CONTAINERD_CACHE)
    assert config["state"].startswith("/run/")
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["sandbox_image"] == paths.PAUSE_IMAGE
    assert cri["stream_server_address"] == "127.0.0.1"
    assert cri["restrict_oom_score_adj"] is True


def test_containerd_is_cleaned_without_its_kubernetes_part() -> None:
    config = tomllib.loads(node.containerd_base('["io.containerd.grpc.v1.cri"]'))
    assert config["disabled_plugins"] == ["io.containerd.grpc.v1.cri"]
    assert config["root"] == str(paths.CONTAINERD_CACHE)


def test_local_registry_is_reached_by_plain_http() -> None:
    hosts = tomllib.loads(node.registry_hosts())
    assert list(hosts["host"]) == ["http://127.0.0.1:15000"]


def test_registry_listens_on_loopback_and_keeps_images_in_the_cache() -> None:
    config = node.registry_config("0123")
    assert config["http"] == {"addr": "127.0.0.1:15000", "secret": "0123"}
    assert config["storage"]["filesystem"]["rootdirectory"] == str(paths.REGISTRY_CACHE)


def test_pods_get_addresses_of_the_pod_network_and_a_gateway_on_the_bridge() -> None:
    (bridge,) = node.network_config()["plugins"]
    assert bridge["bridge"] == paths.BRIDGE
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.213.0.0/24", "gateway": "10.213.0.1"}]]
    assert "ipMasq" not in bridge  # it would leave iptables rules behind


def test_dns_answers_for_the_cluster_and_denies_every_other_name() -> None:
    ours, others = node.corefile().split("\n\n")
    assert ours.startswith("cluster.local:53 in-addr.arpa:53 {")
    assert "bind 10.213.0.1" in ours
    assert others.startswith(".:53 {")
    assert "NXDOMAIN" in others
    assert "cache" not in node.corefile()


def test_supervisor_talks_to_root_only_and_caps_its_log() -> None:
    config = main_config()
    assert "chmod=0700" in config
    assert "logfile_maxbytes=1MB" in config
    assert "inet_http_server" not in config


def test_supervisor_finds_programs_in_a_checkout_with_spaces_in_its_path() -> None:
    assert "\nfiles=programs.conf\n" in main_config()


def test_configurations_are_json() -> None:
    for config in (node.kubelet_config(), node.kube_proxy_config(), node.network_config(), node.registry_config("")):
        assert json.loads(json.dumps(config)) == config
