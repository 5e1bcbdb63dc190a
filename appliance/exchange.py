"""The whole venue as one value: every stage's tables put together, in shared memory or in memory of its own.

`Exchange` is what the pipeline and the loop take. `allocate` makes one from a configuration; where it lies in shared
memory, `SharedFolder` names the files, so that other processes (recovery, observe, decode) can map them.
"""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import mmap
import os
import shutil
import uuid
from pathlib import Path

import numpy as np

from appliance import stages
from appliance.accounts.state import Accounts, accounts_hash, allocate_accounts
from appliance.book.state import Book, InstrumentRules, allocate_book, state_hash
from appliance.config import PHASES, Config, Instrument
from appliance.config_accounts import session_firms
from appliance.gateway_rings import RING_HEADER_BYTES, Rings, make_rings, no_rings
from appliance.histogram import HISTOGRAM_SLOTS
from appliance.hold import Hold, allocate_hold
from appliance.journal.address_space import lazy_array
from appliance.journal.event_store import EventStore
from appliance.journal.files import LocalFiles
from appliance.journal.records import Identity
from appliance.journal.scan import find_segments
from appliance.journal.whole import save_log
from appliance.publisher.packet import CHANNEL_ID, EPOCH, NEXT_NUMBER, Feed
from appliance.publisher.store import map_feed
from appliance.report.log import REPORT_HEADER_BYTES, ReportLog, map_report_log
from appliance.sequencer.journal import COMMITTED, Journal, open_journal
from appliance.stage_clock import StageClock, allocate_stage_clock
from appliance.state import Outbox, Tables, allocate_outbox, allocate_tables, firms_of
from appliance.watch import Watch, allocate_watch
from native.arrays import Arrays
from native.counters import COUNTERS_COUNT
from native.layout import COMMAND, EVENT, FEED_FORMAT_VERSION, FEED_MAGIC, PHASE_PRE_OPEN, PKT, SEQUENCED
from native.limits import EVENTS_MAX, FEED_HEADER_BYTES, RX_BURST_MAX, TX_BURST_MAX
from native.log_layout import JOURNAL_CONTROL
from native.session_layout import SESSION_TRAIT_KEYED
from wire.gen import fixp_tables, market_data_tables, order_entry_tables
from wire.net.frames import Endpoint, build_udp_frame
from wire.net.udp4 import FIELDS_COUNT, HEADERS_ROOM

SHARED_MEMORY_ROOT = Path("/dev/shm")


class ExchangeError(Exception):
    """The venue's memory cannot be had; the message says why and what to do."""


class Exchange(Arrays):
    """Everything the loop knows."""

    tables: Tables
    outbox: Outbox
    book: Book
    accounts: Accounts
    journal: Journal
    feed: Feed
    hold: Hold
    reports: ReportLog
    watch: Watch
    """When sessions were heard and told; no replay has it"""
    rings: Rings
    """To and from the gateway process"""
    events: np.ndarray
    """EVENT[EVENTS_MAX]: what the book said in this step"""
    own_commands: np.ndarray
    """COMMAND[1]: what the venue itself wants of the book"""
    route: np.ndarray
    """uint8[HEADERS_ROOM]: the network headers of an empty packet of the feed, at its end"""
    topic_id: np.ndarray
    """uint8[16]: FIXP SessionId of the feed"""
    order_entry_port: np.ndarray
    """int64[1]"""
    udp_fields: np.ndarray
    """int64[FIELDS_COUNT]: scratch of wire.net.udp4.read_addresses"""
    room_until: np.ndarray
    """int64[1]: before the record of this index no message of this turn need ask for room (appliance.room)"""
    rx: np.ndarray
    """PKT[RX_BURST_MAX]"""
    tx: np.ndarray
    """PKT[TX_BURST_MAX]"""
    turn_latency: np.ndarray
    """int64[HISTOGRAM_SLOTS]: histogram of busy turns, ns"""
    stages: StageClock
    """Histograms of the stages; off where the exchange is not in shared memory: a replay's times mean nothing"""


