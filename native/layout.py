"""Every record that crosses a border (kernel to C, process to process, memory to file), written once.

`native/gen_header.py` makes `native/gen/layout.h` of these, every size and offset asserted there. Padding is named.
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
        # xdp: dropped in the XDP program, where admission is on
        ("rx_refused_source", "u8"),  # not from a network that may send
        ("rx_refused_rate", "u8"),  # more of one source than it may send
        ("rx_refused_message", "u8"),  # does not begin as order entry does
        ("rx_refused_handshakes", "u8"),  # more log-ons than are looked at
    ],
    size=192,
)
"""What `port_stats` writes. Counters from the open on; gauges say so."""

# --- the journal ------------------------------------------------------------------------------------------------

SEQUENCED = record(
    [
        # header, 24 bytes
        ("crc32c", "u4"),  # CRC32C over bytes 4..127, begun with that of the record before: a chain
        ("length", "u2"),  # bytes of the whole record: 128
        ("kind", "u2"),  # KIND_*
        ("sequence", "u8"),  # 1, 2, 3, ...
        ("time_ns", "u8"),  # UTC; never goes back
        # body, 104 bytes
        ("receive_time_ns", "u8"),
        ("session_seq", "u8"),  # FIXP number of the message in its session
        ("cl_ord_id", "u8"),
        ("orig_cl_ord_id", "u8"),
        ("order_id", "u8"),
        ("price_ticks", "i8"),  # mass cancel: cancels prices above it
        ("stop_price_ticks", "i8"),  # mass cancel: cancels prices below it
        ("expire_time_ns", "u8"),  # GTD: UTC
        ("qty_lots", "i4"),  # KIND_PHASE: the PHASE_* asked for
        ("display_qty_lots", "i4"),  # 0: all is displayed
        ("min_qty_lots", "i4"),  # 0: none; mass cancel: RESTATEMENT_* of its reports, 0: mass action
        ("instrument", "u4"),  # index; the raw SecurityID when flags has COMMAND_UNKNOWN_SECURITY
        ("account", "u4"),
        ("self_match_prevention_id", "u4"),  # 0: none
        ("session", "u4"),  # index
        ("cancel_group", "u2"),  # 0: none
        ("risk_group", "u2"),  # 0: none
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
KIND_MASS_CANCEL = 4
KIND_PHASE = 5
"""`instrument` is to go into the phase `qty_lots` (PHASE_*)."""
KIND_TIMER = 6
"""Time has come to `time_ns`: what was due until then is carried out."""
KIND_OF_THE_BOOK_MAX = 6
"""Kinds up to this one are the book's: `appliance.book.match.apply` takes them."""
KIND_SESSION_PEER = 16
"""A session's replies go elsewhere from now on; read as SESSION_PEER."""
KIND_NEW_DAY = 17
"""The day begins with the open orders of the day before: what they display is published anew."""
KIND_CONTEXT = 18
"""A Context alone whose NextSeqNo (session_seq) lies beyond what was expected: the numbers before it are lost."""
KIND_DAY_END = 19
"""The day is over: all instruments are closed and stay so. What the next day starts with is made of this state."""
KIND_ESTABLISH = 20
KIND_TERMINATE = 21
KIND_SESSION_LOST = 22
KIND_RETRANSMIT_REQUEST = 23
KIND_FINISHED = 24
KIND_STATUS_QUERY = 25
"""A question about an order, or about the watermark of ClOrdIDs."""
KIND_NEGOTIATE = 26
"""20 to 24 and 26 are read as records of native/session_layout.py."""
KIND_ADMIN = 32
"""An operator's command; read as ADMIN (native/account_layout.py)."""

