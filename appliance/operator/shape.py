"""What an action of an operator is made of: the table is in `appliance/operator/actions.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from appliance.config import Config
from native.codes import sentence_of_error
from native.layout import SEQUENCED

_DIGITS_MAX: Final = 40
"""Of any number that makes sense here; of thousands Python makes none, and says so by an exception of its own."""


class OperatorError(Exception):
    """What was asked for was not done; the message says why in one sentence."""


@dataclass(frozen=True)
class Decided:
    """What came of one record."""

    sequence: int
    """The number that it got; 0: it was not sequenced."""
    outcome: int
    """What was decided: 0 or more, or an ERROR_*."""


class Venue(Protocol):
    """What actions see of the running appliance."""

    @property
    def config(self) -> Config:
        """Its configuration."""

    def sequence(self, records: np.ndarray) -> list[Decided]:
        """Have these records (SEQUENCED[n], kinds and bodies filled) sequenced and decided, each a burst of its own, in
        this order, and safe where the journal's mode says so. Raises OperatorError where the loop does not answer."""

    def ask_to_stop(self) -> None:
        """Have the appliance stop in good order, soon."""

    def facts(self) -> dict[str, Any]:
        """What it is and how far it has come, as plain values."""


@dataclass(frozen=True)
class Argument:
    """One `name=value` of an action."""

    name: str
    help: str
    required: bool = True


class Given:
    """The arguments of one call, text by name, read as what they should be. Every method raises OperatorError."""

    def __init__(self, action: Action, values: Mapping[str, str]) -> None:
        self._values = values
        known = [argument.name for argument in action.arguments]
        for name in values:
            if name not in known:
                raise OperatorError(f"{action.name} has no argument {name!r}; it has {', '.join(known) or 'none'}.")
        for argument in action.arguments:
            if argument.required and argument.name not in values:
                raise OperatorError(f"{action.name} needs {argument.name}=...: {argument.help}")

    def has(self, name: str) -> bool:
        """Whether the argument was given."""
        return name in self._values

    def text(self, name: str) -> str:
        """As it was given."""
        return self._values[name]

    def integer(self, name: str, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        text = self._values[name]
        is_number = text.isascii() and text.removeprefix("-").isdecimal() and len(text) <= _DIGITS_MAX
        if not is_number or not least <= int(text) <= most:
            raise OperatorError(f"{name}={text} is not a whole number from {least} to {most}.")
        return int(text)

    def choice(self, name: str, values: Mapping[str, int]) -> int:
        """The value of one of these names."""
        text = self._values[name]
        if text not in values:
            raise OperatorError(f"{name}={text} is none of {', '.join(values)}.")
        return values[text]

    def instrument(self, name: str, config: Config) -> int:
        """Index of the instrument with this SecurityID."""
        security_id = self.integer(name, 1, (1 << 31) - 1)
        for index, instrument in enumerate(config.instruments):
            if instrument.security_id == security_id:
                return index
        raise OperatorError(f"{name}={security_id}: the configuration has no such instrument.")


@dataclass(frozen=True)
class Action:
    """One row of the table."""

    name: str
    help: str
    arguments: tuple[Argument, ...]
    run: Callable[[Venue, Given], dict[str, Any]]
    """Does it and returns plain values for the operator. Raises OperatorError."""


def bodies(kind: int, count: int = 1) -> np.ndarray:
    """SEQUENCED[count], zeroed but for the kind and the length: for an action to fill in."""
    records = np.zeros(count, SEQUENCED)
    records["kind"] = kind
    records["length"] = SEQUENCED.itemsize
    return records


def carry_out(venue: Venue, records: np.ndarray) -> dict[str, Any]:
    """Sequence the records; an action's usual answer. Raises OperatorError where one of them was refused."""
    decided = venue.sequence(records)
    for done in decided:
        if done.outcome < 0:
            raise OperatorError(sentence_of_error(done.outcome))
    return {"sequences": [done.sequence for done in decided]}
