"""Every record that crosses a border (kernel to C, process to process, memory to file), written once.

`native/gen_header.py` turns these into `native/gen/layout.h` with a `_Static_assert` for every size and offset, so a
drifted field fails the C compile. Fields are explicit about their padding: implicit padding is a failing test.
"""

from __future__ import annotations

import numpy as np


def record(fields: list[tuple[str, str] | tuple[str, str, int]], *, size: int) -> np.dtype:
    """An aligned record dtype of exactly `size` bytes without implicit padding. A field is (name, type) or
    (name, type, count of an array)."""
    dtype = np.dtype(fields, align=True)
    packed = np.dtype(fields, align=False)
    assert dtype.itemsize == size, (dtype.itemsize, size, fields)
    assert packed.itemsize == size, f"implicit padding: {packed.itemsize} of {size} bytes are named"
    return dtype


# --- the port ---------------------------------------------------------------------------------------------------

PKT = record(
    [
        ("data", "u8"),  # address of the first byte of the Ethernet frame
        ("len", "u4"),  # bytes of the frame; on alloc: room
        ("port", "u2"),
        ("flags", "u2"),  # PKT_*
        ("ts_ns", "u8"),  # receive time, by the clock that flags name
        ("cookie", "u8"),  # the port's own name of the buffer
    ],
    size=32,
)

PKT_CLOCK_NONE = 0
PKT_CLOCK_MONOTONIC = 1
PKT_CLOCK_REALTIME = 2
PKT_CLOCK_FILE = 3
"""The time comes from a capture and is the clock of the run."""
PKT_CLOCK_MASK = 3
PKT_UDP_CHECKSUM_COMPLETE = 4
"""The UDP checksum in the buffer is complete (not left to a NIC), so it can be verified."""

PORT_MEMORY = 1
PORT_PCAP = 2
PORT_UDP = 3
PORT_PACKET = 4
PORT_XDP = 5
PORT_DPDK = 6

PORT_STATS = record(
    [
        ("rx_frames", "u8"),  # handed up
        ("rx_bytes", "u8"),
        ("rx_dropped", "u8"),  # lost before they were handed up: no buffer or no room, here or in the kernel
        ("rx_too_long", "u8"),  # longer than a frame buffer: dropped
        ("rx_format_errors", "u8"),  # pcap: the capture is broken; reading ended there
        ("rx_skipped", "u8"),  # pcap: blocks that carry no frame; dpdk: frames for none of its UDP ports
        ("rx_ring_full", "u8"),  # xdp: dropped because the loop was late
        ("rx_fill_empty", "u8"),  # xdp, dpdk: times that no free buffer was found
        ("rx_invalid", "u8"),  # xdp: descriptors that the kernel refused; dpdk: wrong checksums
        ("rx_unstamped", "u8"),  # frames without a receive time
        ("tx_frames", "u8"),  # taken for transmission
        ("tx_bytes", "u8"),
        ("tx_invalid", "u8"),  # not a frame that this port can send: dropped
        ("tx_failed", "u8"),  # the kernel or the file refused the frame: dropped
        ("tx_kicks", "u8"),  # system calls that sent
        ("bad_descriptors", "u8"),  # release or send of a buffer that the caller does not hold: ignored
        ("rx_held", "u8"),  # gauge: receive buffers that the caller holds
        ("tx_free", "u8"),  # gauge: transmit buffers that can be had now
        ("end_of_input", "u8"),  # gauge: 1 when nothing will ever come again
        ("link_up", "u8"),  # gauge: 1 when the interface is up and has a carrier, or there is none to ask
    ],
    size=160,
)
"""What `port_stats` writes. Counters from the open on; gauges say so."""

# --- the journal ------------------------------------------------------------------------------------------------

