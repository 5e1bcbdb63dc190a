"""A subscriber with sockets: lines, snapshot channel, recovery over TCP. Blocking, one thread, numba-free.

`appliance.client.async_follower` is the same for asyncio. What is right and what is not is decided in
`appliance.client.subscriber`, which knows no sockets.
"""

from __future__ import annotations

import ipaddress
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from appliance.client.book import BookTrade, FeedBook
from appliance.client.drill import Dropper
from appliance.client.feed import FeedHandler, FeedMessage
from appliance.client.feed_words import Books, FeedState, Range, Snapshot, SubscriberPolicy
from appliance.client.recovery import Key, RecoveryClient, RetransmitError, RetransmitRejected
from appliance.client.subscriber import FeedSubscriber

DATAGRAM_BYTES_MAX: Final = 2048
RECEIVE_BUFFER_BYTES: Final = 8 << 20
BURST_MAX: Final = 512
NEVER: Final = 1 << 62


@dataclass(frozen=True)
class LineAddress:
    """Where a line is heard: a multicast group, or an address of ours for unicast; and the interface for multicast."""

    ip: str
    udp_port: int
    interface_ip: str = "127.0.0.1"


@dataclass(frozen=True)
class FeedAddress:
    """Where a feed is: line A, its other lines, its snapshot channel, its recovery server (port 0: none)."""

    group: str = "239.192.26.1"
    udp_port: int = 26401
    interface_ip: str = "127.0.0.1"
    recovery_ip: str = "127.0.0.1"
    recovery_port: int = 26402
    other_lines: tuple[LineAddress, ...] = ()
    """Line B, and so on: the same messages and numbers."""
    snapshot_lines: tuple[LineAddress, ...] = ()
    channel_id: int | None = None
    """None: that of the first packet. To be given where several channels come to one port."""
    snapshot_channel_id: int | None = None
    recovery_key: Key | None = None
    """To log on with at the recovery server, where it wants that."""

    @property
    def lines(self) -> tuple[LineAddress, ...]:
        """All lines, A first."""
        return LineAddress(self.group, self.udp_port, self.interface_ip), *self.other_lines


def join(ip: str, udp_port: int, interface_ip: str) -> socket.socket:
    """A socket that receives the datagrams of a multicast group on the interface that has `interface_ip`, or those that
    are sent to our own address `ip`.

    Raises OSError.
    """
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        receiver.bind((ip, udp_port))
        if ipaddress.ip_address(ip).is_multicast:
            membership = socket.inet_aton(ip) + socket.inet_aton(interface_ip)
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    except (OSError, ValueError) as error:
        receiver.close()
        raise error if isinstance(error, OSError) else OSError(str(error)) from None
    return receiver


def policy_of(address: FeedAddress, from_first: bool = True) -> SubscriberPolicy:
    """What a subscriber can do with what there is at an address. Who begins with the first message wants every one:
    then holes are mended by ranges only, however long that takes."""
    return SubscriberPolicy(
        from_first=from_first,
        hole_messages_max=NEVER if from_first else SubscriberPolicy.hole_messages_max,
        range_failures_max=NEVER if from_first else SubscriberPolicy.range_failures_max,
        has_ranges=bool(address.recovery_port),
        has_snapshots=bool(address.recovery_port),
        has_snapshot_loop=bool(address.snapshot_lines),
    )


