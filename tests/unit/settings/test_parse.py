import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.finding import Finding
from infra.settings import parse
from tests.unit.words import GONE, Words, changed, part, sound, stack


def problems(*changes: tuple[str, object]) -> dict[str, Finding]:
    return {finding.path: finding for finding in parse(changed(*changes)).findings}


@pytest.mark.parametrize("name", ["local", "dev", "prod"])
def test_every_committed_stack_file_can_be_read(name: str) -> None:
    assert parse(stack(name)).findings == ()


def test_all_errors_of_a_file_are_named_at_once_with_their_key_paths() -> None:
    found = problems(
        ("cluster.contxt", "x"),
        ("tenants.serve.quota.limits.cpu", "many"),
        ("trainingJobs.digits.version", 0),
        ("models.digits.requestTimeout", 5),
        ("models.digits.autoscaling.maxReplicas", GONE),
    )
    assert set(found) == {
        "tfk8s:cluster.contxt",
        "tfk8s:tenants.serve.quota.limits.cpu",
        "tfk8s:trainingJobs.digits.version",
        "tfk8s:models.digits.requestTimeout",
        "tfk8s:models.digits.autoscaling.maxReplicas",
    }
    assert all(finding.severity == "error" and finding.check == "settings" for finding in found.values())


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("tenant", "tenants"),
        ("models.digits.autoscaling.maxReplica", "maxReplicas"),
        ("models.digits.expose", None),
        ("trainingJobs.digits.resources.memroy", "memory"),
        ("store.nfs.pth", "path"),
    ],
)
def test_a_mistyped_key_gets_the_key_that_was_meant(path: str, meant: str | None) -> None:
    found = problems((path, {}))[f"tfk8s:{path}"]
    assert (found.fix == f"did you mean {meant}?") is (meant is not None)


def test_keys_are_suggested_from_the_right_section_whatever_names_a_stack_uses() -> None:
    job: Words = {**part("trainingJobs", "digits"), "deadlne": "1h"}
    found = problems(("trainingJobs", {"resources": job}))
    assert found["tfk8s:trainingJobs.resources.deadlne"].fix == "did you mean deadline?"


def test_an_unknown_key_like_no_other_gets_the_list_of_keys() -> None:
    assert problems(("gpu.zzz", 1))["tfk8s:gpu.zzz"].fix == (
        "known here: mode, podsPerGpu, memoryFraction, runtimeClassName, nodeSelector"
    )


@pytest.mark.parametrize(
    ("path", "value", "message", "fix"),
    [
        ("trainingJobs.digits.version", "7", "'7'", "without quotes"),
        ("trainingJobs.digits.dataVersion", 5, "got 5", "in quotes"),
        ("trainingJobs.digits.version", True, "True", "correct"),
        ("models.digits.tenant", None, "got nothing", "correct"),
        ("gpu", 5, "expected keys and values, got 5", "known here: mode"),
        ("models.digits.requestTimeout", "0s", "more than 0s, got 0s", "correct"),
        ("images.serving.ref", "Tensorflow/Serving:1", "expected an image reference", "correct"),
        ("images.serving.ref", "a/b:1@sha256:12", "64 hexadecimal digits", "correct"),
        ("store.nfs.path", "exports", "expected an absolute path, got 'exports'", "correct"),
        ("models.digits.rollout.maxSurge", -1, "expected a count or a percentage", "correct"),
        ("models.digits.tracks.stable.fetch", {"url": "http://x/y", "sha256": "0" * 64}, None, None),
    ],
)
def test_a_wrong_value_is_shown_with_what_is_expected(
    path: str, value: object, message: str | None, fix: str | None
) -> None:
    (found,) = parse(changed((path, value))).findings
    assert message is None or message in found.message
    assert fix is None or fix in found.fix


def test_an_argument_that_is_no_scalar_is_one_error_at_its_own_path() -> None:
    assert set(problems(("trainingJobs.digits.args", {"epochs": [1]}))) == {"tfk8s:trainingJobs.digits.args.epochs"}


