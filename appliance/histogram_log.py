"""Histograms of `appliance.histogram` as HdrHistogram logs (`.hlog`), nothing rounded. Free of numba.

The format is HdrHistogram's: a text file with a line an interval, each with its histogram in the V2 encoding (ZigZag
LEB128 counts behind a header of 40 octets), compressed by zlib, in base64. Any HdrHistogram tool reads it. Both ways:
`decode` gives back the counts, so that logs of several runs can be added.
"""

from __future__ import annotations

import base64
import binascii
import struct
import time
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple, TextIO

import numpy as np

from appliance.histogram import (
    BUCKETS_COUNT,
    HEADER_SLOTS,
    SLOT_COUNT,
    SLOT_MAX_NS,
    SLOT_MIN_NS,
    SLOT_SUM_NS,
    VALUE_NS_MAX,
    Histogram,
    highest_of,
    max_ns,
    new_histogram,
)

_COOKIE: Final = 0x1C849303 | 0x10
_COMPRESSED_COOKIE: Final = 0x1C849304 | 0x10
_HEADER: Final = struct.Struct(">iiiiqqd")
_COMPRESSED_HEADER: Final = struct.Struct(">ii")
_SIGNIFICANT_DIGITS: Final = 3
_LOWEST_NS: Final = 1
_NS_PER_MS: Final = 1_000_000


class LogError(Exception):
    """This is no histogram log of ours; the message says why."""


class Interval(NamedTuple):
    """One line of a log."""

    start_seconds: float
    """Since 1970."""
    length_seconds: float
    histogram: Histogram


def encode(histogram: Histogram) -> str:
    """The counts as HdrHistogram's compressed V2 encoding, in base64."""
    counts = histogram[HEADER_SLOTS:]
    used = np.flatnonzero(counts)
    payload = bytearray()
    at = 0
    for bucket in used.tolist():
        if bucket > at:
            payload += _leb128(at - bucket)  # a run of zeros is its length, below 0
        payload += _leb128(int(counts[bucket]))
        at = bucket + 1
    header = _HEADER.pack(_COOKIE, len(payload), 0, _SIGNIFICANT_DIGITS, _LOWEST_NS, VALUE_NS_MAX, 1.0)
    packed = zlib.compress(header + payload)
    return base64.b64encode(_COMPRESSED_HEADER.pack(_COMPRESSED_COOKIE, len(packed)) + packed).decode("ascii")


def decode(text: str) -> Histogram:
    """What `encode` made. Minimum, maximum and sum are those that the buckets tell. Raises LogError."""
    try:
        octets = base64.b64decode(text, validate=True)
        cookie, size = _COMPRESSED_HEADER.unpack_from(octets)
        whole = zlib.decompress(octets[_COMPRESSED_HEADER.size : _COMPRESSED_HEADER.size + size])
        inner, payload_bytes, offset, digits, lowest, highest, ratio = _HEADER.unpack_from(whole)
    except (binascii.Error, struct.error, zlib.error, ValueError):
        raise LogError("The line holds no whole histogram.") from None
    shape = (cookie, inner, offset, digits, lowest, highest, ratio)
    if shape != (_COMPRESSED_COOKIE, _COOKIE, 0, _SIGNIFICANT_DIGITS, _LOWEST_NS, VALUE_NS_MAX, 1.0):
        raise LogError("The histogram has other buckets than ours.")
    histogram = new_histogram()
    counts = histogram[HEADER_SLOTS:]
    bucket = 0
    for number in _numbers(whole[_HEADER.size : _HEADER.size + payload_bytes]):
        if number < 0:
            bucket -= number
            continue
        if bucket >= BUCKETS_COUNT:
            raise LogError("The histogram has more buckets than ours.")
        counts[bucket] = number
        bucket += 1
    used = np.flatnonzero(counts)
    if used.size:
        values = [highest_of(int(index)) for index in used]
        histogram[SLOT_COUNT] = counts.sum()
        histogram[SLOT_MIN_NS], histogram[SLOT_MAX_NS] = highest_of(int(used[0]) - 1) + 1 if used[0] else 0, values[-1]
        histogram[SLOT_SUM_NS] = int(np.dot(counts[used], np.array(values, np.int64)))
    return histogram


def write_log(intervals: list[Interval], out: TextIO, comment: str = "") -> None:
    """A whole `.hlog`. The maximum of a line is in milliseconds, as HdrHistogram's own tools have it."""
    start = intervals[0].start_seconds if intervals else 0.0
    for line in comment.splitlines():
        out.write(f"#{line}\n")
    out.write("#[Histogram log format version 1.3]\n")
    out.write(f"#[StartTime: {start:.3f} (seconds since epoch), {time.strftime('%F %T', time.gmtime(start))} UTC]\n")
    out.write('"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n')
    for begins, length, histogram in intervals:
        line = f"{begins - start:.3f},{length:.3f},{max_ns(histogram) / _NS_PER_MS:.6f},{encode(histogram)}\n"
        out.write(line)


def read_log(source: TextIO) -> list[Interval]:
    """The intervals of an `.hlog` of ours. Raises LogError."""
    start, found = 0.0, []
    for line in source:
        if line.startswith("#[StartTime:"):
            start = float(line.split()[1])
        elif line[:1].isdigit():
            words = line.rstrip("\n").split(",")
            if len(words) != 4:
                raise LogError("A line has not four columns.")
            found.append(Interval(start + float(words[0]), float(words[1]), decode(words[3])))
    return found


def _leb128(value: int) -> bytes:
    """ZigZag LEB128 of a number of 64 bits; the ninth octet, if there is one, holds eight bits (HdrHistogram's way)."""
    rest = (value << 1) ^ (value >> 63)
    octets = bytearray()
    while rest >= 0x80 and len(octets) < 8:
        octets.append(rest & 0x7F | 0x80)
        rest >>= 7
    octets.append(rest)
    return bytes(octets)


def _numbers(octets: bytes) -> Iterator[int]:
    at = 0
    while at < len(octets):
        rest = shift = count = 0
        while True:
            if at == len(octets):
                raise LogError("The histogram ends in the middle of a number.")
            octet = octets[at]
            at += 1
            count += 1
            last = count == 9 or octet < 0x80
            rest |= (octet if count == 9 else octet & 0x7F) << shift
            shift += 7
            if last:
                break
        yield (rest >> 1) ^ -(rest & 1)
