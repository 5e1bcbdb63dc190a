"""Decides records again: into any exchange, from any array of them, with whatever would be sent going nowhere.

Live loop, replay, recovery and replica share every kernel; what differs is where the records lie. Here they lie in the
array that the caller has, which need not begin with the first record of the day.
"""

from __future__ import annotations

from types import TracebackType

import numpy as np

from appliance.config import parse
from appliance.decide_again import replay_records
from appliance.exchange import Exchange, allocate
from appliance.history.state import empty_feed_store, empty_report_log
from appliance.pipeline import drain
from appliance.quiet import replay_quietly
from appliance.sequencer.journal import BURST_OPEN, COMMITTED, LAST_CRC32C, Journal, views_of
from appliance.state import QUIET
from native.layout import COMMAND_FIRST_OF_BURST
from native.ports import PortConfig, open_port


class Player:
    """Plays records into `exchange`. What is sent goes into the capture `out`, or nowhere. Use as a context manager.

    quiet: nothing is encoded at all, messages are only numbered; the state is the same, the feed store stays empty.
    Raises PortError for an `out` that cannot be written."""

    def __init__(self, exchange: Exchange, out: str = "", *, quiet: bool = False) -> None:
        assert not (out and quiet)
        self.exchange = exchange
        exchange.outbox.scalars[QUIET] = int(quiet)
        self._port = open_port(PortConfig(kind="pcap", out_path=out))

    @property
    def sequence(self) -> int:
        """Of the last record that was decided."""
        return int(self.exchange.journal.scalars[COMMITTED])

    def play(self, records: np.ndarray) -> None:
        """Decide `records`, SEQUENCED[n]: verified, in order, the first of them next."""
        if not records.size:
            return
        assert int(records[0]["sequence"]) == self.sequence + 1, "records are missing before these"
        records = np.ascontiguousarray(records)
        over_these = _with_records(self.exchange, records)
        if self.exchange.outbox.scalars[QUIET]:
            replay_quietly(over_these, self._port.handle, 0, records.size)
        else:
            replay_records(over_these, self._port.handle, 0, records.size)
        scalars = self.exchange.journal.scalars
        scalars[COMMITTED] = int(records[-1]["sequence"])
        scalars[LAST_CRC32C] = int(records[-1]["crc32c"])

    def settle(self) -> None:
        """Close and send what is open: the burst of the last record is over."""
        drain(self.exchange, self._port.handle)
        self.exchange.journal.scalars[BURST_OPEN] = 0

    def close(self) -> None:
        """Raises PortError where `out` could not be written to its end."""
        if self.exchange.outbox.scalars[QUIET]:
            self.exchange.outbox.scalars[QUIET] = 0
            empty_feed_store(self.exchange)
            empty_report_log(self.exchange)
        self._port.close()

    def __enter__(self) -> Player:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


def begins_burst(record: np.void) -> bool:
    """Whether what is open is sent before this record."""
    return bool(int(record["flags"]) & COMMAND_FIRST_OF_BURST)


def _with_records(exchange: Exchange, records: np.ndarray) -> Exchange:
    """`exchange` itself, but with `records` where its journal's are."""
    journal = {name: getattr(exchange.journal, name) for name in exchange.journal.member_names}
    members = {name: getattr(exchange, name) for name in exchange.member_names}
    return Exchange(**(members | {"journal": Journal(**(journal | views_of(records)))}))


def warm_up() -> None:
    """Compile what plays records, or load it from the cache."""
    small = {"journal": {"records": 1024}, "feed": {"store_mib": 1}, "limits": {"orders": 16, "levels": 16}}
    exchange = allocate(parse(small))
    with open_port(PortConfig(kind="pcap")) as nowhere:
        replay_quietly(exchange, nowhere.handle, 0, 0)
        replay_records(exchange, nowhere.handle, 0, 0)
        drain(exchange, nowhere.handle)
