"""What it costs to publish: L3 in the matching core, L2, L1 and tiers made of it. Checked before timed.

A flow of `bench.flows` goes through the book once; its events are kept. Timed is, in CPU time of the thread and each
time from anew, the median of so many:

- publish L3: from events to messages, packets filled up, into the store and as frames into a port that counts them
  and lets them go (the `pcap` port without a file). Inputs are grouped by 32, as a busy loop takes them; each packet of
  events is copied into the loop's buffer first, which is part of the time.
- books of L3: `appliance.feed_book` alone, over the packets that were stored.
- distribute (`--udp`): a whole distributor over sockets of the kernel's, to groups on loopback that nobody has joined:
  line B of L3, L2 and L1 on both lines, heartbeats and snapshots, from the day's first packet to its last.
- L2 and L1, and with a tier of 5 levels: the distributor's derivation over the same packets, its books included. Less
  the books it is what the core would have to do besides, if it derived: it has books of its own.

Checked first: the packets of a prefix give what the naive twin makes of them, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from appliance.book.match import apply, is_pending, resume
from appliance.config import Config, parse
from appliance.distributor.derive import DONE_BYTES, derive_entries
from appliance.distributor.offline import derived_packets
from appliance.distributor.process import DistributorProcess
from appliance.distributor.records import FIRST_TIER, L1, L2, L3
from appliance.distributor.state import STORE_TIMES, allocate_derivation, derived_places, place_store
from appliance.distributor.stores import create_told
from appliance.distributor_config import Tier
from appliance.distributor_counters import FRAMES_OUT, TX_RETRIES
from appliance.exchange import Exchange, allocate
from appliance.feed_book.apply import apply_entries
from appliance.feed_book.state import allocate_feed_books
from appliance.pipeline import drain
from appliance.publisher import level3, packet
from appliance.publisher.packet import NEXT_NUMBER, STORE_WHOLE_BYTES
from appliance.replay import LOCAL_MAC
from appliance.state import OUTBOX_USED
from bench.core import thread_cpu_ns
from bench.flows import SCENARIOS, make_flow
from bench.host import report
from native import counters
from native.jit import kernel
from native.layout import EVENT, FEED_ENTRY, FEED_FORMAT_VERSION, FEED_HEADER, FEED_MAGIC
from native.limits import EVENTS_MAX
from native.ports import PortConfig, open_port
from tests.naive.derived_feed import DerivedFeed

FLOW = "routine_100"
BURST = 32
TICK_NANOS = 1_000_000
CHECKED_BYTES = 1 << 18
OUTBOX_HALF = 512
DEPTH = 5


@kernel
def collect(book: Any, records: Any, first: int, last: int, scratch: Any, events: Any, ends: Any) -> int:
    """Apply records[first:last] and keep what the book says, `ends` for each record. Returns how many events."""
    total = np.int64(0)
    for index in range(first, last):
        count = np.int64(apply(book, records, index, scratch, 0))
        while True:
            if count < 0 or total + count > events.size:
                return np.int64(-1)
            for i in range(count):
                events[total] = scratch[i]
                total += 1
            if not is_pending(book):
                break
            count = np.int64(resume(book, scratch, 0))
        ends[index - first] = total
    return total


@kernel
def publish_all(exchange: Any, port: int, records: Any, first: int, last: int, events: Any, ends: Any) -> int:
    """Publish the kept events of records[first:last]. Returns messages written."""
    written = np.int64(0)
    at = np.int64(0)
    for index in range(first, last):
        packet.begin_transaction(exchange.feed)
        end = ends[index - first]
        while at < end:
            count = min(end - at, np.int64(EVENTS_MAX))
            kinds = np.int64(0)
            for i in range(count):
                exchange.events[i] = events[at + i]
                kinds |= np.int64(1) << np.int64(events[at + i]["kind"])
            written += level3.publish(
                exchange.tables, exchange.outbox, exchange.feed, exchange.book.instruments, records, index,
                exchange.events, count, kinds,
            )  # fmt: skip
            at += count
        packet.end_transaction(exchange.outbox, exchange.feed)
        if (index - first) % BURST == BURST - 1 or exchange.outbox.scalars[OUTBOX_USED] > OUTBOX_HALF:
            drain(exchange, port)
    drain(exchange, port)
    return written


class Day:
    """A flow, what the book said of it, and the L3 store that comes of it."""

    def __init__(self, messages: int, seed: int) -> None:
        scenario = SCENARIOS[FLOW]
        self.records, before = make_flow(scenario, messages, seed)
        self.instruments = scenario.instruments
        self.config = self._config()
        exchange = allocate(self.config)
        self.events = np.zeros(4 * self.records.size, EVENT)
        self.ends = np.zeros(self.records.size, np.int64)
        scratch = np.zeros(EVENTS_MAX, EVENT)
        total = int(collect(exchange.book, self.records, 0, self.records.size, scratch, self.events, self.ends))
        assert total >= 0, "the events of the flow have no room"
        self.before = before
        self.exchange = self.publish()[0]
        whole = int(self.exchange.feed.scalars[STORE_WHOLE_BYTES])
        assert not self.exchange.tables.counters[counters.FEED_PACKETS_UNSTORED]
        self.store = self.exchange.feed.store[:whole]
        self.l3_messages = int(self.exchange.feed.scalars[NEXT_NUMBER]) - 1

    def _config(self) -> Config:
        rows = [
            {"security_id": n + 1, "symbol": f"B{n}", "tick_nanos": TICK_NANOS, "price_ticks_min": -(1 << 40)}
            for n in range(self.instruments)
        ]
        store_mib = (self.records.size * 200 >> 20) + 64
        limits = {"orders": 1 << 18, "levels": 1 << 17}
        return parse(
            {"instruments": rows, "limits": limits, "feed": {"store_mib": store_mib}, "journal": {"records": 1024}}
        )

    def publish(self) -> tuple[Exchange, int, int]:
        """All of it, from anew: the exchange, messages, and the CPU time in ns."""
        exchange = allocate(self.config, local_mac=LOCAL_MAC)
        clock = np.zeros(2, np.int64)
        with open_port(PortConfig(kind="pcap")) as port:
            publish_all(exchange, port.handle, self.records, 0, 0, self.events, self.ends)
            exchange.feed.store[:] = 0  # its pages are there
            started = int(thread_cpu_ns(clock))
            written = int(
                publish_all(exchange, port.handle, self.records, 0, self.records.size, self.events, self.ends)
            )
            return exchange, written, int(thread_cpu_ns(clock)) - started

    def books_ns(self) -> int:
        """CPU time of the books alone, in ns."""
        books = allocate_feed_books(self.instruments, 1 << 18, 1 << 18)
        clock = np.zeros(2, np.int64)
        started = int(thread_cpu_ns(clock))
        assert int(apply_entries(books, self.store, 0, self.store.size)) == self.store.size
        return int(thread_cpu_ns(clock)) - started

    def derive(self, tiers: list[Tier]) -> tuple[int, list[int]]:
        """CPU time of the derivation, in ns, and the messages of L2, L1 and the tiers."""
        derivation = allocate_derivation(instruments=self.instruments, orders=1 << 18, levels=1 << 17, tiers=tiers)
        derivation.books.state[0]["epoch"] = 0
        stores = []
        for place in derived_places(FIRST_TIER + len(tiers)):
            size = STORE_TIMES * self.store.size + int(derivation.channels[place]["reserve_bytes"])
            stores.append(np.zeros(size, np.uint8))
            stores[-1][: 2 * self.store.size] = 0  # the pages that will be used are there
            place_store(derivation, place, stores[-1])
        clock = np.zeros(2, np.int64)
        started = int(thread_cpu_ns(clock))
        while int(derivation.scalars[DONE_BYTES]) < self.store.size:
            assert int(derive_entries(derivation, self.store, self.store.size, 4096)) > 0
        took = int(thread_cpu_ns(clock)) - started
        return took, [int(derivation.channels[p]["next_number"]) - 1 for p in derived_places(FIRST_TIER + len(tiers))]


def distribute(day: Day) -> dict[str, Any]:
    """The row of a whole distributor that has the day before it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        header = np.zeros(1, FEED_HEADER)
        header["magic"], header["format_version"] = FEED_MAGIC, FEED_FORMAT_VERSION
        header["capacity_bytes"] = header["committed_bytes"] = day.store.size
        header["channel_id"] = day.config.feed.channel_id
        with (folder / "feed").open("wb") as file:
            file.write(header.tobytes())
            file.write(day.store.data)
        (folder / "config.json").write_text(day.config.to_json(), encoding="utf-8")
        create_told(folder, 0)
        process = DistributorProcess(folder)
        process.turn()  # its kernels are there
        clock = np.zeros(2, np.int64)
        started, began = int(thread_cpu_ns(clock)), time.perf_counter()
        channels = process.state.derivation.channels
        while int(channels[L3]["sent_bytes"]) < day.store.size or int(channels[L1]["sent_bytes"]) < int(
            channels[L1]["whole_bytes"]
        ):
            process.turn()
        took, seconds = int(thread_cpu_ns(clock)) - started, time.perf_counter() - began
        frames, retries = int(process.told[FRAMES_OUT]), int(process.told[TX_RETRIES])
        process.close()
    return {
        "case": "distribute over UDP, a message of L3",
        "messages": day.l3_messages,
        "ns_a_message": round(took / day.l3_messages, 1),
        "messages_a_second": round(day.l3_messages / seconds),
        "frames": frames,
        "ns_a_frame": round(took / frames, 1),
        "tx_retries": retries,
    }


