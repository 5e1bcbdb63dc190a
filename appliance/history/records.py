"""Where recovery and replica take sequenced records from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

Take = Callable[[np.ndarray], None]
"""Is given verified records, SEQUENCED[n], in order; they are only lent."""


class LogEnd(Protocol):
    """What a log must tell for a snapshot to be chosen."""

    def crc32c_of(self, sequence: int) -> int | None:
        """CRC32C of record `sequence`; None where the log does not hold it."""


class RecordSource(LogEnd, Protocol):
    """A log of sequenced records, verified as it is read."""

    def read(self, from_sequence: int, take: Take) -> int:
        """Give every record from `from_sequence` on to `take`; returns the sequence of the log's last record."""


class RecordArray:
    """Records that lie in memory and are verified: SEQUENCED[n] from sequence `first_sequence` on."""

    def __init__(self, records: np.ndarray, first_sequence: int = 1) -> None:
        self.records = records
        self.first_sequence = first_sequence

    def crc32c_of(self, sequence: int) -> int | None:
        """See RecordSource."""
        at = sequence - self.first_sequence
        return int(self.records[at]["crc32c"]) if 0 <= at < self.records.size else None

    def read(self, from_sequence: int, take: Take) -> int:
        """See RecordSource."""
        at = from_sequence - self.first_sequence
        assert at >= 0, "the records before these are not here"
        if at < self.records.size:
            take(self.records[at:])
        return self.first_sequence + self.records.size - 1