# phases of an instrument: docs/MATCHING.md section 2; 0 to 5 are TradingStatus of the market data
PHASE_PRE_OPEN = 0
PHASE_CONTINUOUS = 1
PHASE_HALT = 2
PHASE_VOLATILITY_AUCTION = 3
PHASE_CLOSED = 4
PHASE_FREEZE = 5
"""Asked for while an auction runs: nothing may be entered or cancelled any more until the auction is held."""
PHASE_OPENING_AUCTION = 7
PHASE_CLOSING_AUCTION = 8

COMMAND_FIRST_OF_BURST = 1
"""First input of a receive burst: open datagrams are closed before it, so replay groups as the live run did."""
COMMAND_UNKNOWN_SECURITY = 2
COMMAND_PRICE_OFF_TICK = 4
COMMAND_QTY_OUT_OF_RANGE = 8
COMMAND_PRICE_MISSING = 16
COMMAND_STOP_PRICE_MISSING = 32
COMMAND_STOP_PRICE_OFF_TICK = 64
COMMAND_ANY_SESSION = 128
"""A mass cancel reaches the orders of all sessions."""
COMMAND_BY_VENUE = 256
"""Nobody asked for this mass cancel: nobody gets its report, every owner is told of each order."""
COMMAND_SPARES_STAYING = 512
"""A mass cancel leaves orders with NoCancelOnDisconnect."""
COMMAND_SPARES_GTC = 1024
"""A mass cancel leaves GTC and GTD orders."""

SESSION_PEER = record(
    [
        ("crc32c", "u4"),
        ("length", "u2"),
        ("kind", "u2"),
        ("sequence", "u8"),
        ("time_ns", "u8"),
        ("session", "u4"),
        ("peer_ip", "u4"),  # host order
        ("local_ip", "u4"),
        ("peer_udp_port", "u2"),
        ("local_udp_port", "u2"),
        ("peer_mac", "u8"),  # low 48 bits, first octet highest
        ("local_mac", "u8"),
        ("vlan_tci", "u4"),  # VLAN_NONE: untagged
        ("reserved", "u1", 66),
        ("flags", "u2"),  # COMMAND_FIRST_OF_BURST; at the same place as in SEQUENCED
    ],
    size=128,
)
"""A KIND_SESSION_PEER record, read over the same bytes: where a session's replies go from now on."""
VLAN_NONE = 0xFFFFFFFF

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
        ("first_sequence", "u8"),  # of the first message that the store has, or will have; 0: 1
        ("reserved", "u1", 4024),
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
        # what is told of any order: the first cache line
        ("kind", "u1"),  # EVENT_*
        ("side", "u1"),  # of the order; of the aggressor in a trade
        ("ord_type", "u1"),
        ("time_in_force", "u1"),
        ("reason", "u2"),  # codes.REJECT_* or RESTATEMENT_*; phase: the one before; auction: PHASE_* of it
        ("flags", "u2"),  # EVENT_FLAG_*
        ("instrument", "u4"),
        ("account", "u4"),
        ("order_id", "u8"),
        ("cl_ord_id", "u8"),
        ("price_ticks", "i8"),  # trade: the maker's price, or that of the auction; 0 where an auction has none
        ("qty_lots", "i4"),  # OrderQty; trade: LastQty; cancel: what was cancelled; phase: PHASE_*; mass: how many
        ("leaves_lots", "i4"),
        ("cum_lots", "i4"),
        ("display_lots", "i4"),  # of leaves_lots what the public book shows
        ("priority", "u8"),  # place in time of the order; 0: it is not resting
        # the rest: the second
        ("session", "u2"),
        ("request_kind", "u1"),  # KIND_* that this answers
        ("exec_inst", "u1"),
        ("maker_session", "u2"),
        ("reserved", "u2"),
        ("maker_account", "u4"),
        ("maker_leaves_lots", "i4"),
        ("maker_cum_lots", "i4"),
        ("maker_display_lots", "i4"),
        ("maker_order_id", "u8"),
        ("maker_cl_ord_id", "u8"),
        ("maker_priority", "u8"),
        ("trade_id", "u8"),  # auction: lots that trade, or would
        ("limit_value", "i8"),  # reject: the limit hit; auction: surplus lots, buys above 0; its trades: MATCHING.md 8
    ],
    size=128,
)
"""What the book says. The OrigClOrdID of a cancel or replace stands in the command that it answers."""

