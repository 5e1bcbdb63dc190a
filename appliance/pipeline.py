"""One turn of the appliance: the stages in the order in which data flows through them, and nothing else.

`take_frame` is the way in, up to the journal. `decide` is everything behind it: a pure function of the sequenced record
and the state, called by the live loop and by replay alike. `drain` is the way out.
"""

from __future__ import annotations

import numpy as np

from appliance.book.match import apply, is_pending, prefetch_request, resume
from appliance.hold import let_out
from appliance.publisher import level3, multicast, packet, store
from appliance.report import datagram, refusals, reports
from appliance.risk.check import check
from appliance.sequencer import inputs, journal
from appliance.session import decode, numbers, peer, receive
from appliance.stage_clock import begin_stages, count_span, stamp
from appliance.state import FEED_SLOT, FREE, NOW_NS, OUTBOX_USED, OWNER_FEED, TURN
from native import counters
from native.jit import kernel
from native.layout import (
    COMMAND_FIRST_OF_BURST,
    KIND_CONTEXT,
    KIND_NEW_ORDER,
    KIND_OF_THE_BOOK_MAX,
    KIND_PHASE,
    KIND_SESSION_PEER,
    KIND_TIMER,
    PKT_CLOCK_FILE,
    PKT_CLOCK_MASK,
    PKT_CLOCK_MONOTONIC,
    PKT_CLOCK_REALTIME,
)
from native.limits import OUTBOX_SLOTS_A_STEP_MAX, OUTBOX_SLOTS_MAX
from native.lowlevel import bytes_at
from wire.net import udp4

REPORT_TTL = 64
_UNREAD = np.int64(0)


@kernel
def turn(exchange, port, count, now_ns, receive_offset_ns):
    """Take `exchange.rx[:count]` through every stage and send what comes of it. Returns the inputs sequenced.

    `now_ns` is the time of the turn; a frame from a capture brings its own. `receive_offset_ns` turns the port's
    monotonic receive stamps into UTC.
    """
    begin_turn(exchange, now_ns)
    begin_stages(exchange.stages, count)
    before = exchange.journal.scalars[journal.COMMITTED]
    for i in range(count):
        take_frame(exchange, port, exchange.rx[i], now_ns, receive_offset_ns)
    drain(exchange, port)
    stamp(exchange.stages, exchange.stages.send)
    return exchange.journal.scalars[journal.COMMITTED] - before


@kernel
def begin_turn(exchange, now_ns):
    """A new turn, hence a new burst: what is sequenced in it shares datagrams."""
    exchange.tables.clock[TURN] += 1
    exchange.tables.clock[NOW_NS] = now_ns
    return journal.begin_burst(exchange.journal)


@kernel
def take_frame(exchange, port, packet_descriptor, now_ns, receive_offset_ns):
    """One frame from its first byte to the last decision that it causes. Returns 0, or the DROP counter that it hit."""
    tables = exchange.tables
    flags = np.int64(packet_descriptor["flags"])
    stamp_ns = np.int64(packet_descriptor["ts_ns"])
    clock = flags & PKT_CLOCK_MASK
    receive_ns = now_ns
    if clock == PKT_CLOCK_FILE:
        now_ns = receive_ns = stamp_ns
        tables.clock[NOW_NS] = max(tables.clock[NOW_NS], now_ns)
    elif clock == PKT_CLOCK_REALTIME:
        receive_ns = stamp_ns
    elif clock == PKT_CLOCK_MONOTONIC:
        receive_ns = stamp_ns + receive_offset_ns
    if clock in (PKT_CLOCK_REALTIME, PKT_CLOCK_MONOTONIC):
        count_span(exchange.stages, exchange.stages.receive, now_ns - receive_ns)

    frame = bytes_at(np.int64(packet_descriptor["data"]), np.int64(packet_descriptor["len"]))
    tables.counters[counters.PACKETS_IN] += 1
    tables.counters[counters.BYTES_IN] += frame.size
    drop = udp4.parse(frame, flags, exchange.udp_fields)
    if drop == 0 and exchange.udp_fields[udp4.DESTINATION_PORT] != exchange.order_entry_port[0]:
        drop = counters.DROP_NOT_FOR_US
    if drop == 0:
        drop = receive.read_context(
            tables,
            frame,
            exchange.udp_fields[udp4.PAYLOAD_AT],
            exchange.udp_fields[udp4.PAYLOAD_BYTES],
            exchange.context,
        )
    if drop != 0:
        tables.counters[drop] += 1
        return drop
    tables.counters[counters.DATAGRAMS_IN] += 1
    return take_messages(exchange, port, frame, now_ns, receive_ns)


