"""From one day to the next: what a closed day leaves becomes the snapshot, of sequence 0, that the next starts with.

Carried over are the open orders (DAY orders went when their instruments were closed), positions, reference prices,
last prices and the sessions' numbers, so that a client who sends a request of yesterday again is recognised. The feed
begins a new epoch with message 1: the first input of the new day is KIND_NEW_DAY, which publishes what every open order
displays, so a subscriber's book that starts empty is whole after it.
"""

from __future__ import annotations

import csv
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from appliance.book.words import DAY
from appliance.config import Config
from appliance.exchange import Exchange, allocate, whole_state_hash
from appliance.history.recover import Recovered, recover
from appliance.history.state import save_day_start
from appliance.journal.found import FoundLog
from appliance.publisher.packet import EPOCH, NEXT_NUMBER, STORE_NEXT_NUMBER, STORE_USED, STORE_WHOLE_BYTES
from appliance.replay import sized_for_bytes
from appliance.sequencer.journal import BURST_OPEN, COMMITTED, LAST_CRC32C
from appliance.state import DAY_IS_OVER, NOW_NS, OUTBOX_USED, TRADING_SESSION_DATE, TURN
from native.layout import NO_INDEX, PHASE_CLOSED, SEQUENCED

_OF_ONE_DAY = {"epoch", "trading_session_date"}


class DayEndError(Exception):
    """The day cannot be ended; the message says why and what to do."""


@dataclass(frozen=True)
class CarryOver:
    """What the next day starts with."""

    snapshot: str
    """Path of the snapshot."""
    epoch: int
    open_orders: int
    positions: int
    """Pairs of account and instrument whose net position is not 0."""
    state_hash: str
    seconds: float

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return asdict(self)


def next_day(config: Config, trading_session_date: int = 0) -> Config:
    """The configuration of the day after: the next epoch, and folders of its own for the log. A date of 0: that of its
    first input."""
    epoch = config.epoch + 1
    folders = {name: _of_epoch(getattr(config.journal, name), config.epoch, epoch) for name in ("directory", "archive")}
    values: dict[str, Any] = {"epoch": epoch, "trading_session_date": trading_session_date}
    values |= {"journal": config.journal.model_copy(update=folders)}
    return Config.model_validate_json(config.model_copy(update=values).to_json(), strict=True)


def _of_epoch(folder: str, epoch: int, next_epoch: int) -> str:
    """log, log-2, log-3, ..."""
    return f"{folder.removesuffix(f'-{epoch}')}-{next_epoch}" if folder else ""


def end_day(config: Config, following: Config, log: FoundLog, positions: Path | None) -> tuple[Recovered, CarryOver]:
    """Make of the day that `log` holds what `following` starts with: the state from the newest snapshot and the records
    behind it, the positions as CSV, the snapshot of the next day's start. Raises DayEndError, SnapshotError,
    RecoveryError, JournalError and, for `positions`, OSError."""
    if not config.journal.snapshots:
        raise DayEndError("The configuration must name a folder in journal.snapshots: the next day starts from there.")
    if not log.end.closed:
        raise DayEndError(
            "The last run did not end in good order: start it once more, which carries its log on, then end the day."
        )
    folder = Path(config.journal.snapshots)
    sized = sized_for_bytes(config, log.last_sequence * SEQUENCED.itemsize)
    small = sized.journal.model_copy(update={"records": 1024})  # the records stay where they are
    exchange = allocate(sized.model_copy(update={"journal": small}))
    recovered = recover(exchange, config, folder, log)
    if positions is not None:
        write_positions(exchange, positions)
    return recovered, carry_over(exchange, config, following, folder)


def carry_over(exchange: Exchange, config: Config, following: Config, folder: Path) -> CarryOver:
    """Write into `folder` what the day of `following` starts with, after the day of `config`, whose last state is in
    `exchange`; that is changed and must be thrown away. Raises DayEndError, SnapshotError."""
    started = time.perf_counter()
    _check(exchange, config, following)
    tables, feed, journal = exchange.tables, exchange.feed, exchange.journal
    tables.clock[NOW_NS] = tables.clock[TURN] = tables.clock[DAY_IS_OVER] = 0
    tables.clock[TRADING_SESSION_DATE] = following.trading_session_date
    tables.instruments["instr_seq"] = 0
    feed.scalars[NEXT_NUMBER] = 1
    feed.scalars[STORE_USED] = feed.scalars[STORE_WHOLE_BYTES] = 0
    feed.scalars[STORE_NEXT_NUMBER] = 1
    feed.scalars[EPOCH] = following.epoch
    journal.scalars[COMMITTED] = journal.scalars[BURST_OPEN] = 0
    journal.scalars[LAST_CRC32C] = following.epoch
    path = save_day_start(exchange, following, folder)
    return CarryOver(
        snapshot=str(path),
        epoch=following.epoch,
        open_orders=int(exchange.book.state[0]["open_orders"]),
        positions=len(positions_of(exchange)),
        state_hash=whole_state_hash(exchange),
        seconds=round(time.perf_counter() - started, 6),
    )


def _check(exchange: Exchange, config: Config, following: Config) -> None:
    if following.epoch <= config.epoch:
        raise DayEndError(f"The next day's epoch is {following.epoch}; give one above {config.epoch}.")
    update = {name: getattr(config, name) for name in _OF_ONE_DAY}
    if following.model_copy(update=update).state_digest() != config.state_digest():
        raise DayEndError(
            "The next day has other instruments, sessions or limits; only epoch and trading_session_date may change "
            "while orders are carried over."
        )
    if exchange.outbox.scalars[OUTBOX_USED] != 0:
        raise DayEndError("The last burst of the day has not left yet.")
    opened = np.flatnonzero(exchange.book.instruments["phase"] != PHASE_CLOSED)
    if opened.size:
        symbol = config.instruments[int(opened[0])].symbol
        raise DayEndError(
            f"{opened.size} instruments are not closed, {symbol} is the first; close them before the day is ended."
        )
    orders = exchange.book.orders
    assert not np.any((orders["leaves_lots"] > 0) & (orders["time_in_force"] == DAY)), "closing ends DAY orders"


def positions_of(exchange: Exchange) -> list[tuple[int, int, int]]:
    """(account, SecurityID, net lots) of every position that is not 0, in that order."""
    rows = exchange.book.positions
    rows = rows[(rows["instrument"] != NO_INDEX) & (rows["net_lots"] != 0)]
    security_ids = exchange.tables.instruments["security_id"]
    return sorted((int(r["account"]), int(security_ids[int(r["instrument"])]), int(r["net_lots"])) for r in rows)


def write_positions(exchange: Exchange, path: Path) -> None:
    """The positions as CSV, for whoever settles them. Raises OSError."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("account", "security_id", "net_lots"))
        writer.writerows(positions_of(exchange))
