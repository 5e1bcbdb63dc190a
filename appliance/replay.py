"""Replay: the same pipeline, fed from a capture or from a journal, as fast as it goes or at a pace.

From a capture (`pcap` port) the day starts anew: frames are parsed, sequenced and decided as they would be live, and
time is the capture's. From a journal the sequenced records are decided again, with datagrams grouped as they were, so
the events, reports and market data are those of the run that wrote it; heartbeats and the Topic, which come from the
clock, are left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from appliance.config import Config
from appliance.decide_again import replay_records
from appliance.exchange import Exchange, allocate, venue_identity, whole_state_hash, with_epoch_of_log
from appliance.journal.records import JournalError
from appliance.journal.whole import load_log
from appliance.loop import PHASE_BY_SCHEDULE, RUN_END_OF_INPUT, RUN_TURNS_DONE, LoopState, allocate_loop, run
from appliance.pipeline import drain
from appliance.publisher.store import BYTES_A_MESSAGE_MAX
from native import counters
from native.codes import sentence_of_error
from native.layout import (
    PHASE_CLOSED,
    PHASE_CONTINUOUS,
)
from native.ports import Port, PortConfig, PortError, open_port

TURNS_A_STEP = 8192
MESSAGE_BYTES_MIN = 48
"""The shortest order message: a capture of n bytes holds fewer than n / 48."""
FEED_BYTES_A_CAPTURE_BYTE = 6
"""More market data than any input has caused; the feed store of a replay is sized by it."""
FEED_MIB_MIN = 4
LOCAL_MAC = 0x020000000001
"""Source of the feed's frames where no interface gives one (locally administered)."""


class ReplayError(Exception):
    """The input cannot be replayed; the message says where and why."""


@dataclass(frozen=True)
class Pace:
    """How fast to replay; at most one is set, none means as fast as it goes."""

    multiplier: float | None = None
    """Times the recorded pace."""
    packets_a_second: float | None = None
    megabits_a_second: float | None = None


@dataclass(frozen=True)
class ReplayResult:
    """What came of it. Lots, orders and packets are counts; `seconds` is wall time of the replay itself."""

    input: str
    packets_in: int
    packets_out: int
    orders_accepted: int
    orders_rejected: int
    fills: int
    shares_traded: int
    cancels: int
    cancels_rejected: int
    replaces: int
    replaces_to_nothing: int
    replaces_rejected: int
    ioc_canceled: int
    mass_cancels: int
    orders_mass_canceled: int
    orders_expired: int
    venue_canceled: int
    auction_trades: int
    timers: int
    open_orders: int
    sequenced_inputs: int
    gaps: int
    reports_out: int
    feed_messages_out: int
    dropped: dict[str, int]
    """Packets and messages that went no further, by reason; zero reasons are left out."""
    state_hash: str
    seconds: float

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return asdict(self)


def opening_phases(config: Config) -> np.ndarray:
    """int64[instruments]: the phase of each when the day opens, PHASE_BY_SCHEDULE where it has a schedule."""
    statuses = {"open": PHASE_CONTINUOUS, "closed": PHASE_CLOSED}
    return np.array([PHASE_BY_SCHEDULE if i.schedule else statuses[i.status] for i in config.instruments], np.int64)


def replay_capture(
    path: Path,
    config: Config,
    *,
    out: Path | None = None,
    limit_packets: int | None = None,
    pace: Pace | None = None,
    progress: Callable[[int], None] | None = None,
    keep: list[Exchange] | None = None,
) -> ReplayResult:
    """Run the capture at `path` through a venue of its own and write what it would have sent to `out`.

    `progress` is called now and then with the packets done. `keep` receives the exchange, for a look at its state.
    Raises ReplayError.
    """
    config = sized_for(config, path)
    exchange = allocate(config, local_mac=LOCAL_MAC)
    loop = allocate_loop(opening_phases(config), file_clock=True)
    try:
        port = open_port(
            PortConfig(
                kind="pcap",
                in_path=str(path),
                out_path=str(out) if out else "",
                udp_checksum_complete=config.port.verify_udp_checksum,
            )
        )
    except PortError as error:
        raise ReplayError(error.sentence) from None
    run(exchange, loop, port.handle, 0)  # compile or load the kernels: no part of the replay's time
    started = time.perf_counter()
    with _closing(port):
        _drive(exchange, loop, port, limit_packets, pace, progress)
    if keep is not None:
        keep.append(exchange)
    return result_of(str(path), exchange, time.perf_counter() - started)


