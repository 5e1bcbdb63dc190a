"""A venue on loopback that clients log on to, by UDP or TCP: FIXP's server in one page, without a book, for tests.

Requests are answered by rule (`tests.naive.answering_venue`). It keeps every report, so that they can be asked for
again, and can leave out some of what it sends: `silent_about` numbers of reports are not sent the first time.
"""

from __future__ import annotations

import hashlib
import hmac
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.naive.answering_venue import FIXP, ORDER_ENTRY, Rule, acknowledge

KEY_ID, SECRET = "desk-1", b"s" * 32
KEEPALIVE_MS = 200


class FixpVenue:
    """Sessions by id, for ever; one transport each, the newest."""

    def __init__(self, rule: Rule = acknowledge, silent_about: frozenset[int] = frozenset()) -> None:
        self.rule = rule
        self.silent_about = silent_about
        self.expected: dict[bytes, int] = {}
        self.reports: dict[bytes, list[bytes]] = {}
        self.heard: list[tuple[str, Any]] = []
        """Every message by name, in order."""
        self.applied: list[int] = []
        """ClOrdIDs."""
        self.refuses_to_establish = 0
        self._lock = threading.Lock()
        self.deaf_to = 0
        """So many datagrams are not heard."""

    def take(self, octets: bytes) -> list[bytes]:
        """The datagrams that answer one."""
        with self._lock:
            return self._take(octets)

    def _take(self, octets: bytes) -> list[bytes]:
        if self.deaf_to:
            self.deaf_to -= 1
            return []
        block, values, at = FIXP.decode(octets)
        self.heard.append((block.name, values))
        own = {"SessionId": values.SessionId}
        stamp = own | {"RequestTimestamp": getattr(values, "Timestamp", 0)}
        sent = self.reports.setdefault(values.SessionId, [])
        match block.name:
            case "Negotiate":
                if not self._is_right(f"Negotiate\n{values.Timestamp}\n{values.SessionId.hex()}\n1", values):
                    return [FIXP.encode("NegotiationReject", **stamp, Code=0)]
                self.expected.setdefault(values.SessionId, 1)
                text = f"NegotiationResponse\n{values.Timestamp}\n{values.SessionId.hex()}\n0\n{KEY_ID}"
                proof = b"\1" + bytes(7) + KEY_ID.encode().ljust(20, b"\0") + _mac(text)
                return [FIXP.encode("NegotiationResponse", **stamp, ServerFlow=0, Credentials=proof)]
            case "Establish":
                terms = f"{values.KeepaliveInterval}\n{values.NextSeqNo}"
                if values.SessionId not in self.expected:
                    return [FIXP.encode("EstablishmentReject", **stamp, Code=0)]
                if self.refuses_to_establish or not self._is_right(
                    f"Establish\n{values.Timestamp}\n{values.SessionId.hex()}\n{terms}", values
                ):
                    return [FIXP.encode("EstablishmentReject", **stamp, Code=self.refuses_to_establish or 4)]
                number = len(sent) + 1
                return [FIXP.encode("EstablishmentAck", **stamp, KeepaliveInterval=KEEPALIVE_MS, NextSeqNo=number)]
            case "Terminate":
                return [FIXP.encode("Terminate", **own, Code=0)]
            case "FinishedSending":
                last = FIXP.encode("FinishedSending", **own, LastSeqNo=len(sent))
                return [FIXP.encode("FinishedReceiving", **own), last]
            case "RetransmitRequest":
                first, count = values.FromSeqNo, values.Count
                again = sent[first - 1 : first - 1 + count]
                facts = {"NextSeqNo": first, "Count": len(again)}
                return [FIXP.encode("Retransmission", **stamp, **facts) + b"".join(again)]
            case "Context":
                return self._requests(values.SessionId, values.NextSeqNo, octets[at:]) if at < len(octets) else []
        return []

    def _requests(self, session_id: bytes, number: int, octets: bytes) -> list[bytes]:
        sent, out, at = self.reports[session_id], [], 0
        while at < len(octets):
            block, values, at = ORDER_ENTRY.decode(octets, at)
            if number >= self.expected.setdefault(session_id, 1):
                self.expected[session_id] = number + 1
                if block.name in ("WatermarkRequest", "OrderStatusRequest"):
                    answers = [self._status(block.name, values)]
                else:
                    self.applied.append(values.ClOrdID)
                    answers = self.rule(block.name, values, number)
                for report in answers:
                    sent.append(report)
                    if len(sent) not in self.silent_about:
                        out.append(FIXP.encode("Context", SessionId=session_id, NextSeqNo=len(sent)) + report)
            number += 1
        return out

    def _status(self, name: str, values: Any) -> bytes:
        """Every order is open that was ever taken."""
        query = {"OrdStatusReqID": values.OrdStatusReqID}
        if name == "WatermarkRequest":
            return ORDER_ENTRY.encode("WatermarkReport", **query, ClOrdID=max(self.applied, default=0))
        if values.ClOrdID not in self.applied:
            return ORDER_ENTRY.encode("OrderStatusReport", **query, ClOrdID=values.ClOrdID, OrdStatus=56)
        facts = {
            "SecurityID": 7,
            "Side": 1,
            "OrderQty": 5,
            "LeavesQty": 3,
            "CumQty": 2,
            "Price": 10**10,
            "OrdStatus": 49,
        }
        return ORDER_ENTRY.encode("OrderStatusReport", **query, ClOrdID=values.ClOrdID, OrderID=1, **facts)

    def _is_right(self, begin: str, values: Any) -> bool:
        version, flags, cod, _, window, key, mac = struct.unpack("<BBBBI20s32s", values.Credentials)
        text = f"{begin}\n{key.rstrip(bytes(1)).decode()}\n{flags}\n{cod}\n{window}"
        return version == 1 and hmac.compare_digest(_mac(text), mac)

    def heartbeats(self) -> list[tuple[bytes, bytes]]:
        """(session, empty Context) of each."""
        return [
            (session, FIXP.encode("Context", SessionId=session, NextSeqNo=len(sent) + 1))
            for session, sent in self.reports.items()
        ]


