"""Messages out of a byte stream as it comes, in any of the framings that have a header of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from wire.framing.sofh import ENCODING_SBE_LITTLE_ENDIAN, FrameError
from wire.framing.venues import FRAMINGS, Framing

STREAM_FRAMINGS: Final = {
    "sofh": replace(FRAMINGS["sofh"], encoding=ENCODING_SBE_LITTLE_ENDIAN),
    "cme": FRAMINGS["cme-ilink"],
    "b3": FRAMINGS["b3"],
}
"""How order entry over TCP may be framed: FIX SOFH, or the four bytes of CME iLink 3 or of B3."""


class StreamReader:
    """Cuts messages out of bytes as they come; holds at most one frame that is not whole."""

    def __init__(self, framing: Framing, message_bytes_max: int) -> None:
        if framing.length_offset != 0 or not framing.counts_header or framing.encoding is None:
            raise ValueError("only frames that begin with their whole length, and name an encoding, can be read so")
        self._header_bytes = framing.header_bytes
        self._length_bytes = framing.length_bytes
        self._byte_order = framing.byte_order
        self._encoding = framing.encoding.to_bytes(2, framing.byte_order)
        self._frame_bytes_max = framing.header_bytes + message_bytes_max
        self._pending = bytearray()

    @property
    def is_in_a_frame(self) -> bool:
        """Whether the bytes so far end within a frame."""
        return bool(self._pending)

    def feed(self, octets: bytes) -> list[bytes]:
        """Every message that is whole now. Raises FrameError; the stream is lost then."""
        pending = self._pending
        pending += octets
        messages = []
        at = 0
        while len(pending) - at >= self._header_bytes:
            length = int.from_bytes(pending[at : at + self._length_bytes], self._byte_order)
            if length <= self._header_bytes:
                raise FrameError(f"A frame says that it is {length} bytes long, no more than its own header.")
            if length > self._frame_bytes_max:
                raise FrameError(f"A frame of {length} bytes is longer than the {self._frame_bytes_max} allowed.")
            start = at + self._header_bytes
            if pending[start - 2 : start] != self._encoding:
                raise FrameError(f"A frame has encoding {pending[start - 2 : start].hex()}.")
            if len(pending) - at < length:
                break
            messages.append(bytes(pending[start : at + length]))
            at += length
        del pending[:at]
        return messages
