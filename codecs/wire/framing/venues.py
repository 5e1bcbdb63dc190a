"""How venues cut SBE messages out of packets and streams: one small table, apart from the codec.

A frame is a header that says how long it is, and one message. Sources: FIX Simple Open Framing Header 1.1 RC1; the
public interface specifications of the venues, as `../shared/sbe/SBE.md` sums them up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal


class FramingError(ValueError):
    """Bytes are not frames, or a frame is not whole; the message is one sentence."""

    def __init__(self, sentence: str, offset: int) -> None:
        self.offset = offset
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Framing:
    """Where a frame says its length. `header_bytes` 0: the length is a field of the message itself."""

    description: str
    header_bytes: int
    length_offset: int
    length_bytes: int
    byte_order: Literal["little", "big"]
    counts_header: bool = True
    """The length counts the whole frame; else only what stands behind the header."""
    encoding: int | None = None
    """What must stand in the two bytes behind the length."""
    packet_header_bytes: int = 0
    """Bytes before the first frame of a packet."""


FRAMINGS: Final = {
    "sofh": Framing("FIX SOFH: big-endian u32 length and u16 encoding", 6, 0, 4, "big"),
    "cme-md": Framing("CME MDP 3: packet header of 12 bytes, u16 size", 2, 0, 2, "little", packet_header_bytes=12),
    "cme-size": Framing("CME MDP 3 without the packet header: u16 size", 2, 0, 2, "little"),
    "cme-ilink": Framing("CME iLink 3: u16 length, 0xCAFE", 4, 0, 2, "little", encoding=0xCAFE),
    "b3": Framing("B3: u16 length, 0xEB50", 4, 0, 2, "little", encoding=0xEB50),
    "memx": Framing("MEMX: big-endian u16 length of the message alone", 2, 0, 2, "big", counts_header=False),
    "padded": Framing("u16 length that counts itself, the message and its padding", 2, 0, 2, "little"),
    "frame-length": Framing("a header that starts with its frame's u16 length (Coinbase)", 0, 0, 2, "little"),
}


def messages(octets: bytes, framing: Framing, offset: int = 0) -> Iterator[tuple[int, int]]:
    """(start, end) of every frame's message in `octets` from `offset` on; padding is left in.

    Raises FramingError where a frame is cut short, is shorter than its header or has another encoding.
    """
    at = offset + framing.packet_header_bytes
    length_end = framing.length_offset + framing.length_bytes
    head = max(framing.header_bytes, length_end + (0 if framing.encoding is None else 2))
    while at < len(octets):
        if at + head > len(octets):
            raise FramingError(f"A frame header needs {head} bytes, {len(octets) - at} are left.", at)
        length = int.from_bytes(octets[at + framing.length_offset : at + length_end], framing.byte_order)
        if not framing.counts_header:
            length += framing.header_bytes
        if length < head:
            raise FramingError(f"A frame says that it is {length} bytes long, less than its own header.", at)
        if at + length > len(octets):
            raise FramingError(f"A frame says {length} bytes; {len(octets) - at} are left.", at)
        if framing.encoding is not None:
            encoding = int.from_bytes(octets[at + length_end : at + length_end + 2], framing.byte_order)
            if encoding != framing.encoding:
                raise FramingError(f"A frame has the encoding 0x{encoding:04X}, not 0x{framing.encoding:04X}.", at)
        yield at + framing.header_bytes, at + length
        at += length


def framed(message: bytes, framing: Framing, multiple: int = 1) -> bytes:
    """`message` with its frame header before it and zeros behind it up to a multiple of `multiple` bytes.

    Where the length is a field of the message, it is written there. Raises FramingError when it cannot say the length.
    """
    size = framing.header_bytes + len(message)
    size += -size % multiple
    said = size if framing.counts_header else size - framing.header_bytes
    if said >= 1 << 8 * framing.length_bytes:
        raise FramingError(f"A frame of {said} bytes is longer than its length can say.", 0)
    if size < framing.length_offset + framing.length_bytes:
        raise FramingError("The message has no room for its length.", 0)
    out = bytearray(framing.header_bytes) + message
    out = out.ljust(size, b"\0")
    end = framing.length_offset + framing.length_bytes
    out[framing.length_offset : end] = said.to_bytes(framing.length_bytes, framing.byte_order)
    if framing.encoding is not None:
        out[end : end + 2] = framing.encoding.to_bytes(2, framing.byte_order)
    return bytes(out)