class SharedFolder:
    """The files of one running instance, in /dev/shm/pitwire-NAME; locked while it runs, gone when it ends cleanly.

    Journal and feed store stay behind a process that was killed (that is what shared memory is for): the next start
    under the same name carries the journal on (`appliance.venue_log`).
    """

    def __init__(self, name: str, root: Path = SHARED_MEMORY_ROOT) -> None:
        self.path = root / f"pitwire-{name}"
        self._lock_file: int | None = None

    @property
    def counters(self) -> Path:
        """int64[COUNTERS_COUNT]."""
        return self.path / "counters"

    @property
    def turn_latency(self) -> Path:
        """int64[HISTOGRAM_SLOTS] (appliance/histogram.py)."""
        return self.path / "turn_latency"

    @property
    def stages(self) -> Path:
        """int64[stages.SLOTS] (appliance/stages.py)."""
        return self.path / "stages"

    @property
    def port_stats(self) -> Path:
        """PORT_STATS, written by the thread that watches the loop."""
        return self.path / "port_stats"

    @property
    def feed(self) -> Path:
        """FEED_HEADER, then FEED_ENTRY and packet, again and again."""
        return self.path / "feed"

    @property
    def outward(self) -> Path:
        """GATEWAY_RING and entries, from the loop to the gateway."""
        return self.path / "gateway.out"

    @property
    def inward(self) -> Path:
        """GATEWAY_RING and entries, from the gateway to the loop."""
        return self.path / "gateway.in"

    @property
    def reports(self) -> Path:
        """REPORT_HEADER, then REPORT_ENTRY and message, again and again."""
        return self.path / "reports"

    @property
    def config(self) -> Path:
        """The configuration that the instance runs, as JSON."""
        return self.path / "config.json"

    def lock(self) -> None:
        """Make the folder ours, with what is in it; ExchangeError when another process runs under this name."""
        try:
            self.path.mkdir(mode=0o755, exist_ok=True)
            lock_file = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ExchangeError(f"{self.path}: {error.strerror}; choose another `name` or remove the folder.") from None
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock_file)
            raise ExchangeError(
                f"{self.path} is in use: an appliance runs under this name already; stop it or give another `name`."
            ) from None
        self._lock_file = lock_file

    def clear(self, *, but_the_journal: bool = False) -> None:
        """Empty the folder, which is ours."""
        for path in self.path.iterdir():
            if path.name != "lock" and not (but_the_journal and path.name.startswith("journal.")):
                path.unlink()

    def remove(self) -> None:
        """Take the folder away; what is mapped stays readable for whoever mapped it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.unlock()

    def unlock(self) -> None:
        """Let others have the folder, with what is in it."""
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def map_new(self, path: Path, size_bytes: int, *, mode: int = 0o644) -> np.ndarray:
        """A new zeroed file of `size_bytes`, mapped as uint8 with every page present."""
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            try:
                os.posix_fallocate(file, 0, size_bytes)  # now, not as a bus error in the loop
                mapping = mmap.mmap(file, size_bytes, mmap.MAP_SHARED | mmap.MAP_POPULATE)
            finally:
                os.close(file)
        except OSError as error:
            raise ExchangeError(
                f"{path}: {size_bytes >> 20} MiB cannot be had: {error.strerror}; "
                "make the journal, the feed store or the limits smaller."
            ) from None
        return np.frombuffer(mapping, np.uint8)


def topic_id(config: Config) -> uuid.UUID:
    """FIXP SessionId of the feed: a new one with every epoch."""
    return channel_topic_id(config, config.feed.channel_id)


def channel_topic_id(config: Config, channel_id: int) -> uuid.UUID:
    """FIXP SessionId of a channel of market data."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"feed-{channel_id}-{config.epoch}.{config.name}.pitwire.example")


def schema_digest() -> bytes:
    """SHA-256 over the digests of the message schemas."""
    digests = (order_entry_tables, market_data_tables, fixp_tables)
    return hashlib.sha256("".join(module.SCHEMA_DIGEST for module in digests).encode()).digest()


def rules_of(instrument: Instrument) -> InstrumentRules:
    """The book's rules for one of [[instruments]]. It starts in pre-open: the day's first inputs give it its phase."""

    def ns(milliseconds: int) -> int:
        return milliseconds * 1_000_000

    return InstrumentRules(
        price_ticks_min=instrument.price_ticks_min,
        price_ticks_max=instrument.price_ticks_max,
        qty_lots_min=instrument.qty_lots_min,
        qty_lots_max=instrument.qty_lots_max,
        qty_step_lots=instrument.qty_step_lots,
        tick_table=tuple((row.from_ticks, row.step_ticks) for row in instrument.tick_table),
        phase=PHASE_PRE_OPEN,
        static_reference_ticks=instrument.static_reference_ticks,
        static_band_ticks=instrument.static_band_ticks,
        dynamic_band_ticks=instrument.dynamic_band_ticks,
        breaker_ticks=instrument.breaker_ticks,
        breaker_window_ns=ns(instrument.breaker_window_ms),
        market_protection_ticks=instrument.market_protection_ticks,
        auction_band_ticks=instrument.auction_band_ticks,
        volatility_auction_ns=ns(instrument.volatility_auction_ms),
        extension_ns=ns(instrument.extension_ms),
        extensions_max=instrument.extensions_max,
        halt_ns=ns(instrument.halt_ms),
        freeze_ns=ns(instrument.freeze_ms),
        schedule=tuple((row.time_of_day_ns, PHASES[row.phase]) for row in instrument.schedule),
    )


