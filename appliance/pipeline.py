"""One turn of the appliance: the stages in the order in which data flows through them, and nothing else.

`take_frame` is the way in, up to the journal. `decide` is everything behind it: a pure function of the sequenced record
and the state, called by the live loop and by replay alike. `drain` is the way out.
"""

from __future__ import annotations

import numpy as np

from appliance import room, stages
from appliance.account_inputs import carry_out_command, check_account, prefetch_account
from appliance.accounts.admin import is_killed_by
from appliance.book.events import tell_as_it_is
from appliance.book.match import do_any_request, do_request, hash_of_request, is_pending, prefetch_request, resume
from appliance.book.queue import displayed_lots
from appliance.day_inputs import begin_day, end_day
from appliance.frame_times import times_of
from appliance.frames_ahead import fetch_frame, fetch_lookups
from appliance.funds.ledger import take_events
from appliance.gateway_rings import has_gateway
from appliance.hold import let_out
from appliance.outgoing import close_slots, pass_on
from appliance.publisher import level3, packet
from appliance.report import refusals, reports, session_messages
from appliance.room import fetch_room, has_room, has_room_for_message
from appliance.sequencer import inputs, journal
from appliance.session import decode, ending, numbers, peer, receive, requests
from appliance.session_inputs import (
    GOES_ON,
    IS_LOGGED_OUT_AND_GONE,
    decide_session,
    is_session_input,
    judge_request,
)
from appliance.stage_clock import begin_stages, stamp
from appliance.state import FREE, NOW_NS, OUTBOX_USED, OWNER_FEED, REPORT_TTL, TURN
from native import codes, counters
from native.account_layout import ADMIN_KILL, ADMIN_RESET, KILL_NONE
from native.jit import far_kernel, inner_kernel, outer_kernel
from native.layout import (
    COMMAND_ANY_SESSION,
    COMMAND_BY_VENUE,
    COMMAND_PRICE_MISSING,
    COMMAND_SPARES_GTC,
    COMMAND_SPARES_STAYING,
    COMMAND_STOP_PRICE_MISSING,
    EVENT_RESTED,
    KIND_ADMIN,
    KIND_CONTEXT,
    KIND_DAY_END,
    KIND_MASS_CANCEL,
    KIND_NEW_DAY,
    KIND_NEW_ORDER,
    KIND_PHASE,
    KIND_SESSION_PEER,
    KIND_STATUS_QUERY,
    KIND_TIMER,
    NO_INDEX,
)
from native.limits import EVENTS_MAX, OUTBOX_SLOTS_A_STEP_MAX, OUTBOX_SLOTS_MAX
from native.lowlevel import bytes_at, rarely, usually
from native.session_layout import CANCEL_SPARES_GTC
from wire.net import udp4

_UNREAD = np.int64(0)


@far_kernel
def turn(exchange, port, count, now_ns, receive_offset_ns):
    """Take `exchange.rx[:count]` through every stage and send what comes of it. Returns the inputs sequenced.

    `now_ns` is the time of the turn; a frame from a capture brings its own. `receive_offset_ns` turns the port's
    monotonic receive stamps into UTC.
    """
    for i in range(min(count, 2)):
        fetch_frame(exchange.rx[i])
    begin_turn(exchange, now_ns)
    begin_stages(exchange.stages, count)
    before = exchange.journal.scalars[journal.COMMITTED]
    next_session = np.int64(FREE)
    for i in range(count):
        session = next_session
        if i + 2 < count:
            fetch_frame(exchange.rx[i + 2])
        if i + 1 < count:
            next_session = fetch_lookups(exchange, exchange.rx[i + 1])
        take_frame(exchange, port, exchange.rx[i], session, now_ns, receive_offset_ns)
    drain(exchange, port)
    stamp(exchange.stages, stages.SEND)
    return exchange.journal.scalars[journal.COMMITTED] - before


@outer_kernel
def begin_turn(exchange, now_ns):
    """A new turn, hence a new burst: what is sequenced in it shares datagrams."""
    exchange.tables.clock[TURN] += 1
    exchange.tables.clock[NOW_NS] = now_ns
    room.begin_turn(exchange)
    return journal.begin_burst(exchange.journal)


