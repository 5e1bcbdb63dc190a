"""The client's end of the TCP recovery channel (PROTOCOLS 3.5), sans I/O: log-on, ranges, snapshots; and two shells."""

from __future__ import annotations

import asyncio
import re
import socket
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, NamedTuple

from wire import credentials
from wire.blocks import BlockError, Message, schema
from wire.framing import packets, sofh

FIXP: Final = schema("fixp")
MARKET_DATA: Final = schema("market_data")
MESSAGES_A_REQUEST_MAX: Final = 65_536
PACKET_BYTES_MAX: Final = 2048
_READ_BYTES: Final = 64 * 1024
_FLOW_UNSEQUENCED: Final = 2
_RETRY: Final = re.compile(r"\bretry_ns=(\d{1,18})\b")
_REJECT_SENTENCES: Final = {
    0: "the range was not published, or not yet",
    1: "the SessionId is not that of the feed",
    2: "that is more than it gives",
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


class Key(NamedTuple):
    """What a client logs on with, where the server wants it (`recovery.keys_file`)."""

    key_id: str
    secret: bytes

    def __repr__(self) -> str:  # a secret has no place in a log
        return f"Key({self.key_id})"


class LogOn:
    """Negotiate and Establish. Send `request`, give `receive` what comes back, send what it returns, until `done`."""

    def __init__(self, key: Key, session_id: bytes, timestamp_ns: int, keepalive_ms: int = 60_000) -> None:
        """`session_id`: 16 bytes, anew for each connection. Raises CredentialsError for a key id that cannot be."""
        self.done = False
        self._key = key
        self._session_id = session_id
        self._given = credentials.Credentials(key.key_id)
        self._timestamp_ns = timestamp_ns
        self._keepalive_ms = keepalive_ms
        self._negotiated = False
        self._frames = sofh.FrameReader(PACKET_BYTES_MAX)
        text = credentials.negotiate_text(session_id, timestamp_ns, _FLOW_UNSEQUENCED, self._given)
        self.request: Final = self._signed("Negotiate", text, ClientFlow=_FLOW_UNSEQUENCED)

    def _signed(self, name: str, text: bytes, **values: object) -> bytes:
        octets = credentials.pack(self._given._replace(mac=credentials.mac(self._key.secret, text)))
        facts = {"SessionId": self._session_id, "Timestamp": self._timestamp_ns, "Credentials": octets}
        return sofh.framed(sofh.ENCODING_SBE_LITTLE_ENDIAN, FIXP.encode(name, **facts, **values))

    def receive(self, octets: bytes) -> bytes:
        """What has to be sent now, or nothing. Raises RetransmitError where the server says no."""
        if not octets:
            raise RetransmitError("The server closed the connection at the log-on.")
        reply = b""
        try:
            for encoding, message in self._frames.feed(octets):
                if encoding == sofh.ENCODING_SBE_LITTLE_ENDIAN:
                    reply += self._take(FIXP.decode(message))
        except (sofh.FrameError, BlockError, credentials.CredentialsError) as error:
            raise RetransmitError(f"The server's answer to the log-on cannot be read: {error}") from None
        return reply

    def _take(self, decoded: Message) -> bytes:
        name = decoded.block.name
        if name == "NegotiationResponse" and not self._negotiated:
            self._judge_proof(decoded.values)
            self._negotiated = True
            self._timestamp_ns += 1  # each message of a key is later than the one before
            text = credentials.establish_text(
                self._session_id, self._timestamp_ns, self._keepalive_ms, None, self._given
            )
            return self._signed("Establish", text, KeepaliveInterval=self._keepalive_ms, NextSeqNo=None)
        if name == "EstablishmentAck" and self._negotiated:
            self.done = True
        elif name in ("NegotiationReject", "EstablishmentReject"):
            raise RetransmitError(f"The server refused the log-on with key {self._key.key_id}.")
        else:
            _refusal(decoded)
        return b""

    def _judge_proof(self, values: Any) -> None:
        """The server has to know the secret too. One that wants no keys shows nothing."""
        if not values.Credentials:
            return
        key_id = self._key.key_id
        text = credentials.response_text(self._session_id, self._timestamp_ns, values.ServerFlow, key_id)
        if not credentials.is_right(self._key.secret, text, credentials.unpack(values.Credentials).mac):
            raise RetransmitError(f"The server does not know the secret of key {self._key.key_id}.")


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

    def __init__(
        self, ip: str, tcp_port: int, session_id: bytes, timeout_seconds: float = 5.0, key: Key | None = None
    ) -> None:
        """`key`: to log on with. Raises RetransmitError where that is refused."""
        self._session_id = session_id
        self._socket = socket.create_connection((ip, tcp_port), timeout_seconds)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if key is not None:
                log_on = LogOn(key, uuid.uuid4().bytes, time.time_ns())
                self._socket.sendall(log_on.request)
                while not log_on.done:
                    self._socket.sendall(log_on.receive(self._socket.recv(_READ_BYTES)))
        except BaseException:
            self._socket.close()
            raise

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
        cls, ip: str, tcp_port: int, session_id: bytes, timeout_seconds: float = 5.0, key: Key | None = None
    ) -> AsyncRecoveryClient:
        """Connect, and log on where there is a key. Raises OSError (TimeoutError is one), RetransmitError."""
        reader, writer = await asyncio.wait_for(asyncio.open_connection(ip, tcp_port), timeout_seconds)
        try:
            if key is not None:
                log_on = LogOn(key, uuid.uuid4().bytes, time.time_ns())
                writer.write(log_on.request)
                while not log_on.done:
                    octets = await asyncio.wait_for(reader.read(_READ_BYTES), timeout_seconds)
                    writer.write(log_on.receive(octets))
        except BaseException:
            writer.transport.abort()
            raise
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
