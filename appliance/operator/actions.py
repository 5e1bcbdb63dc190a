"""What an operator can ask of a running appliance: one table. `pitwire control`, the server and the help read it.

Whatever changes the state of the venue is a record that the loop sequences and decides like any other input, so that it
is in the journal and every replay repeats it. To add an action: a function and a row here; for a record of a new kind
also its KIND_* (`native/layout.py`), a line in `sequencer/asked.py` (may it be sequenced?) and in `pipeline.decide`
(what it does; it returns 0, or the ERROR_* that the operator is told).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from appliance.config import PHASES
from appliance.operator.account_actions import ACCOUNT_ROWS
from appliance.operator.shape import Action, Argument, Decided, Given, OperatorError, Venue, bodies, carry_out
from native.layout import KIND_DAY_END, KIND_PHASE, PHASE_CLOSED

__all__ = ["ACTIONS", "Decided", "OperatorError", "Venue", "bodies", "run_action"]

# --- the actions --------------------------------------------------------------------------------------------------


def _status(venue: Venue, _: Given) -> dict[str, Any]:
    return venue.facts()


def _phase(venue: Venue, given: Given) -> dict[str, Any]:
    wanted: Sequence[int] = range(len(venue.config.instruments))
    if given.has("security_id"):
        wanted = (given.instrument("security_id", venue.config),)
    records = bodies(KIND_PHASE, len(wanted))
    records["instrument"] = wanted
    records["qty_lots"] = given.choice("phase", PHASES)
    return carry_out(venue, records)


def _end_of_day(venue: Venue, _: Given) -> dict[str, Any]:
    if venue.facts()["day_is_over"]:  # asked for again: the first answer was lost
        venue.ask_to_stop()
        return {"last_sequence": venue.facts()["committed_records"]}
    closing = bodies(KIND_PHASE, len(venue.config.instruments))
    closing["instrument"] = range(closing.size)
    closing["qty_lots"] = PHASE_CLOSED
    done = carry_out(venue, np.concatenate([closing, bodies(KIND_DAY_END)]))
    venue.ask_to_stop()
    return {"last_sequence": done["sequences"][-1]}


def _stop(venue: Venue, _: Given) -> dict[str, Any]:
    venue.ask_to_stop()
    return {}


_ROWS: Final = (
    Action("status", "Say what runs and how far it has come.", (), _status),
    Action(
        "phase",
        "Put an instrument, or all of them, into a phase.",
        (
            Argument("phase", f"one of {', '.join(PHASES)}"),
            Argument("security_id", "the instrument; without it: all", required=False),
        ),
        _phase,
    ),
    Action(
        "end-of-day",
        "Close every instrument, which ends DAY orders, declare the day over, and stop. `pitwire end-of-day` asks for "
        "this and makes the next day's start.",
        (),
        _end_of_day,
    ),
    Action("stop", "Stop in good order.", (), _stop),
    *ACCOUNT_ROWS,
)
ACTIONS: Final[Mapping[str, Action]] = {action.name: action for action in _ROWS}


def run_action(venue: Venue, name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Carry out the action `name` with these arguments. Raises OperatorError."""
    if name not in ACTIONS:
        raise OperatorError(f"There is no action {name!r}; there are {', '.join(ACTIONS)}.")
    return ACTIONS[name].run(venue, Given(ACTIONS[name], values))