EVENT_ACCEPTED = 1
"""A new order is accepted (before it matches)."""
EVENT_TRADE = 2
"""One fill: two execution reports, one Trade message."""
EVENT_RESTED = 3
"""What is left of an order now rests in the book, or rests at a new place (public)."""
EVENT_CANCELED = 4
"""An order is gone: by request, by its terms or by the venue. FLAG_WAS_RESTING: the feed must delete it."""
EVENT_REPLACED = 5
"""A replace is accepted; FLAG_PRIORITY_RETAINED: it kept its place (the feed puts it with the new quantity)."""
EVENT_REJECTED = 6
EVENT_PHASE = 7
"""The instrument is in the phase `qty_lots`; `price_ticks` is its static reference, where it has one: FLAG_PRICE."""
EVENT_TRIGGERED = 8
"""A waiting order is active: `ord_type` is what it is now."""
EVENT_RESTATED = 9
"""The venue changed an order: `reason` says why, the fields say how it is now."""
EVENT_AUCTION = 10
"""What an auction gives, or would: price, lots (`trade_id`), surplus (`limit_value`), extension's number (`qty_lots`);
FLAG_PRICE: there is a price; FLAG_HELD: it was held; FLAG_FROZEN."""
EVENT_MASS_CANCELED = 11
"""A mass cancel is done: `qty_lots` orders are gone."""

EVENT_FLAG_WAS_RESTING = 1
EVENT_FLAG_PRIORITY_RETAINED = 2
EVENT_FLAG_REPLACED_TO_NOTHING = 4
EVENT_FLAG_HIDDEN = 8
EVENT_FLAG_MAKER_HIDDEN = 16
EVENT_FLAG_AGGRESSOR = 32
"""Trade: the order is the aggressor. Without it the trade is one of an auction."""
EVENT_FLAG_AUCTION = 64
EVENT_FLAG_FIRST = 128
EVENT_FLAG_LAST = 256
EVENT_FLAG_PRICE = 512
EVENT_FLAG_HELD = 1024
EVENT_FLAG_FROZEN = 2048

# --- the book ---------------------------------------------------------------------------------------------------

ORDER = record(
    [
        ("order_id", "u8"),  # count of orders taken << ORDER_SLOT_BITS | slot: rises with time, never comes back
        ("cl_ord_id", "u8"),  # the newest one: a replace renames the order
        ("priority", "u8"),  # place in time among all resting and waiting orders; 0: none (yet)
        ("price_ticks", "i8"),
        ("leaves_lots", "u4"),  # 0: the slot is free
        ("cum_lots", "u4"),
        ("next", "u4"),  # slot behind it at its level, or NO_INDEX; of a free slot: the next free one
        ("prev", "u4"),  # slot before it, or NO_INDEX
        ("level", "u4"),  # index of its LEVEL, or NO_INDEX while it is in no queue
        ("account", "u4"),
        ("session", "u2"),
        ("instrument", "u2"),
        ("side", "u1"),
        ("ord_type", "u1"),
        ("time_in_force", "u1"),
        ("traits", "u1"),  # ExecInst bits 0 to 6; TRAIT_TERMS
    ],
    size=64,
)
"""An order is one cache line; what only few orders have stands in TERMS."""
NO_INDEX = 0xFFFFFFFF
TRAIT_TERMS = 128
"""The TERMS of the slot say more about the order."""