SEQUENCED = record(
    [
        # header, 32 bytes
        ("crc32c", "u4"),  # CRC32C over bytes 4..127
        ("prev_crc32c", "u4"),  # of the record before: a chain
        ("sequence", "u8"),  # 1, 2, 3, ...
        ("epoch", "u4"),
        ("length", "u2"),  # bytes of the whole record: 128
        ("kind", "u2"),  # KIND_*
        ("time_ns", "u8"),  # UTC; never goes back
        # body, 96 bytes
        ("receive_time_ns", "u8"),
        ("session_seq", "u8"),  # FIXP number of the message in its session
        ("cl_ord_id", "u8"),
        ("orig_cl_ord_id", "u8"),
        ("order_id", "u8"),
        ("price_ticks", "i8"),
        ("stop_price_ticks", "i8"),
        ("qty_lots", "i8"),
        ("display_qty_lots", "i8"),
        ("instrument", "u4"),  # index; the raw SecurityID when flags has COMMAND_UNKNOWN_SECURITY
        ("account", "u4"),
        ("self_match_prevention_id", "u4"),
        ("session", "u4"),  # index
        ("side", "u1"),
        ("ord_type", "u1"),
        ("time_in_force", "u1"),
        ("stp_instruction", "u1"),
        ("exec_inst", "u2"),
        ("flags", "u2"),  # COMMAND_*
    ],
    size=128,
)
COMMAND = SEQUENCED
"""What a message means, in ticks, lots and indexes. The sequencer fills the header: then it is SEQUENCED."""

KIND_NEW_ORDER = 1
KIND_CANCEL = 2
KIND_REPLACE = 3
KIND_SESSION_PEER = 16
"""A session's replies go elsewhere from now on; read as SESSION_PEER."""
KIND_TRADING_STATUS = 17
"""`instrument` opens (qty_lots TRADING_STATUS_OPEN) or closes (TRADING_STATUS_CLOSED)."""
KIND_CONTEXT = 18
"""A Context alone whose NextSeqNo (session_seq) lies beyond what was expected: the numbers before it are lost."""

TRADING_STATUS_OPEN = 1
TRADING_STATUS_CLOSED = 4

COMMAND_FIRST_OF_BURST = 1
"""First input of a receive burst: open datagrams are closed before it, so replay groups as the live run did."""
COMMAND_UNKNOWN_SECURITY = 2
COMMAND_PRICE_OFF_TICK = 4
COMMAND_QTY_OUT_OF_RANGE = 8

SESSION_PEER = record(
    [
        ("crc32c", "u4"),
        ("prev_crc32c", "u4"),
        ("sequence", "u8"),
        ("epoch", "u4"),
        ("length", "u2"),
        ("kind", "u2"),
        ("time_ns", "u8"),
        ("session", "u4"),
        ("peer_ip", "u4"),  # host order
        ("local_ip", "u4"),
        ("peer_udp_port", "u2"),
        ("local_udp_port", "u2"),
        ("peer_mac", "u8"),  # low 48 bits, first octet highest
        ("local_mac", "u8"),
        ("vlan_tci", "u4"),  # VLAN_NONE: untagged
        ("reserved", "u1", 58),
        ("flags", "u2"),  # COMMAND_FIRST_OF_BURST; at the same place as in SEQUENCED
    ],
    size=128,
)
"""A KIND_SESSION_PEER record, read over the same bytes: where a session's replies go from now on."""
VLAN_NONE = 0xFFFFFFFF

JOURNAL_HEADER = record(
    [
        ("magic", "u8"),
        ("format_version", "u4"),
        ("record_bytes", "u4"),
        ("capacity_records", "u8"),
        ("committed_records", "u8"),  # stored with release after the record is whole
        ("epoch", "u4"),
        ("closed", "u4"),  # 1: the run ended cleanly
        ("instance_id", "u1", 16),
        ("schema_digest", "u1", 32),  # of the message schemas
        ("config_digest", "u1", 32),  # of the configuration that state starts from
        ("reserved", "u1", 3976),
    ],
    size=4096,
)
JOURNAL_MAGIC = int.from_bytes(b"PITWJRNL", "little")
JOURNAL_FORMAT_VERSION = 1

