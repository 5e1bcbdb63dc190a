"""The three kinds of file that `pitwire decode` reads, as items: captures, journals, feed stores."""

from __future__ import annotations

import mmap
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from appliance.decode.item import Item, uuid_text
from appliance.decode.journal import ZSTD_MAGIC, DecodeFileError, journal_items
from appliance.decode.payload import PayloadDecoder
from native import layout, log_layout
from wire.capture import LINK_TYPE_ETHERNET, Capture, CaptureError, parse_capture
from wire.net.frames import FrameError, parse_udp_frame

Data = bytes | mmap.mmap

_MAGIC = struct.Struct("<Q")
_ENTRY = struct.Struct("<QII")
assert _ENTRY.size == layout.FEED_ENTRY.itemsize


def read_file(path: str) -> Data:
    """The bytes of a file, mapped where that is possible; `-` is standard input. Raises OSError."""
    if path == "-":
        return sys.stdin.buffer.read()
    with open(path, "rb") as stream:
        if Path(path).is_file() and Path(path).stat().st_size:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return stream.read()


def items_of(data: Data, file: str, decoder: PayloadDecoder) -> Iterator[Item]:
    """Every message or record of a file. What is whole is given first; then DecodeFileError where the file is not."""
    magic = _MAGIC.unpack_from(data)[0] if len(data) >= _MAGIC.size else 0
    if magic == log_layout.JOURNAL_MAGIC or data[:4] == ZSTD_MAGIC:
        yield from journal_items(data, file)
    elif magic == layout.FEED_MAGIC:
        yield from feed_items(data, file, decoder)
    else:
        try:
            capture = parse_capture(data, file=file, keep_whole=True)
        except CaptureError as error:
            if error.offset == 0:
                raise DecodeFileError(f"{file}: This is no capture, journal or feed store.") from None
            raise DecodeFileError(str(error)) from None
        yield from capture_items(capture, decoder)
        if capture.error is not None:
            raise DecodeFileError(str(capture.error))


def capture_items(capture: Capture, decoder: PayloadDecoder) -> Iterator[Item]:
    """The messages of each packet; frames that are no UDP over IPv4 are given as unknown, with the reason."""
    for number, packet in enumerate(capture, 1):
        place: dict[str, Any] = {"packet": number, "time_ns": packet.time_ns}
        if packet.comment:
            place["comment"] = packet.comment
        if capture.interfaces[packet.interface].link_type != LINK_TYPE_ETHERNET:
            yield Item(place, problem="The link type is not Ethernet.", octets=packet.data)
            continue
        try:
            frame = parse_udp_frame(packet.data)
        except FrameError as error:
            yield Item(place, problem=str(error), octets=packet.data)
            continue
        place |= {"from": str(frame.source), "to": str(frame.destination)}
        if frame.vlan_tci is not None:
            place["vlan"] = frame.vlan_tci & 0xFFF
        yield from decoder.items(frame.payload, place)


# --- the feed store ---------------------------------------------------------------------------------------------


def feed_items(data: Data, file: str, decoder: PayloadDecoder) -> Iterator[Item]:
    """The messages of every packet in a feed store, in the order of publication."""
    header = _header(data, layout.FEED_HEADER, layout.FEED_FORMAT_VERSION, file)
    start, committed = layout.FEED_HEADER.itemsize, int(header["committed_bytes"])
    yield Item(
        {},
        "FeedStore",
        {
            "epoch": int(header["epoch"]),
            "channel": int(header["channel_id"]),
            "topic": uuid_text(header["topic_session_id"].tobytes()),
            "next": int(header["next_sequence"]),
            "closed": int(header["closed"]),
        },
    )
    at, end = start, min(start + committed, len(data))
    while at < end:
        if at + _ENTRY.size > end:
            raise DecodeFileError(f"{file}: byte {at}: The entry is cut short.")
        first, messages, payload_bytes = _ENTRY.unpack_from(data, at)
        packet_at = at + _ENTRY.size
        after = packet_at + payload_bytes + -payload_bytes % 8
        if after > end:
            raise DecodeFileError(f"{file}: byte {at}: {payload_bytes} bytes end beyond what is committed.")
        place = {"entry": first, "messages": messages}
        yield from decoder.items(data[packet_at : packet_at + payload_bytes], place)
        at = after
    if start + committed > len(data):
        raise DecodeFileError(f"{file}: The header counts {committed} bytes, the file holds {len(data) - start}.")


def _header(data: Data, dtype: np.dtype[Any], version: int, file: str) -> np.void:
    if len(data) < dtype.itemsize:
        raise DecodeFileError(f"{file}: The header has {dtype.itemsize} bytes, the file {len(data)}.")
    header: np.void = np.frombuffer(data[: dtype.itemsize], dtype=dtype)[0]
    if int(header["format_version"]) != version:
        raise DecodeFileError(f"{file}: Format version {int(header['format_version'])} is not known, only {version}.")
    return header
