"""A subscriber of one channel, sans I/O: it is either right or says that it is recovering.

Datagrams of the lines go to `receive`, snapshot packets (of the loop, or asked for over TCP) to `receive_snapshot`, and
the clock to `tick`. What has to be asked of a recovery server is in `wanted`; what came of it is told by `answered`.
Messages reach the books in order and once. A hole is mended in one of three ways: by what a line brings late, by a
range over TCP, or by giving the hole up and loading snapshots: then every instrument that may have lost something is
recovering until its snapshot has come and what was buffered since is applied, or until its own InstrSeqNum proves that
it lost nothing.

States of the channel: FeedState. States of an instrument: right (its book is the venue's, as of the last message
delivered) or recovering. Nothing here waits and nothing fails: bad input is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from appliance.client.book import BookTrade, FeedBook
from appliance.client.feed import FeedHandler, FeedMessage
from appliance.client.feed_words import (
    Books,
    FeedState,
    PacketBooks,
    Range,
    Snapshot,
    SubscriberCounters,
    SubscriberPolicy,
)
from appliance.client.snapshots import CycleEnd, InstrumentSnapshot, SnapshotAssembler
from wire.framing import packets

_END_OF_TRANSACTION: Final = 2
RETRY_NS_MAX: Final = 60_000_000_000
"""A server that asks for a longer pause is asked again all the same."""


@dataclass
class _Recovering:
    """An instrument whose book may lack messages."""

    needed_sequence: int
    """A snapshot has to reflect this message of the channel, or a later one."""
    buffered: list[FeedMessage] = field(default_factory=list)
    loaded_sequence: int | None = None
    """What the snapshot that was loaded reflects: the channel has not come so far yet."""
    cycles_without: int = 0
    """Whole cycles of snapshots that did not have it."""
    broken: bool = False
    """A message did not fit the book: InstrSeqNum proves nothing until a snapshot."""


@dataclass
class FeedSubscriber:
    """Follows one channel. `on_transaction(sequence, complete)` is called when a transaction ends."""

    policy: SubscriberPolicy = field(default_factory=SubscriberPolicy)
    books: Books = field(default_factory=FeedBook)
    channel_id: int | None = None
    snapshot_channel_id: int | None = None
    """Channel of the snapshot loop."""
    on_message: Callable[[FeedMessage], None] | None = None
    on_trade: Callable[[BookTrade], None] | None = None
    on_transaction: Callable[[int, bool], None] | None = None
    counters: SubscriberCounters = field(default_factory=SubscriberCounters)
    last_fault: str = ""
    """Why the last recovery failed; empty once one worked."""

    def __post_init__(self) -> None:
        self.handler = FeedHandler(
            next_sequence=1 if self.policy.from_first else None,
            channel_id=self.channel_id,
            buffered_messages_max=self.policy.buffered_messages_max,
            range_messages_max=self.policy.range_messages_max,
        )
        self.assembler = SnapshotAssembler()
        self._packet_books = self.books if isinstance(self.books, PacketBooks) else None
        self._by_packets = False
        """The books are at `handler.next_sequence` and take the next packet whole."""
        self._recovering: dict[int, _Recovering] = {}
        self._lost_sequence = 0
        """The last message that was given up; snapshots have to reflect it."""
        self._knows_instruments = True
        """There is no instrument with messages that was never heard of."""
        self._is_joining = False
        self._snapshotted: set[int] = set()
        self._cycle: CycleEnd | None = None
        self._buffered = 0
        self._epoch: int | None = None
        self._now_ns = 0
        self._heard_ns: int | None = None
        self._hole_at: int | None = None
        """The first message that is missing, when `_hole_since_ns` was set."""
        self._hole_since_ns = 0
        self._retry_ns = 0
        self._range_failures = 0
        self._of_the_past = 0
        self._in_cycle: set[int] = set()
        """Instruments whose snapshots have come since the last cycle of them ended."""
        self._asks_all = False
        """The snapshot of one instrument could not be had."""
        self._heard: set[int] = set()
        """Instruments that a message or a snapshot was of."""

    # --- what it is worth ---------------------------------------------------------------------------------------

    @property
    def state(self) -> FeedState:
        """What the books are worth as a whole."""
        if self._heard_ns is None or self._now_ns - self._heard_ns > self.policy.silence_ns:
            return FeedState.SILENT
        if self.handler.recovering:
            if self._now_ns - self._hole_since_ns < self.policy.patience_ns:
                return FeedState.WAITING
            return FeedState.RECOVERING_RANGE
        if self._recovering or not self._knows_instruments:
            return FeedState.JOINING if self._is_joining else FeedState.RECOVERING_SNAPSHOT
        return FeedState.COMPLETE

    @property
    def complete(self) -> bool:
        """Every book is the venue's, as of the last message that is known to exist."""
        return self.state is FeedState.COMPLETE

    @property
    def sound(self) -> bool:
        """Every book is the venue's as of message `sequence`, which may be old."""
        return self._heard_ns is not None and not self._recovering and self._knows_instruments

    @property
    def sequence(self) -> int:
        """The last message of the channel that was delivered (or given up)."""
        return (self.handler.next_sequence or 1) - 1

    def is_right(self, security_id: int) -> bool:
        """The instrument's book is the venue's as of message `sequence`."""
        known = self._knows_instruments or security_id in self._heard
        return self._heard_ns is not None and known and security_id not in self._recovering

    # --- what comes in ------------------------------------------------------------------------------------------

    def receive(self, packet: bytes, now_ns: int, line: int = 0) -> int:
        """Take a packet of a line, or of a range from the recovery server. Returns the messages that were applied."""
        self._now_ns = max(now_ns, self._now_ns)
        if len(packet) > packets.FLAGS_OFFSET and packet[packets.FLAGS_OFFSET] & packets.FLAG_SNAPSHOT:
            return self.receive_snapshot(packet, now_ns)
        if self._packet_books is not None:
            applied = self._take_packet(self._packet_books, packet, line)
            if applied >= 0:
                return applied
        ignored = self._ignored()
        joining = self.handler.next_sequence is None
        messages = self.handler.receive(packet, line, self._now_ns)
        if self._ignored() == ignored:
            self._heard_ns = self._now_ns
        if self.handler.epoch != self._epoch:
            self._begin_epoch()
        if joining and self.handler.next_sequence is not None:
            first = messages[0].sequence if messages else self.handler.next_sequence
            if first > 1:
                self._is_joining = True
                self._give_up(first - 1)
        applied = self._take(messages)
        self._note_hole()
        return applied

    def receive_snapshot(self, packet: bytes, now_ns: int) -> int:
        """Take a packet of a snapshot. Returns the snapshots that were loaded."""
        self._now_ns = max(now_ns, self._now_ns)
        try:
            header = packets.parse_header(packet)
        except packets.PacketError as error:
            self.assembler.packets_bad += 1
            self.assembler.last_fault = str(error)
            return 0
        of_loop = header.channel_id == self.snapshot_channel_id and (self.books.level == 3 or header.epoch == 0)
        if not of_loop and header.channel_id != self.handler.channel_id:
            return 0
        loaded = 0
        for found in self.assembler.receive(packet):
            if isinstance(found, CycleEnd):
                self._end_cycle(found)
            else:
                loaded += self._load(found)
        return loaded

    def tick(self, now_ns: int) -> None:
        """Tell the time, now and then: a hole that is too old is given up where no range can come."""
        self._now_ns = max(now_ns, self._now_ns)
        counters = self.handler.counters
        of_the_past = counters.packets_of_old_epochs + counters.packets_behind
        if self.state is FeedState.SILENT:
            if self._heard_ns is not None and of_the_past > self._of_the_past:
                self._rejoin()
        elif self._has_snapshots():
            while self.state is FeedState.RECOVERING_RANGE and not self._can_ask_range():
                self._skip_hole()
        self._of_the_past = of_the_past

    # --- what has to be asked -----------------------------------------------------------------------------------

    def wanted(self, now_ns: int) -> Range | Snapshot | None:
        """What to ask the recovery server for now; None: nothing."""
        self.tick(now_ns)
        if self._now_ns < self._retry_ns:
            return None
        state = self.state
        if state is FeedState.RECOVERING_RANGE and self._can_ask_range():
            wanted = self.handler.wanted()
            return Range(*wanted) if wanted else None
        if state in (FeedState.JOINING, FeedState.RECOVERING_SNAPSHOT) and self.policy.has_snapshots:
            waiting = [one for one, why in self._recovering.items() if why.loaded_sequence is None]
            if not waiting and self._knows_instruments:
                return None
            needed = max((self._recovering[one].needed_sequence for one in waiting), default=self._lost_sequence)
            is_one = self._knows_instruments and len(waiting) == 1 and not self._asks_all
            return Snapshot(waiting[0] if is_one else 0, needed)
        return None

    def answered(self, wanted: Range | Snapshot, now_ns: int, fault: str = "", retry_ns: int = 0) -> None:
        """What was wanted has come, or (`fault`: why) has not; `retry_ns`: so long the server asks us to wait."""
        self._now_ns = max(now_ns, self._now_ns)
        self.last_fault = fault
        is_range = isinstance(wanted, Range)
        self._asks_all = bool(fault) and isinstance(wanted, Snapshot) and wanted.security_id != 0
        if fault:
            self.counters.failures += 1
            self._range_failures += is_range
            self._retry_ns = self._now_ns + max(self.policy.retry_ns, min(retry_ns, RETRY_NS_MAX))
        elif is_range:
            self.counters.ranges += 1
        else:
            self.counters.snapshots += 1
            if self.state in (FeedState.JOINING, FeedState.RECOVERING_SNAPSHOT):
                self._retry_ns = self._now_ns + self.policy.retry_ns
        self.tick(now_ns)

    # --- whole packets ------------------------------------------------------------------------------------------

    def _take_packet(self, books: PacketBooks, packet: bytes, line: int) -> int:
        """The usual case at full speed: the packet is the next one and nobody wants to see its messages. Returns how
        many were applied; -1: it has to go the long way."""
        handler = self.handler
        usual = (
            self.on_message is None
            and self.on_trade is None
            and self.on_transaction is None
            and not self._recovering
            and self._knows_instruments
            and self.books.epoch == handler.epoch
            and not handler.recovering
        )
        if (
            not usual
            or handler.channel_id is None
            or handler.next_sequence is None
            or len(packet) < packets.HEADER_BYTES
        ):
            self._leave_packets()
            return -1
        header = packets.PacketHeader._make(packets.HEADER.unpack_from(packet))
        if handler.is_old(header):
            handler.counters.packets += 1
            handler.nothing_new(header, line)
            if header.sequence + header.message_count == handler.next_sequence:
                self._heard_ns = self._now_ns
            return 0
        if not self._by_packets:
            books.follow(handler.channel_id, handler.next_sequence)
            self._by_packets = True
        faults = self.books.faults
        applied = books.apply_packet(packet)
        if applied <= 0:
            if applied < 0:
                self._leave_packets()
            return -1  # a heartbeat changes nothing that the books go by
        self._heard_ns = self._now_ns
        handler.took_packet(applied, header.message_count - applied, line)
        if self.books.faults != faults:
            self._leave_packets()
            broken = books.faulty()
            self.counters.contradictions += self.books.faults - faults
            if not broken:  # there was no room for the instrument itself
                self._give_up(self.sequence)
            for security_id in broken:
                self._lose(security_id, self.sequence, broken=True)
        return applied

    def _leave_packets(self) -> None:
        """From here on message by message: for that it has to be known which instruments were heard of."""
        if self._by_packets:
            self._by_packets = False
            self._heard.update(self.books.security_ids())

    # --- inside -------------------------------------------------------------------------------------------------

    def _ignored(self) -> int:
        """Packets that do not say how far the publisher is."""
        counters = self.handler.counters
        of_the_past = counters.packets_of_old_epochs + counters.packets_behind
        return counters.packets_of_others + of_the_past + counters.packets_bad + counters.topics

    def _has_snapshots(self) -> bool:
        return self.policy.has_snapshots or self.policy.has_snapshot_loop

    def _can_ask_range(self) -> bool:
        if not self.policy.has_ranges:
            return False
        if not self._has_snapshots():
            return True
        hole = self.handler.after_hole() - (self.handler.next_sequence or 1)
        return hole <= self.policy.hole_messages_max and self._range_failures < self.policy.range_failures_max

    def _begin_epoch(self) -> None:
        """The publisher numbers anew (or is heard for the first time)."""
        self._epoch = self.handler.epoch
        self.books.reset(self._epoch)
        self.assembler.forget()
        self._recovering.clear()
        self._snapshotted.clear()
        self._heard.clear()
        self._lost_sequence = 0
        self._knows_instruments = True
        self._is_joining = False
        self._cycle = None
        self._in_cycle.clear()
        self._asks_all = False
        self._buffered = 0
        self._hole_at = None
        self._range_failures = 0

    def _rejoin(self) -> None:
        """Silence, and others are heard: the epoch that was followed, or the number that was due, was none. Begin again
        with what comes."""
        self._epoch = None
        self.handler.start_over(-1)
        self.handler.epoch = None
        self.handler.next_sequence = 1 if self.policy.from_first else None
        self._heard_ns = None

    def _note_hole(self) -> None:
        """Keep how old the oldest hole is."""
        if not self.handler.recovering:
            self._hole_at = None
            self._range_failures = 0
        elif self._hole_at != self.handler.next_sequence:
            self._hole_at = self.handler.next_sequence
            seen_ns = self.handler.hole_seen_ns()
            self._hole_since_ns = self._now_ns if seen_ns is None else seen_ns

    def _skip_hole(self) -> None:
        """Give the oldest hole up: go on behind it, by snapshots."""
        after = self.handler.after_hole()
        messages = self.handler.skip_to(after)
        self._give_up(after - 1)
        self._catch_up(after - 1)
        self._take(messages)
        self._note_hole()

    def _give_up(self, last_lost: int) -> None:
        """Messages up to `last_lost` may be missing from any book."""
        self._lost_sequence = last_lost
        self._knows_instruments = False
        self._cycle = None
        for security_id in self._heard:
            lost = self._recovering.get(security_id)
            if lost is None or lost.loaded_sequence is None or lost.loaded_sequence < last_lost:
                self._lose(security_id, last_lost)

    def _lose(self, security_id: int, needed_sequence: int, broken: bool = False) -> None:
        """The instrument's book may lack messages up to `needed_sequence`."""
        before = self._recovering.get(security_id)
        if before is not None:
            self._buffered -= len(before.buffered)
            broken = broken or before.broken
        self._recovering[security_id] = _Recovering(needed_sequence, broken=broken)

    def _take(self, messages: list[FeedMessage]) -> int:
        applied = 0
        for message in messages:
            applied += self._route(message)
            if self.on_message is not None:
                self.on_message(message)
            if self._recovering:
                self._catch_up(message.sequence)
            numbers = message.instrument
            if numbers is not None and numbers.flags & _END_OF_TRANSACTION and self.on_transaction is not None:
                self.on_transaction(message.sequence, self.sound)
        return applied

    def _route(self, message: FeedMessage) -> int:
        """Apply a message, or keep it until its instrument's snapshot comes. Returns 1 if it was applied."""
        numbers = message.instrument
        if numbers is None:
            return 1
        security_id = numbers.security_id
        lost = self._recovering.get(security_id)
        continues = numbers.sequence == self.books.instrument_sequence(security_id) + 1 & 0xFFFFFFFF
        if lost is not None:
            if lost.loaded_sequence is not None:
                if message.sequence <= lost.loaded_sequence:
                    return 0  # the snapshot has it
            elif not continues or lost.buffered or lost.broken:
                self._buffer(lost, message)
                return 0
            else:
                del self._recovering[security_id]
                self.counters.resumed += 1
        if not continues:
            if security_id in self._heard or self._knows_instruments:
                self.counters.contradictions += 1
                self._lose(security_id, message.sequence - 1)
            else:
                self._lose(security_id, self._lost_sequence)
            self._heard.add(security_id)
            self._buffer(self._recovering[security_id], message)
            return 0
        self._apply(message, security_id)
        return 1

    def _apply(self, message: FeedMessage, security_id: int) -> None:
        self._heard.add(security_id)
        faults = self.books.faults
        trade = self.books.apply(message)
        if trade is not None and self.on_trade is not None:
            self.on_trade(trade)
        if self.books.faults != faults:
            self.counters.contradictions += 1
            self._lose(security_id, message.sequence, broken=True)

    def _buffer(self, lost: _Recovering, message: FeedMessage) -> None:
        if self._buffered >= self.policy.buffered_messages_max:
            self.counters.buffer_full += 1
            self._buffered -= len(lost.buffered)
            lost.buffered.clear()
            lost.needed_sequence = message.sequence
            return
        lost.buffered.append(message)
        self._buffered += 1

    def _load(self, snapshot: InstrumentSnapshot) -> int:
        """Take a snapshot if its instrument needs it and it is new enough."""
        if snapshot.epoch != self._epoch:
            return 0
        security_id = snapshot.security_id
        self._in_cycle.add(security_id)
        lost = self._recovering.get(security_id)
        if lost is None and not self._knows_instruments and security_id not in self._heard:
            lost = self._recovering[security_id] = _Recovering(self._lost_sequence)
        if lost is None or lost.loaded_sequence is not None or snapshot.as_of_sequence < lost.needed_sequence:
            self.counters.snapshots_useless += 1
            if lost is None:
                self._snapshotted.add(security_id)
                self._learn_instruments()
            return 0
        faults = self.books.faults
        self.books.load(snapshot)
        if self.books.faults != faults:
            self.counters.contradictions += 1
            return 0
        self.counters.snapshots_loaded += 1
        self._snapshotted.add(security_id)
        self._heard.add(security_id)
        self._buffered -= len(lost.buffered)
        buffered, lost.buffered = lost.buffered, []
        lost.loaded_sequence = snapshot.as_of_sequence
        self._catch_up(self.sequence)
        for message in buffered:
            if message.sequence > snapshot.as_of_sequence:
                self._route(message)
        self._learn_instruments()
        return 1

    def _catch_up(self, sequence: int) -> None:
        """Instruments whose snapshot was ahead are right once the channel has come as far."""
        for security_id in [
            one
            for one, lost in self._recovering.items()
            if lost.loaded_sequence is not None and lost.loaded_sequence <= sequence
        ]:
            del self._recovering[security_id]

    def _end_cycle(self, cycle: CycleEnd) -> None:
        if cycle.epoch == self._epoch:
            self._cycle = cycle
            if cycle.instruments == len(self._in_cycle):
                self._forget_who_is_not_there()
            self._learn_instruments()
        self._in_cycle.clear()

    def _forget_who_is_not_there(self) -> None:
        """A cycle had every instrument. What is recovering and in none of two such cycles is no instrument."""
        for security_id, lost in list(self._recovering.items()):
            lost.cycles_without += 1
            if security_id in self._in_cycle:
                lost.cycles_without = 0
            elif lost.cycles_without == 2:
                self._buffered -= len(lost.buffered)
                del self._recovering[security_id]
                self._heard.discard(security_id)
                self.counters.instruments_forgotten += 1

    def _learn_instruments(self) -> None:
        """All instruments are known once a whole cycle of snapshots was."""
        if self._cycle is not None and len(self._snapshotted) >= self._cycle.instruments:
            self._knows_instruments = True
            self._is_joining = bool(self._recovering)