def index_key(config: Config) -> int:
    """64 bits for the hash of the ClOrdID index, from the session UUIDs: as secret as they are, and the same in every
    replay, so that the tables are, too."""
    digest = hashlib.sha256(
        b"".join(session.uuid_bytes or session.key_id.encode() for session in config.sessions)
    ).digest()
    return int.from_bytes(digest[:8], "little")


def venue_identity(config: Config) -> Identity:
    """Whose log a run with this configuration writes, with an instance of its own."""
    return Identity(uuid.uuid4().bytes, config.epoch, schema_digest(), config.state_digest())


def with_epoch_of_log(config: Config, path: Path) -> Config:
    """`config`, with the epoch of the log at `path` where it leaves that open and there is one. Raises JournalError."""
    if config.epoch != 0 or not path.exists():
        return config
    archive = Path(config.journal.archive) if config.journal.archive and path.is_dir() else None
    segments = find_segments(LocalFiles(), path, archive)
    if not segments:
        return config
    return config.model_copy(update={"epoch": segments[-1].header.identity.epoch})


def allocate(
    config: Config,
    *,
    shared: SharedFolder | None = None,
    log: EventStore | None = None,
    records: np.ndarray | None = None,
    local_mac: int = 0,
) -> Exchange:
    """An exchange at the start of its day.

    In `shared` (ours and cleared) counters and feed store are mapped files, and the journal is `log`; without it all is
    memory of this process. `records` (SEQUENCED[n]) are a journal that exists already and is to be replayed.
    `local_mac` is the feed's source.
    """
    feed_bytes = FEED_HEADER_BYTES + (config.feed.store_mib << 20)
    report_bytes = REPORT_HEADER_BYTES + (config.reports.store_mib << 20)
    if shared is None:
        counters = np.zeros(COUNTERS_COUNT, np.int64)
        turn_latency = np.zeros(HISTOGRAM_SLOTS, np.int64)
        stage_memory = np.zeros(stages.SLOTS, np.int64)
        feed_memory = np.zeros(feed_bytes, np.uint8)
        report_memory = np.zeros(report_bytes, np.uint8)
    else:
        counters = shared.map_new(shared.counters, COUNTERS_COUNT * 8).view(np.int64)
        turn_latency = shared.map_new(shared.turn_latency, HISTOGRAM_SLOTS * 8).view(np.int64)
        stage_memory = shared.map_new(shared.stages, stages.SLOTS * 8).view(np.int64)
        feed_memory = shared.map_new(shared.feed, feed_bytes)
        report_memory = shared.map_new(shared.reports, report_bytes, mode=0o600)
        shared.config.write_text(config.to_json(), encoding="utf-8")
    if log is not None:
        journal = open_journal(log.control.array, log.records, config.epoch)
    else:
        journal = _private_journal(config, records)

    tables = allocate_tables(config, counters)
    feed = map_feed(feed_memory)
    _write_feed_header(feed, config)
    return Exchange(
        tables=tables,
        outbox=allocate_outbox(len(config.sessions)),
        book=allocate_book(
            [rules_of(item) for item in config.instruments],
            config.limits.orders,
            config.limits.levels,
            index_key=index_key(config),
            session_firms=session_firms(config),
        ),
        accounts=allocate_accounts(config),
        journal=journal,
        feed=feed,
        hold=allocate_hold(config.journal.hold_mib << 20 if config.journal.mode == "disk" and log is not None else 0),
        reports=map_report_log(report_memory, len(config.sessions), firms_of(config)),
        watch=allocate_watch(config),
        rings=_rings(config, shared),
        events=np.zeros(EVENTS_MAX, EVENT),
        own_commands=np.zeros(1, COMMAND),
        route=_feed_route(config, local_mac),
        topic_id=np.frombuffer(topic_id(config).bytes, np.uint8).copy(),
        order_entry_port=np.array([config.order_entry.udp_port], np.int64),
        udp_fields=np.zeros(FIELDS_COUNT, np.int64),
        room_until=np.zeros(1, np.int64),
        rx=np.zeros(RX_BURST_MAX, PKT),
        tx=np.zeros(TX_BURST_MAX, PKT),
        turn_latency=turn_latency,
        stages=allocate_stage_clock(stage_memory, enabled=shared is not None),
    )


