"""The feed handler, sans I/O: market data packets in any order, from any number of lines, in; messages in order out.

Give every datagram to `receive`, and say on which line it came; it returns the messages that are due now. The lines
carry the same messages and numbers, so whatever comes first is taken and the rest are duplicates. Where a number is
missing, later messages wait, and `wanted` names the range to ask the TCP recovery channel for; its packets go to
`receive` too. Nothing is delivered twice, and nothing is skipped unless `skip_to` says so. A higher epoch means that
the publisher numbers anew: the handler starts over.
"""

from __future__ import annotations

import heapq
import struct
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from wire.blocks import Block, BlockError, schema
from wire.framing import packets

MARKET_DATA: Final = schema("market_data")
FIXP: Final = schema("fixp")
_HEADER: Final = MARKET_DATA.header
_INSTRUMENT_HEADER: Final = struct.Struct("<BbiI")
assert list(MARKET_DATA["instrumentHeader"].offsets.values())[:4] == [0, 1, 2, 6]
SPARSE_MAX: Final = 8
"""A range may bring so many messages for each that is missing."""
BESIDE_THE_NUMBERING: Final = ("InstrumentDefinition",)
"""Messages of an instrument that its InstrSeqNum does not count."""


class InstrumentNumber(NamedTuple):
    """The start of most messages: InstrFlags, InstrSide, InstrumentId, InstrSeqNum."""

    flags: int
    side: int
    security_id: int
    sequence: int


class FeedMessage:
    """One market data message: number, epoch, packet time in ns; its block is decoded when it is asked for.

    `block` and `values` are None for a template that this client does not know, and for one whose block is shorter than
    it should be (it counts in the numbering all the same). `packet[start:end]` are its bytes, SBE header and padding
    included.
    """

    __slots__ = (
        "__dict__", "end", "epoch", "packet", "received_ns", "sending_time_ns", "sequence", "start", "template_id",
    )  # fmt: skip

    def __init__(
        self, sequence: int, packet: bytes, start: int, end: int, header: packets.PacketHeader, received_ns: int = 0
    ) -> None:
        self.sequence: Final = sequence
        self.packet: Final = packet
        self.start: Final = start
        self.end: Final = end
        self.received_ns: Final = received_ns
        self.epoch: Final = header.epoch
        self.sending_time_ns: Final = header.sending_time_ns
        self.template_id: Final[int] = packet[start + 2] | packet[start + 3] << 8

    @cached_property
    def _decoded(self) -> tuple[Block | None, Any]:
        try:
            block, values, _ = MARKET_DATA.decode(self.packet, self.start, self.end)
        except BlockError:
            return None, None
        if _HEADER.unpack(self.packet, self.start).blockLength < block.size:
            return None, None
        return block, values

    @property
    def block(self) -> Block | None:
        """What the message is."""
        return self._decoded[0]

    @property
    def values(self) -> Any:
        """Its fields, named as in the schema."""
        return self._decoded[1]

    @property
    def name(self) -> str:
        """Name of the message in the schema; its template id where it is not known."""
        return self.block.name if self.block is not None else f"template {self.template_id}"

    @cached_property
    def instrument(self) -> InstrumentNumber | None:
        """Whose message it is; None: of no instrument, or not known."""
        block = MARKET_DATA.by_template.get(self.template_id)
        if block is None or block.offsets.get("InstrSeqNum") != 6 or block.name in BESIDE_THE_NUMBERING:
            return None
        if self.start + _HEADER.size + block.size > self.end:
            return None
        block_length, _, schema_id, _ = _HEADER.unpack(self.packet, self.start)
        if schema_id != MARKET_DATA.schema_id or block_length < block.size:
            return None
        return InstrumentNumber(*_INSTRUMENT_HEADER.unpack_from(self.packet, self.start + _HEADER.size))


@dataclass
class LineCounters:
    """What came on one line."""

    packets: int = 0
    messages_first: int = 0
    """That no other line had brought before."""
    duplicates: int = 0
    end: int = 0
    """Number after the last message of its last packet: how far the publisher was."""


@dataclass
class FeedCounters:
    """What the handler saw; `packets_bad` with the last sentence in `FeedHandler.last_fault`."""

    packets: int = 0
    packets_bad: int = 0
    packets_of_others: int = 0
    """Of another channel, or snapshots."""
    packets_of_old_epochs: int = 0
    packets_behind: int = 0
    """Which end before the message that is due: overtaken by others; where only such come, it is not what is due."""
    heartbeats: int = 0
    topics: int = 0
    messages: int = 0
    messages_unknown: int = 0
    duplicates: int = 0
    gaps: int = 0
    messages_recovered: int = 0
    """Delivered from packets that carry the retransmit flag."""
    messages_skipped: int = 0
    """Given up: a snapshot stands for them."""
    buffer_full: int = 0
    epochs: int = 0


