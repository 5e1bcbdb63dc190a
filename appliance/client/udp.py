"""Sockets around `ClientSession`: a blocking one and an asyncio one. One UDP socket, connected, a session."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Final

from appliance.client.ledger import Report
from appliance.client.session import ClientSession

DATAGRAM_BYTES_MAX: Final = 2048
_RECEIVE_BUFFER_BYTES: Final = 4 << 20


def _connected_socket(ip: str, udp_port: int) -> socket.socket:
    connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        connection.connect((ip, udp_port))
    except OSError:
        connection.close()
        raise
    return connection


class UdpClient:
    """A blocking client: `send` what the session collected, then `reports` as they come. A context manager."""

    def __init__(self, session: ClientSession, ip: str, udp_port: int) -> None:
        """Raises OSError where the address cannot be reached at all."""
        self.session = session
        self._socket = _connected_socket(ip, udp_port)

    def __enter__(self) -> UdpClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; the session can go on over another."""
        self._socket.close()

    def send(self) -> int:
        """Send everything that the session collected; returns the number of datagrams. Raises OSError."""
        datagrams = self.session.datagrams()
        for datagram in datagrams:
            self._socket.send(datagram)
        return len(datagrams)

    def receive(self, timeout_seconds: float) -> list[Report]:
        """The reports of the next datagram; an empty list when none came in time, or none that was new.

        Raises ConnectionRefusedError when the host says that nobody listens.
        """
        self._socket.settimeout(max(timeout_seconds, 1e-6))
        try:
            datagram = self._socket.recv(DATAGRAM_BYTES_MAX)
        except TimeoutError:
            return []
        return self.session.receive(datagram).reports

    def reports(self, timeout_seconds: float) -> Iterator[Report]:
        """Reports as they come, until none came for `timeout_seconds`."""
        deadline = time.monotonic() + timeout_seconds
        while (left := deadline - time.monotonic()) > 0:
            for report in self.receive(left):
                deadline = time.monotonic() + timeout_seconds
                yield report


class _Inbox(asyncio.DatagramProtocol):
    def __init__(self, session: ClientSession, reports_max: int) -> None:
        self.session = session
        self.queue: asyncio.Queue[Report | Exception] = asyncio.Queue(reports_max)
        self.overflow = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for report in self.session.receive(data).reports:
            self._put(report)

    def error_received(self, exc: Exception) -> None:
        self._put(exc)

    def _put(self, item: Report | Exception) -> None:
        try:
            self.queue.put_nowait(item)
        except asyncio.QueueFull:
            self.overflow += 1  # the ledger has it all the same


class AsyncUdpClient:
    """The same over asyncio: `client = await AsyncUdpClient.connect(session, ip, udp_port)`."""

    def __init__(self, session: ClientSession, transport: asyncio.DatagramTransport, inbox: _Inbox) -> None:
        self.session = session
        self._transport = transport
        self._inbox = inbox

    @classmethod
    async def connect(cls, session: ClientSession, ip: str, udp_port: int, reports_max: int = 65_536) -> AsyncUdpClient:
        """Open a socket to the appliance; at most `reports_max` unread reports are kept. Raises OSError."""
        loop = asyncio.get_running_loop()
        connection = _connected_socket(ip, udp_port)
        connection.setblocking(False)
        transport, inbox = await loop.create_datagram_endpoint(lambda: _Inbox(session, reports_max), sock=connection)
        return cls(session, transport, inbox)

    def close(self) -> None:
        """Close the socket."""
        self._transport.close()

    @property
    def overflow(self) -> int:
        """Reports that went to the ledger only, because nobody read the queue."""
        return self._inbox.overflow

    def send(self) -> int:
        """Send everything that the session collected; returns the number of datagrams."""
        datagrams = self.session.datagrams()
        for datagram in datagrams:
            self._transport.sendto(datagram)
        return len(datagrams)

    async def report(self, timeout_seconds: float | None = None) -> Report:
        """The next report. Raises TimeoutError, or OSError as the host reported it."""
        async with asyncio.timeout(timeout_seconds):
            item = await self._inbox.queue.get()
        if isinstance(item, Exception):
            raise item
        return item
