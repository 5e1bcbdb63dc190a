"""Requests to datagrams to frames in a capture: FIXP numbering, addresses, and faults of the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from appliance.config import OrderEntry, demo_session_uuid
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from pcap.messages import CONTEXT_BYTES, REQUEST_BYTES_MAX, encode_context, encode_request
from pcap.requests import FAULT_DUPLICATE, FAULT_LATE, FAULT_LOST, FAULT_NAMES, FAULT_NONE, KIND_NAMES, Request
from wire.capture import PcapngWriter, PcapWriter
from wire.net.frames import Endpoint, build_udp_frame

VENUE = Endpoint.of("02:50:57:00:00:01", "198.18.0.1", OrderEntry().udp_port)
"""Where the datagrams of a capture go: the order-entry port, at an address set aside for tests (RFC 2544)."""
SESSION_UDP_PORT_BASE = 40_000
SESSION_NUMBER_MAX = 1024

JOIN_GAP_NS_MAX = 10_000
"""Requests further apart than this do not share a datagram."""
SPACING_NS = 100
"""Least time between two frames: room for copies and late datagrams beside the one that they follow."""
MESSAGES_PER_DATAGRAM_MAX = (DATAGRAM_PAYLOAD_BYTES_MAX - CONTEXT_BYTES) // REQUEST_BYTES_MAX

Write = Callable[..., None]


def session_endpoint(number: int) -> Endpoint:
    """Address of the client of session `number` (from 1) in a capture."""
    if not 1 <= number <= SESSION_NUMBER_MAX:
        raise ValueError(f"Session {number} is not in 1..{SESSION_NUMBER_MAX}.")
    high, low = divmod(number, 256)
    return Endpoint(
        bytes((2, 0x50, 0x57, 1, high, low)), bytes((198, 18, 1 + high, low)), SESSION_UDP_PORT_BASE + number
    )


@dataclass
class _Session:
    """The client's side of one session."""

    number: int
    uuid: bytes
    endpoint: Endpoint
    next_seq_no: int = 1
    late: list[bytes] = field(default_factory=list)  # frames that wait for the one after them


class DatagramWriter:
    """Writes requests, which must come in the order of time, as frames of a capture.

    `messages_per_datagram` above 1 joins requests of one session that follow each other within JOIN_GAP_NS_MAX; the
    datagram has the time of its last. Sessions in `vlan_ids` send their frames with that VLAN tag. `counts` tells what
    was written. Use as a context manager, or call `close`.
    """

    def __init__(
        self,
        capture: PcapWriter | PcapngWriter,
        *,
        messages_per_datagram: int = 1,
        vlan_ids: dict[int, int] | None = None,
    ) -> None:
        if not 1 <= messages_per_datagram <= MESSAGES_PER_DATAGRAM_MAX:
            raise ValueError(f"A datagram holds 1 to {MESSAGES_PER_DATAGRAM_MAX} messages.")
        self._write = capture.write
        self._messages_per_datagram = messages_per_datagram
        self._vlan_ids = vlan_ids or {}
        self._sessions: dict[int, _Session] = {}
        self._open: list[Request] = []
        self._last_ns = -SPACING_NS
        self._first_ns = -1
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> DatagramWriter:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self.close()

    def add(self, request: Request) -> None:
        """Take one request."""
        waiting = self._open
        if waiting:
            last = waiting[-1]
            joins = (
                len(waiting) < self._messages_per_datagram
                and request.session == last.session
                and request.fault == last.fault == FAULT_NONE
                and request.time_ns - last.time_ns <= JOIN_GAP_NS_MAX
            )
            if not joins:
                self._send()
        self._open.append(request)
        if self._messages_per_datagram == 1:
            self._send()

    def add_all(self, requests: Iterable[Request]) -> None:
        """Take all requests of an iterable."""
        for request in requests:
            self.add(request)

    def add_frame(self, frame: bytes, comment: str = "") -> None:
        """Put a frame that is no datagram of a session right after what was written last."""
        self._send()
        self._put(self._last_ns, frame, comment)
        self.counts["other_frames"] += 1

    def close(self) -> None:
        """Write what is open. A late datagram without a later one of its session is left out, as lost."""
        self._send()
        for session in self._sessions.values():
            if session.late:
                self.counts["late"] -= len(session.late)
                self.counts["lost"] += len(session.late)
                session.late.clear()

    @property
    def span_ns(self) -> tuple[int, int]:
        """Times of the first and last frame."""
        return self._first_ns, self._last_ns

    def _put(self, time_ns: int, frame: bytes, comment: str) -> None:
        at_ns = max(time_ns, self._last_ns + SPACING_NS)
        self._write(at_ns, frame, comment=comment)
        if not self.counts["packets"]:
            self._first_ns = at_ns
        self._last_ns = at_ns
        self.counts["packets"] += 1

    def _send(self) -> None:
        requests, self._open = self._open, []
        if not requests:
            return
        last = requests[-1]
        session = self._session(last.session)
        payload = b"".join(
            (
                encode_context(session.uuid, session.next_seq_no),
                *(encode_request(request, session.number) for request in requests),
            )
        )
        session.next_seq_no += len(requests)
        frame = build_udp_frame(payload, session.endpoint, VENUE, vlan_tci=self._vlan_ids.get(session.number))
        self._count(requests)
        if last.fault == FAULT_LOST:
            return
        if last.fault == FAULT_LATE:
            session.late.append(frame)
            return
        comment = "\n".join(request.comment for request in requests if request.comment)
        self._put(last.time_ns, frame, comment)
        if last.fault == FAULT_DUPLICATE:
            self._put(last.time_ns, frame, comment)
        for late in session.late:
            self._put(last.time_ns, late, "late")
        session.late.clear()

    def _session(self, number: int) -> _Session:
        session = self._sessions.get(number)
        if session is None:
            session = _Session(number, demo_session_uuid(number).bytes, session_endpoint(number))
            self._sessions[number] = session
        return session

    def _count(self, requests: list[Request]) -> None:
        self.counts["messages"] += len(requests)
        for request in requests:
            self.counts[KIND_NAMES[request.kind]] += 1
            if request.fault:
                self.counts[FAULT_NAMES[request.fault]] += 1