def check(day: Day) -> bool:
    """Whether the twin makes the same packets of the first L3 packets."""
    prefix = day.store[: _whole_entries(day.store, CHECKED_BYTES)]
    found: dict[int, list[bytes]] = {L2: [], L1: []}
    for place, octets in derived_packets(day.config, prefix):
        found[place].append(octets)
    twin = DerivedFeed(day.config.feed.channel_id, day.config.epoch)
    for octets in _packets(prefix):
        twin.take(octets)
    return found[L2] == twin.l2.packets and found[L1] == twin.l1.packets


def _packets(store: np.ndarray) -> list[bytes]:
    found, at = [], 0
    while at < store.size:
        entry = store[at : at + FEED_ENTRY.itemsize].view(FEED_ENTRY)[0]
        at += FEED_ENTRY.itemsize
        found.append(store[at : at + int(entry["payload_bytes"])].tobytes())
        at += int(entry["payload_bytes"]) + 7 & ~7
    return found


def _whole_entries(store: np.ndarray, most: int) -> int:
    size = 0
    for octets in _packets(store[: min(most, store.size)] if store.size <= most else store):
        following = size + 16 + (len(octets) + 7 & ~7)
        if following > most:
            break
        size = following
    return size


def publisher_rows(
    messages: int = 1_000_000, repeats: int = 5, seed: int = 1, *, udp: bool = False
) -> tuple[list[dict[str, Any]], bool]:
    """The rows of the publisher and whether the check held. `messages` are requests of the flow."""
    day = Day(messages, seed)
    equal = check(day)

    def median(measure: Callable[[], int]) -> float:
        return statistics.median(measure() for _ in range(repeats))

    inputs, l3 = int(day.records.size), day.l3_messages
    publish_ns = median(lambda: day.publish()[2])
    books_ns = median(day.books_ns)
    _, (l2, l1) = day.derive([])
    derive_ns = median(lambda: day.derive([])[0])
    tier = [Tier(name="basic", depth=DEPTH)]
    _, (_, _, basic) = day.derive(tier)
    tier_ns = median(lambda: day.derive(tier)[0])

    def row(case: str, total_ns: float, count: int, **more: Any) -> dict[str, Any]:
        rate = round(count / total_ns * 1e9) if total_ns > 0 else 0
        return {
            "case": case,
            "messages": count,
            "ns_a_message": round(total_ns / count, 1),
            "messages_a_second": rate,
        } | more

    own_ns = derive_ns - books_ns
    rows = [
        row("publish L3, in the core", publish_ns, l3, inputs=inputs, ns_an_input=round(publish_ns / inputs, 1)),
        row("books of L3", books_ns, l3),
        row("L2 and L1 from L3, books included, a message of L3", derive_ns, l3, l2_messages=l2, l1_messages=l1),
        row(
            "L2 and L1, books not included, a message of L2 or L1",
            own_ns,
            l2 + l1,
            ns_an_input=round(own_ns / inputs, 1),
        ),
        row(f"a tier of {DEPTH} levels besides, a message of the tier", tier_ns - derive_ns, basic),
    ]
    return [*rows, *([distribute(day)] if udp else [])], equal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000, help="requests of the flow")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--udp", action="store_true", help="also a whole distributor over sockets")
    given = parser.parse_args()
    rows, equal = publisher_rows(given.messages, given.repeats, udp=given.udp)
    if given.json:
        print(json.dumps(report("publish L3", rows[0]["messages_a_second"], "messages/s", rows, equal=equal)))
        return
    print(f"equal: {equal}")
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
