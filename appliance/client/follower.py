"""A subscriber in one object: multicast socket, feed handler, book, and recovery over TCP. Blocking, one thread."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from appliance.client.book import BookTrade, FeedBook
from appliance.client.drill import Dropper
from appliance.client.feed import FeedHandler, FeedMessage
from appliance.client.recovery import RecoveryClient, RetransmitError

DATAGRAM_BYTES_MAX: Final = 2048
RECEIVE_BUFFER_BYTES: Final = 8 << 20
BURST_MAX: Final = 512
PATIENCE_SECONDS: Final = 0.005
"""How long a hole may stay before TCP is asked: datagrams may overtake each other."""
RETRY_SECONDS: Final = 0.25
"""Pause after a recovery that failed."""


@dataclass(frozen=True)
class FeedAddress:
    """Where a feed is: its group, the address of our interface to it, and its recovery server (port 0: none)."""

    group: str = "239.192.26.1"
    udp_port: int = 26401
    interface_ip: str = "127.0.0.1"
    recovery_ip: str = "127.0.0.1"
    recovery_port: int = 26402


def join(group: str, udp_port: int, interface_ip: str) -> socket.socket:
    """A socket that receives the datagrams of a multicast group on the interface that has `interface_ip`.

    Raises OSError.
    """
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        receiver.bind((group, udp_port))
        membership = socket.inet_aton(group) + socket.inet_aton(interface_ip)
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    except OSError:
        receiver.close()
        raise
    return receiver


@dataclass
class FeedFollower:
    """Follows a feed from its first message on. `poll` again and again; `book` is right whenever not `recovering`."""

    address: FeedAddress
    dropper: Dropper = field(default_factory=lambda: Dropper(0))
    on_message: Callable[[FeedMessage], None] | None = None
    on_trade: Callable[[BookTrade], None] | None = None
    handler: FeedHandler = field(default_factory=FeedHandler)
    book: FeedBook = field(default_factory=FeedBook)
    recoveries: int = 0
    """Ranges that came over TCP."""
    last_fault: str = ""
    """Why the last recovery failed; empty once one worked."""
    _hole_since: float = 0.0
    _retry_at: float = 0.0

    def __post_init__(self) -> None:
        """Join the group. Raises OSError."""
        self._socket = join(self.address.group, self.address.udp_port, self.address.interface_ip)

    def __enter__(self) -> FeedFollower:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the group."""
        self._socket.close()

    @property
    def recovering(self) -> bool:
        """Messages are missing: the book is right but old."""
        return self.handler.recovering

    def poll(self, timeout_seconds: float) -> int:
        """Take what came within `timeout_seconds` (at most a burst), recover what is missing; returns messages."""
        taken = 0
        self._socket.settimeout(timeout_seconds)
        for _ in range(BURST_MAX):
            try:
                datagram = self._socket.recv(DATAGRAM_BYTES_MAX)
            except (TimeoutError, BlockingIOError):
                break
            self._socket.settimeout(0)
            if not self.dropper.loses():
                taken += self._take(datagram)
        return taken + self._recover()

    def _take(self, packet: bytes) -> int:
        messages = self.handler.receive(packet)
        for message in messages:
            trade = self.book.apply(message)
            if self.on_message is not None:
                self.on_message(message)
            if trade is not None and self.on_trade is not None:
                self.on_trade(trade)
        return len(messages)

    def _recover(self) -> int:
        """Ask for the hole, once it is old enough to be one."""
        wanted, topic = self.handler.wanted(), self.handler.topic_session_id
        now = time.monotonic()
        if wanted is None:
            self._hole_since = 0.0
            return 0
        if not self._hole_since:
            self._hole_since = now
        if topic is None or not self.address.recovery_port:
            return 0
        if now < max(self._hole_since + PATIENCE_SECONDS, self._retry_at):
            return 0
        taken = 0
        try:
            with RecoveryClient(self.address.recovery_ip, self.address.recovery_port, topic) as client:
                while wanted is not None:
                    for packet in client.fetch(*wanted):
                        taken += self._take(packet)
                    self.recoveries += 1
                    before, wanted = wanted, self.handler.wanted()
                    if wanted is not None and wanted[0] <= before[0]:
                        raise RetransmitError("The recovery server serves another epoch or channel than the feed's.")
            self.last_fault = ""
        except (OSError, RetransmitError) as error:
            self.last_fault = str(error) or type(error).__name__
            self._retry_at = now + RETRY_SECONDS
        return taken