@inner_kernel
def take_frame(exchange, port, packet_descriptor, guess, now_ns, receive_offset_ns):
    """One frame from its first byte to the last decision that it causes. `guess`: the session that `fetch_lookups`
    found for it, or FREE. Returns 0, or the DROP counter that it hit."""
    tables = exchange.tables
    flags = np.int64(packet_descriptor["flags"])
    stamp_ns = np.int64(packet_descriptor["ts_ns"])
    now_ns, receive_ns = times_of(exchange, flags, stamp_ns, now_ns, receive_offset_ns)
    frame = bytes_at(np.int64(packet_descriptor["data"]), np.int64(packet_descriptor["len"]))
    tables.counters[counters.PACKETS_IN] += 1
    tables.counters[counters.BYTES_IN] += frame.size
    at = udp4.find_payload(frame, flags)
    if rarely(at < 0):
        tables.counters[-at] += 1
        return -at
    if rarely(udp4.destination_port(frame, at) != exchange.order_entry_port[0]):
        tables.counters[counters.DROP_NOT_FOR_US] += 1
        return np.int64(counters.DROP_NOT_FOR_US)
    size = udp4.payload_bytes(frame, at)
    return take_datagram(exchange, port, frame, at, size, np.int64(0), guess, now_ns, receive_ns)


@inner_kernel
def take_datagram(exchange, port, frame, at, size, connection, guess, now_ns, receive_ns):
    """A datagram's payload, `frame[at:at + size]`, its headers before it; `connection`: it came over that TCP
    connection instead, without any (0: by UDP). `guess`: whose it seems to be, or FREE. Returns 0, or the DROP counter
    that it hit.

    Inlined down to decoding and deciding, as all of the way in: an array that goes to a function is seven words on the
    stack, and reading them back there waits for the stores."""
    tables = exchange.tables
    if rarely(not receive.begins_with_context(frame, at, size)):
        return np.int64(_take_other(exchange, port, frame, at, size, connection, now_ns, receive_ns))
    drop, session, number, messages_at = receive.read_context(tables, frame, at, connection, guess)
    if rarely(drop != 0):
        tables.counters[drop] += 1
        return drop
    tables.counters[counters.DATAGRAMS_IN] += 1
    exchange.watch.heard_ns[session] = now_ns
    return take_messages(
        exchange, port, frame, at, messages_at, at + size, session, number, connection, guess, now_ns, receive_ns
    )


@outer_kernel
def _take_other(exchange, port, frame, at, size, connection, now_ns, receive_ns):
    """`take_datagram` of what does not begin with a Context."""
    if connection == 0:
        udp4.read_addresses(frame, at, exchange.udp_fields)
    template = receive.template_of(frame, at, size)
    if ending.is_control(template):
        return np.int64(_take_control(exchange, port, frame, at, size, connection, now_ns, receive_ns))
    if receive.is_handshake(template) and connection == 0 and has_gateway(exchange.rings):
        return np.int64(pass_on(exchange, frame, at, size, now_ns, receive_ns))
    drop = receive.drop_without_context(size)
    exchange.tables.counters[drop] += 1
    return drop


@outer_kernel
def _take_control(exchange, port, frame, at, size, connection, now_ns, receive_ns):
    """A message of the FIXP session layer, alone in its datagram; by UDP from `exchange.udp_fields`."""
    tables = exchange.tables
    if not has_room(exchange, 0):
        tables.counters[counters.DROP_JOURNAL_FULL] += 1
        return counters.DROP_JOURNAL_FULL
    index = journal.next_index(exchange.journal)
    kind = ending.read_control(tables, exchange.journal, index, frame, at, size, connection, receive_ns)
    if kind < 0:
        tables.counters[-kind] += 1
        if connection == 0 and ending.asks_too_late(tables, frame, at, -kind):
            session_messages.retransmit_reject_back(tables, exchange.outbox, frame, at, exchange.udp_fields, REPORT_TTL)
        return -kind
    tables.counters[counters.DATAGRAMS_IN] += 1
    session = np.int64(exchange.journal.session_inputs[index]["session"])
    exchange.watch.heard_ns[session] = now_ns
    if _bind_if_moved(exchange, port, frame, at, session, connection, now_ns):  # the address has taken the record
        index = journal.next_index(exchange.journal)
        ending.read_control(tables, exchange.journal, index, frame, at, size, connection, receive_ns)
    decide(exchange, port, journal.commit(tables, exchange.journal, kind, now_ns))
    return 0


