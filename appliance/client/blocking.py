"""A plain-socket shell around `FixpClient`: UDP over one or two paths, or TCP.

with BlockingClient(FixpClient(session, terms), [("10.0.0.1", 26400), ("10.1.0.1", 26400)]) as desk:
    desk.log_on()
    session.new_order(1, BUY, price_nanos, 100)
    for happened in desk.poll(1.0): ...
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

from appliance.client.fixp import FixpClient
from appliance.client.ledger import Report
from appliance.client.terms import NOTICE_LOST, NOTICE_REFUSED, Happened, Notice, Phase
from wire.framing import sofh

Endpoint = tuple[str, int]
"""IPv4 address and port."""
DATAGRAM_BYTES_MAX: Final = 2048
READ_BYTES: Final = 64 * 1024
_RECEIVE_BUFFER_BYTES: Final = 4 << 20
_DATAGRAMS_A_POLL_MAX: Final = 256
_NS: Final = 1_000_000_000


class LogOnError(Exception):
    """The session could not be established; the message is one sentence that says why."""


def utc_clock() -> Callable[[], int]:
    """UTC in ns since 1970, from now on without the steps that the host's clock may make."""
    offset_ns = time.time_ns() - time.monotonic_ns()
    return lambda: time.monotonic_ns() + offset_ns


def datagram_socket(endpoint: Endpoint) -> socket.socket:
    """A UDP socket, connected, not blocking. Raises OSError."""
    connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        connection.connect(endpoint)
        connection.setblocking(False)
    except OSError:
        connection.close()
        raise
    return connection


def stream_socket(endpoint: Endpoint, timeout_seconds: float) -> socket.socket:
    """A TCP connection without Nagle's delay. Raises OSError."""
    connection = socket.create_connection(endpoint, timeout_seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class BlockingClient:
    """One session over sockets of its own. A context manager, which closes them (and does not log out)."""

    def __init__(self, client: FixpClient, endpoints: Sequence[Endpoint], timeout_seconds: float = 5.0) -> None:
        """Of a stream (`Terms.stream`) there is one endpoint; datagrams go to every one. Raises OSError."""
        if not endpoints or (client.terms.stream and len(endpoints) > 1):
            raise ValueError("A session has one path over TCP, and one or more over UDP.")
        self.client: Final = client
        self.path_errors = 0
        """Errors of single paths while there was another."""
        self._endpoints = list(endpoints)
        self._timeout_seconds = timeout_seconds
        self._now_ns = utc_clock()
        self._sockets: list[socket.socket] = []
        self.reconnect()

    def __enter__(self) -> BlockingClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets; the session can go on over others."""
        for connection in self._sockets:
            connection.close()
        self._sockets = []

    def reconnect(self) -> None:
        """New sockets in place of those there are: after a TCP connection was lost. Then `log_on`. Raises OSError."""
        self.close()
        try:
            for endpoint in self._endpoints:
                if self.client.terms.stream:
                    self._sockets.append(stream_socket(endpoint, self._timeout_seconds))
                else:
                    self._sockets.append(datagram_socket(endpoint))
        except OSError:
            self.close()
            raise

    def log_on(self, timeout_seconds: float = 5.0) -> list[Report]:
        """Establish the session; returns reports that came meanwhile. Raises LogOnError, OSError."""
        self.client.log_on(self._now_ns())
        reports: list[Report] = []
        until = time.monotonic() + timeout_seconds
        while self.client.phase is not Phase.ESTABLISHED:
            left = until - time.monotonic()
            if left <= 0:
                raise LogOnError(f"The server did not answer within {timeout_seconds:g} s.")
            for happened in self.poll(left):
                if isinstance(happened, Report):
                    reports.append(happened)
                elif happened.kind in (NOTICE_REFUSED, NOTICE_LOST):
                    raise LogOnError(happened.text)
        return reports

    def log_out(self, timeout_seconds: float = 2.0) -> Happened:
        """Terminate, and wait for the server's; returns what came meanwhile. Raises OSError."""
        self.client.log_out(self._now_ns())
        return self._until(lambda: self.client.phase is not Phase.TERMINATING, timeout_seconds)

    def finish(self, timeout_seconds: float = 2.0) -> Happened:
        """End both flows for ever, everything answered; returns what came meanwhile. Raises OSError."""
        self.send()
        self.client.finish_sending(self._now_ns())
        return self._until(lambda: self.client.phase is Phase.FINISHED, timeout_seconds)

    def settle(self, timeout_seconds: float = 2.0) -> Happened:
        """Send what is collected and poll until everything is answered and nothing is missing. Raises OSError."""
        session, flow = self.client.session, self.client.flow
        return self._until(lambda: not (session.collected or session.unanswered_count or flow.missing), timeout_seconds)

    def _until(self, is_done: Callable[[], bool], timeout_seconds: float) -> Happened:
        happened: Happened = []
        until = time.monotonic() + timeout_seconds
        self.send()
        while not is_done() and (left := until - time.monotonic()) > 0 and self._sockets:
            happened += self.poll(left)
        return happened

    def send(self) -> int:
        """Send everything that is to be sent now; returns the number of datagrams or pieces. Raises OSError."""
        pieces = self.client.outgoing(self._now_ns())
        for octets in pieces:
            for connection in self._sockets:
                self._send(connection, octets)
        return len(pieces)

    def _send(self, connection: socket.socket, octets: bytes) -> None:
        if self.client.terms.stream:
            connection.sendall(octets)
            return
        try:
            connection.send(octets)
        except OSError:  # a path that is down or full loses datagrams, as any path may; the other has them
            if len(self._sockets) == 1:
                raise
            self.path_errors += 1

    def poll(self, timeout_seconds: float, wake_on: int | None = None) -> Happened:
        """Send what is due, wait for input at most so long, and return what happened (nothing when none came in time).

        It comes back at once, too, where the file descriptor `wake_on` can be read. Raises ConnectionRefusedError when
        the host says that nobody listens, OSError, sofh.FrameError.
        """
        until = time.monotonic() + timeout_seconds
        by_number = {connection.fileno(): connection for connection in self._sockets}
        poll = select.poll()
        for number in [*by_number, *([] if wake_on is None else [wake_on])]:
            poll.register(number, select.POLLIN)
        while True:
            happened = self.client.tick(self._now_ns())
            self.send()
            wait = max(min(until - time.monotonic(), (self.client.deadline_ns - self._now_ns()) / _NS), 0.0)
            if happened:
                wait = 0.0
            ready = poll.poll(wait * 1000)
            awake = False
            for number, _ in ready:
                if number == wake_on:
                    awake = True
                else:
                    happened += self._read(by_number[number])
            self.send()
            if happened or awake or time.monotonic() >= until or not self._sockets:
                return happened

    def _read(self, connection: socket.socket) -> Happened:
        if self.client.terms.stream:
            return self._read_stream(connection)
        happened: Happened = []
        for _ in range(_DATAGRAMS_A_POLL_MAX):
            try:
                octets = connection.recv(DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                break
            except OSError:
                if len(self._sockets) == 1:
                    raise
                self.path_errors += 1
                break
            happened += self.client.receive(octets, self._now_ns())
        return happened

    def _read_stream(self, connection: socket.socket) -> Happened:
        try:
            octets = connection.recv(READ_BYTES)
            if octets:
                return self.client.receive(octets, self._now_ns())
        except (ConnectionError, sofh.FrameError):
            pass
        self.client.disconnected()
        self.close()
        return [Notice(NOTICE_LOST, "The connection is gone.")]
