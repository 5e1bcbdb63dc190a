"""The client's end of the TCP recovery channel (PROTOCOLS 3.5), sans I/O: ranges and snapshots; and two shells."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

from wire.blocks import BlockError, Message, schema
from wire.framing import packets, sofh

FIXP: Final = schema("fixp")
MARKET_DATA: Final = schema("market_data")
MESSAGES_A_REQUEST_MAX: Final = 65_536
PACKET_BYTES_MAX: Final = 2048
_READ_BYTES: Final = 64 * 1024
_RETRY: Final = re.compile(r"\bretry_ns=(\d{1,18})\b")
_REJECT_SENTENCES: Final = {
    0: "the range was not published, or not yet",
    1: "the SessionId is not that of the feed",
    2: "the request asks for too many messages",
}


class RetransmitError(Exception):
    """The range did not come; the message is one sentence that says why."""


class RetransmitRejected(RetransmitError):
    """The server refused the request: `code` of RetransmitRejectCode, and its reason as text."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"The server refused: {_REJECT_SENTENCES.get(code, f'code {code}')}. {reason}".strip())
        self.code = code
        self.reason = reason
        found = _RETRY.search(reason)
        self.retry_ns = int(found.group(1)) if found else 0
        """How long the server asks us to wait before we ask again; 0: it does not say."""


class RangeReceiver:
    """One request and its answer. Give `request` to the server and what comes back to `receive`, until `done`.

    Every packet is checked to continue the range, so what comes out is the range, whole and in order.
    """

    def __init__(self, session_id: bytes, from_sequence: int, count: int, timestamp_ns: int) -> None:
        self.next_sequence = from_sequence
        self.end = from_sequence + count
        self._announced_end = from_sequence
        self._timestamp_ns = timestamp_ns
        self._frames = sofh.FrameReader(PACKET_BYTES_MAX)
        message = FIXP.encode(
            "RetransmitRequest", SessionId=session_id, Timestamp=timestamp_ns, FromSeqNo=from_sequence, Count=count
        )
        self.request: Final = sofh.framed(sofh.ENCODING_SBE_LITTLE_ENDIAN, message)

    @property
    def done(self) -> bool:
        """The whole range has come."""
        return self.next_sequence >= self.end

    def receive(self, octets: bytes) -> list[bytes]:
        """Packets that are whole now. Raises RetransmitError; the connection is of no more use then, save when
        it was RetransmitRejected."""
        if not octets:
            raise RetransmitError(f"The server closed the connection before message {self.next_sequence}.")
        whole = []
        try:
            for encoding, message in self._frames.feed(octets):
                if encoding == sofh.ENCODING_MARKET_DATA_PACKET:
                    whole.append(self._packet(message))
                elif encoding == sofh.ENCODING_SBE_LITTLE_ENDIAN:
                    self._session_message(message)
                else:
                    raise RetransmitError(f"The server sent a frame of unknown encoding {encoding:#06x}.")
        except (sofh.FrameError, BlockError, packets.PacketError) as error:
            raise RetransmitError(f"The server's answer cannot be read: {error}") from None
        return whole

    def _packet(self, packet: bytes) -> bytes:
        header = packets.parse_header(packet)
        after = header.sequence + header.message_count
        if header.sequence != self.next_sequence or after > self._announced_end or not header.message_count:
            raise RetransmitError(
                f"The server sent messages {header.sequence}..{after - 1} where {self.next_sequence} was due."
            )
        self.next_sequence = after
        return packet

    def _session_message(self, message: bytes) -> None:
        decoded = FIXP.decode(message)
        values = decoded.values
        match decoded.block.name:
            case "Retransmission":
                if values.NextSeqNo != self.next_sequence or values.RequestTimestamp != self._timestamp_ns:
                    raise RetransmitError("The server answered another request than ours.")
                self._announced_end = min(values.NextSeqNo + values.Count, self.end)
            case _:
                _refusal(decoded)


class SnapshotReceiver:
    """One SnapshotRequest and its answer: snapshot packets, the last of which has EndOfCycle.

    `security_id` 0: all instruments. `minimum_sequence`: the snapshot has to reflect this message or a later one. Of a
    snapshot of one instrument the end of the cycle, which says nothing of the others, is kept back.
    """

    def __init__(self, channel_id: int, security_id: int, minimum_sequence: int) -> None:
        self.done = False
        self._security_id = security_id
        self._frames = sofh.FrameReader(PACKET_BYTES_MAX)
        message = MARKET_DATA.encode(
            "SnapshotRequest",
            ChannelId=channel_id,
            InstrumentId=security_id,
            MinimumSequenceNumber=max(minimum_sequence, 0),
        )
        self.request: Final = sofh.framed(sofh.ENCODING_SBE_LITTLE_ENDIAN, message)

    def receive(self, octets: bytes) -> list[bytes]:
        """Packets that are whole now. Raises RetransmitError, as RangeReceiver does."""
        if not octets:
            raise RetransmitError("The server closed the connection before the snapshot was whole.")
        whole = []
        try:
            for encoding, message in self._frames.feed(octets):
                if encoding == sofh.ENCODING_MARKET_DATA_PACKET:
                    header = packets.parse_header(message)
                    if not header.flags & packets.FLAG_SNAPSHOT:
                        raise RetransmitError("The server sent a packet that is not of a snapshot.")
                    self.done = header.epoch == 0  # in the instrument's place: EndOfCycle
                    if not (self.done and self._security_id):
                        whole.append(message)
                elif encoding == sofh.ENCODING_SBE_LITTLE_ENDIAN:
                    _refusal(FIXP.decode(message))
                else:
                    raise RetransmitError(f"The server sent a frame of unknown encoding {encoding:#06x}.")
        except (sofh.FrameError, BlockError, packets.PacketError) as error:
            raise RetransmitError(f"The server's answer cannot be read: {error}") from None
        return whole


