import pytest

from local.plugins.kubernetes.quantity import is_quantity_path, quantity, same_quantity


@pytest.mark.parametrize(
    ("one", "other"),
    [("1000m", "1"), ("1", 1), ("0.1", "100m"), ("1Gi", "1024Mi"), ("1e3", "1k"), ("20000m", "20"), ("1E", "1000P")],
)
def test_equal_quantities_are_the_same(one: object, other: object) -> None:
    assert same_quantity(one, other)


@pytest.mark.parametrize(("one", "other"), [("1Gi", "1G"), ("1", "1m"), ("cpu", "cpu"), ("70%", "70"), ("", "0")])
def test_different_or_no_quantities_are_not(one: object, other: object) -> None:
    assert not same_quantity(one, other)


def test_text_that_is_no_number_is_no_quantity() -> None:
    assert quantity("1.2.3") is None
    assert quantity(None) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("spec", "hard", "requests.cpu"), True),
        (("spec", "template", "spec", "containers", 0, "resources", "limits", "memory"), True),
        (("spec", "limits", 0, "defaultRequest", "cpu"), True),
        (("spec", "capacity", "storage"), True),
        (("spec", "template", "spec", "containers", 0, "env", 0, "value"), False),
        (("data", "limits", "a"), False),
        (("metadata", "annotations", "value"), False),
    ],
)
def test_only_fields_that_hold_quantities_are_compared_as_such(path: tuple[str | int, ...], expected: bool) -> None:
    assert is_quantity_path(path) is expected