@inner_kernel
def take_messages(exchange, port, frame, payload_at, at, end, session, number, connection, guess, now_ns, receive_ns):
    """Sequence and decide every message in `frame[at:end]`, the first of which is the number `number` of the session,
    which is open, by the rules of FIXP's idempotent flow. The datagram's payload begins at `payload_at`.

    A message that cannot be read keeps its number: the next one that can is then beyond a gap, and NotApplied tells
    the client which number was lost. Each message is decoded before the one ahead of it is decided, so that what the
    book will look up for it comes into the cache meanwhile.
    """
    is_fetched = guess != FREE
    if usually(decode.next_message(frame, at, end) == end):
        kind = _take_message(
            exchange, port, frame, payload_at, at, end, end, session, number, connection, _UNREAD, is_fetched, now_ns,
            receive_ns,
        )  # fmt: skip
        return max(-kind, np.int64(0))
    return np.int64(
        _take_several(
            exchange, port, frame, payload_at, at, end, session, number, connection, is_fetched, now_ns, receive_ns
        )
    )


@outer_kernel
def _take_several(
    exchange, port, frame, payload_at, at, end, session, number, connection, is_fetched, now_ns, receive_ns
):
    """`take_messages` where there is not one, or it is cut short. A Context alone is a heartbeat."""
    tables = exchange.tables
    if at == end:
        return _take_heartbeat(exchange, port, frame, payload_at, session, number, connection, now_ns, receive_ns)
    kind = _UNREAD
    is_open = True
    while at < end:
        after = decode.next_message(frame, at, end)
        if after < 0:
            tables.counters[-after] += 1
            return -after
        if is_open:
            kind = _take_message(
                exchange, port, frame, payload_at, at, after, end, session, number, connection, kind, is_fetched,
                now_ns, receive_ns,
            )  # fmt: skip
            if kind < 0:
                return -kind
        else:
            tables.counters[counters.DROP_SESSION_ENDED] += 1
        is_open = receive.is_open(tables, session, connection)
        is_fetched = False
        number += 1
        at = after
    return np.int64(0)


@inner_kernel
def _take_message(
    exchange, port, frame, payload_at, at, after, end, session, number, connection, kind, is_fetched, now_ns, receive_ns
):
    """One message of an open session, `frame[at:after]`; `kind`: of what it was read as already, into the next record,
    or _UNREAD. Returns the same of the message behind it, or minus the DROP counter with which the datagram ends."""
    tables = exchange.tables
    if rarely(number < tables.sessions[session]["expected_seq"]):
        tables.counters[counters.DROP_DUPLICATE] += 1
        return _UNREAD
    if rarely(not has_room_for_message(exchange)):
        tables.counters[counters.DROP_JOURNAL_FULL] += 1
        return np.int64(-counters.DROP_JOURNAL_FULL)
    if _bind_if_moved(exchange, port, frame, payload_at, session, connection, now_ns):
        kind = _UNREAD  # the address has taken the record that it was read into
    index = journal.next_index(exchange.journal)
    if kind == _UNREAD:
        kind = _read_ahead(exchange, frame, at, after, index, session, is_fetched)
    if rarely(kind < 0):
        tables.counters[-kind] += 1
        return _UNREAD
    record = exchange.journal.records[index]
    record["session_seq"] = number
    record["receive_time_ns"] = receive_ns
    journal.commit(tables, exchange.journal, kind, now_ns)
    stamp(exchange.stages, stages.SEQUENCE)
    kind = _UNREAD
    if after < end and journal.has_room(exchange.journal, 1):
        end_of_next = decode.next_message(frame, after, end)
        if end_of_next > 0:
            kind = _read_ahead(exchange, frame, after, end_of_next, index + 1, session, False)
            kind = max(kind, _UNREAD)  # what cannot be read is read again in its turn
    decide(exchange, port, index)
    stamp(exchange.stages, stages.MATCH)
    return kind


@outer_kernel
def _take_heartbeat(exchange, port, frame, payload_at, session, number, connection, now_ns, receive_ns):
    """A Context alone: the session's next message will be `number`."""
    tables = exchange.tables
    tables.counters[counters.HEARTBEATS_IN] += 1
    if number > tables.sessions[session]["expected_seq"]:
        if not has_room(exchange, 0):
            tables.counters[counters.DROP_JOURNAL_FULL] += 1
            return counters.DROP_JOURNAL_FULL
        _bind_if_moved(exchange, port, frame, payload_at, session, connection, now_ns)
        inputs.fill_context(exchange.journal, session, number, receive_ns)
        decide(exchange, port, journal.commit(tables, exchange.journal, KIND_CONTEXT, now_ns))
    return 0


