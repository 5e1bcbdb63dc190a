"""Snapshots on demand: the server follows every channel's store with books of its own and encodes what they hold.

A snapshot is made at the end of a transaction, of all that was published when it is made. It is given to all who ask
within the next moment and is then forgotten; together, those that are still being read stay within a bound.
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from appliance.feed_book.apply import apply_entries
from appliance.feed_book.load import load_seed
from appliance.feed_book.read import copy_levels, copy_orders, count_orders
from appliance.feed_book.records import FEED_INSTRUMENT, FEED_ROW
from appliance.feed_book.seed import Seed, SeedError, read_seed
from appliance.feed_book.state import FeedBooks, allocate_feed_books, find_instrument, levels_while_open
from appliance.recovery.answers import Answer
from appliance.recovery.codes import RejectCode
from appliance.recovery.limits import ServerLimits
from appliance.recovery.store import FeedStore
from appliance.retransmit.snapshots import CYCLE_FRAME_BYTES, FRAME_BYTES_MAX, encode_end_frame, encode_frames
from appliance.snapshot.records import SNAPSHOT_HEAD, STATUS_NOT_TOLD
from native.codes import sentence_of_error
from wire.gen import market_data_tables as md

_FOLLOW_BYTES: Final = 1 << 20
"""Of a store, applied between two turns of the clients: some milliseconds."""
_WAIT_SECONDS_MAX: Final = 5.0
_RETRY_NS: Final = 100_000_000


@dataclass(frozen=True)
class BookSizes:
    """What the books of a channel are for."""

    security_ids: tuple[int, ...]
    """The instruments, in the order in which a snapshot of all has them."""
    orders: int
    levels: int
    """Of the matching core."""


class Asker(Protocol):
    """Who waits for a snapshot: a connection."""

    @property
    def awaits_snapshot(self) -> bool:
        """It is still there."""

    def answer_snapshot(self, answer: Answer, messages: int) -> None:
        """Here it is: so many messages."""

    def reject(self, code: RejectCode, reason: str, *, session_id: bytes, timestamp: int = 0) -> None:
        """There will be none."""


class Question(NamedTuple):
    """Who waits for what, and for how long (on the monotonic clock)."""

    asker: Asker
    store: FeedStore
    instrument_id: int
    minimum_sequence: int
    until: float


class Snapshot:
    """Frames up to EndOfCycle, in batches; held once for all who are being sent it."""

    def __init__(self, batches: list[bytes], messages: int, as_of_sequence: int) -> None:
        self.batches: Final = batches
        self.messages: Final = messages
        self.as_of_sequence: Final = as_of_sequence
        self.size_bytes: Final = sum(map(len, batches))
        self.made_at: Final = time.monotonic()


class SnapshotAnswer:
    """A snapshot on its way to one client: see `Answer`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._place = 0
        self.finished = False

    def batch(self, scratch: np.ndarray) -> memoryview:
        """See `Answer`."""
        return memoryview(self._snapshot.batches[self._place])

    def next_batch(self) -> int:
        """See `Answer`: the messages count with the last batch."""
        self._place += 1
        self.finished = self._place == len(self._snapshot.batches)
        return self._snapshot.messages if self.finished else 0