@pytest.mark.parametrize(("key", "value"), [("seed", 2**32), ("workers", 513), ("dataVersion", "")])
def test_what_no_run_can_take_is_one_error_at_its_own_path(key: str, value: object) -> None:
    assert set(problems((f"trainingJobs.digits.{key}", value))) == {f"tfk8s:trainingJobs.digits.{key}"}


def test_a_wrong_name_is_one_error_at_its_own_path_in_words() -> None:
    (found,) = parse({**sound(), "trainingJobs": {}, "models": {"My_Model": part("models", "digits")}}).findings
    assert found.path == "tfk8s:models.My_Model"
    assert "lower-case letters" in found.message


@pytest.mark.parametrize("key", ["trainingJobs", "models"])
def test_a_tenant_that_is_not_declared_is_named_with_the_ones_that_are(key: str) -> None:
    found = problems((f"{key}.digits.tenant", "serv"))[f"tfk8s:{key}.digits.tenant"]
    assert found.message == "no tenant is called 'serv'; tfk8s:tenants declares serve, train"
    assert found.fix == "did you mean serve?"


def test_a_dangling_tenant_is_named_beside_the_other_errors_of_its_job() -> None:
    found = problems(("trainingJobs.digits.tenant", "nobody"), ("trainingJobs.digits.gpus", -1))
    assert set(found) == {"tfk8s:trainingJobs.digits.tenant", "tfk8s:trainingJobs.digits.gpus"}


@pytest.mark.parametrize(
    "value", ["hunter2", {"r.example.org": "hunter2"}, {"r.example.org": {"password": ["hunter2"]}}]
)
def test_nothing_that_may_be_a_password_is_shown(value: object) -> None:
    findings = parse(changed(("images.registries", value))).findings
    assert findings
    assert "hunter2" not in "".join(finding.text() for finding in findings)


def test_a_password_is_not_printed_with_the_settings() -> None:
    login = {"username": "me", "password": "hunter2"}
    assert "hunter2" not in repr(parse(changed(("images.registries", {"r.example.org": login}))).settings)


def test_two_errors_in_one_model_leave_the_other_models_readable() -> None:
    words = changed(("models.other", part("models", "digits")), ("models.digits", {"one": 1, "two": 2}))
    assert parse(words).settings.models["other"].autoscaling.max_replicas == 3


def test_exactly_one_kind_of_exposure_is_taken() -> None:
    both = {"clusterIP": {}, "loadBalancer": {"sourceRanges": ["10.0.0.0/8"]}}
    found = problems(("models.digits.expose", both))["tfk8s:models.digits.expose"]
    assert found.message == "give exactly one of clusterIP, loadBalancer, gateway (given: clusterIP, loadBalancer)"


@pytest.mark.parametrize("training", [{}, {"ref": None}])
def test_a_union_with_nothing_in_it_is_refused(training: object) -> None:
    found = problems(("images.training", training))["tfk8s:images.training"]
    assert found.message == "give exactly one of build, fromStack, ref (given: none)"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
places = st.sampled_from([
    "cluster", "images", "images.serving", "images.devicePlugin.ref", "store", "store.nfs", "gpu", "gpu.podsPerGpu",
    "tenants", "tenants.serve", "tenants.serve.quota.requests.gpu", "trainingJobs", "trainingJobs.digits",
    "trainingJobs.digits.resources.limits", "models", "models.digits", "models.digits.tracks.stable",
    "models.digits.drain.propagation", "models.digits.expose.loadBalancer", "policy", "policy.prices.gpu", "other",
])  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(places, anything, min_size=1, max_size=3))
def test_any_words_are_read_to_the_end(values: dict[str, object]) -> None:
    words = sound()
    for path, value in values.items():
        *parents, last = path.split(".")
        here: object = words
        for parent in parents:
            here = here.setdefault(parent, {}) if isinstance(here, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - plain words
        if isinstance(here, dict):
            here[last] = value
    parsed = parse(words)
    assert parsed.settings.cluster.context


def test_nothing_at_all_names_every_section_that_is_needed() -> None:
    assert {finding.path for finding in parse({}).findings} == {
        "tfk8s:cluster",
        "tfk8s:images",
        "tfk8s:store",
        "tfk8s:tenants",
    }
