"""The running loop as operators' actions see it: records go into its ring, what came of them comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from appliance.config import Config
from appliance.exchange import Exchange
from appliance.loop import LoopState, answer_of, write_command
from appliance.operator.actions import Decided, OperatorError
from appliance.sequencer.journal import COMMITTED
from appliance.state import DAY_IS_OVER, TRADING_SESSION_DATE
from native.layout import CONTROL_SEQUENCE, CONTROL_STOP
from native.limits import CONTROL_SLOTS_MAX

_ANSWER_SECONDS_MAX = 5.0
_POLL_SECONDS = 100e-6


class RunningVenue:
    """`appliance.operator.actions.Venue` over a loop that turns in another thread."""

    def __init__(
        self,
        config: Config,
        exchange: Exchange,
        loop: LoopState,
        *,
        turns: Callable[[], bool],
        durable_records: Callable[[], int] | None,
    ) -> None:
        """`turns()`: whether the loop still turns. `durable_records()`: number of the last record that is safe, where
        answers wait for that."""
        self._config = config
        self._exchange = exchange
        self._loop = loop
        self._turns = turns
        self._durable_records = durable_records
        self._ring = threading.Lock()
        self._commands = 0
        self.stop_asked = threading.Event()

    @property
    def config(self) -> Config:
        """See Venue."""
        return self._config

    def stop_loop(self) -> None:
        """Have the loop end after what was asked before."""
        with self._ring:
            self._write(CONTROL_STOP, None)

    def ask_to_stop(self) -> None:
        """See Venue: whoever watches the appliance looks at `stop_asked`."""
        self.stop_asked.set()

    def sequence(self, records: np.ndarray) -> list[Decided]:
        """See Venue."""
        done: list[Decided] = []
        with self._ring:
            for start in range(0, records.size, CONTROL_SLOTS_MAX // 2):
                numbers = [
                    self._write(CONTROL_SEQUENCE, row) for row in records[start : start + CONTROL_SLOTS_MAX // 2]
                ]
                done += [self._answer(number) for number in numbers]
        if self._durable_records is not None and done:
            durable, last = self._durable_records, max(one.sequence for one in done)
            self._wait(lambda: durable() >= last, f"Record {last} was sequenced, but is not safe on disk yet.")
        return done

    def facts(self) -> dict[str, Any]:
        """See Venue."""
        exchange = self._exchange
        facts: dict[str, Any] = {
            "name": self._config.name,
            "epoch": self._config.epoch,
            "trading_session_date": int(exchange.tables.clock[TRADING_SESSION_DATE]),
            "day_is_over": bool(exchange.tables.clock[DAY_IS_OVER]),
            "committed_records": int(exchange.journal.scalars[COMMITTED]),
            "open_orders": int(exchange.book.state[0]["open_orders"]),
        }
        if self._durable_records is not None:
            facts["durable_records"] = self._durable_records()
        return facts

    def _write(self, kind: int, record: np.void | None) -> int:
        self._wait(lambda: write_command(self._loop, kind, record), "The loop takes no commands.")
        self._commands += 1
        return self._commands - 1

    def _answer(self, number: int) -> Decided:
        self._wait(lambda: answer_of(self._loop, number) is not None, "The loop does not answer.")
        found = answer_of(self._loop, number)
        assert found is not None
        return Decided(*found)

    def _wait(self, done: Callable[[], bool], sentence: str) -> None:
        until = time.monotonic() + _ANSWER_SECONDS_MAX
        while not done():
            if not self._turns() or time.monotonic() > until:
                raise OperatorError(sentence)
            time.sleep(_POLL_SECONDS)
