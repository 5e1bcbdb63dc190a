"""The feed from end to end: publishing L3, L2, L1, and what a subscriber needs to build its books of it.

A flow of `bench.flows` goes through the book; what it says is published into a feed store (`bench.publisher`, which has
the rows of the publisher). Checked first: the books built from those packets, by kernels and by the plain code over a
prefix, are the matching core's, order by order in queue order; L2 and L1 channels give the levels and tops of them.

Rows of the subscriber, in CPU time of the thread, the median of so many, from the first message to the last:

- L3 by kernels, packets where they lie (`apply_entries`): what a follower of a store, or of a port in the same
  process, does.
- L3 through FeedSubscriber with KernelBook: packets one by one from Python, as sockets give them; and with each packet
  a second time, as line B brings it.
- L3 through FeedSubscriber with FeedBook, the plain code.
- a late joiner: from the first packet heard to complete books, by a snapshot over TCP from the recovery server, which
  runs beside it as a process of its own and reads the same store (wall time).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from appliance.book.state import open_orders
from appliance.client.book import SIDE_BUY, SIDE_SELL, FeedBook
from appliance.client.feed_words import Books, Snapshot, SubscriberPolicy
from appliance.client.kernel_book import KernelBook
from appliance.client.recovery import RecoveryClient
from appliance.client.subscriber import FeedSubscriber
from appliance.distributor.offline import derived_packets
from appliance.distributor.records import L1, L2
from appliance.exchange import allocate
from appliance.feed_book.apply import apply_entries
from appliance.feed_book.state import FeedBooks, allocate_feed_books
from appliance.recovery.limits import ServerLimits
from appliance.recovery.snapshots import BookSizes, SnapshotDesk
from appliance.recovery.store import FeedStore
from bench.host import report
from bench.publisher import TICK_NANOS, Day, collect, publisher_rows
from native.layout import EVENT, FEED_ENTRY
from native.limits import EVENTS_MAX
from tests.naive.feed_writer import FeedWriter
from tests.naive.recovery_server import serving
from wire.framing import packets
from wire.gen.market_data_tables import InstrFlags_StartOfTransaction

ORDERS_MAX = 1 << 18
LEVELS_MAX = 1 << 17
CHECKED_PACKETS = 3000
DERIVED_BYTES = 1 << 20
SPAWN = multiprocessing.get_context("spawn")
GOAL_MESSAGES_A_SECOND = 5_000_000


def packets_of(store: np.ndarray) -> list[bytes]:
    """The packets of a feed store's entries."""
    found, at = [], 0
    while at < store.size:
        payload_bytes = int(store[at : at + FEED_ENTRY.itemsize].view(FEED_ENTRY)[0]["payload_bytes"])
        at += FEED_ENTRY.itemsize
        found.append(store[at : at + payload_bytes].tobytes())
        at += payload_bytes + 7 & ~7
    return found


def engine_orders(day: Day) -> dict[int, list[tuple[int, int, int, int, int]]]:
    """SecurityID: (order id, side, price, lots, priority) in queue order, of the matching core after the flow."""
    exchange = allocate(day.config)
    events, ends = np.zeros(day.events.size, EVENT), np.zeros(day.ends.size, np.int64)
    total = int(collect(exchange.book, day.records, 0, day.records.size, np.zeros(EVENTS_MAX, EVENT), events, ends))
    assert total >= 0
    found: dict[int, list[tuple[int, int, int, int, int]]] = {}
    for order in open_orders(exchange.book):
        price = int(order["price_ticks"]) * TICK_NANOS
        row = (int(order["order_id"]), int(order["side"]), price, int(order["leaves_lots"]), int(order["priority"]))
        found.setdefault(int(order["instrument"]) + 1, []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: (row[1], row[2] * (-1 if row[1] == SIDE_BUY else 1), row[4]))
    return found


