"""Command line and text-proto files of the serving stand-in."""

from collections.abc import Callable
from pathlib import Path

import pytest

from local.images.serving.config import ConfigError, read_model_config, read_monitoring_config
from local.images.serving.flags import FlagError, parse_flags, usage

Write = Callable[[str], str]

CONFIG = """
model_config_list {
  config {
    name: "digits"  # a comment
    base_path: "/models/digits"
    model_platform: "tensorflow"
    model_version_policy { specific { versions: 7 versions: 8 } }
    version_labels { key: "stable" value: 7 }
  }
}
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str) -> str:
        path = tmp_path / "file.config"
        path.write_text(text)
        return str(path)

    return write_file


def test_flags_have_the_real_names_and_defaults() -> None:
    flags = parse_flags(["--rest_api_port=8501", "--enable_model_warmup=false", "--rest_api_port=8502"])
    assert (flags.rest_api_port, flags.enable_model_warmup, flags.max_num_load_retries) == (8502, False, 5)
    assert parse_flags(["--version"]).version


def test_the_share_of_a_gpus_memory_is_a_fraction() -> None:
    assert parse_flags(["--per_process_gpu_memory_fraction=0.25"]).per_process_gpu_memory_fraction == 0.25
    assert "--per_process_gpu_memory_fraction=0.0" in usage("tensorflow_model_server")
    with pytest.raises(FlagError, match="interpret value 25% for flag per_process_gpu_memory_fraction"):
        parse_flags(["--per_process_gpu_memory_fraction=25%"])


@pytest.mark.parametrize("argument", ["--rest_api_prot=1", "rest_api_port=1", "--rest_api_port", "8501", "-port=1"])
def test_an_unknown_flag_is_refused(argument: str) -> None:
    with pytest.raises(FlagError, match="unknown argument: "):
        parse_flags([argument])


def test_a_value_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(FlagError, match="interpret value x for flag rest_api_port"):
        parse_flags(["--rest_api_port=x"])
    with pytest.raises(FlagError, match="interpret value yes"):
        parse_flags(["--enable_profiler=yes"])


def test_usage_lists_the_flags() -> None:
    assert "--model_config_file" in usage("tensorflow_model_server")


def test_a_model_config_names_versions_and_labels(write: Write) -> None:
    (model,) = read_model_config(write(CONFIG))
    assert (model.name, model.base_path, model.specific) == ("digits", "/models/digits", (7, 8))
    assert model.version_labels == {"stable": 7}


@pytest.mark.parametrize(("policy", "kept"), [("", 1), ("latest { num_versions: 3 }", 3), ("all {}", 0)])
def test_without_specific_versions_the_latest_are_served(write: Write, policy: str, kept: int) -> None:
    text = CONFIG.replace("specific { versions: 7 versions: 8 }", policy)
    (model,) = read_model_config(write(text))
    assert (model.specific, model.latest) == ((), kept)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("base_path", "base_paht", 'Message type "tensorflow.serving.ModelConfig" has no field named "base_paht"'),
        ('name: "digits"', "", "have name"),
        ('"tensorflow"', '"other"', "only tensorflow is served"),
        ("versions: 7", 'versions: "7"', "Couldn't parse integer"),
    ],
)
def test_a_config_that_cannot_be_served_is_refused(write: Write, old: str, new: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=r"file\.config") as caught:
        read_model_config(write(CONFIG.replace(old, new)))
    assert reason in str(caught.value)


def test_a_model_must_not_be_listed_twice(write: Write) -> None:
    entry = 'config { name: "digits" base_path: "/m" model_platform: "tensorflow" }'
    path = write(f"model_config_list {{ {entry} {entry} }}")
    with pytest.raises(ConfigError, match="Illegal to list model digits multiple times"):
        read_model_config(path)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match="cannot read /nowhere"):
        read_model_config("/nowhere")


def test_metrics_are_off_unless_enabled(write: Write) -> None:
    assert not read_monitoring_config(write("")).enable
    found = read_monitoring_config(write('prometheus_config { enable: true path: "/m" }'))
    assert (found.enable, found.path) == (True, "/m")
    default = read_monitoring_config(write("prometheus_config { enable: true }"))
    assert default.path == "/monitoring/prometheus/metrics"
