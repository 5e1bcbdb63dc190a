"""The server's recoverable flow as its receiver sees it: every message once, in order, and which ones to ask for again.

What comes too early is held until the hole before it is filled, so that whoever keeps a ledger by these messages has,
after each of them, the state that the server had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

HELD_MAX: Final = 65_536
"""Messages further ahead than this are not held; they are asked for when their turn comes."""
JUMP_MAX: Final = 1 << 20
"""A number further than this beyond everything known is no gap but damage: asking for it would end the session."""
ASK_MAX: Final = 500
"""Messages of one request: at most 128 bytes each, so that they fit into the 64 KiB that a request may have."""
BRIDGE_MAX: Final = 16
"""Two holes with no more messages between them than this are asked for together."""


class ReportFlow:
    """Numbers below `next_seq` were given out; those below `end_seq` exist, as far as the server told."""

    def __init__(self, next_seq: int = 1) -> None:
        self.next_seq = next_seq
        self.end_seq = next_seq
        self._held: dict[int, Any] = {}

    @property
    def missing(self) -> int:
        """How many messages exist and have not come."""
        return self.end_seq - self.next_seq - len(self._held)

    @property
    def held(self) -> int:
        """How many messages wait for an earlier one."""
        return len(self._held)

    def is_damage(self, number: int) -> bool:
        """No server says this number: it is 0, or far beyond everything that was heard of."""
        return not 1 <= number <= self.end_seq + JUMP_MAX

    def announce(self, next_seq: int) -> int:
        """The server said that its next message is `next_seq`. Returns how many more are missing by that."""
        more = max(next_seq - self.end_seq, 0)
        self.end_seq += more
        return more

    def is_new(self, number: int) -> bool:
        """Neither given out nor held."""
        return number >= self.next_seq and number not in self._held

    def take(self, first: int, messages: Sequence[Any]) -> list[tuple[int, Any]]:
        """Messages first, first + 1, ... have come. Returns (number, message) of everything that is in order now."""
        self.announce(first + len(messages))
        for number, message in enumerate(messages, first):
            if self.is_new(number) and number < self.next_seq + HELD_MAX:
                self._held[number] = message
        return self._ready()

    def _ready(self) -> list[tuple[int, Any]]:
        ready = []
        while self.next_seq in self._held:
            ready.append((self.next_seq, self._held.pop(self.next_seq)))
            self.next_seq += 1
        return ready

    def give_up(self, before: int) -> list[tuple[int, Any]]:
        """What is missing below `before` will never come. Returns (number, message) of what was held behind it."""
        ready = []
        while self.next_seq < min(before, self.end_seq):
            if self.next_seq in self._held:
                ready.append((self.next_seq, self._held.pop(self.next_seq)))
            self.next_seq += 1
        return ready + self._ready()

    def wanted(self) -> tuple[int, int] | None:
        """(first number, how many) to ask for: the oldest holes, near ones together. None: nothing is missing."""
        if self.next_seq >= self.end_seq:
            return None
        limit = min(self.end_seq, self.next_seq + ASK_MAX)
        last = number = self.next_seq  # the first number that has not come is always `next_seq`
        while number < limit and number - last <= BRIDGE_MAX:
            if number not in self._held:
                last = number
            number += 1
        return self.next_seq, last + 1 - self.next_seq

    def restart(self, next_seq: int) -> None:
        """The server says, in a new binding of the same session, that its next message is `next_seq`: that counts, also
        where a damaged number had promised more."""
        self.end_seq = max(next_seq, self.next_seq)
        self._held = {number: message for number, message in self._held.items() if number < self.end_seq}