@dataclass
class FeedFollower:
    """Follows a feed. `poll` again and again; the books are the venue's whenever `state` is COMPLETE."""

    address: FeedAddress
    dropper: Dropper = field(default_factory=lambda: Dropper(0))
    on_message: Callable[[FeedMessage], None] | None = None
    on_trade: Callable[[BookTrade], None] | None = None
    on_transaction: Callable[[int, bool], None] | None = None
    policy: SubscriberPolicy | None = None
    """None: from the first message on, by whatever the address has."""
    books: Books = field(default_factory=FeedBook)

    def __post_init__(self) -> None:
        """Join the lines. Raises OSError."""
        self.subscriber = FeedSubscriber(
            self.policy or policy_of(self.address),
            self.books,
            self.address.channel_id,
            self.address.snapshot_channel_id,
            self.on_message,
            self.on_trade,
            self.on_transaction,
        )
        self._selector = selectors.DefaultSelector()
        try:
            for number, line in enumerate((*self.address.lines, *self.address.snapshot_lines)):
                receiver = join(line.ip, line.udp_port, line.interface_ip)
                receiver.setblocking(False)
                self._selector.register(receiver, selectors.EVENT_READ, number)
        except OSError:
            self.close()
            raise

    def __enter__(self) -> FeedFollower:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the lines."""
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()

    @property
    def handler(self) -> FeedHandler:
        """What puts the packets of the lines in order."""
        return self.subscriber.handler

    @property
    def book(self) -> Books:
        """The books."""
        return self.subscriber.books

    @property
    def state(self) -> FeedState:
        """What the books are worth."""
        return self.subscriber.state

    @property
    def recovering(self) -> bool:
        """Messages are missing: books are old, or wait for snapshots."""
        return self.handler.recovering or (self.handler.counters.packets > 0 and not self.subscriber.sound)

    @property
    def recoveries(self) -> int:
        """Ranges and snapshots that came over TCP."""
        return self.subscriber.counters.ranges + self.subscriber.counters.snapshots

    @property
    def last_fault(self) -> str:
        """Why the last recovery failed; empty once one worked."""
        return self.subscriber.last_fault

    def poll(self, timeout_seconds: float) -> int:
        """Take what came within `timeout_seconds` (at most a burst a line), recover what is missing; returns messages
        that were applied."""
        taken = 0
        for key, _ in self._selector.select(timeout_seconds):
            assert isinstance(key.fileobj, socket.socket)
            for _ in range(BURST_MAX):
                try:
                    datagram = key.fileobj.recv(DATAGRAM_BYTES_MAX)
                except (BlockingIOError, InterruptedError):
                    break
                if not self.dropper.loses():
                    taken += self._take(datagram, key.data)
        return taken + self._recover()

    def _take(self, packet: bytes, line: int) -> int:
        now_ns = time.monotonic_ns()
        if line >= len(self.address.lines):
            self.subscriber.receive_snapshot(packet, now_ns)
            return 0
        return self.subscriber.receive(packet, now_ns, line)

    def _recover(self) -> int:
        """Ask for what is missing, once it is old enough to be so."""
        before = self.handler.counters.messages
        while (wanted := self.subscriber.wanted(time.monotonic_ns())) is not None:
            if isinstance(wanted, Range) and self.handler.topic_session_id is None:
                break  # nobody has said yet whom to ask
            fault, retry_ns = self._ask(wanted)
            self.subscriber.answered(wanted, time.monotonic_ns(), fault, retry_ns)
        return self.handler.counters.messages - before

    def _ask(self, wanted: Range | Snapshot) -> tuple[str, int]:
        """Get it. Returns why that did not work, or nothing; and how long to wait before the next try, ns."""
        try:
            address = self.address
            topic = self.handler.topic_session_id or bytes(16)
            key = address.recovery_key
            with RecoveryClient(address.recovery_ip, address.recovery_port, topic, key=key) as client:
                if isinstance(wanted, Range):
                    for packet in client.fetch(wanted.from_sequence, wanted.messages):
                        self.subscriber.receive(packet, time.monotonic_ns())
                    if self.subscriber.sequence < wanted.from_sequence:
                        return "The recovery server serves another epoch or channel than the feed's.", 0
                else:
                    assert self.handler.channel_id is not None
                    for packet in client.snapshot(self.handler.channel_id, wanted.security_id, wanted.minimum_sequence):
                        self.subscriber.receive_snapshot(packet, time.monotonic_ns())
        except RetransmitRejected as error:
            return str(error), error.retry_ns
        except (OSError, RetransmitError) as error:
            return str(error) or type(error).__name__, 0
        return "", 0
