"""The average price of a sweep: exact over the whole range of prices and quantities, against Python's integers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.publisher.level3 import divide_wide, remainder_wide

WORDS = st.integers(0, (1 << 62) - 1)
DIVISORS = st.integers(1, (1 << 31) - 1)


@given(st.integers(0, (1 << 31) - 1), WORDS, DIVISORS)
def test_division_of_two_words(high: int, low: int, divisor: int) -> None:
    whole = (high << 32) + low
    if whole // divisor >= 1 << 63:
        return  # outside what the function promises
    assert divide_wide(high, low, divisor) == whole // divisor
    assert remainder_wide(high, low, divisor) == whole % divisor


@given(WORDS, WORDS, DIVISORS)
def test_remainder_of_any_words(high: int, low: int, divisor: int) -> None:
    assert remainder_wide(high, low, divisor) == ((high << 32) + low) % divisor
