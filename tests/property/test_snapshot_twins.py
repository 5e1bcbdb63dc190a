"""The kernel's snapshot packets against packets made by the interpreting codec; hypothesis draws the books."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.snapshot.encode import encode_end_of_cycle, encode_packet, packets_bytes_max
from appliance.snapshot.records import SNAPSHOT_ENTRY, SNAPSHOT_HEAD, STATUS_NOT_TOLD
from tests.naive.snapshots import end_of_cycle, snapshot_packets

I64 = st.integers(-(1 << 63), (1 << 63) - 1)
POSITIVE = st.integers(0, (1 << 63) - 1)
HEADS = st.fixed_dictionaries(
    {
        "as_of_sequence": POSITIVE,
        "sending_time_ns": I64,
        "transact_time_ns": I64,
        "epoch": st.integers(0, (1 << 31) - 1),
        "instrument_id": st.integers(1, (1 << 31) - 1),
        "instr_sequence": st.integers(0, (1 << 32) - 1),
        "channel_id": st.integers(0, 65535),
        "trading_session_date": st.integers(0, 65535),
        "trading_status": st.sampled_from([0, 1, 6, STATUS_NOT_TOLD]),
        "is_levels": st.integers(0, 1),
    }
)
ENTRIES = st.fixed_dictionaries(
    {
        "order_id": I64.filter(lambda value: value != -(1 << 63)),
        "price_nanos": I64.filter(lambda value: value != -(1 << 63)),
        "priority": POSITIVE,
        "transact_time_ns": I64.filter(lambda value: value != -(1 << 63)),
        "qty_lots": st.integers(1, (1 << 31) - 1),
        "orders": st.integers(1, (1 << 32) - 2),
        "side": st.sampled_from([1, -1]),
    }
)


def encoded(head: dict[str, int], entries: list[dict[str, int]]) -> list[bytes]:
    head_row = np.zeros(1, SNAPSHOT_HEAD)
    rows = np.zeros(max(len(entries), 1), SNAPSHOT_ENTRY)
    for name, value in head.items():
        head_row[0][name] = value
    for row, entry in zip(rows, entries, strict=False):
        for name, value in entry.items():
            row[name] = value
    octets = np.full(packets_bytes_max(len(entries)) + 1400, 0xEE, np.uint8)
    at, place, found = 0, 0, []
    while place < len(entries) + 2:
        size, place = encode_packet(octets, at, head_row, rows, len(entries), place)
        found.append(octets[at : at + size].tobytes())
        at += size
    assert at <= packets_bytes_max(len(entries))
    size = encode_end_of_cycle(octets, at, head_row, 64)
    assert octets[at : at + size].tobytes() == end_of_cycle(head, 64)
    return found


@settings(deadline=None, max_examples=60)
@given(head=HEADS, entries=st.lists(ENTRIES, max_size=60))
def test_packets_are_those_of_the_twin(head, entries):
    assert encoded(head, entries) == snapshot_packets(head, entries)


@pytest.mark.parametrize("is_levels", [0, 1])
def test_many_entries_fill_the_packets(is_levels):
    head = {name: 1 for name in SNAPSHOT_HEAD.names if name != "reserved"} | {"is_levels": is_levels}
    entries = [
        dict.fromkeys(SNAPSHOT_ENTRY.names, number) | {"side": 1 if number < 300 else -1} for number in range(1, 700)
    ]
    found = encoded(head, entries)
    assert found == snapshot_packets(head, entries)
    assert max(map(len, found)) > 1340