class Follower:
    """The books of one channel, as far as its store was followed."""

    def __init__(self, store: FeedStore, sizes: BookSizes, seed: Seed | None = None) -> None:
        """`seed`: what the channels had come to before the store's first message."""
        self.store: Final = store
        self._security_ids = sizes.security_ids
        self.books: Final[FeedBooks] = allocate_feed_books(
            len(sizes.security_ids), sizes.orders, levels_while_open(sizes.levels)
        )
        self.fault = ""
        """Why the books are not right any more; empty: they are."""
        self._at = 0
        if seed is not None:
            self._begin_with(seed)

    def _begin_with(self, seed: Seed) -> None:
        try:
            instruments, rows, counts, next_number = seed.books_of(self.store.channel_id)
        except SeedError as error:
            self.fault = str(error)
            return
        # kernels take arrays that can be written, whatever the file gave
        code = int(load_seed(self.books, instruments.copy(), rows.copy(), counts.copy(), next_number))
        if code < 0:
            self.fault = f"what was kept of it cannot be had: {sentence_of_error(code)}"

    def follow(self) -> bool:
        """Apply what was indexed since, a little at a time; returns whether there is more."""
        if self.fault or self._at == self.store.indexed_bytes:
            return False
        end = self.store.border(self._at, _FOLLOW_BYTES)
        result = int(apply_entries(self.books, self.store.entries, self._at, end))
        state = self.books.state[0]
        if result < 0:
            self.fault = f"message {int(state['next_sequence'])}: {sentence_of_error(result)}"
        elif int(state["faults"]):
            code = int(state["last_fault_code"])
            self.fault = f"message {int(state['last_fault_sequence'])}: {sentence_of_error(code)}"
        else:
            self._at = result
        return not self.fault and self._at < self.store.indexed_bytes

    @property
    def is_ready(self) -> bool:
        """All that was indexed is in the books, and no transaction is under way."""
        return (
            not self.fault and self._at == self.store.indexed_bytes and not int(self.books.state[0]["in_transaction"])
        )

    @property
    def as_of_sequence(self) -> int:
        """Number of the last message in the books; 0: none was published."""
        return int(self.books.state[0]["next_sequence"]) - 1

    def snapshot(self, instrument_id: int, batch_bytes: int) -> Snapshot:
        """Of one instrument, or with 0 of all. An instrument of which nothing was published has no entries."""
        security_ids = (instrument_id,) if instrument_id else self._security_ids
        head = np.zeros(1, SNAPSHOT_HEAD)
        head[0]["as_of_sequence"] = self.as_of_sequence
        head[0]["sending_time_ns"] = time.time_ns()
        head[0]["epoch"] = self.store.epoch
        head[0]["channel_id"] = self.store.channel_id
        scratch = np.zeros(max(batch_bytes, 2 * FRAME_BYTES_MAX), np.uint8)
        batches: list[bytes] = []
        at = messages = 0
        for security_id in security_ids:
            rows = self._fill(head, security_id)
            place = 0
            while place < rows.size + 2:
                written, place = encode_frames(scratch, at, head, rows, rows.size, place)
                at += written
                if place < rows.size + 2:
                    batches.append(scratch[:at].tobytes())
                    at = 0
            messages += rows.size + 2
        if at + CYCLE_FRAME_BYTES > scratch.size:
            batches.append(scratch[:at].tobytes())
            at = 0
        at += int(encode_end_frame(scratch, at, head, len(security_ids)))
        batches.append(scratch[:at].tobytes())
        return Snapshot(batches, messages + 1, self.as_of_sequence)

    def _fill(self, head: np.ndarray, security_id: int) -> np.ndarray:
        """The head of an instrument, and its entries: orders; without orders its levels; without those the top."""
        head[0]["instrument_id"] = security_id
        index = int(find_instrument(self.books, security_id))
        row: Any = np.zeros((), FEED_INSTRUMENT)[()] if index < 0 else self.books.instruments[index]
        head[0]["instr_sequence"] = row["instr_seq"]
        head[0]["transact_time_ns"] = row["transact_time_ns"]
        head[0]["trading_session_date"] = row["session_date"]
        head[0]["trading_status"] = STATUS_NOT_TOLD if index < 0 else row["trading_status"]
        head[0]["is_levels"] = 0
        if index < 0:
            return np.zeros(0, FEED_ROW)
        orders = int(count_orders(self.books, index))
        rows = np.zeros(orders, FEED_ROW)
        if copy_orders(self.books, index, rows, 0) == orders and orders:
            return rows
        levels = sum(int(self.books.sides[2 * index + side]["levels"]) for side in (0, 1))
        rows = np.zeros(levels, FEED_ROW)
        rows = rows[: int(copy_levels(self.books, index, levels, rows, 0))]
        if not rows.size:
            rows = _top_of(row)
        head[0]["is_levels"] = 1 if rows.size else 0
        return rows


def _top_of(row: Any) -> np.ndarray:
    """Best bid and offer as the last TopOfBook told them, as levels."""
    rows = np.zeros(2, FEED_ROW)
    count = 0
    for name, side in (("bid", 1), ("offer", -1)):
        price = int(row[f"{name}_price_nanos"])
        if price != md.TopOfBook_BidPx_NULL:
            rows[count]["price_nanos"] = price
            rows[count]["qty_lots"] = row[f"{name}_lots"]
            rows[count]["orders"] = row[f"{name}_orders"]
            rows[count]["side"] = side
            count += 1
    return rows[:count]


