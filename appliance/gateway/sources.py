"""Bad log-ons by source address: after too many the port is closed to it for a while (CME calls it port closure).

TCP: the source's connections are refused. UDP, where a source address proves nothing: its handshakes are still
verified, so that nobody can lock another out by sending rubbish in its name, but no refusal is sent any more; a good
one opens the port again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

SOURCES_MAX: Final = 4096
"""Sources remembered; the one that was bad longest ago is forgotten first."""


@dataclass
class _Source:
    bad: int = 0
    since_seconds: float = 0.0
    closed_until_seconds: float = 0.0


class Sources:
    """`bad_max` bad log-ons of a source (an IPv4 address) within `closed_seconds` close the port to it so long."""

    def __init__(self, bad_max: int, closed_seconds: float) -> None:
        self.bad_max: Final = bad_max
        self.closed_seconds: Final = closed_seconds
        self._sources: OrderedDict[int, _Source] = OrderedDict()

    def note_bad(self, ip: int, now_seconds: float) -> bool:
        """One more. True when it closed the port."""
        source = self._sources.pop(ip, None)
        if source is None or now_seconds - source.since_seconds > self.closed_seconds:
            source = _Source(since_seconds=now_seconds)
        self._sources[ip] = source
        while len(self._sources) > SOURCES_MAX:
            self._sources.popitem(last=False)
        source.bad += 1
        if source.bad % self.bad_max:
            return False
        was_open = now_seconds >= source.closed_until_seconds
        source.closed_until_seconds = now_seconds + self.closed_seconds
        source.since_seconds = now_seconds
        return was_open

    def note_good(self, ip: int) -> None:
        """Somebody with a key is there."""
        self._sources.pop(ip, None)

    def is_closed(self, ip: int, now_seconds: float) -> bool:
        """Whether the port is closed to it."""
        source = self._sources.get(ip)
        return source is not None and now_seconds < source.closed_until_seconds
