"""The words of a subscriber: its states, what it asks for, what it builds, how it mends holes, what it counts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

from appliance.client.book import BookOrder, BookTop, BookTrade
from appliance.client.feed import FeedMessage
from appliance.client.snapshots import InstrumentSnapshot


class FeedState(StrEnum):
    """What the books of a channel are worth."""

    SILENT = "silent"
    """Nothing was heard yet, or not for `silence_ns`: nobody knows."""
    JOINING = "joining"
    """Messages come; what stood before the first of them is not known yet."""
    COMPLETE = "complete"
    """Every message that is known to exist was applied: the books are the venue's."""
    WAITING = "waiting"
    """A number is missing and younger than `patience_ns`: it may only be late."""
    RECOVERING_RANGE = "recovering by range"
    """The missing messages are being asked for. The books are right as of an older message."""
    RECOVERING_SNAPSHOT = "recovering by snapshot"
    """Messages were given up: books that may lack some wait for their snapshots."""


class Range(NamedTuple):
    """Ask the recovery server for messages [from_sequence, from_sequence + messages)."""

    from_sequence: int
    messages: int


class Snapshot(NamedTuple):
    """Ask it for a snapshot: of one instrument, or (0) of all, that reflects `minimum_sequence` or later."""

    security_id: int
    minimum_sequence: int


class Books(Protocol):
    """What a subscriber builds: FeedBook, or KernelBook with the same results."""

    level: int
    epoch: int | None
    faults: int

    def reset(self, epoch: int | None) -> None:
        """Forget everything."""

    def apply(self, message: FeedMessage) -> BookTrade | None:
        """Take one message."""

    def load(self, snapshot: InstrumentSnapshot) -> None:
        """Replace an instrument's book."""

    def instrument_sequence(self, security_id: int) -> int:
        """InstrSeqNum of the last message."""

    def security_ids(self) -> list[int]:
        """Every instrument that was heard of."""

    def orders(self, security_id: int) -> list[BookOrder]:
        """Every order in queue order."""

    def levels(self, security_id: int, side: int, depth_max: int) -> list[tuple[int, int, int]]:
        """Price levels, best first."""

    def top(self, security_id: int) -> BookTop:
        """The best of both sides."""

    def trading_status(self, security_id: int) -> int | None:
        """TradingStatus of the instrument."""

    def open_orders(self) -> int:
        """Resting orders of all instruments."""

    def digest(self) -> str:
        """SHA-256 over all orders."""


@runtime_checkable
class PacketBooks(Protocol):
    """Books that take whole packets, faster than message by message: KernelBook."""

    def follow(self, channel_id: int, next_sequence: int) -> None:
        """Go on with this message of the channel."""

    def apply_packet(self, packet: bytes) -> int:
        """Take the next packet. Returns its new messages; negative: it was not the next, and nothing is done."""

    def faulty(self) -> list[int]:
        """Instruments that a message contradicted since this was asked last."""


@dataclass(frozen=True)
class SubscriberPolicy:
    """How a subscriber mends holes, and whom it can ask."""

    from_first: bool = False
    """Begin with message 1 of the epoch, else with what comes first and a snapshot."""
    patience_ns: int = 5_000_000
    """How long a hole may stay before somebody is asked: datagrams overtake each other, and lines differ."""
    silence_ns: int = 3_000_000_000
    """After so long without a packet of the channel nobody knows (heartbeats come every second)."""
    retry_ns: int = 250_000_000
    """Pause after an answer that did not help."""
    range_messages_max: int = 65_536
    """Ask for ranges of this length at most."""
    hole_messages_max: int = 1_000_000
    """A longer hole is mended by snapshot."""
    has_ranges: bool = True
    """There is a TCP server that gives ranges."""
    has_snapshots: bool = False
    """There is a TCP server that gives snapshots."""
    has_snapshot_loop: bool = False
    """Packets of the snapshot channel reach `receive_snapshot`."""
    range_failures_max: int = 3
    """After so many failures in a row a hole is mended by snapshot, where there are any."""
    buffered_messages_max: int = 1 << 17
    """Messages kept for a hole, and for instruments that wait for their snapshots."""


@dataclass
class SubscriberCounters:
    """What recovery took; those of packets and messages are the handler's."""

    ranges: int = 0
    """Ranges that came over TCP."""
    snapshots: int = 0
    """Answers to SnapshotRequests."""
    snapshots_loaded: int = 0
    """Instruments whose book a snapshot replaced."""
    snapshots_useless: int = 0
    """Older than what was lost, or of an instrument that is right."""
    resumed: int = 0
    """Instruments whose InstrSeqNum proved that they had lost nothing."""
    contradictions: int = 0
    """Messages that did not fit the book: its instrument was taken for lost."""
    instruments_forgotten: int = 0
    """That no snapshot had: a damaged message had named them."""
    failures: int = 0
    buffer_full: int = 0
