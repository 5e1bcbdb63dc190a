"""Reads the report log, every message that the core sent to any session, in shared memory, while the core appends.

The file is a REPORT_HEADER and then entries, each a REPORT_ENTRY and the message, padded to 64 bytes (native/
session_layout.py). `committed_bytes` is stored last, so everything below it can be read without a lock. The index of
what was read stays in memory: where each message of a session, and of a firm's drop copy, begins.
"""

from __future__ import annotations

import mmap
import os
import struct
from array import array
from collections import defaultdict
from pathlib import Path
from typing import Final

import numpy as np

from native import _native
from native.session_layout import REPORT_ENTRY, REPORT_FORMAT_VERSION, REPORT_HEADER, REPORT_MAGIC

_ENTRY: Final = struct.Struct("<QQQqqqIIII")
assert _ENTRY.size == REPORT_ENTRY.itemsize
_HEADER_BYTES: Final = REPORT_HEADER.itemsize


class ReportLogError(Exception):
    """The report log cannot be used; the message is one sentence."""


class Flow:
    """Where the messages of one numbered stream begin. A venue that was started again may have only the later ones."""

    def __init__(self, generation: int = 0) -> None:
        self.generation: Final = generation
        """Of the row that it is of."""
        self.first = 1
        """Number of the oldest message that is held."""
        self.places: array[int] = array("Q")
        self.day = 0
        """How often its numbers began again."""

    @property
    def newest(self) -> int:
        """Number of the newest message that is held; first - 1: none is."""
        return self.first + len(self.places) - 1

    def append(self, number: int, place: int) -> None:
        """The next message. Where its number is not the next one, the flow begins anew with it."""
        if number != self.newest + 1:
            if number <= self.newest:
                self.day += 1
            self.first = number
            self.places = array("Q")
        self.places.append(place)


_NOTHING: Final = Flow()


class ReportLog:
    """The log, mapped read-only; `poll` follows what the core appends."""

    def __init__(self, path: str | Path) -> None:
        """Map the log at `path`. Raises ReportLogError."""
        self.path: Final = path
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._map: Final = mmap.mmap(file, 0, mmap.MAP_SHARED, mmap.PROT_READ)
            finally:
                os.close(file)
        except (OSError, ValueError) as error:
            raise ReportLogError(f"{path}: cannot be mapped: {error}.") from None
        if len(self._map) < _HEADER_BYTES:
            raise ReportLogError(f"{path}: is too short for a report log.")
        self._header: Final = np.frombuffer(self._map, REPORT_HEADER, 1)
        row = self._header[0]
        if int(row["magic"]) != REPORT_MAGIC or int(row["format_version"]) != REPORT_FORMAT_VERSION:
            raise ReportLogError(f"{path}: is not a report log of format {REPORT_FORMAT_VERSION}.")
        self._end: Final = min(len(self._map) - _HEADER_BYTES, int(row["capacity_bytes"]))
        fields = REPORT_HEADER.fields
        assert fields is not None
        self._committed_address: Final = self._header.ctypes.data + int(fields["committed_bytes"][1])
        self._read_to = 0
        self._sessions: dict[int, Flow] = {}
        self._firms: defaultdict[int, Flow] = defaultdict(Flow)

    def poll(self, entries_max: int = 500) -> bool:
        """Look at the next entries. False: there are no more now. Raises ReportLogError for one that cannot be."""
        committed = min(int(_native.lib.journal_load_acquire(self._committed_address)), self._end)
        for _ in range(entries_max):
            at = self._read_to
            if at >= committed:
                return False
            _, number, firm_number, _, _, _, row, generation, firm, size = _ENTRY.unpack_from(
                self._map, _HEADER_BYTES + at
            )
            if at + _ENTRY.size + size > committed:
                raise ReportLogError(f"{self.path}: the entry at {at} is longer than the log.")
            flow = self._sessions.get(row)
            if flow is None or flow.generation != generation:
                flow = self._sessions[row] = Flow(generation)
            flow.append(number, at)
            if firm_number:
                self._firms[firm].append(firm_number, at)
            self._read_to = at + _ENTRY.size + -(-size // 64) * 64
        return True

    def of_row(self, row: int) -> Flow:
        """The flow of the session that the row has now (as far as `poll` has come)."""
        return self._sessions.get(row, _NOTHING)

    def of_firm(self, firm: int) -> Flow:
        """The flow of the firm's drop copy."""
        return self._firms.get(firm, _NOTHING)

    def message(self, flow: Flow, number: int) -> tuple[int, bytes]:
        """(record of the log that it depends on, message) of message `number` of a flow, which holds it."""
        return self._message(flow.places[number - flow.first])

    def _message(self, at: int) -> tuple[int, bytes]:
        entry = _ENTRY.unpack_from(self._map, _HEADER_BYTES + at)
        start = _HEADER_BYTES + at + _ENTRY.size
        return entry[0], bytes(self._map[start : start + entry[9]])