class Subscription:
    """The packets of a day, and ways to follow them."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.packets = packets_of(day.store)
        self.messages = day.l3_messages

    def new_books(self) -> FeedBooks:
        return allocate_feed_books(self.day.instruments, ORDERS_MAX, LEVELS_MAX)

    def kernels(self) -> tuple[int, FeedBooks]:
        """CPU time of `apply_entries` over the store, ns."""
        books = self.new_books()
        started = time.thread_time_ns()
        assert int(apply_entries(books, self.day.store, 0, self.day.store.size)) == self.day.store.size
        return time.thread_time_ns() - started, books

    def follow(self, books: Books, octets: list[bytes], lines: int = 1) -> tuple[int, FeedSubscriber]:
        """CPU time of a subscriber over packets that come in order on so many lines, ns."""
        subscriber = FeedSubscriber(SubscriberPolicy(from_first=True), books)
        started = time.thread_time_ns()
        for packet in octets:
            for line in range(lines):
                subscriber.receive(packet, 1, line)
        took = time.thread_time_ns() - started
        assert subscriber.complete and subscriber.books.faults == 0
        return took, subscriber

    def kernel_book(self, level: int = 3) -> KernelBook:
        return KernelBook(level, self.day.instruments, ORDERS_MAX, LEVELS_MAX)

    def check(self) -> bool:
        """Whether all ways give the matching core's books, and the derived channels what they imply."""
        engine = engine_orders(self.day)
        books = self.kernel_book()
        self.follow(books, self.packets)
        found = {one: [tuple(order) for order in books.orders(one)] for one in books.security_ids()}
        same = {one: rows for one, rows in found.items() if rows} == engine
        prefix = self.packets[:CHECKED_PACKETS]
        plain, kernels = FeedBook(), self.kernel_book()
        self.follow(plain, prefix)
        self.follow(kernels, prefix, lines=2)
        same &= plain.digest() == kernels.digest()
        self.kernels()  # compiled
        return same and self._check_derived()

    def _check_derived(self) -> bool:
        """L2 and L1 of a prefix, made by the distributor's kernels, against its L3."""
        end = 0
        for packet in self.packets:
            size = FEED_ENTRY.itemsize + (len(packet) + 7 & ~7)
            if end + size > DERIVED_BYTES:
                break
            end += size
        derived: dict[int, list[bytes]] = {L2: [], L1: []}
        for place, packet in derived_packets(self.day.config, self.day.store[:end]):
            derived[place].append(packet)
        orders, levels, tops = self.kernel_book(), self.kernel_book(2), self.kernel_book(1)
        self.follow(orders, packets_of(self.day.store[:end]))
        self.follow(levels, derived[L2])
        self.follow(tops, derived[L1])
        return all(
            orders.levels(one, side, LEVELS_MAX) == levels.levels(one, side, LEVELS_MAX)
            for one in orders.security_ids()
            for side in (SIDE_BUY, SIDE_SELL)
        ) and all(orders.top(one) == tops.top(one) for one in orders.security_ids())

    def late_joiner_ms(self) -> float:
        """From the first packet heard to complete books by TCP, wall time."""
        with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
            folder = Path(name)
            epoch = packets.parse_header(self.packets[0]).epoch
            writer = FeedWriter(folder / "feed", capacity_bytes=self.day.store.size + (1 << 20), epoch=epoch)
            cut = max(place for place, packet in enumerate(self.packets[1:], 1) if begins_transaction(packet))
            for packet in self.packets[:cut]:
                writer.append(packet, packets.parse_header(packet).message_count)
            ours, theirs = SPAWN.Pipe()
            server = SPAWN.Process(target=serve, args=(folder, self.day.instruments, theirs))
            server.start()
            ip, port = ours.recv()
            ask(ip, port, self.kernel_book(), self.packets[cut:])  # the server's books follow the store now
            books = self.kernel_book()
            started = time.perf_counter_ns()
            subscriber = ask(ip, port, books, self.packets[cut:])
            took = time.perf_counter_ns() - started
            ours.send("done")
            server.join()
            assert subscriber.complete
            truth = self.kernel_book()
            self.follow(truth, self.packets)
            assert truth.digest() == books.digest(), "the late joiner has other books"
            return took / 1e6


