"""The page: whole, safe, and the same each time."""

import re
from html.parser import HTMLParser
from typing import Final

import pytest

from infra.checks import examine
from ops.reporting.facts import Facts, Source, gather
from ops.reporting.page import page
from tests.unit.words import GONE, TODAY, Words, changed, sound, stack

NASTY: Final = '"><script>alert(1)</script>'
LOAD: Final = {"requestsPerSecond": 20, "step": 40, "perReplica": 20, "within": "5m"}
_VOID: Final = {"meta", "br", "polygon", "polyline"}


def facts(words: Words, name: str = "test", overrides: str | None = None) -> Facts:
    source = Source(stack=name, file=f"Pulumi.{name}.yaml", commit="3f5d909", overrides=overrides)
    return gather(examine(words, TODAY), source, TODAY)


class Tags(HTMLParser):
    """Every tag with its attributes; fails where tags do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("name", ["local", "dev", "prod"])
def test_every_committed_stack_has_a_page_that_needs_nothing_else(name: str) -> None:
    text = page(facts(stack(name), name))
    for tag, attributes in Tags(text).tags:
        assert tag not in ("script", "link", "img", "iframe")
        assert not {"src", "href"} & attributes.keys()
    assert "url(" not in text
    assert "@import" not in text


def test_the_same_stack_gives_the_same_page() -> None:
    assert page(facts(stack("prod"))) == page(facts(stack("prod")))


def test_every_picture_can_be_read_aloud() -> None:
    tags = Tags(page(facts(stack("prod")))).tags
    said = [attributes.get("aria-label") for _, attributes in tags if attributes.get("role") == "img"]
    assert len(said) >= 16
    assert all(said)
    drawn = [attributes for tag, attributes in tags if tag == "svg"]
    assert drawn
    assert all(attributes.get("aria-hidden") == "true" for attributes in drawn)


def test_words_of_a_stack_file_cannot_become_tags() -> None:
    words = changed((f"models.digits.{NASTY}", 1), ("gpu.mode", NASTY), ("policy.waivers", {NASTY: {"reason": NASTY}}))
    text = page(facts(words, overrides=NASTY))
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 3
    assert "script" not in {tag for tag, _ in Tags(text).tags}


def test_what_stands_between_backticks_is_code_and_still_escaped() -> None:
    text = page(facts(sound(), overrides="x"))
    assert "<code>tfk8s report test</code>" in text
    warned = page(facts(changed(("images.serving.ref", "tensorflow/serving:2.20.0"))))
    assert "<code>tfk8s pin STACK</code> adds the digest" in warned


def test_a_stack_that_cannot_work_says_so_first() -> None:
    found = facts(changed(("models.digits.autoscaling.maxReplicas", 9)))
    assert found.verdict == f"test cannot work: {len(found.errors)} errors"
    assert found.tone == "bad"
    text = page(found)
    assert text.index('id="findings"') < text.index('id="quota"')


def test_a_sound_stack_fits() -> None:
    found = facts(changed(("cluster.kubeSystemUid", "3f0c8a52-1111-2222-3333-444455556666")))
    assert (found.verdict, found.tone) == ("test fits", "good")
    assert "Every check passes." in page(found)


def test_words_that_cannot_be_read_leave_the_sums_of_the_others() -> None:
    found = facts(changed(("models.digits.tenant", 7), ("trainingJobs.digits.deadline", "soon")))
    assert len(found.errors) == 2
    assert [tenant.name for tenant in found.tenants] == ["train", "serve"]
    assert "Words that could not be read are missing from the sums." in page(found)


@pytest.mark.parametrize("key", ["cluster", "images", "store", "tenants", "trainingJobs", "models"])
def test_a_stack_without_a_section_still_has_a_page(key: str) -> None:
    Tags(page(facts(changed((key, GONE)))))


def test_a_waiver_is_shown_with_its_reason_and_its_end() -> None:
    waivers = {"quota": {"reason": "the quota grows on Monday", "until": "2026-02-28"}}
    words = changed(("models.digits.autoscaling.maxReplicas", 4), ("policy", {"waivers": waivers}))
    found = facts(words)
    assert not [finding for finding in found.errors if finding.check == "quota"]
    assert {(each.reason, each.until) for each in found.waived} == {("the quota grows on Monday", "2026-02-28")}
    assert "waived until 2026-02-28" in page(found)


def test_four_figures_stand_under_the_headline() -> None:
    found = facts(stack("prod"))
    assert [figure.name for figure in found.figures] == [
        "Worst month", "Fullest quota", "Longest rollout", "Scale-up",
    ]  # fmt: skip
    assert found.figures[0].value == "15,065.61 USD"
    assert "23 min 20 s" in found.figures[2].value


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ({"count": 9, "cpu": 8, "memory": "32Gi", "gpu": 8}, "pods find room, as the default scheduler spreads them"),
        ({"count": 5, "cpu": 4, "memory": "32Gi", "gpu": 2}, "pods find no room, spread as the default scheduler"),
        ({"count": 1, "cpu": 4, "memory": "32Gi", "gpu": 2}, "pods find no room, packed as tightly as can be"),
    ],
)
def test_the_nodes_are_asked_one_by_one(nodes: object, said: str) -> None:
    assert said in page(facts(changed(("cluster.nodePools", {"a": nodes}))))


def test_a_model_without_a_load_is_told_what_to_add() -> None:
    text = page(facts(sound()))
    assert "load not stated" in text
    assert re.search(r"requestsPerSecond: \d+", text)
    assert "load not stated" not in page(facts(changed(("models.digits.load", LOAD))))


def test_the_page_says_that_its_figures_are_predicted_and_from_where() -> None:
    text = page(facts(sound()))
    assert "Predicted from <code>Pulumi.test.yaml</code> at commit 3f5d909, 2026-01-31" in text
