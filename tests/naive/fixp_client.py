"""The naive twin of the client: FIXP 1.1 from the project's protocol notes (section 2) alone, by hand, slow and plain.

It shares no code with `appliance.client`: `struct` and dicts. No socket either: every method returns messages to send,
and `receive` takes messages that came. Over UDP (`multiplexed`) each datagram begins with Context, over TCP with
Sequence where the number has to be told.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from tests.handshakes import SCHEMA_FIXP, U64_NULL, Signer, header

NEGOTIATION_RESPONSE, NEGOTIATION_REJECT = 2, 3
ESTABLISHMENT_ACK, ESTABLISHMENT_REJECT = 6, 7
SEQUENCE, CONTEXT = 8, 9
RETRANSMIT_REQUEST, RETRANSMISSION, RETRANSMIT_REJECT = 11, 12, 13
TERMINATE, FINISHED_SENDING, FINISHED_RECEIVING = 14, 15, 16
APPLIED, NOT_APPLIED = 17, 18

VAR_DATA = {1: 1, 2: 1, 3: 1, 5: 1, 7: 1, 13: 1, 14: 1}
"""Messages that end in one piece of var-data."""


class ProtocolBroken(AssertionError):
    """The server did what FIXP does not allow."""


def cut(payload: bytes) -> list[bytes]:
    """The messages of a datagram."""
    messages, at = [], 0
    while at < len(payload):
        block_bytes, template, schema_id, _ = struct.unpack_from("<HHHH", payload, at)
        end = at + 8 + block_bytes
        if schema_id == SCHEMA_FIXP and template in VAR_DATA:
            end += 2 + struct.unpack_from("<H", payload, end)[0]
        if end > len(payload):
            raise ProtocolBroken(f"a message of template {template} is cut short")
        messages.append(payload[at:end])
        at = end
    return messages


@dataclass
class NaiveFixpClient:
    """One session: idempotent towards the server, recoverable from it."""

    session_id: bytes
    signer: Signer
    multiplexed: bool
    keepalive_ms: int = 1000
    state: str = "new"
    """new, negotiated, established, over"""
    sent: dict[int, bytes] = field(default_factory=dict)
    """Application messages by number."""
    not_applied: set[int] = field(default_factory=set)
    got: dict[int, bytes] = field(default_factory=dict)
    """The server's application messages by number."""
    rejects: list[tuple[int, int]] = field(default_factory=list)
    """(template, code)"""
    terminated_by_server: int | None = None
    finished: bool = False
    server_next: int = 1
    """Every message of the server before this one is known to exist."""
    _timestamp_ns: int = 0
    _next: int = 1
    """Number of my next message."""
    _position: int | None = None
    """Number that the server's next application message has."""
    _burst: int = 0
    """Messages of a Retransmission that are still to come."""
    _asked: tuple[int, int] | None = None

    # --- what I say ------------------------------------------------------------------------------------------------

    def _stamp(self, now_ns: int) -> int:
        self._timestamp_ns = max(now_ns, self._timestamp_ns + 1)
        return self._timestamp_ns

    def negotiate(self, now_ns: int, flow: int = 1) -> list[bytes]:
        return [self.signer.negotiate(self.session_id, self._stamp(now_ns), flow)]

    def establish(self, now_ns: int) -> list[bytes]:
        return [self.signer.establish(self.session_id, self._stamp(now_ns), self._next, self.keepalive_ms)]

    def _position_message(self, number: int) -> bytes:
        if self.multiplexed:
            return header(24, CONTEXT) + self.session_id + struct.pack("<Q", number)
        return header(8, SEQUENCE) + struct.pack("<Q", number)

    def send(self, *applications: bytes, first: int | None = None) -> list[bytes]:
        """Application messages, each with the next number; `first`: again with the numbers that they had, or a gap."""
        number = self._next if first is None else first
        out = [self._position_message(number)]
        for message in applications:
            self.sent[number] = message
            out.append(message)
            number += 1
        self._next = max(self._next, number)
        return out

    def heartbeat(self) -> list[bytes]:
        return [self._position_message(self._next)]

    def recover(self, now_ns: int, count_max: int = 500) -> list[bytes]:
        """Ask for the oldest messages of the server that are missing; one request at a time."""
        if self._asked is not None:
            return []
        missing = [number for number in range(1, self.server_next) if number not in self.got]
        if not missing:
            return []
        first, end = missing[0], missing[0] + 1
        while end in missing and end - first < count_max:
            end += 1
        self._asked = (first, end)
        body = self.session_id + struct.pack("<QQI", self._stamp(now_ns), first, end - first)
        return [header(len(body), RETRANSMIT_REQUEST) + body]

    def finish(self) -> list[bytes]:
        body = self.session_id + struct.pack("<Q", self._next - 1 if self._next > 1 else U64_NULL)
        return [header(len(body), FINISHED_SENDING) + body]

    def terminate(self, code: int = 0) -> list[bytes]:
        self.state = "over"
        return [header(17, TERMINATE) + self.session_id + struct.pack("<BH", code, 0)]

    # --- what I hear -----------------------------------------------------------------------------------------------

    def receive(self, messages: list[bytes]) -> None:
        """Messages of one datagram, or some from the stream. Raises ProtocolBroken."""
        if self.multiplexed:
            self._position = None  # a datagram says for itself where it stands
            self._burst = 0
        for message in messages:
            block_bytes, template, schema_id, _ = struct.unpack_from("<HHHH", message)
            body = message[8:]
            if schema_id != SCHEMA_FIXP or template in (APPLIED, NOT_APPLIED):
                self._application(message, template if schema_id == SCHEMA_FIXP else 0)
            elif template in (SEQUENCE, CONTEXT):
                if template == CONTEXT:
                    if body[:16] != self.session_id:
                        raise ProtocolBroken("a Context of another session")
                    body = body[16:]
                if (template == CONTEXT) != self.multiplexed:
                    raise ProtocolBroken(f"template {template} on this transport")
                self._position = struct.unpack_from("<Q", body)[0]
                self._burst = 0
                self.server_next = max(self.server_next, self._position)
            else:
                self._session(template, body, block_bytes)

    def _application(self, message: bytes, template: int) -> None:
        if self._position is None:
            raise ProtocolBroken("an application message before its number was told")
        number = self._position
        self._position += 1
        if self._burst:
            self._burst -= 1
            if not self._burst:
                self._position = None  # live messages go on behind a Sequence
        if self.got.setdefault(number, message) != message:
            raise ProtocolBroken(f"message {number} came with two contents")
        self.server_next = max(self.server_next, number + 1)
        if self._asked and all(each in self.got for each in range(*self._asked)):
            self._asked = None
        if template == NOT_APPLIED:
            first, count = struct.unpack_from("<QI", message, 8)
            lost = set(range(first, first + count))
            if lost & self.not_applied and len(lost) != len(lost & self.not_applied):
                raise ProtocolBroken("a gap was told twice, differently")
            self.not_applied |= lost

    def _session(self, template: int, body: bytes, block_bytes: int) -> None:
        if body[:16] != self.session_id:
            raise ProtocolBroken(f"template {template} names another session")
        rest = body[16:block_bytes]
        if template == NEGOTIATION_RESPONSE:
            timestamp_ns, flow = struct.unpack_from("<QB", rest)
            given = body[block_bytes + 2 :]
            if flow != 0 or given[-32:] != self.signer.proof(self.session_id, timestamp_ns):
                raise ProtocolBroken("the server's flow is not recoverable, or it does not know the secret")
            if self.state == "new":
                self.state = "negotiated"
        elif template == ESTABLISHMENT_ACK:
            next_number = struct.unpack_from("<QIQ", rest)[2]
            self.state = "established"
            self.server_next = max(self.server_next, next_number)
            self._position = next_number
        elif template in (NEGOTIATION_REJECT, ESTABLISHMENT_REJECT):
            self.rejects.append((template, rest[8]))
        elif template == RETRANSMISSION:
            if self._asked is None:
                raise ProtocolBroken("a Retransmission that nobody asked for")
            _, first, count = struct.unpack_from("<QQI", rest)
            if not self._asked[0] <= first < first + count <= self._asked[1]:
                raise ProtocolBroken("a Retransmission of something else")
            self._position, self._burst = first, count
        elif template == RETRANSMIT_REJECT:
            self.rejects.append((template, rest[8]))
            self._asked = None
        elif template == TERMINATE:
            self.terminated_by_server = rest[0]
            self.state = "over"
        elif template == FINISHED_RECEIVING:
            self.finished = True
        elif template != FINISHED_SENDING:
            raise ProtocolBroken(f"template {template} from a server")