@inner_kernel
def _read_ahead(exchange, frame, at, after, index, session, is_fetched):
    """Decode the message from `at` to `after` into the record `index`, and have fetched what book and accounts will
    look up for it; the book's part of it is on its way already if it `is_fetched`. Returns what `decode` does."""
    address = np.int64(frame.ctypes.data) + at
    kind = np.int64(decode.decode_at(exchange.tables, exchange.journal, address, after - at, index, session))
    if kind > 0:
        exchange.journal.records[index]["kind"] = kind
        if rarely(not is_fetched):
            prefetch_request(exchange.book, exchange.journal.records, index)
        prefetch_account(exchange.accounts, exchange.journal.records, index)
    stamp(exchange.stages, stages.DECODE)
    return kind


@inner_kernel
def _bind_if_moved(exchange, port, frame, payload_at, session, connection, now_ns):
    """Replies go to where the session's newest message came from; a change is an input like any other. A TCP
    connection is where it is. Returns whether there was one."""
    if connection == 0 and rarely(peer.moved(exchange.tables, session, frame, payload_at)):
        _bind(exchange, port, frame, payload_at, session, now_ns)
        return True
    return False


@outer_kernel
def _bind(exchange, port, frame, payload_at, session, now_ns):
    udp4.read_addresses(frame, payload_at, exchange.udp_fields)
    index = journal.next_index(exchange.journal)
    peer.fill(exchange.journal, index, session, exchange.udp_fields)
    return decide(exchange, port, journal.commit(exchange.tables, exchange.journal, KIND_SESSION_PEER, now_ns))


@far_kernel
def decide(exchange, port, index):
    """What the sequenced input `exchange.journal.records[index]` does: to state, to its sender, to the market.

    No clock, no randomness, nothing but the record and the state. Returns 0, or why an operator's command is refused.
    """
    tables = exchange.tables
    record = exchange.journal.records[index]
    kind = np.int64(record["kind"])
    journal.adopt_time(tables, np.int64(record["time_ns"]))
    _make_room(exchange, port)
    if kind > KIND_MASS_CANCEL and kind != KIND_STATUS_QUERY:
        return np.int64(_decide_other(exchange, port, index, kind))

    packet.begin_transaction(exchange.feed)
    session = np.int64(record["session"])
    first_lost = tables.sessions[session]["expected_seq"]
    lost = numbers.advance(tables, session, np.int64(record["session_seq"]))
    if lost > 0:
        refusals.not_applied(tables, exchange.outbox, session, first_lost, lost)
    if kind == KIND_NEW_ORDER:
        tables.counters[counters.NEW_ORDERS] += 1
    verdict = judge_request(exchange, index, kind)
    if verdict == GOES_ON:
        hashed = hash_of_request(exchange.book, exchange.journal.records, index)
        reason = np.int64(check_account(exchange, index, hashed))
        if reason == 0:
            match_request(exchange, port, index, hashed)
        else:
            limit_value = np.int64(exchange.accounts.state[0]["limit_value"])
            refusals.reject(tables, exchange.outbox, record, reason, limit_value)
    elif verdict == IS_LOGGED_OUT_AND_GONE:
        _cancel_of_gone(exchange, port, index, session)
    return np.int64(packet.end_transaction(exchange.outbox, exchange.feed))


@far_kernel
def _decide_other(exchange, port, index, kind):
    """`decide` for what is no request."""
    tables = exchange.tables
    outbox = exchange.outbox
    if kind == KIND_SESSION_PEER:
        peer.bind(tables, exchange.journal.peers, index)
        return 0
    if kind == KIND_DAY_END:
        return end_day(exchange)
    packet.begin_transaction(exchange.feed)
    if kind in (KIND_PHASE, KIND_TIMER):
        if kind == KIND_TIMER:
            tables.counters[counters.TIMERS] += 1
        match_input(exchange, port, index)
        if kind == KIND_TIMER:
            _cancel_for_the_gone(exchange, port, index)
    elif kind == KIND_NEW_DAY:
        begin_day(exchange)
        _publish_open_orders(exchange, port, index)
    elif is_session_input(kind):
        gone = decide_session(exchange, index, kind)
        if gone != FREE:
            _cancel_of_gone(exchange, port, index, gone)
    elif kind == KIND_ADMIN:
        refusal = _obey(exchange, port, index)
        packet.end_transaction(outbox, exchange.feed)
        return refusal
    else:  # KIND_CONTEXT
        record = exchange.journal.records[index]
        session = np.int64(record["session"])
        first_lost = tables.sessions[session]["expected_seq"]
        lost = numbers.announce(tables, session, np.int64(record["session_seq"]))
        if lost > 0:
            refusals.not_applied(tables, outbox, session, first_lost, lost)
    return packet.end_transaction(outbox, exchange.feed)