def _mac(text: str) -> bytes:
    return hmac.new(SECRET, text.encode(), hashlib.sha256).digest()


def _run(venue: FixpVenue, ended: threading.Event, listener: socket.socket, tcp: bool) -> None:
    peers: dict[bytes, Any] = {}
    streams: dict[socket.socket, bytearray] = {}

    def send(peer: Any, octets: bytes) -> None:
        if not tcp:
            listener.sendto(octets, peer)
            return
        block, values, at = FIXP.decode(octets)
        if block.name == "Context":
            octets = FIXP.encode("Sequence", NextSeqNo=values.NextSeqNo) + octets[at:]
        with suppress(OSError):
            peer.sendall(struct.pack(">IH", 6 + len(octets), 0xEB50) + octets)

    def take(peer: Any, octets: bytes) -> None:
        session_id = octets[8:24]
        peers[session_id] = peer
        for answer in venue.take(octets):
            send(peer, answer)

    while not ended.is_set():
        ready, _, _ = select.select([listener, *streams], [], [], KEEPALIVE_MS / 2000)
        for one in ready:
            if not tcp:
                octets, peer = listener.recvfrom(4096)
                take(peer, octets)
            elif one is listener:
                streams[listener.accept()[0]] = bytearray()
            else:
                _read_stream(one, streams, peers, take)
        if not ready:
            for session_id, heartbeat in venue.heartbeats():
                if session_id in peers:
                    send(peers[session_id], heartbeat)
    for one in streams:
        one.close()


def _read_stream(
    one: socket.socket, streams: dict[socket.socket, bytearray], peers: dict[bytes, Any], take: Any
) -> None:
    octets = b""
    with suppress(ConnectionError):
        octets = one.recv(65_536)
    if not octets:
        del streams[one]
        one.close()
        return
    pending = streams[one]
    pending += octets
    while len(pending) >= 6 and len(pending) >= (size := int.from_bytes(pending[:4], "big")):
        message = bytes(pending[6:size])
        del pending[:size]
        if message[4:6] == struct.pack("<H", FIXP.schema_id) and message[2] != 8:
            if message[2] == FIXP["Establish"].template_id:
                _numbers[one] = FIXP.decode(message).values.NextSeqNo - 1
            take(one, message)
        elif message[2] != 8:  # an order: its number is implied
            session_id = next(session for session, peer in peers.items() if peer is one)
            number = _numbers.setdefault(one, 0) + 1
            _numbers[one] = number
            take(one, FIXP.encode("Context", SessionId=session_id, NextSeqNo=number) + message)


_numbers: dict[socket.socket, int] = {}


@contextmanager
def fixp_venue(venue: FixpVenue | None = None, *, tcp: bool = False) -> Iterator[tuple[FixpVenue, tuple[str, int]]]:
    """The venue, and where it listens, until the block ends."""
    served = venue or FixpVenue()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))
    if tcp:
        listener.listen()
    ended = threading.Event()
    thread = threading.Thread(target=_run, args=(served, ended, listener, tcp))
    thread.start()
    try:
        yield served, listener.getsockname()[:2]
    finally:
        ended.set()
        thread.join()
        listener.close()