TERMS = record(
    [
        ("stop_price_ticks", "i8"),
        ("expire_time_ns", "i8"),
        ("display_qty_lots", "u4"),  # DisplayQty of an iceberg; 0: it is none
        ("displayed_lots", "u4"),  # of what is open, what the public sees (of an order that rests displayed)
        ("min_qty_lots", "u4"),
        ("self_match_prevention_id", "u4"),
        ("expiry_next", "u4"),  # queue of the orders with the same ExpireTime
        ("expiry_prev", "u4"),
        ("expiry_level", "u4"),
        ("cancel_group", "u2"),
        ("risk_group", "u2"),
        ("stp_instruction", "u1"),
        ("place", "u1"),  # PLACE_*
        ("reserved", "u2"),
        ("firm", "u4"),  # of the session: its SelfMatchPreventionIDs are its own
        ("reserved_end", "u1", 8),
    ],
    size=64,
)
"""More terms of the order in the same slot, where its traits have TRAIT_TERMS."""
PLACE_BOOK = 0
"""In its price queue, or in flight."""
PLACE_WAITING = 1
PLACE_PARKED = 2

LEVEL = record(
    [
        ("key", "i8"),  # sells, rising triggers, times: the number; buys, falling triggers: its complement
        ("qty_lots", "i8"),  # sum of what is displayed
        ("head", "u4"),  # oldest displayed order, or NO_INDEX; of a free level: the next free one
        ("tail", "u4"),  # newest displayed order, or NO_INDEX
        ("parent", "u4"),  # LADDER_NODE of its block; of a free level NO_INDEX
        ("orders", "u4"),  # displayed and hidden
    ],
    size=32,
)

LEVEL_HIDDEN = record(
    [
        ("hidden_lots", "i8"),  # open lots at the level that are not displayed: of icebergs and hidden orders
        ("head", "u4"),  # oldest hidden order, or NO_INDEX
        ("tail", "u4"),
    ],
    size=16,
)
"""The part of the LEVEL with the same index that the public does not see. Of a trigger level while a cascade runs: its
rank and its children in the heap of triggered levels."""

LADDER_NODE = record(
    [
        ("key", "i8"),  # any key at or below this node: its bits from shift + 6 up are those of all of them
        ("occupied", "u8"),  # bit d: there is a child for digit d: a LADDER_NODE, or where shift is 0 a LEVEL
        ("parent", "u4"),  # LADDER_NODE above it, or NO_INDEX; of a free node: the next free one
        ("shift", "u4"),  # 0, 6, 12, ... 60: the children differ in the digit (key >> shift) & 63
        ("reserved", "u8"),
    ],
    size=32,
)
BOOK_SIDE = record(
    [
        ("best_key", "i8"),  # key of the best level; says nothing while best is NO_INDEX
        ("best", "u4"),  # index of the best LEVEL, or NO_INDEX
        ("root", "u4"),  # LADDER_NODE at the top of the ladder, or NO_INDEX
        ("levels", "u4"),
        ("orders", "u4"),
        ("reserved", "u8"),
    ],
    size=32,
)
"""One ladder: a side of an instrument's book (the two share a cache line), triggers, parked orders, expiries."""

