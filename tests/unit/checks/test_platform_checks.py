"""Images, store, names, prices."""

import pytest

from tests.unit.words import DIGEST, GONE, found, only

PLACES = ["training.ref", "training.build.base", "serving.ref", "devicePlugin.ref"]
BUILD = ("images.training", {"build": {"repository": "registry.example.org/train", "base": f"tf/tf:1@{DIGEST}"}})


def image(place: str, reference: str) -> tuple[tuple[str, object], ...]:
    change = (f"images.{place}", reference)
    return (BUILD, change) if "build" in place else (change,)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("reference", "said"),
    [("tf/tf:latest", "names the tag latest"), ("tf/tf", "has no tag"), ("127.0.0.1:15000/tf", "has no tag")],
)
def test_latest_and_no_tag_are_always_errors(place: str, reference: str, said: str) -> None:
    finding = only("image-tag", *image(place, reference))
    assert (finding.path, finding.severity) == (f"tfk8s:images.{place}", "error")
    assert f"{reference} {said}" in finding.message


@pytest.mark.parametrize("place", PLACES)
def test_an_exact_tag_without_digest_is_a_warning(place: str) -> None:
    finding = only("image-digest", *image(place, "tf/tf:2.20.0"))
    assert (finding.path, finding.severity) == (f"tfk8s:images.{place}", "warning")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("reference", ["tf/tf:2.20.0", "127.0.0.1:15000/tf/tf:2.20.0"])
def test_an_exact_tag_without_digest_is_an_error_where_the_policy_says_so(place: str, reference: str) -> None:
    finding = only("image-digest", *image(place, reference), ("policy.requireDigest", True))
    assert finding.severity == "error"
    assert "policy.requireDigest is true" in finding.message


@pytest.mark.parametrize("reference", [f"tf/tf:2.20.0@{DIGEST}", f"tf/tf@{DIGEST}", f"tf/tf:latest@{DIGEST}"])
def test_a_digest_is_enough(reference: str) -> None:
    assert found(("images.serving.ref", reference), ("policy.requireDigest", True)) == ()


def test_a_tag_in_a_registry_on_this_machine_passes() -> None:
    assert found(("images.serving.ref", "127.0.0.1:15000/tf/tf:2.20.0")) == ()


def test_what_is_built_needs_no_tag() -> None:
    assert found(BUILD, ("policy.requireDigest", True)) == ()


@pytest.mark.parametrize(
    ("store", "given"), [({}, "none"), ({"local": "/m", "nfs": {"server": "10.0.0.1", "path": "/e"}}, "nfs, local")]
)
def test_exactly_one_kind_of_store_is_taken(store: object, given: str) -> None:
    finding = only("store-kind", ("store", store))
    assert finding.path == "tfk8s:store"
    assert finding.message == f"give exactly one of nfs, csi, local (given: {given})"


@pytest.mark.parametrize(
    "store", [{"local": "/models"}, {"csi": {"driver": "d", "volumeHandles": {"train": "a", "serve": "b"}}}]
)
def test_each_kind_of_store_alone_passes(store: object) -> None:
    assert found(("store", store)) == ()


def test_a_tenant_without_a_volume_handle_is_refused() -> None:
    finding = only("store-handles", ("store", {"csi": {"driver": "d", "volumeHandles": {"train": "a"}}}))
    assert finding.path == "tfk8s:store.csi.volumeHandles.serve"


def test_tenants_that_share_a_volume_handle_are_refused() -> None:
    finding = only("store-handles", ("store", {"csi": {"driver": "d", "volumeHandles": {"train": "a", "serve": "a"}}}))
    assert "train and serve share the handle a" in finding.message


def test_a_served_version_that_nothing_trains_is_a_warning() -> None:
    finding = only("served-version", ("trainingJobs", {}))
    assert (finding.severity, finding.path) == ("warning", "tfk8s:models.digits.tracks.stable.version")
    assert "no training job has this name" in finding.message


def test_a_served_version_beyond_the_trained_one_is_a_warning_with_both() -> None:
    finding = only("served-version", ("models.digits.tracks.stable.version", 4))
    assert "version 4 must lie in the store already: trainingJobs.digits trains version 3" in finding.message


def test_the_trained_version_an_earlier_one_and_a_fetched_one_pass() -> None:
    fetch = {"url": "https://example.org/m.tar.gz", "sha256": "0" * 64}
    assert found(("models.digits.tracks.stable.version", 2)) == ()
    assert found(("models.digits.tracks.stable", {"version": 9, "fetch": fetch})) == ()


def test_prices_in_two_currencies_are_refused() -> None:
    assert only("price-currency", ("policy.prices", {"gpu": "1 EUR"})).path == "tfk8s:policy.prices"
    assert found(("policy.prices", {"gpu": "1 USD"})) == ()


def test_a_cluster_known_by_its_context_alone_is_a_warning() -> None:
    finding = only("cluster-identity", ("cluster.kubeSystemUid", GONE))
    assert (finding.severity, finding.path) == ("warning", "tfk8s:cluster.kubeSystemUid")
    assert finding.fix.startswith("`tfk8s pin STACK`")


def test_an_image_of_another_stack_needs_neither_tag_nor_digest_here() -> None:
    assert found(("images.training", {"fromStack": "me/tfk8s/dev"}), ("policy.requireDigest", True)) == ()


def test_what_a_build_may_take_layers_from_needs_no_digest() -> None:
    build = {"repository": "registry.example.org/train", "base": f"tf/tf:1@{DIGEST}", "cacheFrom": ["r.example.org/t"]}
    assert found(("images.training", {"build": build}), ("policy.requireDigest", True)) == ()


def test_weights_are_all_together() -> None:
    finding = only("track-weights", ("models.digits.tracks.stable.weight", 99))
    assert finding.path == "tfk8s:models.digits.tracks"
    assert finding.message == "weights (stable 99) are 99 together, and must be 100"
    assert found(("models.digits.tracks.stable.weight", 100)) == ()