@dataclass
class FeedHandler:
    """Follows one channel from message `next_sequence` on; None: from whatever comes first."""

    next_sequence: int | None = 1
    channel_id: int | None = None
    """None: the channel of the first packet."""
    epoch: int | None = None
    buffered_messages_max: int = 1 << 17
    """How far ahead of the first missing message others are kept."""
    range_messages_max: int = 65_536
    counters: FeedCounters = field(default_factory=FeedCounters)
    lines: list[LineCounters] = field(default_factory=lambda: [LineCounters()])
    topic_session_id: bytes | None = None
    """From the feed's Topic: what a RetransmitRequest has to name."""
    last_fault: str = ""
    _waiting: dict[int, FeedMessage] = field(default_factory=dict)
    _waiting_last: int = 0
    _waiting_order: list[int] = field(default_factory=list)
    """A heap of the numbers in `_waiting`, and of some that are gone."""
    _gap_end: int = 0

    @property
    def highest_sequence(self) -> int:
        """The highest number that is known to exist: a line's last packet, or a message that waits, tells."""
        last = self._waiting_last if self._waiting else 0
        return max(last, max(line.end for line in self.lines) - 1)

    @property
    def recovering(self) -> bool:
        """Messages are known to be missing: what was delivered is right but old."""
        return self.next_sequence is not None and self.highest_sequence >= self.next_sequence

    def wanted(self) -> tuple[int, int] | None:
        """(from sequence, count) of the oldest range that is missing, for the recovery channel; None: all is here.

        Where many small holes follow, the range reaches over them: one request for all, not one for each.
        """
        if self.next_sequence is None or not self.recovering:
            return None
        self._note_gap()
        end = self._gap_end
        last = self.highest_sequence
        while last in self._waiting:
            last -= 1
        span = last + 1 - self.next_sequence
        missing = span - (len(self._waiting) - (self.highest_sequence - last))
        if span <= missing * SPARSE_MAX:
            end = max(end, last + 1)
        return self.next_sequence, max(1, min(end - self.next_sequence, self.range_messages_max))

    def skip_to(self, sequence: int) -> list[FeedMessage]:
        """Give up every message before `sequence` that is missing. Returns those that waited and are due now."""
        assert self.next_sequence is not None
        covered = [number for number in self._waiting if number < sequence]
        for number in covered:
            del self._waiting[number]
        self.counters.messages_skipped += max(sequence - self.next_sequence - len(covered), 0)
        self.next_sequence = max(sequence, self.next_sequence)
        due = self._due()
        self._gap_end = 0
        self._note_gap()
        return due

    def after_hole(self) -> int:
        """Number of the first message behind the oldest hole that is here, or of the next one to be published."""
        while self._waiting_order and self._waiting_order[0] not in self._waiting:
            heapq.heappop(self._waiting_order)
        return self._waiting_order[0] if self._waiting_order else self.highest_sequence + 1

    def hole_seen_ns(self) -> int | None:
        """When the first message behind the oldest hole came; None: nothing waits."""
        after = self._waiting.get(self.after_hole())
        return after.received_ns if after else None

    def receive(self, packet: bytes, line: int = 0, now_ns: int = 0) -> list[FeedMessage]:
        """The messages that `packet` makes deliverable, in order: its own, many more, or none."""
        self.counters.packets += 1
        try:
            header = packets.parse_header(packet)
            if self.is_old(header):
                return self.nothing_new(header, line)
            frames = list(packets.frames(packet, header.message_count))
            if header.flags & ~packets.FLAG_RETRANSMIT == 0:
                return self._beside_the_numbering(packet, header, frames)
            if header.flags & packets.FLAG_SNAPSHOT:
                self.counters.packets_of_others += 1
                return []
            return self._numbered(packet, header, frames, line, now_ns)
        except (packets.PacketError, BlockError) as error:
            self.counters.packets_bad += 1
            self.last_fault = str(error)
            return []

    def is_old(self, header: packets.PacketHeader) -> bool:
        """Every message of the packet has been delivered: it is what another line brought before."""
        return (
            header.flags == packets.FLAG_INCREMENTAL
            and header.channel_id == self.channel_id
            and header.epoch == self.epoch
            and header.message_count > 0
            and self.next_sequence is not None
            and header.sequence + header.message_count <= self.next_sequence
        )

    def nothing_new(self, header: packets.PacketHeader, line: int) -> list[FeedMessage]:
        """Count a packet that `is_old`. Returns no messages."""
        self.counters.duplicates += header.message_count
        self._count_line(line, header.sequence + header.message_count, 0, header.message_count)
        return []

    def took_packet(self, messages: int, duplicates: int, line: int) -> None:
        """Somebody else has applied the next packet: `messages` of it were due, `duplicates` before them were not."""
        assert self.next_sequence is not None
        self.next_sequence += messages
        self.counters.packets += 1
        self.counters.messages += messages
        self.counters.duplicates += duplicates
        self._count_line(line, self.next_sequence, messages, duplicates)

    def _count_line(self, line: int, end: int, messages: int, duplicates: int) -> None:
        while line >= len(self.lines):
            self.lines.append(LineCounters())
        counted = self.lines[line]
        counted.packets += 1
        counted.end = end
        self.counters.packets_behind += self.next_sequence is not None and end < self.next_sequence
        counted.messages_first += messages
        counted.duplicates += duplicates

    def start_over(self, epoch: int) -> None:
        """Follow `epoch` from its first message on."""
        self.epoch = epoch
        self.next_sequence = 1
        self.topic_session_id = None
        for line in self.lines:
            line.end = 0
        self._waiting.clear()
        self._waiting_order.clear()
        self._waiting_last = 0
        self._gap_end = 0
        self.counters.epochs += 1

    def _beside_the_numbering(
        self, packet: bytes, header: packets.PacketHeader, frames: list[tuple[int, int]]
    ) -> list[FeedMessage]:
        if self.channel_id not in (None, header.channel_id):
            self.counters.packets_of_others += 1
            return []
        for start, end in frames:
            message = FIXP.decode(packet, start, end)
            if message.block.name == "Topic":
                self.topic_session_id = message.values.SessionId
                self.counters.topics += 1
        return []

    def _numbered(
        self, packet: bytes, header: packets.PacketHeader, frames: list[tuple[int, int]], line: int, now_ns: int
    ) -> list[FeedMessage]:
        if not self._is_ours(header):
            return []
        if self.next_sequence is None:
            self.next_sequence = header.sequence
        if not frames:
            self.counters.heartbeats += 1
        first_before = self.counters.messages + len(self._waiting)
        duplicates_before = self.counters.duplicates
        delivered: list[FeedMessage] = []
        for position, (start, end) in enumerate(frames):
            sequence = header.sequence + position
            if sequence == self.next_sequence:
                delivered.append(self._deliver(FeedMessage(sequence, packet, start, end, header)))
                if self._waiting.pop(sequence, None) is not None:
                    self.counters.duplicates += 1
            elif sequence < self.next_sequence or sequence in self._waiting:
                self.counters.duplicates += 1
            elif sequence - self.next_sequence <= self.buffered_messages_max:
                self._waiting[sequence] = FeedMessage(sequence, packet, start, end, header, now_ns)
                heapq.heappush(self._waiting_order, sequence)
                self._waiting_last = max(self._waiting_last, sequence)
            else:
                self.counters.buffer_full += 1  # it is not lost: recovery brings it again
        delivered += self._due()
        if not header.flags & packets.FLAG_RETRANSMIT:
            duplicates = self.counters.duplicates - duplicates_before
            first = self.counters.messages + len(self._waiting) - first_before
            self._count_line(line, header.sequence + len(frames), first, duplicates)
        self._note_gap()
        return delivered

    def _due(self) -> list[FeedMessage]:
        delivered = []
        while self.next_sequence in self._waiting:
            delivered.append(self._deliver(self._waiting.pop(self.next_sequence)))
        return delivered

    def _note_gap(self) -> None:
        """Count a gap once, when it opens, and keep where it ended then: later parts that come early change nothing."""
        assert self.next_sequence is not None
        if self.recovering and self.next_sequence >= self._gap_end:
            self.counters.gaps += 1
            self._gap_end = self.after_hole()

    def _is_ours(self, header: packets.PacketHeader) -> bool:
        if self.channel_id is None:
            self.channel_id = header.channel_id
        if header.channel_id != self.channel_id:
            self.counters.packets_of_others += 1
            return False
        if self.epoch is None:
            self.epoch = header.epoch
        if header.epoch < self.epoch:
            self.counters.packets_of_old_epochs += 1
            return False
        if header.epoch > self.epoch:
            self.start_over(header.epoch)
        return True

    def _deliver(self, message: FeedMessage) -> FeedMessage:
        self.next_sequence = message.sequence + 1
        self.counters.messages += 1
        if message.packet[packets.FLAGS_OFFSET] & packets.FLAG_RETRANSMIT:
            self.counters.messages_recovered += 1
        if message.template_id not in MARKET_DATA.by_template:
            self.counters.messages_unknown += 1
            self.last_fault = f"Template {message.template_id} is not known."
        return message
