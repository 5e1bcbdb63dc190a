"""An asyncio shell around `FixpClient`: UDP over one or two paths, or TCP.

desk = await AsyncClient.connect(FixpClient(session, terms), [("10.0.0.1", 26400)])
await desk.log_on()
session.new_order(1, BUY, price_nanos, 100)
desk.send()
happened = await desk.next()
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, cast

from appliance.client.blocking import Endpoint, LogOnError, datagram_socket, utc_clock
from appliance.client.fixp import FixpClient
from appliance.client.ledger import Report
from appliance.client.terms import (
    NEVER_NS,
    NOTICE_LOGGED_ON,
    NOTICE_LOST,
    NOTICE_REFUSED,
    Happened,
    Notice,
    Phase,
)
from wire.framing import sofh

_NS: Final = 1_000_000_000


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, owner: AsyncClient) -> None:
        self.owner = owner

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.owner._received(data)

    def error_received(self, exc: Exception) -> None:
        self.owner._failed(exc)


class _Stream(asyncio.Protocol):
    def __init__(self, owner: AsyncClient) -> None:
        self.owner = owner

    def data_received(self, data: bytes) -> None:
        self.owner._received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.owner._lost()


class AsyncClient:
    """One session over sockets of its own, its timers run by the event loop. `connect` makes one."""

    def __init__(self, client: FixpClient, endpoints: Sequence[Endpoint], unread_max: int = 65_536) -> None:
        """Of what nobody reads, `unread_max` are kept; `overflow` counts the others, which the ledger has all the
        same."""
        if not endpoints or (client.terms.stream and len(endpoints) > 1):
            raise ValueError("A session has one path over TCP, and one or more over UDP.")
        self.client: Final = client
        self.overflow = 0
        self.path_errors = 0
        self._endpoints = list(endpoints)
        self._queue: asyncio.Queue[Report | Notice | Exception] = asyncio.Queue(unread_max)
        self._now_ns = utc_clock()
        self._transports: list[asyncio.BaseTransport] = []
        self._timer: asyncio.TimerHandle | None = None
        self._log_on: asyncio.Future[None] | None = None
        self._is_closing = False

    @classmethod
    async def connect(cls, client: FixpClient, endpoints: Sequence[Endpoint], unread_max: int = 65_536) -> AsyncClient:
        """Open the sockets. Raises OSError."""
        shell = cls(client, endpoints, unread_max)
        await shell.reconnect()
        return shell

    async def reconnect(self) -> None:
        """New sockets in place of those there are: after a TCP connection was lost. Then `log_on`. Raises OSError."""
        self.close()
        self._is_closing = False
        loop = asyncio.get_running_loop()
        for endpoint in self._endpoints:
            transport: asyncio.BaseTransport
            if self.client.terms.stream:
                transport, _ = await loop.create_connection(lambda: _Stream(self), *endpoint)
            else:
                connection = datagram_socket(endpoint)
                transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=connection)
            self._transports.append(transport)

    def close(self) -> None:
        """Close the sockets; the session is not logged out."""
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for transport in self._transports:
            transport.close()
        self._transports = []

    async def log_on(self, timeout_seconds: float = 5.0) -> None:
        """Establish the session. Raises LogOnError, OSError."""
        self._log_on = asyncio.get_running_loop().create_future()
        self.client.log_on(self._now_ns())
        self.send()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._log_on
        except TimeoutError:
            raise LogOnError(f"The server did not answer within {timeout_seconds:g} s.") from None
        finally:
            self._log_on = None

    def log_out(self) -> None:
        """Terminate; NOTICE_LOGGED_OUT comes when the server has confirmed it, or not done so for long."""
        self.client.log_out(self._now_ns())
        self.send()

    def finish(self) -> None:
        """End both flows for ever; NOTICE_FINISHED comes when everything is answered."""
        self.send()
        self.client.finish_sending(self._now_ns())
        self.send()

    def send(self) -> int:
        """Send everything that is to be sent now; returns the number of datagrams or pieces."""
        pieces = self.client.outgoing(self._now_ns())
        for octets in pieces:
            for transport in self._transports:
                if self.client.terms.stream:
                    cast(asyncio.WriteTransport, transport).write(octets)
                else:
                    cast(asyncio.DatagramTransport, transport).sendto(octets)
        self._set_timer()
        return len(pieces)

    async def next(self, timeout_seconds: float | None = None) -> Report | Notice:
        """What happens next. Raises TimeoutError, or OSError as the host reported it."""
        async with asyncio.timeout(timeout_seconds):
            item = await self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    # --- from the event loop ------------------------------------------------------------------------------------

    def _received(self, octets: bytes) -> None:
        try:
            self._tell(self.client.receive(octets, self._now_ns()))
        except sofh.FrameError as error:
            self._failed(error)
            for transport in self._transports:
                transport.close()
        self.send()

    def _failed(self, error: Exception) -> None:
        if len(self._transports) > 1:
            self.path_errors += 1  # the other path has what this one lost
        elif self._log_on is not None and not self._log_on.done():
            self._log_on.set_exception(error)
        else:
            self._put(error)

    def _lost(self) -> None:
        if self._is_closing:
            return
        self._transports = []
        self.client.disconnected()
        self._tell([Notice(NOTICE_LOST, "The connection is gone.")])
        self._set_timer()

    def _on_timer(self) -> None:
        self._timer = None
        self._tell(self.client.tick(self._now_ns()))
        self.send()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.client.deadline_ns < NEVER_NS and not self._is_closing:
            delay = max(self.client.deadline_ns - self._now_ns(), 0) / _NS
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)

    def _tell(self, happened: Happened) -> None:
        for one in happened:
            if isinstance(one, Notice) and self._log_on is not None and not self._log_on.done():
                if one.kind == NOTICE_LOGGED_ON and self.client.phase is Phase.ESTABLISHED:
                    self._log_on.set_result(None)
                elif one.kind in (NOTICE_REFUSED, NOTICE_LOST):
                    self._log_on.set_exception(LogOnError(one.text))
            self._put(one)

    def _put(self, item: Report | Notice | Exception) -> None:
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            self.overflow += 1
