"""Inputs that no order message carries: the bodies of their records, filled at the journal's next place."""

from __future__ import annotations

from appliance.sequencer.journal import RECORD_BYTES, next_index
from native.jit import kernel
from native.lowlevel import bytes_at, copy_bytes


@kernel
def _cleared(journal):
    """The next record, zeroed: a message that could not be read may have left something there."""
    index = next_index(journal)
    bytes_at(journal.records.ctypes.data + index * RECORD_BYTES, RECORD_BYTES)[:] = 0
    return journal.records[index]


@kernel
def fill_context(journal, session, next_number, receive_ns):
    """KIND_CONTEXT: the session says that its next message is `next_number`."""
    record = _cleared(journal)
    record["session"] = session
    record["session_seq"] = next_number
    record["receive_time_ns"] = receive_ns
    return 0


@kernel
def fill_phase(journal, instrument, phase, now_ns):
    """KIND_PHASE: the instrument is to go into `phase` (PHASE_*)."""
    record = _cleared(journal)
    record["instrument"] = instrument
    record["qty_lots"] = phase
    record["receive_time_ns"] = now_ns
    return 0


@kernel
def fill_new_day(journal, now_ns):
    """KIND_NEW_DAY: what the open orders display is published anew."""
    record = _cleared(journal)
    record["receive_time_ns"] = now_ns
    return 0


@kernel
def fill_asked(journal, asked, at, now_ns):
    """What an operator asked for: a copy of `asked[at]` (SEQUENCED), whose kind `journal.commit` is given."""
    index = next_index(journal)
    copy_bytes(
        bytes_at(journal.records.ctypes.data + index * RECORD_BYTES, RECORD_BYTES),
        0,
        bytes_at(asked.ctypes.data + at * RECORD_BYTES, RECORD_BYTES),
        0,
        RECORD_BYTES,
    )
    journal.records[index]["receive_time_ns"] = now_ns
    return 0


@kernel
def fill_timer(journal, now_ns):
    """KIND_TIMER: what was due until `now_ns` is carried out."""
    record = _cleared(journal)
    record["receive_time_ns"] = now_ns
    return 0
