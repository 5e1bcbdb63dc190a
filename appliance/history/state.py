"""The state of an exchange as arrays by name: what a snapshot holds, how it comes back, and hashes of its parts.

State is what the sequenced inputs made: the clock, sessions and instruments, the whole book, the feed's numbers, the
place in the journal. Every array of `Exchange` is state unless NO_STATE names it: who adds a table need not think of
snapshots.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from appliance.book.state import state_hash as book_hash
from appliance.config import Config, parse
from appliance.exchange import Exchange, allocate, schema_digest, whole_state_hash
from appliance.feed_book import seed as seeds
from appliance.feed_book.seed import Seed, SeedError, seed_of
from appliance.history.snapshot import Snapshot, SnapshotError, read_header, read_snapshot, read_some, write_snapshot
from appliance.publisher.packet import EPOCH, NEXT_NUMBER, STORE_NEXT_NUMBER, STORE_USED, STORE_WHOLE_BYTES
from appliance.sequencer.journal import COMMITTED, LAST_CRC32C
from appliance.state import FREE, LAST_SEQUENCED_NS, OUTBOX_USED
from native.arrays import Arrays


class StateSpoiltError(SnapshotError):
    """A snapshot whose bytes are whole does not hold the state that its header names: only a fault of the program that
    wrote it does that. The exchange that it was put into must be thrown away."""


NO_STATE: Final[Mapping[str, str]] = {
    "tables.counters": "belong to a run",
    "outbox": "is empty between two bursts, when snapshots are taken",
    "hold": "what waits for the disk is said again by nobody",
    "book.look_ahead": "hints for one batch of requests",
    "journal.control": "is the log's",
    "journal.records": "are the log",
    "journal.peers": "are the log",
    "journal.negotiations": "are the log",
    "journal.establishments": "are the log",
    "journal.session_inputs": "are the log",
    "journal.admins": "are the log",
    "reports": "the report log begins anew: what was told before cannot be had again",
    "watch": "is the loop's, by its clock",
    "rings": "are those of a run",
    "feed.header": "belongs to a run",
    "feed.store": "is filled again by what is replayed",
    "events": "scratch of one step",
    "own_commands": "scratch of one step",
    "route": "is made from the configuration",
    "topic_id": "is made from the configuration",
    "order_entry_port": "is made from the configuration",
    "udp_fields": "scratch of one frame",
    "rx": "scratch of one burst",
    "tx": "scratch of one burst",
    "turn_latency": "belongs to a run",
    "stages": "belong to a run",
}
"""Arrays and groups of arrays of `Exchange` that no snapshot holds, each with the reason. Members named `addresses` are
never state: they point into the memory of one process."""


def state_arrays(exchange: Exchange) -> dict[str, np.ndarray]:
    """Every array of the state under its name, `book.orders` and so on. They are the exchange's own, not copies."""
    return dict(_state_of(exchange, ""))


def _state_of(group: Arrays, prefix: str) -> Iterator[tuple[str, np.ndarray]]:
    for member in group.member_names:
        name = prefix + member
        value = getattr(group, member)
        if name in NO_STATE or member == "addresses":
            continue
        if isinstance(value, Arrays):
            yield from _state_of(value, f"{name}.")
        else:
            yield name, value


@cache
def forms() -> Mapping[str, np.ndarray]:
    """Arrays of the names and dtypes that the state has in this version of the program, of any size: to see whether a
    snapshot is of it before memory is taken for its state."""
    small = {"journal": {"records": 1024}, "feed": {"store_mib": 1}, "limits": {"orders": 16, "levels": 16}}
    return state_arrays(allocate(parse(small)))


def describe(exchange: Exchange, config: Config) -> Snapshot:
    """The header of a snapshot of `exchange` as it is now."""
    scalars = exchange.journal.scalars
    return Snapshot(
        epoch=config.epoch,
        sequence=int(scalars[COMMITTED]),
        time_ns=int(exchange.tables.clock[LAST_SEQUENCED_NS]),
        chain_crc32c=int(scalars[LAST_CRC32C]),
        feed_next_number=int(exchange.feed.scalars[NEXT_NUMBER]),
        schema_digest=schema_digest(),
        config_digest=config.state_digest(),
        state_hash=whole_state_hash(exchange),
    )


