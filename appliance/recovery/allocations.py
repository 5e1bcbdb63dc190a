"""How much each client may ask for: allocations by second, minute and day, in the words of Cboe's gap request proxy.

A client is a source address, however many connections it has, so that a new connection refills nothing. The second, the
minute and the day are those of UTC: each allocation is whole again when the clock's next one begins. What does not fit
is refused and takes nothing; the refusal says which allocation is exhausted and when it is whole again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

SECOND_NS: Final = 1_000_000_000
WINDOWS: Final = (("second", SECOND_NS), ("minute", 60 * SECOND_NS), ("day", 86_400 * SECOND_NS))
_LONGEST: Final = len(WINDOWS) - 1


class Allocation(NamedTuple):
    """What one client has in each second, minute and day; 0: without limit."""

    second: int
    minute: int
    day: int


class Refusal(NamedTuple):
    """What was exhausted, as a sentence, and the time until it is whole again."""

    sentence: str
    retry_ns: int


@dataclass
class _Used:
    """What a client has used: the numbers of the windows, and requests and messages in each."""

    windows: list[int]
    requests: list[int]
    messages: list[int]


class Allocations:
    """The books of all clients. `now_ns` is UTC; a clock that is set back leaves an allocation as used as it was."""

    def __init__(self, requests: Allocation, messages: Allocation, clients_max: int) -> None:
        self._requests = requests
        self._messages = messages
        self._clients_max = clients_max
        self._clients: dict[str, _Used] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def take(self, client: str, messages: int, now_ns: int) -> Refusal | None:
        """Count one request of `client` for `messages` messages; a Refusal where that is more than it has."""
        used = self._now(client, now_ns)
        if used is None:
            return Refusal(f"{self._clients_max} clients have asked today, the limit.", _until(_LONGEST, now_ns))
        refusal = _exhausted("request", self._requests, used.requests, 1, now_ns)
        refusal = refusal or _exhausted("message", self._messages, used.messages, messages, now_ns)
        if refusal is None:
            for window in range(len(WINDOWS)):
                used.requests[window] += 1
                used.messages[window] += messages
        return refusal

    def charge(self, client: str, messages: int, now_ns: int) -> None:
        """Count messages that were not known when the request was taken (the entries of a snapshot)."""
        used = self._now(client, now_ns)
        if used is not None:
            for window in range(len(WINDOWS)):
                used.messages[window] += messages

    def is_exhausted(self, client: str, now_ns: int) -> bool:
        """Whether the next request of `client` would be refused, whatever it asks for."""
        if client not in self._clients:
            return False
        used = self._now(client, now_ns)
        return used is None or _exhausted("request", self._requests, used.requests, 1, now_ns) is not None

    def _now(self, client: str, now_ns: int) -> _Used | None:
        """The books of `client` with the windows that have begun since emptied; None where there is no room."""
        windows = [now_ns // length_ns for _, length_ns in WINDOWS]
        used = self._clients.get(client)
        if used is None:
            if len(self._clients) >= self._clients_max:
                self._forget_yesterday(windows[_LONGEST])
            if len(self._clients) >= self._clients_max:
                return None
            used = self._clients[client] = _Used(windows, [0] * len(WINDOWS), [0] * len(WINDOWS))
        for place, window in enumerate(windows):
            if window > used.windows[place]:
                used.windows[place] = window
                used.requests[place] = used.messages[place] = 0
        return used

    def _forget_yesterday(self, day: int) -> None:
        self._clients = {client: used for client, used in self._clients.items() if used.windows[_LONGEST] >= day}


def _until(place: int, now_ns: int) -> int:
    length_ns = WINDOWS[place][1]
    return length_ns - now_ns % length_ns


def _exhausted(what: str, allowed: Allocation, used: list[int], more: int, now_ns: int) -> Refusal | None:
    """The longest window that does not have `more` left: before that one is whole again, no other helps."""
    for place in range(_LONGEST, -1, -1):
        if allowed[place] and used[place] + more > allowed[place]:
            name = WINDOWS[place][0]
            return Refusal(f"{name} {what} allocation of {allowed[place]} exhausted.", _until(place, now_ns))
    return None
