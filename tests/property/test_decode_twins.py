"""Every order message with any value in any field: the COMMAND is the naive venue's, field by field."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.accounts.state import allocate_accounts
from appliance.config import parse
from appliance.risk.check import check
from appliance.session.decode import decode, next_message
from appliance.state import allocate_tables
from native import counters
from native.jit import INTERPRETED, kernel
from native.layout import COMMAND
from tests.naive.venue_commands import KINDS, command_of, why_not
from tests.naive.venue_reports import ORDER_ENTRY, Instrument

CONFIG = parse(
    {
        "instruments": [
            {"security_id": 1, "symbol": "PLAIN"},
            {"security_id": 2, "symbol": "ODD", "tick_nanos": 3, "price_ticks_min": 90, "price_ticks_max": 110},
            {"security_id": 7, "symbol": "FINE", "tick_nanos": 1},
        ]
    }
)
ACCOUNTS = allocate_accounts(CONFIG)
TABLES = allocate_tables(CONFIG, np.zeros(counters.COUNTERS_COUNT, np.int64))
INSTRUMENTS = {
    one.security_id: Instrument(index, one.security_id, one.tick_nanos, one.price_ticks_min, one.price_ticks_max)
    for index, one in enumerate(CONFIG.instruments)
}
EDGES = [0, 1, 2, 3, 5, 10, 48, 50, 84, 127, 128, 254, 255, 256, 32767, 32768, 65534, 65535, 65536, 1_000_000, 1 << 24]
EDGES += [sign + (1 << bits) for bits in (31, 32, 62, 63, 64) for sign in (-2, -1, 0, 1)]
VALUES = st.sampled_from(EDGES) | st.sampled_from([1, 2, 7]) | st.integers(0, (1 << 64) - 1)
OWN_ACCOUNT = int(TABLES.sessions[1]["account"])


@kernel
def checked(tables: Any, accounts: Any, records: Any, index: int) -> Any:
    return check(tables, accounts, records[index])


@kernel
def after(frame: Any, at: int, end: int) -> Any:
    return next_message(frame, at, end)


@settings(max_examples=300 if INTERPRETED else 3000, deadline=None)
@given(name=st.sampled_from(sorted(KINDS)), data=st.data())
def test_any_values(name: str, data: st.DataObject) -> None:
    block = ORDER_ENTRY[name]
    raw: dict[str, Any] = {field: data.draw(VALUES, label=field) for field in block.names}
    octets = bytearray(ORDER_ENTRY.encode(name))
    at = len(octets) - block.size
    places = sorted(block.offsets.values())
    for field, value in raw.items():
        place = block.offsets[field]
        size = min([other for other in places if other > place], default=block.size) - place
        octets[at + place : at + place + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
    frame = np.frombuffer(bytes(octets), np.uint8)
    records = np.zeros(2, COMMAND)
    records.view(np.uint8)[:] = 0xA5  # whatever stood there before
    assert after(frame, 0, frame.size) == frame.size
    kind = decode(TABLES, frame, 0, records, 1, 1)
    expected = command_of(1, name, block.unpack(bytes(octets), at), INSTRUMENTS)
    assert kind == expected["kind"]
    records[1]["kind"] = kind
    told = {field: int(records[1][field]) for field in COMMAND.names or () if field in expected}
    of_the_sequencer = ("sequence", "time_ns", "receive_time_ns", "session_seq")
    assert {f: v for f, v in told.items() if f not in of_the_sequencer} == {
        f: v for f, v in expected.items() if f not in of_the_sequencer
    }
    assert checked(TABLES, ACCOUNTS, records, 1) == why_not(expected, [OWN_ACCOUNT])
