"""The naive twin of the whole venue, on top of the naive book: frames in, reports and market data out, as plain dicts.

One rule a function, slow and obvious on purpose. It shares the schemas with the kernels (through `wire.blocks`) and the
plain frame parser, but none of their code. What it tells is compared message by message; how messages share datagrams,
and when those were sent, is left to the pipeline.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from appliance.config import Config
from appliance.exchange import rules_of
from native import counters
from tests.naive.accounts.state import Books
from tests.naive.exchange import Exchange
from tests.naive.exchange import numbers as n
from tests.naive.sessions import CONTROLS, ESTABLISHED, Sessions
from tests.naive.venue_accounts import WithAccounts
from tests.naive.venue_commands import BLANK, KINDS, command_of, why_not
from tests.naive.venue_feed import Feed
from tests.naive.venue_reports import ORDER_ENTRY, Instrument, Message, Peer, Reports, Session
from wire.blocks import schema
from wire.net.frames import FrameError, parse_udp_frame

__all__ = ["Message", "Venue"]

FIXP = schema("fixp")
CONTEXT_BYTES, HEADER_BYTES = 32, 8
DATAGRAM_BYTES_MAX = 1400
GAP_MAX = 2**31
EVENTS_A_STEP_FIRST, EVENTS_A_STEP = 254, 253
"""So many events of a sweep of plain orders the book gives before the venue tells them, and each time after that."""
NANOS_A_DAY = 86_400 * 10**9


class Venue(Sessions, Reports, Feed, WithAccounts):
    def __init__(self, config: Config) -> None:
        self.books = Books(config)
        self.udp_port = config.order_entry.udp_port
        self.sessions = [
            Session(
                i, s.uuid_bytes, s.account, key_id=s.key_id, ids_increase=s.ids_increase,
                state="free" if s.key_id else "established",
            )
            for i, s in enumerate(config.sessions)
        ]  # fmt: skip
        self.by_uuid = {session.uuid: session for session in self.sessions if session.uuid}
        self.instruments = [
            Instrument(i, one.security_id, one.tick_nanos, one.price_ticks_min, one.price_ticks_max)
            for i, one in enumerate(config.instruments)
        ]
        self.by_security = {one.security_id: one for one in self.instruments}
        self.config = config
        self.book = Exchange([rules_of(one) for one in config.instruments], config.limits.orders, config.limits.levels)
        self.book.session_firms = self.firms_of_sessions()
        self.feed: list[Message] = []
        self.transaction: list[tuple[str, dict[str, Any]]] = []
        self.count: Counter[str] = Counter()
        self.date = config.trading_session_date
        self.time_ns = self.receive_ns = 0
        self.begin_sessions()

    # --- inputs without a message ------------------------------------------------------------------------------

    def open_day(self, now_ns: int) -> None:
        """Schedules begin with a timer; then every instrument gets the phase that it has at this time of the day."""
        if any(one.schedule for one in self.config.instruments):
            self.tick(now_ns)
        for instrument, one in zip(self.instruments, self.config.instruments, strict=True):
            phase = n.CONTINUOUS if one.status == "open" else n.CLOSED
            if one.schedule:
                rows = rules_of(one).schedule
                phase = next((p for time, p in reversed(rows) if time <= now_ns % NANOS_A_DAY), rows[-1][1])
            self.set_phase(instrument, phase, now_ns)

    def set_phase(self, instrument: Instrument, phase: int, now_ns: int) -> None:
        self.sequence(now_ns)
        self.match(BLANK | {"kind": n.PHASE, "instrument": instrument.index, "qty_lots": phase})
        self.end_transaction()

    def tick(self, now_ns: int) -> None:
        """What is due by the clock."""
        self.count["timers"] += 1
        self.sequence(now_ns)
        self.match(BLANK | {"kind": n.TIMER})
        self.cancel_due_orders()
        self.end_transaction()

    def sequence(self, now_ns: int) -> None:
        """Every accepted input has a time, which never goes back."""
        self.time_ns = max(self.time_ns, now_ns)
        self.date = self.date or self.time_ns // NANOS_A_DAY
        self.count["sequenced_inputs"] += 1

    # --- from a frame to messages ------------------------------------------------------------------------------

    def take_frame(self, frame: bytes, now_ns: int, receive_ns: int, verify_udp_checksum: bool = False) -> None:
        self.count["packets_in"] += 1
        self.count["bytes_in"] += len(frame)
        self.receive_ns = receive_ns
        try:
            datagram = parse_udp_frame(frame, verify_udp_checksum=verify_udp_checksum)
        except FrameError as error:
            return self.drop(counters.COUNTERS[error.drop].name.removeprefix("drop_"))
        if datagram.destination.udp_port != self.udp_port:
            return self.drop("not_for_us")
        self.take_datagram(datagram.payload, (datagram.source, datagram.destination, datagram.vlan_tci), now_ns)

    def drop(self, reason: str) -> None:
        self.count[f"drop_{reason}"] += 1

    def take_datagram(self, payload: bytes, peer: Peer, now_ns: int) -> None:
        name = fixp_name(payload)
        if name in CONTROLS:
            return self.take_control(name, payload, peer, now_ns)
        if len(payload) > DATAGRAM_BYTES_MAX:
            return self.drop("datagram_size")
        if len(payload) < CONTEXT_BYTES:
            return self.drop("context_missing")
        size, template_id, schema_id, _ = FIXP.header.unpack(payload, 0)
        at = HEADER_BYTES + size
        if (template_id, schema_id) != (9, 2748) or at < CONTEXT_BYTES or at > len(payload):
            return self.drop("context_missing")
        context = FIXP["Context"].unpack(payload, HEADER_BYTES)
        session = self.by_uuid.get(context.SessionId)
        if session is None:
            return self.drop("session_unknown")
        if session.state != ESTABLISHED:
            return self.drop("session_unbound")
        number = context.NextSeqNo
        if not 1 <= number < 2**63 or number - session.expected > GAP_MAX:
            return self.drop("session_seq")
        self.count["datagrams_in"] += 1
        if at == len(payload):
            return self.heartbeat(session, number, peer, now_ns)
        while at < len(payload):
            if at + HEADER_BYTES > len(payload):
                return self.drop("message_truncated")
            after = at + HEADER_BYTES + FIXP.header.unpack(payload, at).blockLength
            if after > len(payload):
                return self.drop("message_truncated")
            if session.state != ESTABLISHED or self.by_uuid.get(context.SessionId) is not session:
                self.drop("session_ended")
            elif number < session.expected:
                self.drop("duplicate")
            else:
                self.take_message(session, number, payload[at:after], peer, now_ns)
            number, at = number + 1, after

    def heartbeat(self, session: Session, number: int, peer: Peer, now_ns: int) -> None:
        """A Context alone: it says which number comes next."""
        self.count["heartbeats_in"] += 1
        if number > session.expected:
            self.bind(session, peer, now_ns)
            self.sequence(now_ns)
            self.note_gap(session, number)
            session.expected = number

    def take_message(self, session: Session, number: int, message: bytes, peer: Peer, now_ns: int) -> None:
        self.bind(session, peer, now_ns)
        size, template_id, schema_id, _ = ORDER_ENTRY.header.unpack(message, 0)
        block = ORDER_ENTRY.by_template.get(template_id)
        if schema_id != ORDER_ENTRY.schema_id or block is None or block.name not in KINDS:
            return self.drop("message_schema")
        if size < block.size:
            return self.drop("message_block")
        self.sequence(now_ns)
        self.note_gap(session, number)
        session.expected = number + 1
        values = block.unpack(message, HEADER_BYTES)
        self.decide(command_of(session.index, block.name, values, self.by_security), number)
        self.end_transaction()

    def bind(self, session: Session, peer: Peer, now_ns: int) -> None:
        """Replies go to where the newest message came from; a change is an input of its own."""
        if session.peer != peer:
            self.sequence(now_ns)
            session.peer = peer

    def note_gap(self, session: Session, number: int) -> None:
        """Numbers that were skipped are lost for good."""
        lost = number - session.expected
        if lost:
            self.count["gaps"] += 1
            self.count["not_applied"] += lost
            self.tell(session, "NotApplied", FromSeqNo=session.expected, Count=lost)

    # --- decisions ----------------------------------------------------------------------------------------------

    def decide(self, command: dict[str, int], number: int) -> None:
        self.count["new_orders"] += command["kind"] == n.NEW
        command["receive_time_ns"], command["sequence"] = self.receive_ns, self.count["sequenced_inputs"]
        if self.settle(command, number):
            return
        session = self.config.sessions[command["session"]]
        reason, limit = why_not(command, (session.account, *session.accounts)), 0
        if not reason:
            reason, limit = self.why_not_for_account(command)
        if reason:
            self.reject(command, reason, limit)
        else:
            self.match(command)

    def match(self, command: dict[str, int]) -> None:
        """The book decides; its events are told step by step."""
        events = self.book.apply(command | {"time_ns": self.time_ns})
        start, stop = 0, EVENTS_A_STEP_FIRST
        while start < len(events):
            some = events[start:stop]
            for at, event in enumerate(some):
                self.account_for(event)
                self.report(command, event, some[at + 1 :])
            self.publish_events(command, some)
            start, stop = stop, stop + EVENTS_A_STEP
        self.count["open_orders"] = len(self.book.open)


def fixp_name(payload: bytes) -> str:
    """The FIXP message that a datagram starts with."""
    if len(payload) < HEADER_BYTES:
        return ""
    head = FIXP.header.unpack(payload, 0)
    block = FIXP.by_template.get(head.templateId)
    return block.name if block is not None and head.schemaId == FIXP.schema_id else ""
