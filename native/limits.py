"""Every limit of the appliance, written once, with the relations between them asserted beneath.

Tables are allocated at start from these (or from the smaller numbers of a configuration) and never grow. A full
table is a reject with a code and a counter, never a crash. `native/gen/layout.h` carries the same numbers to C.
"""

from __future__ import annotations

FRAME_BYTES_MAX = 1536
"""Room of one frame buffer: a whole Ethernet frame, VLAN tag included."""

DATAGRAM_PAYLOAD_BYTES_MAX = 1400
"""Largest UDP payload that is sent, and the largest that is taken as order entry (PROTOCOLS 3.1, 3.4)."""

RX_BURST_MAX = 32
"""Frames taken from a port in one turn."""

TX_BURST_MAX = 32
"""Frames given to a port in one call; AF_XDP moves at most 32 a system call."""

OUTBOX_SLOTS_MAX = 1024
"""Frames that may wait for transmission inside one turn."""

EVENTS_MAX = 256
"""Events that one step of the book may give before they are turned into reports and market data."""

OUTBOX_SLOTS_A_STEP_MAX = 2 * EVENTS_MAX + 64
"""Slots that the events of one step can open at worst: every report to another session, and the feed's packets."""

SESSIONS_MAX = 1024
INSTRUMENTS_MAX = 4096
ORDERS_MAX = 1 << 20
LEVELS_MAX = 1 << 18

SOURCES_MAX = 1024
"""Networks of an allow-list."""

TICK_ROWS_MAX = 32
"""Rows of a tick table (MiFID II's have 19)."""
BREAKER_PARTS = 16
"""Parts in which the window of a circuit breaker is kept."""
ICEBERG_PARTS_MAX = 1024
"""Most parts in which an iceberg may be displayed: OrderQty is at most so many times DisplayQty."""
STEP_EVENTS_MAX = 4
"""Most events that the book writes between two looks at the room that is left."""

ORDER_SLOT_BITS = 24
"""Low bits of an OrderID that name the slot; the bits above count the slot's uses, so that an id never comes back."""

QTY_LOTS_MAX = (1 << 31) - 1
"""The market data feed carries an order's quantity as int32 (PROTOCOLS 3.4)."""

FEED_HEADER_BYTES = 4096
CONTROL_SLOTS_MAX = 64
CONTROL_COMMANDS_A_TURN_MAX = 2

assert EVENTS_MAX >= STEP_EVENTS_MAX
assert ORDERS_MAX <= 1 << ORDER_SLOT_BITS
assert DATAGRAM_PAYLOAD_BYTES_MAX + 14 + 4 + 20 + 8 <= FRAME_BYTES_MAX
assert OUTBOX_SLOTS_MAX > OUTBOX_SLOTS_A_STEP_MAX + 1
assert EVENTS_MAX * 2 * 136 // (DATAGRAM_PAYLOAD_BYTES_MAX - 136) < 64, "the feed's packets of one step"
assert CONTROL_SLOTS_MAX & (CONTROL_SLOTS_MAX - 1) == 0
