from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.settings import Duration, Money, Percent, Quantity

few = settings(max_examples=20, deadline=None)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("2", "2"), ("500m", "0.5"), ("0.5", "0.5"), ("1Ki", "1024"), ("4Gi", "4294967296"), ("1k", "1000")],
)
def test_quantities_are_read_as_kubernetes_reads_them(text: str, amount: str) -> None:
    assert Quantity.parse(text).amount == Decimal(amount)


@pytest.mark.parametrize("raw", ["", "4gi", "4 Gi", "-1", "1e3", "Gi", True, None, [1], "٣", "1Gi\n"])
def test_what_is_no_quantity_is_refused_with_the_input(raw: object) -> None:
    with pytest.raises(ValueError, match="expected a quantity") as refused:
        Quantity.parse(raw)
    assert repr(raw) in str(refused.value)


def test_quantities_compare_by_amount_and_print_as_written() -> None:
    assert Quantity.parse("1000m") == Quantity.parse(1)
    assert str(Quantity.parse("1000m")) == "1000m"


@few
@given(st.integers(0, 10**6))
def test_a_sum_of_cores_is_read_back_as_itself(millicores: int) -> None:
    amount = Decimal(millicores) / 1000
    assert Quantity.parse(str(Quantity.cores(amount))).amount == amount


@few
@given(st.integers(0, 2**53))
def test_a_sum_of_bytes_is_read_back_as_itself(size: int) -> None:
    assert Quantity.parse(str(Quantity.size(Decimal(size)))).amount == size


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", "5"), ("10m", "600"), ("1h30m", "5400"), ("500ms", "0.5"), ("1d", "86400")]
)
def test_durations_are_read_with_their_units(text: str, seconds: str) -> None:
    assert Duration.parse(text).seconds == Decimal(seconds)


@pytest.mark.parametrize("raw", ["5", 5, "s", "5 s", "5x", "-5s", "", "m5", None])
def test_a_duration_needs_its_unit(raw: object) -> None:
    with pytest.raises(ValueError, match="expected a duration with its unit"):
        Duration.parse(raw)


@few
@given(st.integers(1, 10**9))
def test_a_duration_prints_as_it_is_read(milliseconds: int) -> None:
    duration = Duration(Decimal(milliseconds) / 1000)
    assert Duration.parse(str(duration)) == duration


def test_durations_round_up_to_what_kubernetes_and_tensorflow_take() -> None:
    assert Duration.parse("1500ms").whole_seconds == 2
    assert Duration(Decimal("0.0001")).milliseconds == 1


@pytest.mark.parametrize("raw", ["0%", "101%", "70", "7.5%", 70, "%"])
def test_a_percentage_is_whole_and_has_its_sign(raw: object) -> None:
    with pytest.raises(ValueError, match="expected a whole percentage"):
        Percent.parse(raw)


def test_a_share_of_a_count_rounds_up_as_max_surge_does() -> None:
    assert Percent.parse("25%").of(9) == 3
    assert Percent.parse("25%").of(8) == 2


@pytest.mark.parametrize("raw", ["0.95", "0.95 usd", "USD 1", "-1 USD", "nan USD", 1, ""])
def test_a_price_needs_its_currency(raw: object) -> None:
    with pytest.raises(ValueError, match="expected an amount with its currency"):
        Money.parse(raw)