BOOK_INSTRUMENT = record(
    [
        # what every order looks at: the first cache line
        ("price_ticks_min", "i8"),
        ("price_ticks_max", "i8"),
        ("last_ticks", "i8"),  # last trade price, where has_last
        ("qty_lots_min", "u4"),
        ("qty_lots_max", "u4"),
        ("qty_step_lots", "u4"),
        ("tick_table", "u4"),  # index of its tick table, or NO_INDEX: every tick is valid
        ("waiting_orders", "u4"),
        ("reduce_only_orders", "u4"),  # resting ones
        ("phase", "u1"),  # PHASE_*
        ("frozen", "u1"),
        ("has_last", "u1"),
        ("has_static_reference", "u1"),
        ("has_trade_range", "u1"),  # any of the bands or the breaker is on
        ("is_touched", "u1"),
        ("auction_changed", "u1"),  # the book of the auction has changed since the last indicative price
        ("schedule_runs", "u1"),  # the first KIND_TIMER has come: schedule_due_ns holds
        ("auction_only_orders", "u4"),  # resting ones that a held auction cancels or changes
        ("extension_number", "u4"),
        # protection
        ("static_reference_ticks", "i8"),
        ("static_band_ticks", "i8"),
        ("dynamic_band_ticks", "i8"),
        ("breaker_ticks", "i8"),
        ("breaker_window_ns", "i8"),
        ("market_protection_ticks", "i8"),
        ("auction_band_ticks", "i8"),
        ("touched_low_ticks", "i8"),  # where is_touched: prices that the market touched since the triggers were done
        ("touched_high_ticks", "i8"),
        # time
        ("volatility_auction_ns", "i8"),
        ("extension_ns", "i8"),
        ("halt_ns", "i8"),
        ("freeze_ns", "i8"),
        ("phase_due_ns", "i8"),  # end of the running auction or halt, or NEVER_NS
        ("freeze_due_ns", "i8"),
        ("schedule_due_ns", "i8"),
        ("schedule_first", "u4"),  # its entries in Book.schedule
        ("schedule_count", "u4"),
        ("schedule_next", "u4"),
        ("extensions_max", "u4"),
        ("next_phase", "u4"),  # PHASE_* at phase_due_ns
        ("reserved", "u1", 44),
    ],
    size=256,
)
"""The rules and the market of one instrument. 0 switches a band, a breaker, a duration off."""
NEVER_NS = (1 << 63) - 1

SCHEDULE_ENTRY = record([("time_of_day_ns", "i8"), ("phase", "u4"), ("reserved", "u4")], size=16)
"""One row of an instrument's schedule: at this time of the day (UTC) the instrument goes into the phase."""

TICK_ROW = record([("from_ticks", "i8"), ("step_ticks", "i8")], size=16)
"""From this price up (the first row: below it, too) prices are multiples of the step. A table has TICK_ROWS_MAX rows;
step 0: unused."""

POSITION = record([("account", "u4"), ("instrument", "u4"), ("net_lots", "i8")], size=16)
"""What an account has bought less what it has sold; net_lots of an unused entry is 0 and its account NO_INDEX."""

BREAKER_PART = record([("number", "i8"), ("low_ticks", "i8"), ("high_ticks", "i8")], size=24)
"""Lowest and highest trade price of a 16th of the breaker's window; `number` = time // (window // 16), -1: none yet."""