def save(exchange: Exchange, config: Config, folder: Path, seed: Seed | None = None) -> Path:
    """Write a snapshot of `exchange`, whose outputs must all have left, with what the channels of market data had come
    to, where somebody followed them. Raises SnapshotError."""
    if exchange.outbox.scalars[OUTBOX_USED] != 0:
        raise SnapshotError(f"{folder}: a snapshot is taken between two bursts, when nothing waits to be sent.")
    assert seed is None or seed.l3_next_number == int(exchange.feed.scalars[NEXT_NUMBER])
    return write_snapshot(folder, describe(exchange, config), state_arrays(exchange) | _arrays_of(seed))


def save_day_start(exchange: Exchange, config: Config, folder: Path) -> Path:
    """Write what a day starts with: no message of market data was told. Raises SnapshotError."""
    return write_snapshot(folder, describe(exchange, config), state_arrays(exchange) | _arrays_of(None))


def _arrays_of(seed: Seed | None) -> dict[str, np.ndarray]:
    return dict(seeds.FORMS) if seed is None else seed.arrays()


def verify(path: Path) -> tuple[Snapshot, Seed | None]:
    """What the snapshot at `path` is, every stored byte of which is whole, and the seed in it, if there is one. Raises
    SnapshotError."""
    snapshot, arrays = read_some(path, forms(), seeds.FORMS)
    if not arrays["seed.channels"].size:
        return snapshot, None
    try:
        seed = seed_of(arrays)
    except SeedError as error:
        raise SnapshotError(f"{path}: {error}") from None
    if seed.l3_next_number != snapshot.feed_next_number:
        raise SnapshotError(f"{path}: what the channels had come to is of message {seed.l3_next_number}.")
    return snapshot, seed


def load(exchange: Exchange, config: Config, path: Path) -> Snapshot:
    """Put the state of the snapshot at `path` into `exchange`, which keeps its counters; its feed store begins empty
    with the next message. Raises SnapshotError, with nothing changed, and StateSpoiltError."""
    check_venue(read_header(path), config, path)
    arrays = state_arrays(exchange)
    snapshot, found = read_snapshot(path, arrays, seeds.FORMS)
    for name, array in arrays.items():
        array.view(np.uint8)[:] = found[name]
    empty_feed_store(exchange)
    empty_report_log(exchange)
    if whole_state_hash(exchange) != snapshot.state_hash:
        raise StateSpoiltError(f"{path}: the state in it does not have the hash that its header names.")
    return snapshot


def check_venue(snapshot: Snapshot, config: Config, path: Path) -> None:
    """Raises SnapshotError where the snapshot is of another venue."""
    if snapshot.schema_digest != schema_digest():
        raise SnapshotError(f"{path}: was written under other message schemas; use the version that wrote it.")
    if snapshot.config_digest != config.state_digest() or snapshot.epoch != config.epoch:
        raise SnapshotError(
            f"{path}: was written under another configuration (instruments, sessions, limits, epoch); give that one."
        )


def empty_report_log(exchange: Exchange) -> None:
    """What was told before cannot be had again: the log begins with the next report of each session."""
    exchange.reports.firm_numbers[:] = exchange.tables.firm_numbers
    exchange.reports.newest[:] = FREE
    exchange.reports.newest_indexed[:] = FREE
    exchange.reports.scalars[:] = 0
    exchange.reports.header[0]["committed_bytes"] = 0


def empty_feed_store(exchange: Exchange) -> None:
    """The store begins with the next message to be published."""
    feed = exchange.feed
    feed.scalars[STORE_USED] = feed.scalars[STORE_WHOLE_BYTES] = 0
    feed.scalars[STORE_NEXT_NUMBER] = feed.scalars[NEXT_NUMBER]
    feed.scalars[EPOCH] = int(feed.header[0]["epoch"])
    feed.header[0]["committed_bytes"] = 0
    feed.header[0]["next_sequence"] = feed.header[0]["first_sequence"] = int(feed.scalars[NEXT_NUMBER])


def hash_parts(exchange: Exchange) -> dict[str, str]:
    """Hashes (16 hex digits) of parts of the state, to say where two states differ."""

    def digest(*arrays: np.ndarray) -> str:
        whole = hashlib.sha256()
        for array in arrays:
            whole.update(np.ascontiguousarray(array).tobytes())
        return whole.hexdigest()[:16]

    sessions, instruments, book = exchange.tables.sessions, exchange.tables.instruments, exchange.book
    return {
        "session numbers": digest(sessions["expected_seq"], sessions["next_out_seq"]),
        "feed numbers": digest(instruments["instr_seq"], exchange.feed.scalars[NEXT_NUMBER : NEXT_NUMBER + 1]),
        "markets": digest(book.instruments),
        "books": book_hash(book)[:16],
    }