@outer_kernel
def _obey(exchange, port, index):
    """An operator's command; a kill cancels the orders of its session, or of its accounts, one after the other. Returns
    0, or why it is refused."""
    refusal = carry_out_command(exchange, index)
    command = exchange.journal.admins[index]
    if refusal != 0 or np.int64(command["action"]) not in (ADMIN_KILL, ADMIN_RESET):
        return refusal
    session = np.int64(command["session"])
    nobody = np.int64(NO_INDEX)
    if session != NO_INDEX:
        kill = np.int64(command["value"]) if np.int64(command["action"]) == ADMIN_KILL else np.int64(KILL_NONE)
        requests.set_kill(exchange.tables, session, kill)
        if kill != KILL_NONE and np.int64(command["value2"]) == 0:
            cancel_of_killed(exchange, port, index, session)
        return np.int64(0)
    for account in range(np.int64(exchange.accounts.state[0]["accounts"])):
        has_orders = np.int64(exchange.accounts.accounts[account]["open_orders"]) > 0  # each time all orders are walked
        if has_orders and is_killed_by(exchange.accounts, command, account):
            number = np.int64(exchange.accounts.accounts[account]["account_id"])
            reason = np.int64(codes.RESTATEMENT_KILLED)
            cancel_orders(exchange, port, index, nobody, number, nobody, reason, np.int64(0))
    return np.int64(0)


@outer_kernel
def _cancel_for_the_gone(exchange, port, index):
    """The orders of every session that has been gone for its window, by the time of the record `index`."""
    now_ns = np.int64(exchange.journal.records[index]["time_ns"])
    session = ending.take_due(exchange.tables, now_ns)
    while session != FREE:
        _cancel_of_gone(exchange, port, index, session)
        session = ending.take_due(exchange.tables, now_ns)
    return 0


@outer_kernel
def _cancel_of_gone(exchange, port, index, session):
    reason = np.int64(exchange.tables.sessions[session]["cancel_reason"])
    nobody = np.int64(NO_INDEX)
    flags = np.int64(COMMAND_SPARES_STAYING)
    if np.int64(exchange.tables.sessions[session]["cancel_type"]) & CANCEL_SPARES_GTC:
        flags |= COMMAND_SPARES_GTC
    return cancel_orders(exchange, port, index, np.int64(session), nobody, nobody, reason, flags)


@outer_kernel
def cancel_of_killed(exchange, port, index, session):
    """The kill switch of a session, because of the record `index`: its orders go, all of them. Inside a transaction of
    the feed. Returns 0."""
    nobody = np.int64(NO_INDEX)
    reason = np.int64(codes.RESTATEMENT_KILLED)
    return cancel_orders(exchange, port, index, session, nobody, nobody, reason, np.int64(0))


@far_kernel
def cancel_orders(exchange, port, index, session, account, instrument, reason, flags):
    """Cancel the open orders of `session`, `account` and `instrument` (NO_INDEX: of any) on the venue's own account,
    with `reason` (RESTATEMENT_*), because of the record `index`; `flags`: COMMAND_SPARES_*. Inside a transaction of
    the feed. Returns 0."""
    cause = exchange.journal.records[index]
    command = exchange.own_commands[0]
    command["kind"] = KIND_MASS_CANCEL
    command["sequence"] = np.int64(cause["sequence"])
    command["time_ns"] = np.int64(cause["time_ns"])
    command["session"] = 0 if session == NO_INDEX else session
    command["account"] = account
    command["instrument"] = instrument
    command["min_qty_lots"] = reason
    flags |= COMMAND_BY_VENUE | COMMAND_PRICE_MISSING | COMMAND_STOP_PRICE_MISSING
    command["flags"] = flags | (COMMAND_ANY_SESSION if session == NO_INDEX else 0)
    _make_room(exchange, port)
    count = do_any_request(exchange.book, exchange.own_commands, np.int64(0), exchange.events, np.int64(0))
    assert count >= 0
    return go_on(exchange, port, exchange.own_commands, np.int64(0), count)


@far_kernel
def match_input(exchange, port, index):
    """Book, reports, market data of the input `index`, which is no request; again while the book has more to do or to
    say than fits into one step."""
    book, records = exchange.book, exchange.journal.records
    count = do_any_request(book, records, index, exchange.events, np.int64(0))
    assert count >= 0
    return go_on(exchange, port, records, index, count)