@kernel
def take_messages(exchange, port, frame, now_ns, receive_ns):
    """Sequence and decide every message behind the Context, by the rules of FIXP's idempotent flow.

    A message that cannot be read keeps its number: the next one that can is then beyond a gap, and NotApplied tells
    the client which number was lost. Each message is decoded before the one ahead of it is decided, so that what the
    book will look up for it comes into the cache meanwhile.
    """
    tables = exchange.tables
    session = exchange.context[receive.SESSION]
    number = exchange.context[receive.FIRST_NUMBER]
    at = exchange.context[receive.MESSAGES_AT]
    end = exchange.udp_fields[udp4.PAYLOAD_AT] + exchange.udp_fields[udp4.PAYLOAD_BYTES]
    if at == end:
        tables.counters[counters.HEARTBEATS_IN] += 1
        if number > tables.sessions[session]["expected_seq"]:
            if not _has_room(exchange, 0):
                tables.counters[counters.DROP_JOURNAL_FULL] += 1
                return counters.DROP_JOURNAL_FULL
            _bind_if_moved(exchange, port, session, now_ns)
            inputs.fill_context(exchange.journal, session, number, receive_ns)
            decide(exchange, port, journal.commit(tables, exchange.journal, KIND_CONTEXT, now_ns))
        return 0
    records = exchange.journal.records
    kind = _UNREAD
    while at < end:
        after = decode.next_message(frame, at, end)
        if after < 0:
            tables.counters[-after] += 1
            return -after
        if number < tables.sessions[session]["expected_seq"]:
            tables.counters[counters.DROP_DUPLICATE] += 1
        elif not _has_room(exchange, 0):
            tables.counters[counters.DROP_JOURNAL_FULL] += 1
            return counters.DROP_JOURNAL_FULL
        else:
            _bind_if_moved(exchange, port, session, now_ns)
            index = journal.next_index(exchange.journal)
            if kind == _UNREAD:
                kind = _read_ahead(exchange, frame, at, index, session)
            if kind < 0:
                tables.counters[-kind] += 1
                kind = _UNREAD
            else:
                records[index]["session_seq"] = number
                records[index]["receive_time_ns"] = receive_ns
                journal.commit(tables, exchange.journal, kind, now_ns)
                stamp(exchange.stages, exchange.stages.sequence)
                kind = _UNREAD
                has_next = after < end and journal.has_room(exchange.journal, 1)
                if has_next and decode.next_message(frame, after, end) > 0:
                    kind = _read_ahead(exchange, frame, after, index + 1, session)
                decide(exchange, port, index)
                stamp(exchange.stages, exchange.stages.match)
        number += 1
        at = after
    return 0


@kernel
def _read_ahead(exchange, frame, at, index, session):
    """Decode the message at `at` into the record `index`, and have the book fetch what it will look up for it.
    Returns what `decode` does."""
    kind = decode.decode(exchange.tables, frame, at, exchange.journal.records, index, session)
    if kind > 0:
        exchange.journal.records[index]["kind"] = kind
        prefetch_request(exchange.book, exchange.journal.records, index)
    stamp(exchange.stages, exchange.stages.decode)
    return kind


@kernel
def _has_room(exchange, instruments):
    """Whether an input (and the SESSION_PEER that may go before it) can be written down and published whole, with the
    phase and the auction of so many `instruments`."""
    open_orders = np.int64(exchange.book.state[0]["open_orders"])
    unsent_packets = exchange.outbox.scalars[OUTBOX_USED]  # at most: reports are among them
    return journal.has_room(exchange.journal, 2) and store.has_room(
        exchange.feed, open_orders, instruments, unsent_packets
    )


@kernel
def _bind_if_moved(exchange, port, session, now_ns):
    """Replies go to where the session's newest message came from; a change is an input like any other."""
    if not peer.moved(exchange.tables, session, exchange.udp_fields):
        return 0
    index = journal.next_index(exchange.journal)
    peer.fill(exchange.journal, index, session, exchange.udp_fields)
    return decide(exchange, port, journal.commit(exchange.tables, exchange.journal, KIND_SESSION_PEER, now_ns))


@kernel
def set_phase(exchange, port, instrument, phase, now_ns):
    """Sequence and carry out a change of an instrument's phase (PHASE_*). Returns 0, or the DROP counter."""
    if not _has_room(exchange, 1):
        exchange.tables.counters[counters.DROP_JOURNAL_FULL] += 1
        return counters.DROP_JOURNAL_FULL
    inputs.fill_phase(exchange.journal, instrument, phase, now_ns)
    decide(exchange, port, journal.commit(exchange.tables, exchange.journal, KIND_PHASE, now_ns))
    return 0


@kernel
def next_due_ns(exchange):
    """When the book wants the next timer input; NEVER_NS: not at all."""
    return np.int64(exchange.book.state[0]["next_due_ns"])


@kernel
def tick(exchange, port, now_ns):
    """Sequence a timer input and carry out what is due: a turn of its own. Returns 0, or the DROP counter."""
    begin_turn(exchange, now_ns)
    if not _has_room(exchange, exchange.tables.instruments.size):
        exchange.tables.counters[counters.DROP_JOURNAL_FULL] += 1
        return counters.DROP_JOURNAL_FULL
    inputs.fill_timer(exchange.journal, now_ns)
    decide(exchange, port, journal.commit(exchange.tables, exchange.journal, KIND_TIMER, now_ns))
    drain(exchange, port)
    return 0