FEED_HEADER = record(
    [
        ("magic", "u8"),
        ("format_version", "u4"),
        ("epoch", "u4"),
        ("capacity_bytes", "u8"),
        ("committed_bytes", "u8"),  # stored with release after the packet is whole
        ("next_sequence", "u8"),  # of the next message to publish
        ("channel_id", "u4"),
        ("closed", "u4"),
        ("topic_session_id", "u1", 16),
        ("reserved", "u1", 4032),
    ],
    size=4096,
)
FEED_MAGIC = int.from_bytes(b"PITWFEED", "little")
FEED_FORMAT_VERSION = 1

FEED_ENTRY = record(
    [
        ("first_sequence", "u8"),
        ("message_count", "u4"),
        ("payload_bytes", "u4"),  # the packet follows, padded to 8 bytes
    ],
    size=16,
)

# --- the book's answers -----------------------------------------------------------------------------------------

EVENT = record(
    [
        ("kind", "u1"),  # EVENT_*
        ("side", "u1"),  # of the order; of the aggressor in a trade
        ("time_in_force", "u1"),
        ("ord_type", "u1"),
        ("reason", "u2"),  # codes.REJECT_* or RESTATEMENT_*
        ("exec_inst", "u2"),
        ("instrument", "u4"),
        ("session", "u4"),
        ("account", "u4"),
        ("request_kind", "u2"),  # KIND_* that this answers
        ("flags", "u2"),  # EVENT_FLAG_*
        ("cl_ord_id", "u8"),
        ("orig_cl_ord_id", "u8"),
        ("order_id", "u8"),
        ("price_ticks", "i8"),  # trade: the maker's price
        ("qty_lots", "i8"),  # OrderQty; trade: LastQty; cancel: what was cancelled
        ("leaves_lots", "i8"),
        ("cum_lots", "i8"),
        ("priority", "u8"),
        ("trade_id", "u8"),
        ("limit_value", "i8"),
        ("maker_order_id", "u8"),
        ("maker_cl_ord_id", "u8"),
        ("maker_leaves_lots", "i8"),
        ("maker_cum_lots", "i8"),
        ("maker_priority", "u8"),
        ("maker_session", "u4"),
        ("maker_account", "u4"),
        ("reserved", "u8"),
    ],
    size=160,
)

EVENT_ACCEPTED = 1
"""A new order is accepted (before it matches)."""
EVENT_TRADE = 2
"""One fill: two execution reports, one Trade message."""
EVENT_RESTED = 3
"""What is left of an order now rests in the book, or rests at a new place (public)."""
EVENT_CANCELED = 4
"""An order is gone: by request, by IOC or FOK, by a replace to nothing. FLAG_WAS_RESTING: the feed must delete it."""
EVENT_REPLACED = 5
"""A replace is accepted; FLAG_PRIORITY_RETAINED: it kept its place (the feed puts it with the new quantity)."""
EVENT_REJECTED = 6
EVENT_TRADING_STATUS = 7

EVENT_FLAG_WAS_RESTING = 1
EVENT_FLAG_PRIORITY_RETAINED = 2
EVENT_FLAG_REPLACED_TO_NOTHING = 4

# --- the book ---------------------------------------------------------------------------------------------------

ORDER = record(
    [
        ("order_id", "u8"),  # count of orders taken << ORDER_SLOT_BITS | slot: rises with time, never comes back
        ("cl_ord_id", "u8"),  # the newest one: a replace renames the order
        ("priority", "u8"),  # place in time among all resting orders; 0: not resting (yet)
        ("price_ticks", "i8"),
        ("leaves_lots", "u4"),  # 0: the slot is free
        ("cum_lots", "u4"),
        ("next", "u4"),  # slot behind it at its level, or NO_INDEX; of a free slot: the next free one
        ("prev", "u4"),  # slot before it, or NO_INDEX
        ("level", "u4"),  # index of its LEVEL, or NO_INDEX while it is not resting
        ("account", "u4"),
        ("session", "u2"),
        ("instrument", "u2"),
        ("side", "u1"),
        ("ord_type", "u1"),
        ("time_in_force", "u1"),
        ("exec_inst", "u1"),
    ],
    size=64,
)
"""An order is one cache line."""
NO_INDEX = 0xFFFFFFFF

