"""What a sequenced input does to its session's next number.

FIXP 1.1, idempotent flow: numbers that were skipped are lost at once and for good (NotApplied), so that a client may
send a replacement without fear that the original still arrives and counts.
"""

from __future__ import annotations

from native import counters
from native.jit import inner_kernel, kernel


@inner_kernel
def advance(tables, session, number):
    """The session's message `number` counts from here on. Returns how many numbers before it are lost (0: none)."""
    row = tables.sessions[session]
    lost = number - row["expected_seq"]
    assert lost >= 0
    row["expected_seq"] = number + 1
    return lost if lost == 0 else _count_gap(tables, lost)


@kernel
def announce(tables, session, next_number):
    """The session said that its next message is `next_number`. Returns how many numbers before it are lost."""
    row = tables.sessions[session]
    lost = next_number - row["expected_seq"]
    assert lost >= 0
    row["expected_seq"] = next_number
    return _count_gap(tables, lost)


@kernel
def _count_gap(tables, lost):
    if lost > 0:
        tables.counters[counters.GAPS] += 1
        tables.counters[counters.NOT_APPLIED] += lost
    return lost