@kernel
def decide(exchange, port, index):
    """What the sequenced input `exchange.journal.records[index]` does: to state, to its sender, to the market.

    No clock, no randomness, nothing but the record and the state. Returns 0.
    """
    tables = exchange.tables
    outbox = exchange.outbox
    record = exchange.journal.records[index]
    kind = np.int64(record["kind"])
    journal.adopt_time(tables, np.int64(record["time_ns"]))
    _make_room(exchange, port)

    if kind == KIND_SESSION_PEER:
        peer.bind(tables, exchange.journal.peers, index)
        return 0
    packet.begin_transaction(exchange.feed)
    if kind in (KIND_PHASE, KIND_TIMER):
        if kind == KIND_TIMER:
            tables.counters[counters.TIMERS] += 1
        match(exchange, port, index)
        return packet.end_transaction(outbox, exchange.feed)

    session = np.int64(record["session"])
    number = np.int64(record["session_seq"])
    first_lost = tables.sessions[session]["expected_seq"]
    if kind == KIND_CONTEXT:
        lost = numbers.announce(tables, session, number)
    else:
        lost = numbers.advance(tables, session, number)
    if lost > 0:
        refusals.not_applied(tables, outbox, session, first_lost, lost)
    if kind == KIND_NEW_ORDER:
        tables.counters[counters.NEW_ORDERS] += 1
    if kind <= KIND_OF_THE_BOOK_MAX:
        reason = check(tables, record)
        if reason != 0:
            refusals.reject(tables, outbox, record, reason, np.int64(0))
        else:
            match(exchange, port, index)
    return packet.end_transaction(outbox, exchange.feed)


@kernel
def match(exchange, port, index):
    """Book, reports, market data; again while the book has more to do or to say than fits into one step."""
    records = exchange.journal.records
    count = apply(exchange.book, records, index, exchange.events, 0)
    assert count >= 0
    while True:
        if count > 0:
            _tell(exchange, index, count)
        if not is_pending(exchange.book):
            break
        _make_room(exchange, port)
        count = resume(exchange.book, exchange.events, 0)
        assert count >= 0
    exchange.tables.counters[counters.OPEN_ORDERS] = np.int64(exchange.book.state[0]["open_orders"])
    return 0


@kernel
def _tell(exchange, index, count):
    """Reports and market data of `exchange.events[:count]`, caused by the input `index`."""
    tables = exchange.tables
    records = exchange.journal.records
    for at in range(count):
        reports.report(tables, exchange.outbox, records, index, exchange.events, at, count)
    return level3.publish(
        tables, exchange.outbox, exchange.feed, exchange.book.instruments, records, index, exchange.events, count
    )


@kernel
def replay_record(exchange, port, index):
    """Decide the record `index` of a journal that exists already, with the datagrams grouped as they were then."""
    record = exchange.journal.records[index]
    time_ns = np.int64(record["time_ns"])
    if np.int64(record["flags"]) & COMMAND_FIRST_OF_BURST:
        drain(exchange, port)
        exchange.tables.clock[TURN] += 1
    exchange.tables.clock[NOW_NS] = time_ns
    exchange.journal.scalars[journal.COMMITTED] = index + 1
    exchange.tables.counters[counters.SEQUENCED_INPUTS] += 1
    return decide(exchange, port, index)


@kernel
def replay_records(exchange, port, start, stop):
    """Decide the records [start, stop) of a journal again. Returns how many."""
    for index in range(start, stop):
        replay_record(exchange, port, index)
    return stop - start


@kernel
def drain(exchange, port):
    """Close every datagram of the turn and send all of them. Returns frames sent."""
    return _close_and_send(exchange, port, np.int64(FREE))


@kernel
def _close_and_send(exchange, port, kept_slot):
    outbox = exchange.outbox
    now_ns = exchange.tables.clock[NOW_NS]
    for slot in range(outbox.scalars[OUTBOX_USED]):
        if slot == kept_slot or outbox.frame_bytes[slot] != 0:
            continue
        if outbox.owner[slot] == OWNER_FEED:
            multicast.close_packet(exchange.tables, outbox, exchange.feed, exchange.route, slot, now_ns)
        else:
            datagram.close_datagram(exchange.tables, outbox, slot, REPORT_TTL)
    return send(exchange, port, now_ns)


@kernel
def send(exchange, port, now_ns):
    """Every finished frame of the outbox leaves, at once or when the newest record is safe. Returns frames sent."""
    newest = exchange.journal.scalars[journal.COMMITTED]
    return let_out(exchange.tables, exchange.outbox, exchange.feed, exchange.hold, exchange.tx, port, newest, now_ns)


@kernel
def _make_room(exchange, port):
    """Send early when the next step might not find enough slots. The open packet of the feed stays: the end of its
    transaction may still have to be marked in it."""
    outbox = exchange.outbox
    if outbox.scalars[OUTBOX_USED] + OUTBOX_SLOTS_A_STEP_MAX <= OUTBOX_SLOTS_MAX:
        return 0
    kept_slot = outbox.scalars[FEED_SLOT]
    _close_and_send(exchange, port, kept_slot)
    if kept_slot != FREE:
        packet.carry_over(outbox, exchange.feed, kept_slot)
    return 0
