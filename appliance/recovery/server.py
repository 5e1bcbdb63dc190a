"""The TCP retransmit server: one asyncio task a connection, every resource of it bounded.

SOFH frames with FIXP messages (PROTOCOLS 3.5): RetransmitRequest is answered by Retransmission and the packets that
hold the messages, in batches, or by RetransmitReject. One request at a time: a second one while the first is being
answered ends the connection with Terminate(ReRequestInProgress). A client that sends anything else, reads too slowly
or stays silent too long is closed; each close is one log line and one counter.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from appliance.recovery.store import FeedStore, StoreError
from wire.blocks import BlockError, schema
from wire.framing import sofh

FIXP: Final = schema("fixp")
log = logging.getLogger("pitwire.recovery")


class RejectCode(IntEnum):
    """RetransmitRejectCode of FIXP."""

    OUT_OF_RANGE = 0
    INVALID_SESSION = 1
    REQUEST_LIMIT_EXCEEDED = 2


class TerminationCode(IntEnum):
    """TerminationCode of FIXP."""

    FINISHED = 0
    UNSPECIFIED_ERROR = 1
    RE_REQUEST_OUT_OF_BOUNDS = 2
    RE_REQUEST_IN_PROGRESS = 3


@dataclass(frozen=True)
class ServerLimits:
    """What one client, and all of them together, may use."""

    messages_a_request_max: int = 65_536
    connections_max: int = 64
    idle_seconds_max: float = 60.0
    """Longest silence of a client, and longest time that a frame may take to arrive."""
    stall_seconds_max: float = 5.0
    """Longest time that a client may leave a full write buffer unread."""
    write_buffer_bytes_max: int = 256 * 1024
    request_bytes_max: int = 512
    batch_bytes: int = 32 * 1024
    """A Retransmission is followed by about so many bytes of packets, then by the next one."""


class _Closed(Exception):
    """A connection has to end: the counter that says why, the sentence, and the Terminate code, if one is sent."""

    def __init__(self, counter: str, sentence: str, code: TerminationCode | None = None) -> None:
        super().__init__(sentence)
        self.counter = counter
        self.code = code


@dataclass
class RecoveryServer:
    """Serves ranges of `store`. `start` binds, `stop` ends every connection at once."""

    store: FeedStore
    limits: ServerLimits = ServerLimits()
    counters: Counter[str] = field(default_factory=Counter)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _listener: asyncio.Server | None = None

    async def start(self, ip: str, tcp_port: int) -> tuple[str, int]:
        """Listen on `ip`:`tcp_port` (0: any free port); returns where. Raises OSError."""
        self._listener = await asyncio.start_server(self._accept, ip, tcp_port, backlog=self.limits.connections_max)
        address = self._listener.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    async def stop(self) -> None:
        """Close the listener and abort every connection."""
        if self._listener is not None:
            self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = "{}:{}".format(*writer.get_extra_info("peername")[:2])
        if len(self._tasks) >= self.limits.connections_max:
            self.counters["closed_too_many_connections"] += 1
            log.warning("%s: refused: %d connections are open, the limit.", peer, len(self._tasks))
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.counters["connections"] += 1
        try:
            await _Connection(self, reader, writer, peer).serve()
        except asyncio.CancelledError:
            pass  # stop() ends us; asyncio's stream callback wants no exception
        finally:
            if not writer.transport.is_closing():
                writer.transport.abort()
            self._tasks.discard(task)

    def note_end(self, peer: str, end: _Closed) -> None:
        """Count and log why a connection ends."""
        self.counters[end.counter] += 1
        log.log(logging.DEBUG if end.counter == "closed_by_client" else logging.WARNING, "%s: closed: %s", peer, end)


class _Connection:
    def __init__(
        self, server: RecoveryServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str
    ) -> None:
        self.server = server
        self.peer = peer
        self.store = server.store
        self.limits = server.limits
        self.reader = reader
        self.writer = writer
        self.answer: asyncio.Task[None] | None = None
        writer.transport.set_write_buffer_limits(high=server.limits.write_buffer_bytes_max)
        # the kernel's own buffer would grow to megabytes for a client that does not read
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, server.limits.write_buffer_bytes_max
        )

    async def serve(self) -> None:
        """Read requests until the connection has to end."""
        try:
            while True:
                self._take(await self._next_message())
        except _Closed as end:
            self.server.note_end(self.peer, end)
            if end.code is not None:
                await self._terminate(end.code, str(end))
        except OSError as error:
            broken = f"the connection broke: {error.strerror or error}."
            self.server.note_end(self.peer, _Closed("closed_by_client", broken))
        finally:
            if self.answer is not None:
                self.answer.cancel()
                await asyncio.gather(self.answer, return_exceptions=True)

    async def _next_message(self) -> bytes:
        """The next SBE message; an answer that fails meanwhile ends the connection as well."""
        try:
            header = await self._read(sofh.HEADER_BYTES, partial=False)
            size, encoding = sofh.parse_header(header, self.limits.request_bytes_max)
        except sofh.FrameError as error:
            raise _Closed("closed_garbage", str(error)) from None
        if encoding != sofh.ENCODING_SBE_LITTLE_ENDIAN:
            raise _Closed("closed_garbage", f"A frame has encoding {encoding:#06x}, not SBE.")
        return await self._read(size, partial=True)

    async def _read(self, size: int, *, partial: bool) -> bytes:
        """`size` bytes. Silence is measured; while an answer is on its way it is no offence."""
        reading = asyncio.ensure_future(self.reader.readexactly(size))
        try:
            while True:
                waits: set[asyncio.Future[Any]] = {reading}
                if self.answer is not None:
                    waits.add(self.answer)
                done, _ = await asyncio.wait(
                    waits, timeout=self.limits.idle_seconds_max, return_when=asyncio.FIRST_COMPLETED
                )
                if self.answer is not None and self.answer.done():
                    answer, self.answer = self.answer, None
                    answer.result()
                if reading in done:
                    return reading.result()
                if not done and (partial or self.answer is None):
                    what = "a frame was not completed" if partial else "nothing was asked"
                    raise _Closed("closed_idle", f"{what} within {self.limits.idle_seconds_max:g} s.")
        except asyncio.IncompleteReadError as error:
            if partial or error.partial:
                raise _Closed("closed_garbage", "the client closed in the middle of a frame.") from None
            raise _Closed("closed_by_client", "the client closed.") from None
        finally:
            reading.cancel()

    def _take(self, message: bytes) -> None:
        try:
            decoded = FIXP.decode(message)
        except BlockError as error:
            raise _Closed("closed_garbage", str(error), TerminationCode.UNSPECIFIED_ERROR) from None
        name = decoded.block.name
        if name == "RetransmitRequest":
            if None in decoded.values:
                raise _Closed("closed_garbage", "A RetransmitRequest lacks fields.", TerminationCode.UNSPECIFIED_ERROR)
            if self.answer is not None:
                raise _Closed(
                    "closed_request_in_progress",
                    "a second request came while the first was being answered.",
                    TerminationCode.RE_REQUEST_IN_PROGRESS,
                )
            self.server.counters["requests"] += 1
            self.answer = asyncio.ensure_future(self._answer(decoded.values))
        elif name == "Terminate":
            raise _Closed("closed_by_client", "the client terminated.", TerminationCode.FINISHED)
        elif name not in ("Sequence", "UnsequencedHeartbeat"):
            raise _Closed("closed_garbage", f"{name} has no place here.", TerminationCode.UNSPECIFIED_ERROR)

    async def _answer(self, request: Any) -> None:
        try:
            refusal = self._refusal(request)
            if refusal is not None:
                code, reason = refusal
                self.server.counters["rejects"] += 1
                await self._send(
                    "RetransmitReject",
                    SessionId=request.SessionId,
                    RequestTimestamp=request.Timestamp,
                    Code=code,
                    Reason=reason.encode(),
                )
                return
            for first, messages, packets in self._batches(request.FromSeqNo, request.Count):
                await self._send(
                    "Retransmission",
                    packets,
                    SessionId=request.SessionId,
                    RequestTimestamp=request.Timestamp,
                    NextSeqNo=first,
                    Count=messages,
                )
                self.server.counters["messages"] += messages
                await asyncio.sleep(0)  # others get their turn between two batches
        except StoreError as error:
            raise _Closed("closed_store_damaged", str(error), TerminationCode.UNSPECIFIED_ERROR) from None

    def _refusal(self, request: Any) -> tuple[RejectCode, str] | None:
        if request.SessionId != self.store.topic_session_id:
            return RejectCode.INVALID_SESSION, "SessionId is not that of the feed's Topic."
        if request.Count > self.limits.messages_a_request_max:
            return RejectCode.REQUEST_LIMIT_EXCEEDED, f"Count is above {self.limits.messages_a_request_max}."
        self.store.poll()
        if not self.store.holds(request.FromSeqNo, request.Count):
            held = f"Published: {self.store.first_sequence}..{self.store.next_sequence - 1}."
            return RejectCode.OUT_OF_RANGE, held if self.store.next_sequence else "Nothing was published yet."
        return None

    def _batches(self, from_sequence: int, count: int) -> Iterator[tuple[int, int, list[bytes]]]:
        """(first message, messages, packets) of each batch."""
        packets: list[bytes] = []
        batch_first, messages, batch_bytes = from_sequence, 0, 0
        for message_count, packet in self.store.packets_of(from_sequence, count):
            packets.append(packet)
            messages += message_count
            batch_bytes += len(packet)
            if batch_bytes >= self.limits.batch_bytes:
                yield batch_first, messages, packets
                batch_first, messages, batch_bytes, packets = batch_first + messages, 0, 0, []
        if packets:
            yield batch_first, messages, packets

    async def _send(self, name: str, packets: list[bytes] | None = None, **values: Any) -> None:
        """Write one FIXP message and the packets that belong to it; wait while the client's buffer is full."""
        parts = [sofh.framed(sofh.ENCODING_SBE_LITTLE_ENDIAN, FIXP.encode(name, **values))]
        parts += (sofh.framed(sofh.ENCODING_MARKET_DATA_PACKET, packet) for packet in packets or ())
        octets = b"".join(parts)
        self.server.counters["bytes_out"] += len(octets)
        self.writer.write(octets)
        try:
            async with asyncio.timeout(self.limits.stall_seconds_max):
                await self.writer.drain()
        except TimeoutError:
            raise _Closed(
                "closed_slow_reader", f"the client read nothing for {self.limits.stall_seconds_max:g} s."
            ) from None

    async def _terminate(self, code: TerminationCode, reason: str) -> None:
        """Say why, as the last frame, and let it leave; no answer is cut in the middle of a frame."""
        if self.answer is not None:
            self.answer.cancel()
        message = FIXP.encode("Terminate", SessionId=self.store.topic_session_id, Code=code, Reason=reason.encode())
        self.writer.write(sofh.framed(sofh.ENCODING_SBE_LITTLE_ENDIAN, message))
        self.writer.close()
        try:
            async with asyncio.timeout(self.limits.stall_seconds_max):
                await self.writer.wait_closed()
        except TimeoutError:
            self.writer.transport.abort()
