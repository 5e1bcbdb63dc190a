"""The feed handler, sans I/O: market data packets in any order in, messages in strict order out.

Give every datagram to `receive`; it returns the messages that are due now. Where a number is missing, later messages
wait, and `wanted` names the range to ask the TCP recovery channel for; its packets go to `receive` too. Nothing is
delivered twice, nothing is skipped. A higher epoch means that the publisher numbers anew: the handler starts over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from wire.blocks import Block, BlockError, schema
from wire.framing import packets

MARKET_DATA: Final = schema("market_data")
FIXP: Final = schema("fixp")
_HEADER: Final = MARKET_DATA.header


class FeedMessage(NamedTuple):
    """One market data message: number, epoch, packet time in ns, and its decoded block.

    `block` is None for a template that this client does not know (it counts in the numbering all the same).
    """

    sequence: int
    epoch: int
    sending_time_ns: int
    template_id: int
    block: Block | None
    values: Any

    @property
    def name(self) -> str:
        """Name of the message in the schema; its template id where it is not known."""
        return self.block.name if self.block is not None else f"template {self.template_id}"


@dataclass
class FeedCounters:
    """What the handler saw; `packets_bad` with the last sentence in `FeedHandler.last_fault`."""

    packets: int = 0
    packets_bad: int = 0
    packets_of_others: int = 0
    """Of another channel, or of an epoch that is over."""
    heartbeats: int = 0
    topics: int = 0
    messages: int = 0
    messages_unknown: int = 0
    duplicates: int = 0
    gaps: int = 0
    messages_recovered: int = 0
    """Delivered from packets that carry the retransmit flag."""
    buffer_full: int = 0
    epochs: int = 0


class _Frame(NamedTuple):
    """A message that is not decoded yet."""

    packet: bytes
    start: int
    end: int
    header: packets.PacketHeader


@dataclass
class FeedHandler:
    """Follows one channel from message `next_sequence` on; None: from whatever comes first."""

    next_sequence: int | None = 1
    channel_id: int | None = None
    """None: the channel of the first packet."""
    epoch: int | None = None
    buffered_messages_max: int = 1 << 17
    range_messages_max: int = 65_536
    counters: FeedCounters = field(default_factory=FeedCounters)
    topic_session_id: bytes | None = None
    """From the feed's Topic: what a RetransmitRequest has to name."""
    last_fault: str = ""
    highest_sequence: int = 0
    """The highest number that is known to exist."""
    _waiting: dict[int, _Frame] = field(default_factory=dict)
    _gap_end: int = 0

    @property
    def recovering(self) -> bool:
        """Messages are known to be missing: what was delivered is right but old."""
        return self.next_sequence is not None and self.highest_sequence >= self.next_sequence

    def wanted(self) -> tuple[int, int] | None:
        """(from sequence, count) of the oldest range that is missing, for the recovery channel; None: all is here."""
        if self.next_sequence is None or not self.recovering:
            return None
        return self.next_sequence, min(self._gap_end - self.next_sequence, self.range_messages_max)

    def receive(self, packet: bytes) -> list[FeedMessage]:
        """The messages that `packet` makes deliverable, in order: its own, many more, or none."""
        self.counters.packets += 1
        try:
            header = packets.parse_header(packet)
            frames = list(packets.frames(packet, header.message_count))
            if header.flags & ~packets.FLAG_RETRANSMIT == 0:
                return self._beside_the_numbering(packet, frames)
            return self._numbered(packet, header, frames)
        except (packets.PacketError, BlockError) as error:
            self.counters.packets_bad += 1
            self.last_fault = str(error)
            return []

    def _beside_the_numbering(self, packet: bytes, frames: list[tuple[int, int]]) -> list[FeedMessage]:
        for start, end in frames:
            message = FIXP.decode(packet, start, end)
            if message.block.name == "Topic":
                self.topic_session_id = message.values.SessionId
                self.counters.topics += 1
        return []

    def _numbered(
        self, packet: bytes, header: packets.PacketHeader, frames: list[tuple[int, int]]
    ) -> list[FeedMessage]:
        if not self._is_ours(header):
            self.counters.packets_of_others += 1
            return []
        if self.next_sequence is None:
            self.next_sequence = header.sequence
        if not frames:
            self.counters.heartbeats += 1
        self.highest_sequence = max(self.highest_sequence, header.sequence + len(frames) - 1)
        delivered: list[FeedMessage] = []
        for position, (start, end) in enumerate(frames):
            sequence = header.sequence + position
            frame = _Frame(packet, start, end, header)
            if sequence == self.next_sequence:
                delivered.append(self._decode(sequence, frame))
                self.next_sequence += 1
                if self._waiting.pop(sequence, None) is not None:
                    self.counters.duplicates += 1
            elif sequence < self.next_sequence or sequence in self._waiting:
                self.counters.duplicates += 1
            elif len(self._waiting) < self.buffered_messages_max:
                self._waiting[sequence] = frame
            else:
                self.counters.buffer_full += 1  # it is not lost: recovery brings it again
        while self.next_sequence in self._waiting:
            delivered.append(self._decode(self.next_sequence, self._waiting.pop(self.next_sequence)))
            self.next_sequence += 1
        self._note_gap()
        return delivered

    def _note_gap(self) -> None:
        """Count a gap once, when it opens, and keep where it ended then: later parts that come early change nothing."""
        assert self.next_sequence is not None
        if self.recovering and self.next_sequence >= self._gap_end:
            self.counters.gaps += 1
            self._gap_end = min(self._waiting, default=self.highest_sequence + 1)

    def _is_ours(self, header: packets.PacketHeader) -> bool:
        if self.channel_id is None:
            self.channel_id = header.channel_id
        if header.channel_id != self.channel_id:
            return False
        if self.epoch is None:
            self.epoch = header.epoch
        if header.epoch < self.epoch:
            return False
        if header.epoch > self.epoch:
            self.epoch = header.epoch
            self.next_sequence = 1
            self.highest_sequence = 0
            self.topic_session_id = None
            self._waiting.clear()
            self._gap_end = 0
            self.counters.epochs += 1
        return True

    def _decode(self, sequence: int, frame: _Frame) -> FeedMessage:
        self.counters.messages += 1
        if frame.header.flags & packets.FLAG_RETRANSMIT:
            self.counters.messages_recovered += 1
        template_id = _HEADER.unpack(frame.packet, frame.start).templateId
        block, values = None, None
        try:
            block, values, _ = MARKET_DATA.decode(frame.packet, frame.start, frame.end)
        except BlockError as error:
            self.counters.messages_unknown += 1
            self.last_fault = str(error)
        return FeedMessage(sequence, frame.header.epoch, frame.header.sending_time_ns, template_id, block, values)
