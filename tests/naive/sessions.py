"""The naive twin of the session server: docs/SESSIONS.md said a second time, one rule a function.

A mixin of the naive `Venue`. `said` has what the session layer says (to whom, which message, its fields), `sent` the
numbers that every SessionId was sent at once, `again` those that were sent again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from appliance.config import Config
from tests.naive.accounts.numbers import KILL_ALL
from tests.naive.exchange import numbers as n
from tests.naive.venue_commands import BLANK
from tests.naive.venue_reports import Message, Peer, Session
from wire.blocks import schema
from wire.net.frames import Endpoint

FIXP, ORDERS = schema("fixp"), schema("order_entry")
FREE, NEGOTIATED, ESTABLISHED = "free", "negotiated", "established"
GAP_MAX = 2**31
U64_NULL = 2**64 - 1
IDEMPOTENT, RECOVERABLE = 1, 0
CREDENTIALS, FLOW_TYPE, DUPLICATE_ID, UNSPECIFIED_NEGOTIATION = 0, 1, 2, 3
UNNEGOTIATED, ALREADY_ESTABLISHED, BLOCKED, KEEPALIVE, CREDENTIALS_ESTABLISH, UNSPECIFIED = range(6)
OUT_OF_RANGE, INVALID_SESSION, LIMIT_EXCEEDED = range(3)
FINISHED, ERROR, OUT_OF_BOUNDS, IN_PROGRESS = range(4)
ON_LOSS, ON_TERMINATE = 1, 2
DISCONNECTED, TERMINATED, KILLED = 100, 101, 106
BY_VENUE, SPARES_STAYING, SPARES_GTC = 256, 512, 1024
GTC_STAYS = 4
REQUEST_MESSAGES_MAX, REQUEST_BYTES_MAX = 4096, 65536
CONTROLS = {"Terminate", "RetransmitRequest", "FinishedSending", "FinishedReceiving"}
PARTS = 8
QUERY, RETRANSMIT = 25, 23
Said = tuple[Endpoint, str, dict[str, Any]]


class Sessions:
    """One rule a function; `Venue` has the rest of the state."""

    config: Config
    sessions: list[Session]
    by_uuid: dict[bytes, Session]
    count: Counter[str]
    time_ns: int
    receive_ns: int

    def begin_sessions(self) -> None:
        self.said: list[Said] = []
        self.sent: dict[bytes, list[int]] = {}
        self.again: dict[bytes, list[int]] = {}
        self.streams: dict[bytes, list[Message]] = {one.uuid: one.reports for one in self.sessions if one.uuid}
        self.names = set(self.by_uuid)
        self.names_max = len(self.sessions) + self.config.order_entry.session_ids_remembered
        self.turn = 0
        self.proof = b""

    if TYPE_CHECKING:  # what the venue around it offers

        def drop(self, reason: str) -> None: ...
        def tell(self, session: Session, name: str, **fields: Any) -> None: ...
        def sequence(self, now_ns: int) -> None: ...
        def bind(self, session: Session, peer: Peer, now_ns: int) -> None: ...
        def match(self, command: dict[str, int]) -> None: ...
        def reject(self, command: dict[str, int], reason: int, limit: int) -> None: ...
        def end_transaction(self) -> None: ...

    # --- saying ------------------------------------------------------------------------------------------------

    def say_to(self, peer: Peer, name: str, **fields: Any) -> None:
        self.said.append((peer[0], name, fields))

    def say(self, session: Session, name: str, **fields: Any) -> None:
        """To where the session is bound; a session that is not bound hears nothing."""
        if session.peer is not None:
            self.say_to(session.peer, name, SessionId=session.uuid, **fields)

    def note_sent(self, session: Session, number: int) -> None:
        if session.peer is not None:
            self.sent.setdefault(session.uuid, []).append(number)

    # --- handshakes (sections 2 and 3) -------------------------------------------------------------------------

    def take_handshake(self, row: int, message: bytes, peer: Peer, now_ns: int) -> None:
        """Its credentials are good."""
        decoded = FIXP.decode(message)
        self.sequence(now_ns)
        self.count["session_inputs"] += 1
        session, asked = self.sessions[row], decoded.values
        if decoded.block.name == "Negotiate":
            self.negotiate(session, asked, peer)
        else:
            self.establish(session, asked, peer)
        self.end_transaction()

    def negotiate(self, session: Session, asked: Any, peer: Peer) -> None:
        code = self.why_not_negotiate(session, asked)
        answered = {"SessionId": asked.SessionId, "RequestTimestamp": asked.Timestamp}
        if code is not None:
            self.count["handshakes_rejected"] += 1
            return self.say_to(peer, "NegotiationReject", **answered, Code=code, Reason=b"")
        gone = False
        if session.uuid != asked.SessionId:
            if session.state == ESTABLISHED:
                gone = self.end(session, ERROR, ON_LOSS)
            self.begin_new(session, asked.SessionId)
        session.handshake = (asked.Timestamp, "Negotiate")
        credentials = bytes([1]) + bytes(7) + session.key_id.encode().ljust(20, b"\0") + self.proof
        self.say_to(peer, "NegotiationResponse", **answered, ServerFlow=RECOVERABLE, Credentials=credentials)
        if gone:
            self.cancel_orders(session)
        return None

    def why_not_negotiate(self, session: Session, asked: Any) -> int | None:
        own = session.uuid == asked.SessionId
        if not session.key_id:
            return CREDENTIALS
        if asked.Timestamp <= session.handshake[0] or asked.Timestamp >= 2**63:
            return None if own and session.handshake == (asked.Timestamp, "Negotiate") else CREDENTIALS
        if asked.ClientFlow != IDEMPOTENT:
            return FLOW_TYPE
        if not any(asked.SessionId):
            return UNSPECIFIED_NEGOTIATION
        if asked.SessionId in self.names:
            return None if own and not session.was_established else DUPLICATE_ID
        return None

    def begin_new(self, session: Session, uuid: bytes) -> None:
        """Numbers begin at 1 on both sides; ClOrdIDs and orders stay."""
        self.count["sessions_negotiated"] += 1
        self.by_uuid.pop(session.uuid, None)
        session.uuid, session.reports, session.expected, session.peer = uuid, [], 1, None
        session.state, session.was_established = NEGOTIATED, False
        session.client_finished = session.server_finished = False
        session.retransmit_time, session.retransmit_turn = 0, -1
        if len(self.names) >= self.names_max:
            self.names = set(self.by_uuid)
        self.by_uuid[uuid] = session
        self.names.add(uuid)
        self.streams[uuid] = session.reports

    def establish(self, session: Session, asked: Any, peer: Peer) -> None:
        code, is_repeat = self.why_not_establish(session, asked, peer)
        answered = {"SessionId": asked.SessionId, "RequestTimestamp": asked.Timestamp}
        if code is not None:
            self.count["handshakes_rejected"] += 1
            return self.say_to(peer, "EstablishmentReject", **answered, Code=code, Reason=b"")
        lost = 0
        if not is_repeat:
            self.count["sessions_established"] += 1
            session.state, session.was_established, session.peer = ESTABLISHED, True, peer
            session.keepalive = asked.KeepaliveInterval
            session.cancel_type, session.cancel_window = cancel_terms(asked.Credentials)
            session.cancel_due = None
            session.handshake = (asked.Timestamp, "Establish")
            lost = 0 if asked.NextSeqNo is None else asked.NextSeqNo - session.expected
        self.say_to(
            peer, "EstablishmentAck", **answered, KeepaliveInterval=session.keepalive,
            NextSeqNo=len(session.reports) + 1,
        )  # fmt: skip
        return self.lose_numbers(session, lost)

    def why_not_establish(self, session: Session, asked: Any, peer: Peer) -> tuple[int | None, bool]:
        """(code of the reject or None, whether it was accepted before)."""
        if not session.key_id:
            return CREDENTIALS_ESTABLISH, False
        if session.uuid != asked.SessionId or session.state == FREE:
            return UNNEGOTIATED, False
        if asked.Timestamp <= session.handshake[0] or asked.Timestamp >= 2**63:
            if session.state == ESTABLISHED and session.handshake == (asked.Timestamp, "Establish"):
                return None, True
            return CREDENTIALS_ESTABLISH, False
        if session.kill == KILL_ALL:
            return BLOCKED, False
        if session.state == ESTABLISHED and (session.peer is None or not same_place(session.peer, peer)):
            return ALREADY_ESTABLISHED, False
        if not 10 <= asked.KeepaliveInterval <= 60_000:
            return KEEPALIVE, False
        cancel_type, window = cancel_terms(asked.Credentials)
        if cancel_type > 7 or window > 60_000:
            return UNSPECIFIED, False
        number = session.expected if asked.NextSeqNo is None else asked.NextSeqNo
        if number < max(1, session.expected) or number >= 2**63 or number - session.expected > GAP_MAX:
            return UNSPECIFIED, False
        return None, False

    def lose_numbers(self, session: Session, lost: int) -> None:
        if lost > 0:
            self.count["gaps"] += 1
            self.count["not_applied"] += lost
            self.tell(session, "NotApplied", FromSeqNo=session.expected, Count=lost)
            session.expected += lost

    # --- the end (sections 5 and 6) ----------------------------------------------------------------------------

    def end(self, session: Session, code: int, cause: int) -> bool:
        """The venue unbinds the session. Whether its orders go at once."""
        self.say(session, "Terminate", Code=code, Reason=b"")
        self.count["sessions_terminated"] += 1
        session.peer = None
        if session.key_id:
            session.state = FREE if session.client_finished else NEGOTIATED
        if not session.cancel_type & cause:
            return False
        session.cancel_reason = TERMINATED if cause == ON_TERMINATE else DISCONNECTED
        session.cancel_due = self.time_ns + session.cancel_window * 10**6 if session.cancel_window else None
        return session.cancel_window == 0

    def cancel_orders(self, session: Session, reason: int = 0) -> None:
        """On the venue's own account: all of them for `reason`, or those that go because the session has gone."""
        flags = n.PRICE_MISSING | n.STOP_PRICE_MISSING | BY_VENUE
        if not reason:
            flags |= SPARES_STAYING | (SPARES_GTC if session.cancel_type & GTC_STAYS else 0)
        self.match(
            BLANK
            | {
                "kind": n.MASS_CANCEL, "session": session.index, "account": n.ALL, "instrument": n.ALL, "flags": flags,
                "min_qty_lots": reason or session.cancel_reason, "sequence": self.count["sequenced_inputs"],
            }
        )  # fmt: skip

    def lose(self, row: int, now_ns: int) -> None:
        """Nothing was heard of it, or its connection is gone."""
        self.sequence(now_ns)
        self.count["session_inputs"] += 1
        session = self.sessions[row]
        if session.state == ESTABLISHED and self.end(session, ERROR, ON_LOSS):
            self.cancel_orders(session)
        self.end_transaction()

    def cancel_due_orders(self) -> None:
        for session in self.sessions:
            if session.cancel_due is not None and session.cancel_due <= self.time_ns:
                session.cancel_due = None
                self.cancel_orders(session)

    def finish_own(self, row: int, now_ns: int) -> None:
        """The venue ends its own flow."""
        self.sequence(now_ns)
        self.count["session_inputs"] += 1
        session = self.sessions[row]
        if session.state == ESTABLISHED:
            session.server_finished = True
            self.say(session, "FinishedSending", LastSeqNo=len(session.reports))
        self.end_transaction()

    # --- what a session says of itself -------------------------------------------------------------------------

    def take_control(self, name: str, payload: bytes, peer: Peer, now_ns: int) -> None:
        """Terminate, RetransmitRequest, FinishedSending, FinishedReceiving; each alone in its datagram."""
        size = FIXP.header.unpack(payload, 0).blockLength
        if size < FIXP[name].size or 8 + size > len(payload):
            return self.drop("session_message")
        asked = FIXP[name].unpack(payload, 8)
        session = self.by_uuid.get(asked.SessionId)
        if session is None or session.state != ESTABLISHED:
            self.drop("session_unknown" if session is None else "session_unbound")
            if name == "RetransmitRequest" and asked.SessionId in self.names:
                facts = {"SessionId": asked.SessionId, "RequestTimestamp": asked.Timestamp}
                self.say_to(peer, "RetransmitReject", **facts, Code=INVALID_SESSION, Reason=b"")
            return None
        if name == "RetransmitRequest" and (asked.Timestamp <= session.retransmit_time or asked.Timestamp >= 2**63):
            return self.drop("session_message")
        if name == "FinishedSending" and not is_possible(asked.LastSeqNo, session.expected):
            return self.drop("session_seq")
        self.count["datagrams_in"] += 1
        self.bind(session, peer, now_ns)
        self.sequence(now_ns)
        self.count["session_inputs"] += 1
        gone = False
        if name == "Terminate":
            gone = self.end(session, FINISHED, ON_TERMINATE)
        elif name == "RetransmitRequest":
            gone = self.retransmit(session, asked)
        elif name == "FinishedSending":
            self.lose_numbers(session, 0 if asked.LastSeqNo is None else asked.LastSeqNo + 1 - session.expected)
            session.client_finished = True
            self.say(session, "FinishedReceiving")
        elif session.server_finished:
            gone = self.end(session, FINISHED, ON_TERMINATE)
        if gone:
            self.cancel_orders(session)
        return self.end_transaction()

    def retransmit(self, session: Session, asked: Any) -> bool:
        """Section 7. Whether the session's orders go at once."""
        first, count, last_sent = asked.FromSeqNo, asked.Count, len(session.reports)
        in_range = 1 <= first < 2**63 and count >= 1
        violation = None
        throttled = self.count_request(session, RETRANSMIT)
        if throttled == "out":
            self.count["sessions_throttled_out"] += 1
            violation = ERROR
        elif session.retransmit_turn == self.turn:
            violation = IN_PROGRESS
        elif in_range and first + count - 1 > last_sent:
            violation = OUT_OF_BOUNDS
        if violation is not None:
            self.count["retransmit_rejects"] += 1
            return self.end(session, violation, ON_LOSS)
        session.retransmit_time, session.retransmit_turn = asked.Timestamp, self.turn
        wanted = session.reports[first - 1 : first - 1 + count] if in_range else []
        reject = None
        if not in_range:
            reject = OUT_OF_RANGE
        elif throttled or count > REQUEST_MESSAGES_MAX or sum(map(size_of, wanted)) > REQUEST_BYTES_MAX:
            reject = LIMIT_EXCEEDED
        if reject is not None:
            self.count["retransmit_rejects"] += 1
            self.say(session, "RetransmitReject", RequestTimestamp=asked.Timestamp, Code=reject, Reason=b"")
            return False
        self.count["retransmit_requests"] += 1
        self.count["reports_again"] += count
        self.again.setdefault(session.uuid, []).extend(number for number, _, _ in wanted)
        return False

    # --- requests (section 4) ----------------------------------------------------------------------------------

    def settle(self, command: dict[str, int], number: int) -> bool:
        """The session's own rules. Whether one of them has the last word."""
        session, kind = self.sessions[command["session"]], command["kind"]
        if session.client_finished:
            return self.log_out(session)
        verdict = self.count_request(session, kind)
        if verdict == "out":
            self.count["sessions_throttled_out"] += 1
            self.refuse(session, command, number, 9, None)
            return self.log_out(session)
        if verdict == "reject":
            self.count["requests_throttled"] += 1
            self.refuse(session, command, number, 8, self.retry_after(session, kind))
            return True
        if session.ids_increase and kind != QUERY:
            if command["cl_ord_id"] <= session.watermark:
                self.count["requests_known"] += 1
                return True
            session.watermark = command["cl_ord_id"]
        if kind == QUERY:
            self.answer(session, command)
            return True
        if session.kill == KILL_ALL and kind in (n.NEW, n.REPLACE):
            self.reject(command, 9050, 0)
            return True
        return False

    def log_out(self, session: Session) -> bool:
        if self.end(session, ERROR, ON_LOSS):
            self.cancel_orders(session)
        return True

    def count_request(self, session: Session, kind: int) -> str | None:
        rules = self.config.throttle
        cancels = kind in (n.CANCEL, n.MASS_CANCEL)
        reject = rules.cancels_reject if cancels else rules.messages_reject
        logout = rules.cancels_logout if cancels else rules.messages_logout
        part = self.time_ns // (rules.window_ms * 10**6 // PARTS)
        session.requests.append((part, cancels))
        total = sum(1 for at, which in session.requests if which == cancels and at > part - PARTS)
        if logout and total > logout:
            return "out"
        return "reject" if reject and total > reject else None

    def retry_after(self, session: Session, kind: int) -> int:
        """Until so many parts have left the window that one more request fits."""
        rules, cancels = self.config.throttle, kind in (n.CANCEL, n.MASS_CANCEL)
        part_ns = rules.window_ms * 10**6 // PARTS
        reject = rules.cancels_reject if cancels else rules.messages_reject
        later = self.time_ns // part_ns
        while sum(1 for at, which in session.requests if which == cancels and at > later - PARTS) >= reject:
            later += 1
        return later * part_ns - self.time_ns

    def refuse(self, session: Session, command: dict[str, int], number: int, reason: int, wait: int | None) -> None:
        template = {n.NEW: 102, n.CANCEL: 105, n.REPLACE: 104, n.MASS_CANCEL: 120}.get(command["kind"])
        self.tell(
            session, "BusinessMessageReject", RefSeqNum=number, BusinessRejectRefID=command["cl_ord_id"],
            RetryAfterNanos=wait, BusinessRejectReason=reason, RefTemplateID=template or command["ord_type"],
        )  # fmt: skip

    def answer(self, session: Session, command: dict[str, int]) -> None:
        """A question about an order, or about the watermark."""
        self.count["status_queries"] += 1
        asked = {"OrdStatusReqID": command["orig_cl_ord_id"]}
        if command["ord_type"] == ORDERS["WatermarkRequest"].template_id:
            return self.tell(session, "WatermarkReport", **asked, ClOrdID=session.watermark)
        cl_ord_id, order_id = command["cl_ord_id"], command["order_id"]
        found = [
            order
            for order in self.book.open.values()  # type: ignore[attr-defined]
            if order.session == session.index
            and (order.cl_ord_id == cl_ord_id if cl_ord_id else order.order_id == order_id)
            and order_id in (0, order.order_id)
        ]
        if not found:
            return self.tell(
                session, "OrderStatusReport", **asked, ClOrdID=cl_ord_id, OrderID=order_id or None, OrdRejReason=5,
                OrdStatus=ord("8"),
            )  # fmt: skip
        return self.describe(session, asked, found[0])

    def describe(self, session: Session, asked: dict[str, int], order: Any) -> None:
        instrument = self.instruments[order.instrument]  # type: ignore[attr-defined]
        self.tell(
            session, "OrderStatusReport", **asked, ClOrdID=order.cl_ord_id, OrderID=order.order_id,
            Price=order.price_ticks * instrument.tick_nanos if order.ord_type in n.HAVE_PRICE else None,
            OrderQty=order.leaves_lots + order.cum_lots, LeavesQty=order.leaves_lots, CumQty=order.cum_lots,
            SecurityID=instrument.security_id, Account=order.account, Side=order.side, OrdType=order.ord_type,
            TimeInForce=order.time_in_force, OrdStatus=ord("1") if order.cum_lots else ord("0"),
        )  # fmt: skip


def is_possible(last: int | None, expected: int) -> bool:
    """Whether a client's flow can end there."""
    return last is None or (last < 2**63 and last - expected <= GAP_MAX)


def cancel_terms(credentials: bytes) -> tuple[int, int]:
    """(codType, codWindowMs) of a Credentials object; none where it is too short to have them."""
    return (credentials[2], int.from_bytes(credentials[4:8], "little")) if len(credentials) >= 8 else (0, 0)


def same_place(one: Peer, other: Peer) -> bool:
    """By addresses and ports, both ends."""
    return all((a.ip, a.udp_port) == (b.ip, b.udp_port) for a, b in zip(one[:2], other[:2], strict=True))


def size_of(message: Message) -> int:
    """Bytes of a report with its header."""
    name = message[1]
    return 8 + (FIXP if name == "NotApplied" else ORDERS)[name].size
