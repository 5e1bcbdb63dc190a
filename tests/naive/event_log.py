"""The log, slowly: CRC32C bit by bit, blocks taken apart with struct, and a list for what was appended."""

from __future__ import annotations

import struct

import numpy as np

from native.layout import SEQUENCED

RECORD_BYTES = 128
BLOCK_BYTES = 4096


def crc32c(octets: bytes, begun_with: int = 0) -> int:
    """RFC 3720 appendix B.4: reflected polynomial 0x82F63B78, all ones before and after."""
    state = begun_with ^ 0xFFFFFFFF
    for octet in octets:
        state ^= octet
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


def is_next(octets: bytes, sequence: int, chain: int) -> bool:
    """Whether these 128 bytes are record `sequence` behind the one whose CRC is `chain`."""
    crc, length, _kind, number = struct.unpack_from("<IHHQ", octets)
    return length == RECORD_BYTES and number == sequence and crc == crc32c(octets[4:], chain)


def records_of_segment(octets: bytes, chain: int, sequence: int = 1) -> list[bytes]:
    """Every record of a segment on disk up to the first that is not whole, whatever the blocks' headers say but for how
    many records they hold."""
    found: list[bytes] = []
    for at in range(BLOCK_BYTES, len(octets), BLOCK_BYTES):
        (count,) = struct.unpack_from("<H", octets, at + 4)
        for place in range(min(count, 31)):
            start = at + RECORD_BYTES * (1 + place)
            record = octets[start : start + RECORD_BYTES]
            if not is_next(record, sequence, chain):
                return found
            found.append(record)
            sequence += 1
            (chain,) = struct.unpack_from("<I", record)
    return found


def made_up_records(count: int, seed: int) -> np.ndarray:
    """SEQUENCED[count] with bodies from `seed`, not yet numbered."""
    draw = np.random.default_rng(seed)
    records = np.zeros(count, SEQUENCED)
    octets = records.view(np.uint8).reshape(count, RECORD_BYTES)
    octets[:, 16:] = draw.integers(0, 256, (count, RECORD_BYTES - 16), np.uint8)
    records["kind"] = draw.integers(1, 7, count)
    return records
