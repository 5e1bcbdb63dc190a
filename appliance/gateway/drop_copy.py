"""Drop copy: every execution of a firm, to as many subscribers as it likes, over TCP with FIXP.

A firm's executions are one recoverable flow with numbers 1, 2, 3, ... of the day, the same to every subscriber: the
core numbers them in the report log, and each connection here reads the log at its own pace. A client negotiates a
session of its own (ClientFlow None); EstablishmentAck says where the flow is now, and Topic, which UUID names it. What
came before, or was missed, is had by RetransmitRequest, for either UUID.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Final

from appliance.gateway.connection import Connection
from appliance.gateway.report_log import Flow, ReportLog
from appliance.gateway.verify import ESTABLISH, FIXP, NEGOTIATE, Handshake, rejection
from wire import credentials
from wire.blocks import BlockError

if TYPE_CHECKING:
    from appliance.gateway.drop_copy_server import DropCopies, DropCopy

FLOW_RECOVERABLE: Final = 0
FLOW_NONE: Final = 3
FLOW_TYPE_NOT_SUPPORTED: Final = 1
UNNEGOTIATED: Final = 0
KEEPALIVE_INTERVAL: Final = 3
KEEPALIVE_MS_MIN: Final = 10
KEEPALIVE_MS_MAX: Final = 60_000
MISSED_MAX: Final = 3
TERMINATE_FINISHED: Final = 0
BATCH_MESSAGES_MAX: Final = 256

_HEADER: Final = struct.Struct("<HHHH")
_SEQUENCE: Final = FIXP["Sequence"].template_id
_RETRANSMIT_REQUEST: Final = FIXP["RetransmitRequest"].template_id
_TERMINATE: Final = FIXP["Terminate"].template_id


class DropCopyConnection(Connection):
    """One subscriber."""

    def __init__(self, copies: DropCopies, number: int) -> None:
        super().__init__(number, copies.gateway.limits, copies.gateway.counters, copies.gateway.clock)
        self._copies: Final = copies
        self._copy: DropCopy | None = None
        self._asked: Handshake | None = None
        self._session_id = b""
        self._keepalive_seconds = math.inf
        self._heard = self._told = 0.0
        self._next = 1
        self._day = 0
        self._is_numbered = False
        """The client knows the number of the next message."""

    # --- what the base and the retransmitter ask ---------------------------------------------------------------------

    @property
    def is_logged_on(self) -> bool:
        return self._copy is not None

    def session_id(self) -> bytes:
        return self._session_id

    def names_the_flow(self, session_id: bytes) -> bool:
        """Whether a RetransmitRequest for it is for what this connection may have."""
        return self._copy is not None and session_id in (self._session_id, self._copy.flow_id(self._day))

    @property
    def told_to(self) -> int:
        """Number of the newest message that was sent here."""
        return self._next - 1

    def flow(self, reports: ReportLog) -> Flow:
        """The messages of the firm in the log, as far as it was read."""
        assert self._copy is not None
        return reports.of_firm(self._copy.firm)

    def forget_the_number(self) -> None:
        """The next message has to be preceded by Sequence."""
        self._is_numbered = False

    # --- from the client -------------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._copies.gateway.admit(self)

    def ended(self) -> None:
        self._copies.gateway.forget(self)

    def take(self, message: bytes) -> None:
        self._heard = self._clock()
        if len(message) < _HEADER.size:
            self.refuse("a message is shorter than its header.")
            return
        _, template, schema_id, _ = _HEADER.unpack_from(message)
        if schema_id != FIXP.schema_id:
            self.refuse(f"a message is of schema {schema_id}.")
        elif template in (NEGOTIATE, ESTABLISH):
            self._log_on(message)
        elif not self.is_logged_on:
            self.refuse("it sent other messages before it was established.")
        elif template != _SEQUENCE:
            self._take_rare(message, template)

    def _take_rare(self, message: bytes, template: int) -> None:
        try:
            values = FIXP.decode(message).values
        except BlockError as error:
            self.refuse(str(error))
            return
        if template == _RETRANSMIT_REQUEST and None not in values:
            self._copies.gateway.retransmit(self, values)
        elif template == _TERMINATE and values.SessionId == self._session_id:
            self.send([FIXP.encode("Terminate", SessionId=self._session_id, Code=0)])
            self.close("closed_by_client", "the client ended its session.")
        else:
            self.refuse(f"template {template} has no place here.")

    def _log_on(self, message: bytes) -> None:
        if not self.may_log_on():
            return
        gateway = self._copies.gateway
        said = gateway.judge(self._copies.verifier, message, self.source_ip)
        if not said.is_good:
            if said.may_be_answered:
                self.send([rejection(said)])
            if not said.may_be_answered or gateway.is_closed_to(self.source_ip):
                self.refuse("its log-ons are bad.")
        elif said.template_id == NEGOTIATE:
            self._negotiate(said)
        else:
            self._establish(said)

    def _negotiate(self, said: Handshake) -> None:
        facts = {"SessionId": said.session_id, "RequestTimestamp": said.timestamp_ns}
        if said.flow != FLOW_NONE:
            self.send([FIXP.encode("NegotiationReject", **facts, Code=FLOW_TYPE_NOT_SUPPORTED)])
            return
        self._copies.negotiated[said.key_id] = said.session_id
        proof = credentials.pack(credentials.Credentials(said.key_id, mac=said.proof))
        self.send([FIXP.encode("NegotiationResponse", **facts, ServerFlow=FLOW_RECOVERABLE, Credentials=proof)])

    def _establish(self, said: Handshake) -> None:
        facts = {"SessionId": said.session_id, "RequestTimestamp": said.timestamp_ns}
        if self._copies.negotiated.get(said.key_id) != said.session_id:
            self.send([FIXP.encode("EstablishmentReject", **facts, Code=UNNEGOTIATED)])
            return
        if not KEEPALIVE_MS_MIN <= said.keepalive_ms <= KEEPALIVE_MS_MAX:
            self.send([FIXP.encode("EstablishmentReject", **facts, Code=KEEPALIVE_INTERVAL)])
            return
        self._asked = said

    def _begin(self, said: Handshake, reports: ReportLog) -> None:
        """The flow begins with what comes next."""
        facts = {"SessionId": said.session_id, "RequestTimestamp": said.timestamp_ns}
        copy = self._copies.copies[said.row]
        self._copy, self._session_id = copy, said.session_id
        self._keepalive_seconds = said.keepalive_ms / 1000
        flow = self.flow(reports)
        self._next = flow.newest + 1
        self._day = flow.day
        self._is_numbered = True
        self._told = self._clock()
        keepalive = {"KeepaliveInterval": said.keepalive_ms}
        self.send(
            [
                FIXP.encode("EstablishmentAck", **facts, **keepalive, NextSeqNo=self._next),
                FIXP.encode(
                    "Topic",
                    SessionId=copy.flow_id(self._day),
                    Flow=FLOW_RECOVERABLE,
                    **keepalive,
                    Classification=copy.classification.encode(),
                ),
            ]
        )
        self.logged_on()
        self.counters["drop_copies_established"] += 1

    # --- to the client ---------------------------------------------------------------------------------------------

    def pump(self, reports: ReportLog, *, is_all_read: bool) -> bool:
        """Send what is new, if the client reads. True: there is more. Who has asked is let in once the log is read up
        to now."""
        if self._asked is not None and is_all_read and not self.is_over:
            asked, self._asked = self._asked, None
            self._begin(asked, reports)
        if self._copy is None or self.is_over or self.is_crowded:
            return False
        flow = self.flow(reports)
        if flow.day != self._day:
            self.send([FIXP.encode("Terminate", SessionId=self._session_id, Code=TERMINATE_FINISHED)])
            self.close("closed_by_venue", "the day is over, and with it the flow.")
            return False
        if self._next < flow.first:
            self._next = flow.first
            self._is_numbered = False
        messages: list[bytes] = []
        while self._next <= flow.newest and len(messages) < BATCH_MESSAGES_MAX:
            depends_on, message = reports.message(flow, self._next)
            if not self._copies.gateway.is_safe(depends_on):
                break
            if not self._is_numbered:
                messages.append(FIXP.encode("Sequence", NextSeqNo=self._next))
                self._is_numbered = True
            messages.append(message)
            self._next += 1
        if messages:
            self._told = self._clock()
            self.send(messages)
        return len(messages) >= BATCH_MESSAGES_MAX

    def look(self, now: float) -> None:
        super().look(now)
        if self._copy is None or self.is_over or self.is_paused:
            return
        if now - self._heard > MISSED_MAX * self._keepalive_seconds:
            self.refuse("nothing was heard of it for three keepalive intervals.")
        elif now - self._told >= self._keepalive_seconds:
            self._told = now
            self._is_numbered = True
            self.send([FIXP.encode("Sequence", NextSeqNo=self._next)])
