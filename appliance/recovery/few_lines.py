"""A log that nobody from outside can fill: so many lines a second, and how many were left out."""

from __future__ import annotations

import logging
from typing import Final

LINES_A_SECOND_MAX: Final = 20


class FewLines(logging.Filter):
    """Of a logger: passes so many records of each second; the first one after others were left out says how many."""

    def __init__(self, a_second_max: int = LINES_A_SECOND_MAX) -> None:
        super().__init__()
        self._a_second_max = a_second_max
        self._second = 0
        self._passed = 0
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if int(record.created) != self._second:
            self._second = int(record.created)
            self._passed = 0
        if self._passed >= self._a_second_max:
            self._left_out += 1
            return False
        self._passed += 1
        if self._left_out:
            record.msg = f"{record.getMessage()} ({self._left_out} lines before this one were left out.)"
            record.args = None
            self._left_out = 0
        return True