class _closing:
    """Close the port at the end; a capture that could not be written to its end is a ReplayError."""

    def __init__(self, port: Port) -> None:
        self.port = port

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        try:
            self.port.close()
        except PortError as error:
            raise ReplayError(error.sentence) from None


def _drive(
    exchange: Exchange,
    loop: LoopState,
    port: Port,
    limit_packets: int | None,
    pace: Pace | None,
    progress: Callable[[int], None] | None,
) -> None:
    packets = exchange.tables.counters
    pacer = _Pacer(pace) if pace is not None and pace != Pace() else None
    while limit_packets is None or packets[counters.PACKETS_IN] < limit_packets:
        turns = TURNS_A_STEP
        if limit_packets is not None:
            turns = min(turns, limit_packets - int(packets[counters.PACKETS_IN]))
        if pacer is not None:
            turns = 1
        code = int(run(exchange, loop, port.handle, turns))
        if progress is not None:
            progress(int(packets[counters.PACKETS_IN]))
        if code == RUN_END_OF_INPUT:
            return
        if code != RUN_TURNS_DONE:
            done = int(packets[counters.PACKETS_IN])
            raise ReplayError(f"{port.config.in_path}: after packet {done}: {sentence_of_error(code)}")
        if pacer is not None:
            pacer.wait(exchange)


