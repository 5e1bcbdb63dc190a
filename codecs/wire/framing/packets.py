"""Market data packets (PROTOCOLS 3.4): the 24-byte header, the frames behind it, and cutting packets at messages.

packetHeader, then MsgCount times: frameHeader (FrameLength counts itself, the message and the padding to 8 bytes),
messageHeader, block. Messages are numbered SeqNum, SeqNum + 1, ... A packet without messages is a heartbeat and its
SeqNum is the next message's. A packet with PktFlags 0 (a FIXP Topic) stands outside the numbering.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from wire.blocks import schema

FLAG_INCREMENTAL: Final = 1
FLAG_SNAPSHOT: Final = 2
FLAG_RETRANSMIT: Final = 4
MESSAGES_A_PACKET_MAX: Final = 255

_MARKET_DATA = schema("market_data")
_HEADER_BLOCK = _MARKET_DATA["packetHeader"]
_FRAME = _MARKET_DATA["frameHeader"]
_MESSAGE_HEADER_BYTES = _MARKET_DATA.header.size
HEADER_BYTES: Final = _HEADER_BLOCK.size
FLAGS_OFFSET: Final = _HEADER_BLOCK.offsets["PktFlags"]
FRAME_BYTES_MIN: Final = _FRAME.size + _MESSAGE_HEADER_BYTES
# read for every packet and frame: as plain structs they take a quarter of the time of blocks
HEADER: Final = struct.Struct("<qqHBBi")
_FRAME_STRUCT: Final = struct.Struct("<H")
assert HEADER.size == _HEADER_BLOCK.size and list(_HEADER_BLOCK.offsets.values()) == [0, 8, 16, 18, 19, 20]
assert _FRAME_STRUCT.size == _FRAME.size


class PacketError(Exception):
    """Bytes are not a market data packet; the message is one sentence."""


class PacketHeader(NamedTuple):
    """The fields of packetHeader: time in ns, first sequence number, channel, flags, messages, epoch."""

    sending_time_ns: int
    sequence: int
    channel_id: int
    flags: int
    message_count: int
    epoch: int


def parse_header(packet: bytes) -> PacketHeader:
    """The header of `packet`. Raises PacketError when it is cut short or its number is below 1.

    A snapshot's number is that of the last message it reflects: 0 where none was published.
    """
    if len(packet) < HEADER_BYTES:
        raise PacketError(f"A packet of {len(packet)} bytes is shorter than its header.")
    header = PacketHeader._make(HEADER.unpack_from(packet))
    if header.sequence < (0 if header.flags & FLAG_SNAPSHOT else 1):
        raise PacketError(f"A packet starts with message {header.sequence}; the first is 1.")
    return header


def pack_header(header: PacketHeader) -> bytes:
    """The HEADER_BYTES bytes of `header`."""
    return HEADER.pack(*header)


def frame(message: bytes) -> bytes:
    """`message` (header and block) with its frameHeader before it and its padding behind it."""
    length = _FRAME.size + len(message) + 7 & ~7
    return (_FRAME.pack(FrameLength=length) + message).ljust(length, b"\0")


def frames(packet: bytes, message_count: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each frame's message, frameHeader left out, padding left in. Raises PacketError."""
    at, end = HEADER_BYTES, len(packet)
    for position in range(message_count):
        if at + FRAME_BYTES_MIN > end:
            raise PacketError(f"Frame {position + 1} of {message_count} is cut short.")
        (length,) = _FRAME_STRUCT.unpack_from(packet, at)
        if length < FRAME_BYTES_MIN or at + length > end:
            raise PacketError(f"Frame {position + 1} of {message_count} says that it is {length} bytes long.")
        yield at + _FRAME.size, at + length
        at += length


def retransmitted(packet: bytes, skip: int, keep: int) -> bytes:
    """`packet` with the retransmit flag, without its first `skip` messages, and at most `keep` of the rest.

    Whole messages only; SeqNum and MsgCount say what is left, everything else stays. Raises PacketError.
    """
    header = parse_header(packet)
    if skip < 0 or keep < 1 or skip + keep > header.message_count:
        raise PacketError(f"{keep} messages after {skip} are not in a packet of {header.message_count}.")
    start, end = HEADER_BYTES, len(packet)
    if skip or keep < header.message_count:
        bounds = list(frames(packet, header.message_count))
        start, end = bounds[skip][0] - _FRAME.size, bounds[skip + keep - 1][1]
    flagged = header._replace(sequence=header.sequence + skip, message_count=keep, flags=header.flags | FLAG_RETRANSMIT)
    return pack_header(flagged) + packet[start:end]
