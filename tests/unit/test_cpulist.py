"""CPU lists and masks: what is printed is read back, and the kernel's own texts are understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nic.host.cpulist import format_list, format_mask, parse_list, parse_mask

cpu_sets = st.sets(st.integers(0, 127))


@given(cpu_sets)
def test_lists_and_masks_round_trip(cpus: set[int]) -> None:
    assert parse_list(format_list(cpus)) == tuple(sorted(cpus))
    like = "00000000,00000000,00000000,00000000"
    mask = format_mask(cpus, like)
    assert parse_mask(mask) == tuple(sorted(cpus)) and len(mask) == len(like)


@pytest.mark.parametrize(("text", "cpus"), [("", ()), ("0-2,5\n", (0, 1, 2, 5)), ("7", (7,))])
def test_lists_of_the_kernel(text: str, cpus: tuple[int, ...]) -> None:
    assert parse_list(text) == cpus


@pytest.mark.parametrize("text", ["(null)", "3-1", "a", "1-", "-1"])
def test_what_is_no_list(text: str) -> None:
    with pytest.raises(ValueError):
        parse_list(text)


@pytest.mark.parametrize(
    ("cpus", "like", "mask"), [((0, 1), "3", "3"), ((), "00", "00"), ((33,), "ff,ffffffff", "02,00000000")]
)
def test_masks_are_as_wide_as_the_file(cpus: tuple[int, ...], like: str, mask: str) -> None:
    assert format_mask(cpus, like) == mask
