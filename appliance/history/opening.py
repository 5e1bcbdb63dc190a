"""What a loop must know that goes on with a day: the day is open, or was being opened when the run was ended."""

from __future__ import annotations

from typing import Final

from appliance.exchange import Exchange
from appliance.loop import PHASE_BY_SCHEDULE, LoopState, day_is_open, scheduled_phase
from appliance.pipeline import begin_turn, drain
from appliance.venue_intake import set_phase
from native.layout import KIND_NEW_DAY, KIND_TIMER

_OPENING_RECORDS_BEFORE_PHASES: Final = 2


def finish_opening(exchange: Exchange, loop: LoopState, port: int, last_sequence: int, now_ns: int) -> int:
    """Make `loop` go on with the day that was recovered up to `last_sequence`, instead of opening it again; where the
    run was ended amid the opening, do the rest of that on `port` (a handle). Returns the instruments opened here.

    The opening is NEW_DAY and a timer, each only where there is a cause, then one phase an instrument, in order.
    """
    instruments = loop.opening_phases.size
    if last_sequence == 0:
        return 0  # the loop opens it
    day_is_open(loop)
    if last_sequence >= instruments + _OPENING_RECORDS_BEFORE_PHASES:
        return 0
    kinds = [int(kind) for kind in exchange.journal.records[:last_sequence]["kind"]]  # so few that all are there
    before = 0
    while before < min(len(kinds), _OPENING_RECORDS_BEFORE_PHASES) and kinds[before] in (KIND_NEW_DAY, KIND_TIMER):
        before += 1
    opened = min(len(kinds) - before, instruments)
    if opened < instruments:
        begin_turn(exchange, now_ns)
    for instrument in range(opened, instruments):
        phase = int(loop.opening_phases[instrument])
        if phase == PHASE_BY_SCHEDULE:
            phase = int(scheduled_phase(exchange, instrument, now_ns))
        set_phase(exchange, port, instrument, phase, now_ns)
    if opened < instruments:
        drain(exchange, port)
    return instruments - opened