class _Pacer:
    """Sleeps so that packets go in no faster than asked."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.started = time.perf_counter()
        self.first_ns: int | None = None

    def wait(self, exchange: Exchange) -> None:
        taken = exchange.tables.counters
        if self.pace.multiplier is not None:
            stamp_ns = int(exchange.rx[0]["ts_ns"])
            if self.first_ns is None:
                self.first_ns = stamp_ns
            due = (stamp_ns - self.first_ns) / 1e9 / self.pace.multiplier
        elif self.pace.packets_a_second is not None:
            due = int(taken[counters.PACKETS_IN]) / self.pace.packets_a_second
        else:
            assert self.pace.megabits_a_second is not None
            due = int(taken[counters.BYTES_IN]) * 8 / (self.pace.megabits_a_second * 1e6)
        delay = self.started + due - time.perf_counter()
        if delay > 0:
            time.sleep(delay)


def load_journal(path: Path, config: Config, to_sequence: int | None = None) -> tuple[Config, np.ndarray]:
    """The records of the journal at `path` (SEQUENCED[n], a copy), every one verified: a folder of shared memory or of
    a disk, one segment of it, or an archived one; and `config` with the journal's epoch, where it leaves that open.

    Raises ReplayError for another format, another schema or configuration, or damage.
    """
    try:
        archive = Path(config.journal.archive) if config.journal.archive and path.is_dir() else None
        config = with_epoch_of_log(config, path)
        log, records = load_log(path, archive_folder=archive, expected=venue_identity(config), to_sequence=to_sequence)
    except JournalError as error:
        raise ReplayError(str(error)) from None
    if log.first_sequence != 1:
        raise ReplayError(f"{path}: begins with record {log.first_sequence}; a replay needs the log from record 1 on.")
    return config, records


def replay_journal(
    path: Path,
    config: Config,
    *,
    out: Path | None = None,
    limit_records: int | None = None,
    progress: Callable[[int], None] | None = None,
    keep: list[Exchange] | None = None,
    begin: Callable[[Exchange, Config, np.ndarray], None] = lambda exchange, config, records: None,
) -> ReplayResult:
    """Decide the records of the journal at `path` again. See `replay_capture`. `begin` brings the exchange to what the
    day of these records began with, where that is not nothing: `appliance.history.beginning`."""
    config, records = load_journal(path, config, limit_records)
    stop = records.size if limit_records is None else min(records.size, limit_records)
    exchange = allocate(sized_for_bytes(config, records.nbytes), records=records, local_mac=LOCAL_MAC)
    begin(exchange, config, records)
    try:
        port = open_port(PortConfig(kind="pcap", out_path=str(out) if out else ""))
    except PortError as error:
        raise ReplayError(error.sentence) from None
    replay_records(exchange, port.handle, 0, 0)  # compile or load the kernels: no part of the replay's time
    started = time.perf_counter()
    with _closing(port):
        for start in range(0, stop, TURNS_A_STEP):
            replay_records(exchange, port.handle, start, min(start + TURNS_A_STEP, stop))
            if progress is not None:
                progress(min(start + TURNS_A_STEP, stop))
        drain(exchange, port.handle)
    if keep is not None:
        keep.append(exchange)
    return result_of(str(path), exchange, time.perf_counter() - started)


def sized_for(config: Config, path: Path) -> Config:
    """`config` with journal and feed store large enough for the capture; their pages are taken only when written."""
    try:
        return sized_for_bytes(config, path.stat().st_size)
    except OSError as error:
        raise ReplayError(f"{path}: cannot be read: {error.strerror}") from None


def sized_for_bytes(config: Config, size_bytes: int) -> Config:
    """`config` with journal and feed store large enough for so many bytes of input."""
    messages = size_bytes // MESSAGE_BYTES_MIN
    # a timer between two messages is the most that time adds, but for schedules over days
    records = 2 * messages + 2 * len(config.instruments) + 2 * len(config.sessions) + 1024
    reserve_bytes = min(messages, config.limits.orders) * 2 * BYTES_A_MESSAGE_MAX  # what `store.has_room` keeps free
    store_mib = (size_bytes * FEED_BYTES_A_CAPTURE_BYTE + reserve_bytes >> 20) + FEED_MIB_MIN
    return config.model_copy(
        update={
            "journal": config.journal.model_copy(update={"records": records}),
            "feed": config.feed.model_copy(update={"store_mib": store_mib}),
        }
    )


def drops(values: np.ndarray) -> dict[str, int]:
    """The DROP counters that are not zero, by name."""
    return {
        row.name: int(value)
        for row, value in zip(counters.COUNTERS, values, strict=True)
        if row.name.startswith("drop_") and value
    }


def result_of(name: str, exchange: Exchange, seconds: float) -> ReplayResult:
    """What came of the run that `exchange` has behind it."""
    values = exchange.tables.counters

    def value(index: int) -> int:
        return int(values[index])

    return ReplayResult(
        input=name,
        packets_in=value(counters.PACKETS_IN),
        packets_out=value(counters.PACKETS_OUT),
        orders_accepted=value(counters.ORDERS_ACCEPTED),
        orders_rejected=value(counters.ORDERS_REJECTED),
        fills=value(counters.FILLS),
        shares_traded=value(counters.SHARES_TRADED),
        cancels=value(counters.CANCELS),
        cancels_rejected=value(counters.CANCELS_REJECTED),
        replaces=value(counters.REPLACES),
        replaces_to_nothing=value(counters.REPLACES_TO_NOTHING),
        replaces_rejected=value(counters.REPLACES_REJECTED),
        ioc_canceled=value(counters.IOC_CANCELED),
        mass_cancels=value(counters.MASS_CANCELS),
        orders_mass_canceled=value(counters.ORDERS_MASS_CANCELED),
        orders_expired=value(counters.ORDERS_EXPIRED),
        venue_canceled=value(counters.VENUE_CANCELED),
        auction_trades=value(counters.AUCTION_TRADES),
        timers=value(counters.TIMERS),
        open_orders=int(exchange.book.state[0]["open_orders"]),
        sequenced_inputs=value(counters.SEQUENCED_INPUTS),
        gaps=value(counters.GAPS),
        reports_out=value(counters.REPORTS_OUT),
        feed_messages_out=value(counters.FEED_MESSAGES_OUT),
        dropped=drops(values),
        state_hash=whole_state_hash(exchange),
        seconds=round(seconds, 6),
    )
