"""The clock and CRC32C of the C library."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from native._native import ffi, lib
from native.layout import COMMAND_FIRST_OF_BURST, SEQUENCED


def crc(data: bytes, before: int = 0, software: bool = False) -> int:
    address = int(ffi.cast("uintptr_t", ffi.from_buffer(data)))
    return int((lib.crc32c_software if software else lib.crc32c)(address, len(data), before))


@pytest.mark.parametrize(
    ("data", "expected"),
    [  # RFC 3720 appendix B.4, and the check value of the CRC catalogues
        (b"", 0),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
    ],
)
@pytest.mark.parametrize("software", [False, True])
def test_crc32c_published_vectors(data: bytes, expected: int, software: bool) -> None:
    assert crc(data, software=software) == expected


@given(st.binary(max_size=300), st.integers(0, 300))
def test_crc32c_by_instruction_equals_by_table_and_continues(data: bytes, cut: int) -> None:
    assert crc(data) == crc(data, software=True) == crc(data[cut:], crc(data[:cut]))


def test_the_clocks_are_the_kernels() -> None:
    before, now, after = time.time_ns(), lib.clock_realtime_ns(), time.time_ns()
    assert before <= now <= after
    before, now, after = time.monotonic_ns(), lib.clock_monotonic_ns(), time.monotonic_ns()
    assert before <= now <= after


@pytest.mark.parametrize("sleep_ns", [-1, 0, 1_000_000])
def test_idle_waits_at_least_as_long_as_asked(sleep_ns: int) -> None:
    before = time.monotonic_ns()
    assert lib.clock_idle(sleep_ns) == 0
    assert time.monotonic_ns() - before >= sleep_ns


@given(
    st.binary(min_size=128, max_size=128),
    st.integers(1, 1 << 40),
    st.integers(0, 1 << 62),
    st.integers(1, 99),
    st.booleans(),
    st.integers(0, (1 << 32) - 1),
)
def test_a_record_is_committed_as_a_table_would_do_it(
    body: bytes, sequence: int, time_ns: int, kind: int, first: bool, chain: int
) -> None:
    record = np.frombuffer(bytearray(body), SEQUENCED)
    told = lib.journal_commit(record.ctypes.data, sequence, time_ns, kind, first, chain)
    row = record[0]
    assert (int(row["sequence"]), int(row["time_ns"]), int(row["kind"]), int(row["length"])) == (
        sequence,
        time_ns,
        kind,
        128,
    )
    assert int(row["crc32c"]) == told == crc(record.tobytes()[4:], chain, software=True)
    before = np.frombuffer(body, SEQUENCED)[0]
    assert int(row["flags"]) == int(before["flags"]) & ~COMMAND_FIRST_OF_BURST | (COMMAND_FIRST_OF_BURST * first)
    changed = ("crc32c", "length", "kind", "sequence", "time_ns", "flags")
    assert all(row[name] == before[name] for name in SEQUENCED.names or () if name not in changed)