def _refusal(decoded: Message) -> None:
    """Raises RetransmitError if the message refuses a request or ends the session; others are heartbeats."""
    if decoded.block.name == "RetransmitReject":
        raise RetransmitRejected(decoded.values.Code, decoded.values.Reason.decode("utf-8", "replace"))
    if decoded.block.name == "Terminate":
        reason = decoded.values.Reason.decode("utf-8", "replace")
        raise RetransmitError(f"The server ended the session (code {decoded.values.Code}): {reason}")


def _requests(from_sequence: int, count: int) -> Iterator[tuple[int, int]]:
    """The range in pieces that the server takes."""
    end = from_sequence + count
    for start in range(from_sequence, end, MESSAGES_A_REQUEST_MAX):
        yield start, min(MESSAGES_A_REQUEST_MAX, end - start)


class RecoveryClient:
    """A blocking connection to the retransmit server. Use as a context manager. OSError where the network fails."""

    def __init__(self, ip: str, tcp_port: int, session_id: bytes, timeout_seconds: float = 5.0) -> None:
        self._session_id = session_id
        self._socket = socket.create_connection((ip, tcp_port), timeout_seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> RecoveryClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def fetch(self, from_sequence: int, count: int) -> Iterator[bytes]:
        """The packets of messages [from_sequence, from_sequence + count), as they come. Raises RetransmitError."""
        for start, size in _requests(from_sequence, count):
            receiver = RangeReceiver(self._session_id, start, size, time.time_ns())
            self._socket.sendall(receiver.request)
            while not receiver.done:
                yield from receiver.receive(self._socket.recv(_READ_BYTES))

    def snapshot(self, channel_id: int, security_id: int, minimum_sequence: int) -> Iterator[bytes]:
        """The packets of a snapshot (see SnapshotReceiver), as they come. Raises RetransmitError."""
        receiver = SnapshotReceiver(channel_id, security_id, minimum_sequence)
        self._socket.sendall(receiver.request)
        while not receiver.done:
            yield from receiver.receive(self._socket.recv(_READ_BYTES))


class AsyncRecoveryClient:
    """The same over asyncio: `client = await AsyncRecoveryClient.connect(...)`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session_id: bytes, timeout_seconds: float
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._session_id = session_id
        self._timeout_seconds = timeout_seconds

    @classmethod
    async def connect(
        cls, ip: str, tcp_port: int, session_id: bytes, timeout_seconds: float = 5.0
    ) -> AsyncRecoveryClient:
        """Connect. Raises OSError (TimeoutError is one)."""
        reader, writer = await asyncio.wait_for(asyncio.open_connection(ip, tcp_port), timeout_seconds)
        return cls(reader, writer, session_id, timeout_seconds)

    async def close(self) -> None:
        """Close the connection."""
        self._writer.transport.abort()

    async def fetch(self, from_sequence: int, count: int) -> AsyncIterator[bytes]:
        """The packets of messages [from_sequence, from_sequence + count), as they come. Raises RetransmitError."""
        for start, size in _requests(from_sequence, count):
            receiver = RangeReceiver(self._session_id, start, size, time.time_ns())
            self._writer.write(receiver.request)
            await self._writer.drain()
            while not receiver.done:
                octets = await asyncio.wait_for(self._reader.read(_READ_BYTES), self._timeout_seconds)
                for packet in receiver.receive(octets):
                    yield packet

    async def snapshot(self, channel_id: int, security_id: int, minimum_sequence: int) -> AsyncIterator[bytes]:
        """The packets of a snapshot (see SnapshotReceiver), as they come. Raises RetransmitError."""
        receiver = SnapshotReceiver(channel_id, security_id, minimum_sequence)
        self._writer.write(receiver.request)
        await self._writer.drain()
        while not receiver.done:
            octets = await asyncio.wait_for(self._reader.read(_READ_BYTES), self._timeout_seconds)
            for packet in receiver.receive(octets):
                yield packet