def _rings(config: Config, shared: SharedFolder | None) -> Rings:
    """The rings to the gateway. Sessions' SessionIds pass through them, so they are nobody else's to read."""
    if shared is None or not config.gateway.enabled:
        return no_rings()
    size = RING_HEADER_BYTES + (config.gateway.ring_kib << 10)
    return make_rings(shared.map_new(shared.outward, size, mode=0o600), shared.map_new(shared.inward, size, mode=0o600))


def _private_journal(config: Config, records: np.ndarray | None) -> Journal:
    """A journal in memory of this process: over `records`, or with room for as many as the configuration says."""
    if records is None:
        try:
            records = lazy_array(SEQUENCED, config.journal.records)
        except OSError as error:
            raise ExchangeError(
                f"{config.journal.records} records of the journal cannot be had: {error.strerror}; "
                "make journal.records smaller."
            ) from None
    control = np.zeros(1, JOURNAL_CONTROL)
    control[0]["mapped_records"] = records.size
    return open_journal(control, records, config.epoch)


def save_journal(exchange: Exchange, config: Config, path: Path) -> None:
    """Write what was sequenced so far as a log of one file, for `pitwire replay` and `decode`. Raises OSError."""
    written = int(exchange.journal.scalars[COMMITTED])
    save_log(path, venue_identity(config), exchange.journal.records[:written])


def _write_feed_header(feed: Feed, config: Config) -> None:
    feed.scalars[CHANNEL_ID] = config.feed.channel_id
    feed.scalars[EPOCH] = config.epoch
    header = feed.header[0]
    header["format_version"] = FEED_FORMAT_VERSION
    header["epoch"] = config.epoch
    header["capacity_bytes"] = feed.store.size
    header["next_sequence"] = header["first_sequence"] = 1
    header["channel_id"] = config.feed.channel_id
    header["topic_session_id"] = np.frombuffer(topic_id(config).bytes, np.uint8)
    header["magic"] = FEED_MAGIC


def _feed_route(config: Config, local_mac: int) -> np.ndarray:
    group = ipaddress.IPv4Address(config.feed.group)
    group_mac = 0x01005E000000 | (int(group) & 0x7FFFFF)  # RFC 1112, section 6.4
    source_ip = ipaddress.IPv4Address(config.feed.interface_ip).packed
    source = Endpoint(local_mac.to_bytes(6, "big"), source_ip, config.feed.udp_port)
    destination = Endpoint(group_mac.to_bytes(6, "big"), group.packed, config.feed.udp_port)
    headers = build_udp_frame(b"", source, destination, ttl=config.feed.ttl, with_udp_checksum=False)
    return np.frombuffer(headers.rjust(HEADERS_ROOM, b"\0"), np.uint8).copy()


def whole_state_hash(exchange: Exchange) -> str:
    """64 hex digits over the state that the sequenced inputs made: sessions' numbers, instruments, books, the feed's
    numbers. Addresses and the times of inputs are left out: the same messages give the same hash through any port, on
    any day, unless an instrument has rules by the clock or an order an ExpireTime."""
    digest = hashlib.sha256()
    for field in ("uuid_low", "uuid_high", "expected_seq", "next_out_seq"):
        digest.update(np.ascontiguousarray(exchange.tables.sessions[field]).tobytes())
    keyed = exchange.tables.sessions["traits"] & SESSION_TRAIT_KEYED != 0
    for field in ("state", "generation", "cl_ord_id", "kill", "client_finished") if keyed.any() else ():
        digest.update(exchange.tables.sessions[field][keyed].tobytes())
    for field in ("security_id", "instr_seq"):
        digest.update(np.ascontiguousarray(exchange.tables.instruments[field]).tobytes())
    digest.update(int(exchange.feed.scalars[NEXT_NUMBER]).to_bytes(8, "little"))
    digest.update(bytes.fromhex(state_hash(exchange.book)))
    if exchange.accounts.state[0]["is_enabled"]:
        digest.update(accounts_hash(exchange.accounts))
    return digest.hexdigest()
