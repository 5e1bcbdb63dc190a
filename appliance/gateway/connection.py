"""One TCP connection: messages in and out of frames, and every resource of it bounded.

What is common to order entry and drop copy. A client that frames badly, is silent in the middle of a frame, does not
log on in time or does not read is closed; each close is one log line and one counter. Who has not logged on is told
nothing.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from appliance.gateway.verify import FIXP
from native.gateway_layout import (
    GATEWAY_REASON_CLIENT_CLOSED,
    GATEWAY_REASON_IDLE,
    GATEWAY_REASON_NONE,
    GATEWAY_REASON_PROTOCOL,
    GATEWAY_REASON_SLOW,
)
from wire.framing.sofh import FrameError
from wire.framing.stream import STREAM_FRAMINGS, StreamReader
from wire.framing.venues import framed

MESSAGE_BYTES_MAX: Final = 1024
"""Longest message that a client has to send here."""
HANDSHAKES_MAX: Final = 32
"""Of one connection: each good one of order entry is a record of the log."""
RECEIVE_BUFFER_BYTES: Final = 128 * 1024
"""Of the kernel, for a connection: what may wait while the core does not take it."""
TERMINATE_UNSPECIFIED: Final = 1

log = logging.getLogger("pitwire.gateway")


@dataclass(frozen=True)
class TcpLimits:
    """What one client, and all of them together, may use."""

    connections_max: int = 256
    connections_a_source_max: int = 16
    logon_seconds_max: float = 5.0
    """Longest time to a log-on, and longest time that a frame may take to arrive."""
    stall_seconds_max: float = 2.0
    """Longest time that a client may leave a full write buffer unread."""
    write_buffer_bytes_max: int = 1 << 20
    framing: str = "sofh"


class Connection(asyncio.Protocol):
    """Base of both kinds. The server calls `look` some ten times a second."""

    def __init__(self, number: int, limits: TcpLimits, counters: Counter[str], clock: Any) -> None:
        self.number: Final = number
        """Never used again, by any connection."""
        self.limits: Final = limits
        self.counters: Final = counters
        self.peer = "?"
        self.source_ip = 0
        self.transport: Any = None
        self.is_over = False
        self.is_paused = False
        """It is not read for a while, and nothing of it can be late."""
        self.why = GATEWAY_REASON_NONE
        self._handshakes = 0
        self._clock: Final = clock
        self._framing: Final = STREAM_FRAMINGS[limits.framing]
        self._reader: Final = StreamReader(self._framing, MESSAGE_BYTES_MAX)
        self._logon_due: float = clock() + limits.logon_seconds_max
        self._frame_due = math.inf
        self._stall_due = math.inf
        self._gone_due = math.inf

    # --- for the kinds ---------------------------------------------------------------------------------------------

    def take(self, message: bytes) -> None:
        """One message of the client."""
        raise NotImplementedError

    def taken_all(self) -> None:
        """Everything that came at once was taken."""

    def ended(self) -> None:
        """The connection is gone."""

    @property
    def is_logged_on(self) -> bool:
        """Whether the client may be told why it is closed."""
        raise NotImplementedError

    def logged_on(self) -> None:
        """The client has shown who it is, in time."""
        self._logon_due = math.inf

    def may_log_on(self) -> bool:
        """Count a handshake. False: it is one too many, and the connection has ended."""
        self._handshakes += 1
        if self._handshakes > HANDSHAKES_MAX:
            self.refuse("it logs on again and again.")
        return not self.is_over

    def session_id(self) -> bytes:
        """Of the session that is established."""
        raise NotImplementedError

    # --- asyncio ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        name = transport.get_extra_info("peername")
        self.peer = f"{name[0]}:{name[1]}"
        self.source_ip = int.from_bytes(socket.inet_aton(name[0]), "big")
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # the kernel's own buffer would grow to megabytes for a client that does not read
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.limits.write_buffer_bytes_max // 4)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        transport.set_write_buffer_limits(high=self.limits.write_buffer_bytes_max // 2)
        self.counters["connections"] += 1

    def data_received(self, data: bytes) -> None:
        if self.is_over:
            return
        try:
            messages = self._reader.feed(data)
        except FrameError as error:
            self.close("closed_garbage", str(error), GATEWAY_REASON_PROTOCOL)
            return
        if not self._reader.is_in_a_frame:
            self._frame_due = math.inf
        else:
            if messages or self._frame_due == math.inf:
                self.counters["split_messages"] += 1
                self._frame_due = self._clock() + self.limits.logon_seconds_max
        for message in messages:
            if not self.is_over:
                self.take(message)
        if not self.is_over:
            self.taken_all()

    def pause_writing(self) -> None:
        self._stall_due = self._clock() + self.limits.stall_seconds_max

    def resume_writing(self) -> None:
        self._stall_due = math.inf

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.is_over:
            self.close("closed_by_client", "the client closed.", GATEWAY_REASON_CLIENT_CLOSED)
        self.ended()

    # --- out -------------------------------------------------------------------------------------------------------

    def send(self, messages: list[bytes]) -> None:
        """Frame and send them. A client that leaves too much unread is closed."""
        if self.is_over or self.transport.is_closing():
            return
        self.transport.write(b"".join(framed(message, self._framing) for message in messages))
        self.counters["messages_out"] += len(messages)
        if self.transport.get_write_buffer_size() > self.limits.write_buffer_bytes_max:
            self.close("closed_slow", "it does not read what it is sent.", GATEWAY_REASON_SLOW)

    @property
    def is_crowded(self) -> bool:
        """Whether what is not urgent should wait until the client has read."""
        return self._stall_due != math.inf

    def pause_reading(self) -> None:
        """Leave what it sends where it is."""
        if not self.is_paused and not self.transport.is_closing():
            self.is_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self.is_paused and not self.transport.is_closing():
            self.is_paused = False
            self.transport.resume_reading()

    def look(self, now: float) -> None:
        """Close what is too late."""
        if now >= self._gone_due:
            self.transport.abort()
        elif self.is_over:
            return
        elif now >= self._stall_due:
            self.close("closed_slow", "it does not read what it is sent.", GATEWAY_REASON_SLOW)
        elif self.is_paused:
            if self._frame_due != math.inf:
                self._frame_due = now + self.limits.logon_seconds_max
        elif now >= self._frame_due:
            self.close("closed_idle", "a frame was not completed in time.", GATEWAY_REASON_IDLE)
        elif now >= self._logon_due:
            self.close("closed_idle", "it did not log on in time.", GATEWAY_REASON_IDLE)

    def refuse(self, sentence: str, code: int = TERMINATE_UNSPECIFIED) -> None:
        """It sent what makes no sense here: end the connection, with Terminate for who has logged on."""
        if self.is_logged_on:
            self.send([FIXP.encode("Terminate", SessionId=self.session_id(), Code=code)])
        self.close("closed_violation", sentence, GATEWAY_REASON_PROTOCOL)

    def close(self, counter: str, sentence: str, reason: int = GATEWAY_REASON_NONE) -> None:
        """End the connection; what was sent before still goes out, if the client reads it soon."""
        if self.is_over:
            return
        self.is_over = True
        self.why = reason
        self.counters[counter] += 1
        log.log(
            logging.INFO if counter in ("closed_by_client", "closed_by_venue") else logging.WARNING,
            "%s: closed: %s",
            self.peer,
            sentence,
        )
        if reason in (GATEWAY_REASON_SLOW, GATEWAY_REASON_IDLE):
            self.transport.abort()
        else:
            self._gone_due = self._clock() + self.limits.stall_seconds_max
            self.transport.close()