@inner_kernel
def match_request(exchange, port, index, hashed):
    """The same of a request; `hashed`: of the name that it looks for."""
    book, records = exchange.book, exchange.journal.records
    assert np.int64(book.state[0]["pending_work"]) == 0
    # inlined: to `book.match.apply` two arrays would go by the word
    count = do_request(book, records, index, hashed, exchange.events, np.int64(0))
    assert count >= 0
    if count > 0:
        tell(exchange, records, index, count)
    if is_pending(exchange.book):
        go_on(exchange, port, records, index, np.int64(0))
    exchange.tables.counters[counters.OPEN_ORDERS] = np.int64(exchange.book.state[0]["open_orders"])
    return 0


@far_kernel
def go_on(exchange, port, records, index, count):
    """`exchange.events[:count]`, which nobody was told of yet, and the rest of what the request `records[index]` does:
    more than fits into one step."""
    while True:
        if count > 0:
            tell(exchange, records, index, count)
        if not is_pending(exchange.book):
            break
        _make_room(exchange, port)
        count = resume(exchange.book, exchange.events, 0)
        assert count >= 0
    exchange.tables.counters[counters.OPEN_ORDERS] = np.int64(exchange.book.state[0]["open_orders"])
    return 0


@inner_kernel
def tell(exchange, records, index, count):
    """Reports and market data of `exchange.events[:count]`, caused by the input `records[index]`."""
    tables = exchange.tables
    fetch_room(exchange, count)
    if np.int64(exchange.accounts.state[0]["is_enabled"]):
        take_events(exchange.accounts, exchange.events, count)
    outbox, events = exchange.outbox, exchange.events
    kinds = reports.report(tables, outbox, exchange.accounts.told, records, index, events, count)
    return level3.publish(
        tables, outbox, exchange.feed, exchange.book.instruments, records, index, events, count, kinds
    )


@far_kernel
def _publish_open_orders(exchange, port, index):
    """What every open order displays, to subscribers whose books of this day are empty. Returns how many do."""
    book = exchange.book
    events = exchange.events
    records = exchange.journal.records
    found = np.int64(0)
    count = np.int64(0)
    kinds = np.int64(1 << EVENT_RESTED)
    for slot in range(book.orders.size):
        if np.int64(book.orders[slot]["leaves_lots"]) == 0 or displayed_lots(book, slot) == 0:
            continue
        found += 1
        count = tell_as_it_is(book, slot, events, count, np.int64(EVENT_RESTED), np.int64(0), np.int64(0))
        if count == EVENTS_MAX:
            level3.publish(
                exchange.tables, exchange.outbox, exchange.feed, book.instruments, records, index, events, count, kinds
            )
            _make_room(exchange, port)
            count = np.int64(0)
    level3.publish(
        exchange.tables, exchange.outbox, exchange.feed, book.instruments, records, index, events, count, kinds
    )
    return found


@outer_kernel
def drain(exchange, port):
    """Close every datagram of the turn and send all of them. Returns frames sent."""
    return _close_and_send(exchange, port, np.int64(FREE))


@far_kernel
def _close_and_send(exchange, port, kept_slot):
    close_slots(exchange, kept_slot)
    return send(exchange, port, exchange.tables.clock[NOW_NS])


@far_kernel
def send(exchange, port, now_ns):
    """Every finished frame of the outbox leaves, at once or when the newest record is safe. Returns frames sent."""
    newest = exchange.journal.scalars[journal.COMMITTED]
    return let_out(exchange.tables, exchange.outbox, exchange.feed, exchange.hold, exchange.tx, port, newest, now_ns)


@inner_kernel
def _make_room(exchange, port):
    """Send early when the next step might not find enough slots."""
    if exchange.outbox.scalars[OUTBOX_USED] + OUTBOX_SLOTS_A_STEP_MAX > OUTBOX_SLOTS_MAX:
        _send_early(exchange, port)


@far_kernel
def _send_early(exchange, port):
    """Everything is sent but the open packet of the feed: the end of its transaction may still have to be marked."""
    outbox = exchange.outbox
    kept_slot = outbox.building[OWNER_FEED + 1]["slot"]
    _close_and_send(exchange, port, kept_slot)
    if kept_slot != FREE:
        packet.carry_over(outbox, exchange.feed, kept_slot)
    return 0
