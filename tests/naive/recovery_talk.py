"""A plain client of the recovery server, for tests: one blocking socket, any bytes, from any loopback address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

from tests.naive.feed_writer import TOPIC_SESSION_ID
from wire.blocks import schema
from wire.framing import packets, sofh

FIXP = schema("fixp")
MARKET_DATA = schema("market_data")
SBE = sofh.ENCODING_SBE_LITTLE_ENDIAN


def range_request(first: int, count: int, session_id: bytes = TOPIC_SESSION_ID, timestamp: int = 5) -> bytes:
    message = FIXP.encode("RetransmitRequest", SessionId=session_id, Timestamp=timestamp, FromSeqNo=first, Count=count)
    return sofh.framed(SBE, message)


def snapshot_request(channel_id: int, instrument_id: int = 0, minimum: int = 0) -> bytes:
    message = MARKET_DATA.encode(
        "SnapshotRequest", ChannelId=channel_id, InstrumentId=instrument_id, MinimumSequenceNumber=minimum
    )
    return sofh.framed(SBE, message)


class Talk:
    """A connection. `frames` gives what comes, one frame after the other, until the server closes."""

    def __init__(self, ip: str, port: int, *, source_ip: str = "127.0.0.1", timeout_seconds: float = 20) -> None:
        self.socket = socket.create_connection((ip, port), timeout_seconds, source_address=(source_ip, 0))
        self._reader = sofh.FrameReader(1 << 20)
        self._frames: list[tuple[int, bytes]] = []

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def frames(self) -> Iterator[tuple[int, bytes]]:
        while True:
            while self._frames:
                yield self._frames.pop(0)
            try:
                octets = self.socket.recv(1 << 16)
            except ConnectionResetError:
                return
            if not octets:
                return
            self._frames += self._reader.feed(octets)

    def session_message(self) -> Any:
        """The next FIXP message; market data before it is passed over."""
        return next(FIXP.decode(message) for encoding, message in self.frames() if encoding == SBE)

    def range(self, first: int, count: int) -> list[bytes]:
        """The packets of a range, or AssertionError with what came instead."""
        self.say(range_request(first, count))
        found: list[bytes] = []
        left = count
        for encoding, octets in self.frames():
            if encoding == sofh.ENCODING_MARKET_DATA_PACKET:
                found.append(octets)
                left -= packets.parse_header(octets).message_count
                if left == 0:
                    return found
            else:
                name = FIXP.decode(octets).block.name
                assert name == "Retransmission", FIXP.decode(octets)
        raise AssertionError(f"closed with {left} messages missing")

    def snapshot(self, channel_id: int, instrument_id: int = 0, minimum: int = 0) -> list[bytes]:
        """The packets of a snapshot, up to that with EndOfCycle; one RetransmitReject ends the list too."""
        self.say(snapshot_request(channel_id, instrument_id, minimum))
        found = []
        for encoding, octets in self.frames():
            found.append(octets)
            if encoding == SBE or messages_of(octets)[-1][0] == "EndOfCycle":
                return found
        raise AssertionError("closed within a snapshot")


def messages_of(packet: bytes) -> list[tuple[str, Any]]:
    """(name, values) of every message of a market data packet."""
    header = packets.parse_header(packet)
    decoded = [MARKET_DATA.decode(packet, start, end) for start, end in packets.frames(packet, header.message_count)]
    return [(message.block.name, message.values) for message in decoded]
