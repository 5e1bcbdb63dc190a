"""Two runs beside each other: the first difference, its place, and both values.

A run is a journal, a capture, or the list of hashes that a replay of one printed. Where both have records, these are
compared field by field (the inputs), and then the states that they lead to; a list has hashes alone, of its own places.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from appliance.config import Config
from appliance.history.timeline import (
    Mark,
    is_list_of_marks,
    play_to,
    read_marks,
    sequenced_records,
    sized_exchange,
)
from appliance.replay import ReplayError
from native.layout import KIND_SESSION_PEER, SEQUENCED, SESSION_PEER

HASH_EVERY = 10_000
_NOT_COMPARED = ("crc32c",)
"""It begins with the epoch and follows from the rest."""


@dataclass(frozen=True)
class Difference:
    """The first place where two runs differ; `sequence` 0: they are equal."""

    equal: bool
    sequence: int
    """Of the first record that differs, or after which the state does."""
    what: str
    a: str
    b: str
    last_equal_sequence: int
    """Up to this record both are known to be equal."""

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return asdict(self)

    def sentence(self) -> str:
        """For people."""
        if self.equal:
            return f"Equal up to record {self.last_equal_sequence}."
        return (
            f"First difference at record {self.sequence}: {self.what}: {self.a} against {self.b}; "
            f"equal up to record {self.last_equal_sequence}."
        )


def compare(a: Path, b: Path, config: Config, *, hash_every: int | None = None) -> Difference:
    """Compare the runs `a` and `b`. Raises ReplayError."""
    for path in (a, b):
        if not path.exists():
            raise ReplayError(f"{path}: is not there")
    a_is_list, b_is_list = is_list_of_marks(a), is_list_of_marks(b)
    if a_is_list and b_is_list:
        return compare_marks(read_marks(a), read_marks(b))
    if a_is_list or b_is_list:
        listed = read_marks(a if a_is_list else b)
        played = _marks_at(b if a_is_list else a, config, [one.sequence for one in listed])
        return compare_marks(listed, played) if a_is_list else compare_marks(played, listed)
    my_config, mine = sequenced_records(a, config)
    its_config, its = sequenced_records(b, config)
    found = compare_records(mine, its)
    common = found.last_equal_sequence
    every = hash_every or HASH_EVERY
    states = compare_marks(_marks_of(my_config, mine[:common], every), _marks_of(its_config, its[:common], every))
    return found if states.equal else states


def compare_records(mine: np.ndarray, its: np.ndarray) -> Difference:
    """The first record that differs in anything but its CRC32C."""
    common = min(mine.size, its.size)
    fields = [name for name in SEQUENCED.names or () if name not in _NOT_COMPARED]
    differs = np.zeros(common, bool)
    for field in fields:
        differs |= mine[field][:common] != its[field][:common]
    places = np.flatnonzero(differs)
    if places.size:
        at = int(places[0])
        one, other = mine[at : at + 1], its[at : at + 1]
        if int(one["kind"][0]) == int(other["kind"][0]) == KIND_SESSION_PEER:
            one, other = (row.view(np.uint8).view(SESSION_PEER) for row in (one, other))
        for name in one.dtype.names or ():
            if name not in _NOT_COMPARED and one[name][0].tobytes() != other[name][0].tobytes():
                return Difference(False, at + 1, f"input, {name}", str(one[name][0]), str(other[name][0]), at)
    if mine.size != its.size:
        ends = [f"{'' if size > common else 'no '}record" for size in (mine.size, its.size)]
        return Difference(False, common + 1, "one ends", ends[0], ends[1], common)
    return Difference(True, 0, "", "", "", common)


def compare_marks(mine: list[Mark], its: list[Mark]) -> Difference:
    """The first hash that differs among those of the same places."""
    by_sequence = {one.sequence: one for one in its}
    pairs = [(one, by_sequence[one.sequence]) for one in mine if one.sequence in by_sequence]
    if not pairs and mine and its:
        raise ReplayError("The two have no hash of the same record; replay both with the same --hash-every.")
    last_equal = 0
    for one, other in pairs:
        if one.state_hash != other.state_hash:
            for part in one.parts:
                if one.parts[part] != other.parts.get(part):
                    what, a, b = f"state, {part}", one.parts[part], other.parts.get(part, "nothing")
                    return Difference(False, one.sequence, what, a, b, last_equal)
            return Difference(False, one.sequence, "state hash", one.state_hash, other.state_hash, last_equal)
        last_equal = one.sequence
    if (mine[-1:] and its[-1:]) and mine[-1].sequence != its[-1].sequence:
        a, b = (f"ends with {run[-1].sequence}" for run in (mine, its))
        return Difference(False, last_equal + 1, "one ends", a, b, last_equal)
    return Difference(True, 0, "", "", "", last_equal)


def _marks_of(config: Config, records: np.ndarray, every: int) -> list[Mark]:
    marks: list[Mark] = []
    play_to(records, sized_exchange(records, config), hash_every=every, told=marks.append, quiet=True)
    return marks


def _marks_at(path: Path, config: Config, sequences: list[int]) -> list[Mark]:
    """Hashes at the places of a list."""
    config, records = sequenced_records(path, config)
    exchange = sized_exchange(records, config)
    marks: list[Mark] = []
    start = 0
    for stop in [*(s for s in sequences if s < records.size), records.size]:
        part = records[start:stop]
        if part.size:
            play_to(part, exchange, hash_every=part.size, told=marks.append, quiet=True)
        start = stop
    return marks