BOOK_STATE = record(
    [
        # what every order looks at: the first cache line
        ("orders_taken", "u8"),  # orders that were ever accepted: the high bits of the last OrderID
        ("priorities_given", "u8"),
        ("trades", "u8"),  # the last trade id
        ("free_order", "u4"),  # heads of the free lists, or NO_INDEX
        ("free_level", "u4"),
        ("free_node", "u4"),
        ("open_orders", "u4"),  # slots taken, the order in flight included
        ("open_levels", "u4"),
        ("open_nodes", "u4"),
        ("pending_work", "u4"),  # PENDING_* bits: what the last request has still to do
        ("positions_used", "u4"),
        ("positions_max", "u4"),
        ("visits_max", "u4"),  # steps of pending work that one call takes at most
        # the request in hand
        ("index_factor", "u8"),  # odd; of the hash of the ClOrdID index: nobody can choose ids that collide
        ("next_due_ns", "i8"),  # the earliest timer of all, or NEVER_NS
        ("instruments_due_ns", "i8"),  # no timer of an instrument is due before it
        ("now_ns", "i8"),  # time of the request in hand
        ("request_kind", "u4"),  # KIND_* of the request in hand
        ("is_first_told", "u4"),  # its first event has been given
        ("is_held", "u4"),  # Book.held has its last event so far, which may turn out to be the last of all
        # the order in flight
        ("flight_slot", "u4"),
        ("flight_flags", "u4"),  # EVENT_FLAG_* of its trades and its rest
        ("flight_reason", "u4"),  # RESTATEMENT_* with which it ends, 0: by its terms
        ("flight_cursor", "u4"),  # level at which the count of what it can get goes on
        ("flight_order", "u4"),  # order there, or NO_INDEX: from its head
        ("counted_lots", "i8"),
        ("counted_behind_lots", "i8"),  # hidden parts of the displayed orders of the level: they come behind those
        ("range_low_ticks", "i8"),  # trade range of the bands
        ("range_high_ticks", "i8"),
        ("breaker_low_ticks", "i8"),  # and of the breaker
        ("breaker_high_ticks", "i8"),
        # the cascade
        ("cascade_instrument", "u4"),
        ("cascade_heap", "u4"),  # root of the heap of triggered levels, or NO_INDEX
        ("cascade_falling", "u4"),  # next level that may be triggered, or NO_INDEX
        ("cascade_rising", "u4"),
        # the phase change, and the auction whose price is sought
        ("phase_instrument", "u4"),
        ("phase_step", "u4"),  # appliance.book.phases.STEP_*
        ("phase_target", "u4"),
        ("phase_cause", "u4"),  # appliance.book.phases.CAUSE_*
        ("walk_instrument", "u4"),  # the walk over orders that a phase change or a mass cancel makes
        ("walk_place", "u4"),
        ("walk_level", "u4"),
        ("walk_order", "u4"),
        ("auction_instrument", "u4"),
        ("auction_has_price", "u4"),
        ("auction_price_ticks", "i8"),
        ("auction_surplus_lots", "i8"),
        ("auction_lots", "i8"),  # that trade at the price
        ("auction_traded_lots", "i8"),  # in the uncross so far
        ("auction_buy", "u4"),  # level up to which the search has come, or NO_INDEX
        ("auction_sell", "u4"),
        ("auction_buy_lots", "i8"),  # of that level, not matched yet
        ("auction_sell_lots", "i8"),
        ("auction_buy_ticks", "i8"),  # worst prices that were matched
        ("auction_sell_ticks", "i8"),
        ("auction_traded_ticks", "i8"),  # price of the last round of the uncross that traded
        ("timer_instrument", "u4"),  # the timer walk has come so far
        ("auction_is_stuck", "u4"),  # it ended without a price though best possible prices of both sides meet
        ("timer_due_ns", "i8"),  # the earliest timer of the instruments before it
        ("reject_limit", "i8"),  # the limit that the request in hand has hit
        ("mass_canceled", "u4"),
        ("flight_breach", "u4"),  # 1: it met a price outside the trade range
        ("reserved_end", "u1", 40),
    ],
    size=384,
)
# Bits of `pending_work`; the lowest one that is set goes on first.
PENDING_COUNT = 1
"""What the order in flight can get is counted (FOK, MinQty)."""
PENDING_SWEEP = 2  # it matches
PENDING_END = 4  # it rests or is cancelled
PENDING_PHASE = 8
"""An instrument changes its phase."""
PENDING_CASCADE = 16
"""Triggered orders go."""
PENDING_MASS = 32
PENDING_EXPIRY = 64
PENDING_PRICE = 128
"""The indicative price of an auction is sought, for the timer walk."""
PENDING_TIMER = 256

# --- control ----------------------------------------------------------------------------------------------------

CONTROL_STOP = 1
CONTROL_SEQUENCE = 2
"""The record beside the command is an input by the operator: sequence it, then decide it."""

# --- state that several stages share ----------------------------------------------------------------------------

INSTRUMENT = record(
    [
        ("tick_nanos", "i8"),
        ("tick_inverse", "i8"),  # times the odd part of tick_nanos it is 1, modulo 2**64
        ("price_ticks_max", "i8"),  # as many ticks as fit into 63 bits of 1e-9
        ("security_id", "u4"),
        ("instr_seq", "u4"),  # InstrSeqNum of the last market data message
    ],
    size=32,
)
"""What the wire needs of an instrument; its rules and its market are BOOK_INSTRUMENT."""
