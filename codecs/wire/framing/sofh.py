"""SOFH, the Simple Open Framing Header (FIX Simple Open Framing Header 1.1 RC1): messages on a byte stream.

Six bytes, big-endian: u32 Message_Length, which counts the header too, and u16 Encoding_Type.
"""

from __future__ import annotations

import struct
from typing import Final

ENCODING_SBE_LITTLE_ENDIAN: Final = 0xEB50
ENCODING_MARKET_DATA_PACKET: Final = 0x0001
"""Private type (0x0001 to 0x00FF are free for that): one market data packet, as it stands in a datagram."""

_HEADER = struct.Struct(">IH")
HEADER_BYTES: Final = _HEADER.size


class FrameError(Exception):
    """The stream is not what it should be and cannot be read on; the message is one sentence."""


def framed(encoding: int, message: bytes) -> bytes:
    """`message` with its header before it."""
    return _HEADER.pack(HEADER_BYTES + len(message), encoding) + message


def parse_header(header: bytes | bytearray, message_bytes_max: int) -> tuple[int, int]:
    """(bytes of the message that follows, encoding) from HEADER_BYTES bytes. Raises FrameError."""
    length, encoding = _HEADER.unpack(header)
    if length < HEADER_BYTES:
        raise FrameError(f"A frame says that it is {length} bytes long, less than its own header.")
    if length - HEADER_BYTES > message_bytes_max:
        raise FrameError(f"A frame of {length} bytes is longer than the {message_bytes_max} bytes allowed.")
    return length - HEADER_BYTES, encoding


class FrameReader:
    """Cuts frames out of bytes as they come; holds at most one frame that is not whole."""

    def __init__(self, message_bytes_max: int) -> None:
        self._bytes_max = message_bytes_max
        self._pending = bytearray()

    def feed(self, octets: bytes) -> list[tuple[int, bytes]]:
        """(encoding, message) of every frame that is whole now. Raises FrameError; the stream is lost then."""
        pending = self._pending
        pending += octets
        frames = []
        at = 0
        while len(pending) - at >= HEADER_BYTES:
            size, encoding = parse_header(pending[at : at + HEADER_BYTES], self._bytes_max)
            start = at + HEADER_BYTES
            if len(pending) - start < size:
                break
            frames.append((encoding, bytes(pending[start : start + size])))
            at = start + size
        del pending[:at]
        return frames