class SnapshotDesk:
    """Takes the questions, follows the stores, and answers when the books have got so far."""

    def __init__(self, sizes: BookSizes, limits: ServerLimits) -> None:
        self._sizes = sizes
        self._limits = limits
        self._followers: dict[bytes, Follower] = {}
        self._waiting: deque[Question] = deque()
        self._alive: weakref.WeakSet[Snapshot] = weakref.WeakSet()
        self._latest: dict[tuple[bytes, int], Snapshot] = {}

    def refusal(self, store: FeedStore, instrument_id: int, minimum_sequence: int) -> tuple[RejectCode, str] | None:
        """Why a SnapshotRequest is not answered."""
        if minimum_sequence < 0:
            return RejectCode.OUT_OF_RANGE, "MinimumSequenceNumber is not below 0."
        if instrument_id and instrument_id not in self._sizes.security_ids:
            return RejectCode.OUT_OF_RANGE, f"There is no instrument {instrument_id}."
        if minimum_sequence and minimum_sequence >= store.next_sequence:
            return RejectCode.OUT_OF_RANGE, f"{store.held} retry_ns={_RETRY_NS}"
        if sum(snapshot.size_bytes for snapshot in self._alive) >= self._limits.snapshot_bytes_max:
            return RejectCode.REQUEST_LIMIT_EXCEEDED, f"Too many snapshots are being sent. retry_ns={_RETRY_NS}"
        return None

    def ask(self, asker: Asker, store: FeedStore, instrument_id: int, minimum_sequence: int) -> None:
        """Answer now where that can be, else as soon as the books have got so far."""
        self._follower(store).follow()
        question = Question(asker, store, instrument_id, minimum_sequence, time.monotonic() + _WAIT_SECONDS_MAX)
        if not self._answer(question):
            self._waiting.append(question)

    def work(self, main: FeedStore, stores: list[FeedStore]) -> bool:
        """Follow the stores a little further, and answer; returns whether there is more to follow."""
        self._followers = {key: one for key, one in self._followers.items() if one.store in stores}
        self._follower(main)  # from the start, so that a late joiner need not wait; others when they are asked for
        behind = False
        for follower in self._followers.values():
            behind |= follower.follow()
        for _ in range(len(self._waiting)):
            question = self._waiting.popleft()
            if question.store not in stores:
                reason = "The publisher was started anew meanwhile."
                session_id = question.store.topic_session_id
                question.asker.reject(RejectCode.INVALID_SESSION, reason, session_id=session_id)
            elif not self._answer(question):
                self._waiting.append(question)
        reused_from = time.monotonic() - self._limits.snapshot_reuse_seconds
        self._latest = {key: snapshot for key, snapshot in self._latest.items() if snapshot.made_at >= reused_from}
        return behind

    def _follower(self, store: FeedStore) -> Follower:
        follower = self._followers.get(store.topic_session_id)
        if follower is None or follower.store is not store:
            follower = self._followers[store.topic_session_id] = self._begin(store)
        return follower

    def _begin(self, store: FeedStore) -> Follower:
        try:
            return Follower(store, self._sizes, read_seed(store.path.parent))
        except SeedError as error:
            follower = Follower(store, self._sizes)
            follower.fault = str(error)
            return follower

    def _answer(self, question: Question) -> bool:
        """Answer, refuse, or (False) not yet: the books have not got so far."""
        asker, store, instrument_id, minimum_sequence, until = question
        if not asker.awaits_snapshot:
            return True  # it is gone
        follower = self._follower(store)
        found = self._latest.get((store.topic_session_id, instrument_id))
        if found is None or found.as_of_sequence < minimum_sequence or self._is_old(found):
            if follower.fault:
                reason = f"The books of channel {store.channel_id} are not right: {follower.fault}"
                asker.reject(RejectCode.OUT_OF_RANGE, reason, session_id=store.topic_session_id)
                return True
            if not follower.is_ready or follower.as_of_sequence < minimum_sequence:
                if time.monotonic() < until:
                    return False
                reason = f"The books are behind. retry_ns={_RETRY_NS}"
                asker.reject(RejectCode.REQUEST_LIMIT_EXCEEDED, reason, session_id=store.topic_session_id)
                return True
            found = follower.snapshot(instrument_id, self._limits.batch_bytes)
            self._alive.add(found)
            self._latest[store.topic_session_id, instrument_id] = found
        asker.answer_snapshot(SnapshotAnswer(found), found.messages)
        return True

    def _is_old(self, snapshot: Snapshot) -> bool:
        return time.monotonic() - snapshot.made_at > self._limits.snapshot_reuse_seconds