LEVEL = record(
    [
        ("key", "i8"),  # the price for sells, ~price for buys: on both sides the lower key is the better one
        ("qty_lots", "i8"),  # sum of leaves_lots
        ("head", "u4"),  # oldest order; of a free level: the next free one
        ("tail", "u4"),  # newest order
        ("parent", "u4"),  # LADDER_NODE above it, or NO_INDEX: it is alone on its side
        ("orders", "u4"),
    ],
    size=32,
)

LADDER_NODE = record(
    [
        ("key", "i8"),  # any key below this node: its bits from shift + 6 up are those of all of them
        ("occupied", "u8"),  # bit d: there is a child for digit d
        ("parent", "u4"),  # LADDER_NODE above it, or NO_INDEX; of a free node: the next free one
        ("shift", "u4"),  # 0, 6, 12, ... 60: the children differ in the digit (key >> shift) & 63
        ("reserved", "u8"),
    ],
    size=32,
)
LADDER_LEVEL_BIT = 0x80000000
"""A reference in a ladder is the index of a LADDER_NODE, or with this bit the index of a LEVEL."""

BOOK_SIDE = record(
    [
        ("best_key", "i8"),  # key of the best level; says nothing while best is NO_INDEX
        ("best", "u4"),  # index of the best LEVEL, or NO_INDEX
        ("root", "u4"),  # reference to the top of the ladder, or NO_INDEX
        ("levels", "u4"),
        ("orders", "u4"),
        ("reserved", "u8"),
    ],
    size=32,
)
"""One side of one instrument's book; the two sides of an instrument share a cache line."""

BOOK_STATE = record(
    [
        ("orders_taken", "u8"),  # orders that were ever accepted: the high bits of the last OrderID
        ("priorities_given", "u8"),
        ("trades", "u8"),  # the last trade id
        ("free_order", "u4"),  # heads of the free lists, or NO_INDEX
        ("free_level", "u4"),
        ("free_node", "u4"),
        ("open_orders", "u4"),  # slots taken, the order in flight included
        ("open_levels", "u4"),
        ("open_nodes", "u4"),
        ("pending_stage", "u4"),  # PENDING_*: events of the last command wait for room
        ("pending_slot", "u4"),  # the order in flight
        ("pending_request_kind", "u4"),
        ("pending_flags", "u4"),
    ],
    size=64,
)
PENDING_NOTHING = 0
PENDING_SWEEP = 1
"""The order in flight goes on matching, then rests or is cancelled."""
PENDING_KILL = 2
"""The order in flight is fill-or-kill and cannot be filled."""

# --- control ----------------------------------------------------------------------------------------------------

CONTROL_COMMAND = record(
    [
        ("kind", "u4"),  # CONTROL_*
        ("argument", "u4"),
        ("value", "i8"),
    ],
    size=16,
)
CONTROL_STOP = 1
CONTROL_TRADING_STATUS = 2

# --- state that several stages share ----------------------------------------------------------------------------

SESSION = record(
    [
        ("uuid_low", "i8"),  # octets 0..7 of the UUID, read little-endian
        ("uuid_high", "i8"),  # octets 8..15
        ("expected_seq", "i8"),  # next number of the client's flow
        ("next_out_seq", "i8"),  # next number of the server's flow
        ("peer_mac", "i8"),  # BOUND when bound_at_sequence is not 0
        ("local_mac", "i8"),
        ("bound_at_sequence", "i8"),
        ("peer_ip", "u4"),
        ("local_ip", "u4"),
        ("vlan_tci", "u4"),
        ("account", "u4"),
        ("peer_udp_port", "u2"),
        ("local_udp_port", "u2"),
        ("reserved", "u4"),
    ],
    size=80,
)

INSTRUMENT = record(
    [
        ("tick_nanos", "i8"),
        ("price_ticks_min", "i8"),
        ("price_ticks_max", "i8"),
        ("qty_lots_max", "i8"),
        ("security_id", "u4"),
        ("instr_seq", "u4"),  # InstrSeqNum of the last market data message
        ("status", "u4"),  # TRADING_STATUS_*
        ("reserved", "u4"),
    ],
    size=48,
)