def serve(folder: Path, instruments: int, pipe: Any) -> None:
    """A recovery server until the other end says so."""
    sizes = BookSizes(tuple(range(1, instruments + 1)), ORDERS_MAX, LEVELS_MAX)
    limits = ServerLimits()
    desk = SnapshotDesk(sizes, limits)
    with serving(FeedStore(folder / "feed"), limits, folder=folder, snapshots=desk) as server:
        pipe.send((server.ip, server.port))
        pipe.recv()


def begins_transaction(packet: bytes) -> bool:
    """Whether the first message of a packet is the first of its transaction: before it a snapshot can stand."""
    block = packets.HEADER_BYTES + packets.FRAME_BYTES_MIN
    return bool(packet[block] & InstrFlags_StartOfTransaction)


def ask(ip: str, port: int, books: Books, live: list[bytes]) -> FeedSubscriber:
    """Join at the first packet of `live`, and become complete by a snapshot."""
    subscriber = FeedSubscriber(SubscriberPolicy(has_snapshots=True), books)
    for packet in live:
        subscriber.receive(packet, 1)
    wanted = subscriber.wanted(2)
    assert isinstance(wanted, Snapshot) and subscriber.handler.channel_id is not None
    with RecoveryClient(ip, port, bytes(16), timeout_seconds=60) as client:
        for found in client.snapshot(subscriber.handler.channel_id, wanted.security_id, wanted.minimum_sequence):
            subscriber.receive_snapshot(found, 3)
    return subscriber


def subscriber_rows(day: Day, repeats: int) -> tuple[list[dict[str, Any]], bool]:
    """The rows of the subscriber, and whether the checks held."""
    one = Subscription(day)
    equal = one.check()

    def row(case: str, measure: Callable[[], int], messages: int, repeats: int) -> dict[str, Any]:
        times = [measure() for _ in range(repeats)]
        median = statistics.median(times)
        return {
            "case": case,
            "messages": messages,
            "ns_a_message": round(median / messages, 1),
            "ns_a_message_best": round(min(times) / messages, 1),
            "messages_a_second": round(messages / median * 1e9),
        }

    prefix = one.packets[:CHECKED_PACKETS]
    some = sum(packets.parse_header(packet).message_count for packet in prefix)
    rows = [
        row("subscriber: L3 by kernels, packets in memory", lambda: one.kernels()[0], one.messages, repeats),
        row(
            "subscriber: L3, packets one by one, KernelBook",
            lambda: one.follow(one.kernel_book(), one.packets)[0],
            one.messages,
            repeats,
        ),
        row(
            "subscriber: L3, lines A and B, KernelBook",
            lambda: one.follow(one.kernel_book(), one.packets, 2)[0],
            one.messages,
            repeats,
        ),
        row("subscriber: L3, FeedBook, plain", lambda: one.follow(FeedBook(), prefix)[0], some, min(repeats, 3)),
    ]
    joins = sorted(one.late_joiner_ms() for _ in range(repeats))
    orders = one.kernels()[1].state[0]["open_orders"]
    rows.append(
        {
            "case": "late joiner by TCP, all instruments",
            "open_orders": int(orders),
            "instruments": day.instruments,
            "ms_median": round(statistics.median(joins), 2),
            "ms_max": round(joins[-1], 2),
        }
    )
    return rows, equal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000, help="requests of the flow")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    rows, equal = subscriber_rows(Day(given.messages, given.seed), given.repeats)
    published, published_equal = publisher_rows(given.messages, given.repeats, given.seed)
    build = rows[0]["messages_a_second"]
    rows = published + rows
    equal &= published_equal
    if given.json:
        facts = {"goal_messages_a_second": GOAL_MESSAGES_A_SECOND}
        print(json.dumps(report("build L3 from packets, one core", build, "messages/s", rows, equal=equal) | facts))
    else:
        for row in rows:
            print(json.dumps(row))
        print(f"build L3 from packets, one core: {build:,} messages/s; equal: {equal}")
    if not equal:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
