"""Order entry over TCP: FIXP with Sequence on the client's side, datagrams with Context on the core's side of the ring.

One session a connection. The gateway verifies who it is and cuts the stream into messages; whether a session may be
negotiated or established, and everything after that, the core decides from its sequenced state. Only lost messages are
given again from here: from the report log, any range, one request at a time.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from appliance.gateway.connection import Connection
from appliance.gateway.report_log import Flow, ReportLog
from appliance.gateway.ring import Entry
from appliance.gateway.verify import ESTABLISH, FIXP, NEGOTIATE, Handshake, rejection
from native.gateway_layout import (
    GATEWAY_IN_DATAGRAM,
    GATEWAY_IN_HANDSHAKE,
    GATEWAY_IN_LOST,
    TRANSPORT_TCP,
)
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from wire.blocks import BlockError, schema

if TYPE_CHECKING:
    from appliance.gateway.server import Gateway

_HEADER: Final = struct.Struct("<HHHH")
_ORDER_ENTRY: Final = schema("order_entry").schema_id
_SEQUENCE: Final = FIXP["Sequence"].template_id
_CONTEXT: Final = FIXP["Context"].template_id
_ACK: Final = FIXP["EstablishmentAck"].template_id
_RETRANSMIT_REQUEST: Final = FIXP["RetransmitRequest"].template_id
_NUMBERED: Final = (FIXP["Applied"].template_id, FIXP["NotApplied"].template_id)
_WHOLE: Final = tuple(FIXP[name].template_id for name in ("Terminate", "FinishedSending", "FinishedReceiving"))
_CONTEXT_BYTES: Final = FIXP.header.size + FIXP["Context"].size
_NUMBER_MAX: Final = (1 << 63) - 1
"""No client comes so far; the core takes none that is above it."""
_UNKNOWN: Final = -1
"""The client has to be told the number of the next message."""


class OrderConnection(Connection):
    """The connection of one order-entry session."""

    def __init__(self, gateway: Gateway, number: int) -> None:
        super().__init__(number, gateway.limits, gateway.counters, gateway.clock)
        self._gateway: Final = gateway
        self._asked: Handshake | None = None
        """The newest good Establish that the core has not answered."""
        self._session_id = b""
        self.row = -1
        self.next_out = _UNKNOWN
        self.told_to = 0
        """Number of the newest message of the server's flow that was sent here."""
        self._next_in = 1
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._heartbeat = False
        self._is_known = False
        """The core has heard of this connection."""

    @property
    def is_logged_on(self) -> bool:
        return self._session_id != b""

    def session_id(self) -> bytes:
        return self._session_id

    # --- from the client -------------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._gateway.admit(self)

    def take(self, message: bytes) -> None:
        if len(message) < _HEADER.size:
            self.refuse("a message is shorter than its header.")
            return
        block_bytes, template, schema_id, _version = _HEADER.unpack_from(message)
        if schema_id == FIXP.schema_id and template in (NEGOTIATE, ESTABLISH):
            self.taken_all()
            self._log_on(message)
        elif not self.is_logged_on:
            self.refuse("it sent other messages before it was established.")
        elif schema_id == _ORDER_ENTRY:
            self._take_application(message, block_bytes)
        elif schema_id == FIXP.schema_id:
            self._take_fixp(message, template)
        else:
            self.refuse(f"a message is of schema {schema_id}.")

    def _take_application(self, message: bytes, block_bytes: int) -> None:
        if _HEADER.size + block_bytes != len(message):
            self.refuse(f"a message of {len(message)} bytes says that its block has {block_bytes}.")
            return
        if _CONTEXT_BYTES + self._batch_bytes + len(message) > DATAGRAM_PAYLOAD_BYTES_MAX:
            self.taken_all()
        self._batch.append(message)
        self._batch_bytes += len(message)

    def _take_fixp(self, message: bytes, template: int) -> None:
        try:
            decoded = FIXP.decode(message)
        except BlockError as error:
            self.refuse(str(error))
            return
        values = decoded.values
        self.taken_all()
        if template == _SEQUENCE and values.NextSeqNo is not None and values.NextSeqNo <= _NUMBER_MAX:
            self._next_in = values.NextSeqNo
            self._heartbeat = True
        elif template in _WHOLE and values.SessionId == self._session_id and decoded.end == len(message):
            self._put(GATEWAY_IN_DATAGRAM, message)
        elif template == _RETRANSMIT_REQUEST and None not in values:
            self._gateway.retransmit(self, values)
        else:
            self.refuse(f"{decoded.block.name} has no place here.")

    def taken_all(self) -> None:
        """Hand over what was gathered: as many messages as a datagram holds, behind a Context."""
        if not self._batch and not self._heartbeat:
            return
        context = FIXP.encode("Context", SessionId=self._session_id, NextSeqNo=self._next_in)
        self._put(GATEWAY_IN_DATAGRAM, context + b"".join(self._batch))
        self._next_in += len(self._batch)
        self.counters["messages_in"] += len(self._batch)
        self._batch.clear()
        self._batch_bytes = 0
        self._heartbeat = False

    def _log_on(self, message: bytes) -> None:
        if not self.may_log_on():
            return
        said = self._gateway.verify(message, self.source_ip)
        if said.is_good and self.is_logged_on and said.row != self.row:
            self.refuse("a connection has one session.")
        elif said.is_good:
            if said.template_id == ESTABLISH:
                self._asked = said
            self._is_known = True
            self._put(GATEWAY_IN_HANDSHAKE, message, said)
        else:
            if said.may_be_answered:
                self.send([rejection(said)])
            if not said.may_be_answered or self._gateway.is_closed_to(self.source_ip):
                self.refuse("its log-ons are bad.")

    def _put(self, kind: int, payload: bytes, said: Handshake | None = None) -> None:
        facts = {"session": said.row, "proof": said.proof} if said is not None else {}
        self._gateway.put(
            Entry(
                kind,
                payload,
                TRANSPORT_TCP,
                connection=self.number,
                receive_time_ns=self._gateway.now_ns(),
                **facts,  # type: ignore[arg-type]
            )
        )

    def ended(self) -> None:
        if self._is_known:
            self._gateway.put(Entry(GATEWAY_IN_LOST, b"", TRANSPORT_TCP, reason=self.why, connection=self.number))
        self._gateway.forget(self)

    # --- from the core ---------------------------------------------------------------------------------------------

    def reply(self, payload: bytes) -> None:
        """What a datagram to the session would hold: the same messages, each framed, Context as Sequence."""
        messages: list[bytes] = []
        at = 0
        while at + _HEADER.size <= len(payload):
            block_bytes, template, schema_id, _version = _HEADER.unpack_from(payload, at)
            end = at + _HEADER.size + block_bytes
            if schema_id != FIXP.schema_id:
                self._number()
            else:
                decoded = FIXP.decode(payload, at)
                end = decoded.end
                if template == _CONTEXT:
                    if decoded.values.SessionId != self._session_id:
                        self.counters["replies_of_no_session"] += 1
                        return
                    number = decoded.values.NextSeqNo
                    if number != self.next_out or end == len(payload):
                        messages.append(FIXP.encode("Sequence", NextSeqNo=number))
                    self.next_out = number
                    self.told_to = max(self.told_to, number - 1)
                    at = end
                    continue
                if template in _NUMBERED:
                    self._number()
                elif template == _ACK:
                    self._bind(decoded.values)
            messages.append(payload[at:end])
            at = end
        self.send(messages)

    def _number(self) -> None:
        if self.next_out != _UNKNOWN:
            self.told_to = self.next_out
            self.next_out += 1

    def _bind(self, ack: Any) -> None:
        asked = self._asked
        if asked is None or ack.SessionId != asked.session_id or ack.RequestTimestamp != asked.timestamp_ns:
            return
        self._asked = None
        self._session_id = asked.session_id
        self.row = asked.row
        self._next_in = 1 if asked.next_number is None else asked.next_number
        self.told_to = (ack.NextSeqNo or 1) - 1
        self.next_out = _UNKNOWN
        self.counters["sessions_established"] += 1
        self.logged_on()

    def names_the_flow(self, session_id: bytes) -> bool:
        """Whether a RetransmitRequest for it is for this connection's session."""
        return session_id == self._session_id

    def flow(self, reports: ReportLog) -> Flow:
        """The messages of the session in the log, as far as it was read."""
        return reports.of_row(self.row)

    def forget_the_number(self) -> None:
        """The next message of the flow has to be preceded by Sequence."""
        self.next_out = _UNKNOWN
