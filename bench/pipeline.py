"""The whole turn over the memory port: frames in, through every stage, reports and market data out. One core.

A generated flow (one request a datagram) goes through the venue. Before anything is timed it must be right: a prefix is
compared with the naive twin, message for message, and every run must end in the state of the replay of the same
capture.

- turns: bursts of so many frames are put into the port, off the clock; what is timed, by the time stamp counter, is
  what the loop does with them: take them from the port, `pipeline.turn`, give the buffers back. Of each repeat the
  whole time counts; the best and the median repeat are told. Undisturbed: each turn in its quickest repeat.
  With one order a datagram, and with eight.
- open loop: an order is due every 1/rate s, whether the venue is ready or not. Latency is from when it was due until
  everything that it caused was given to the port; beside it, what the host took from the same core: `bench.open_loop`.
- stages: nanoseconds a request of each part, by running more and more of the turn over the same records and taking the
  difference. The chain's last link is the whole of `decide`, and ends in the same state as the venue.

All of it twice: a venue without accounts, and one where every limit is set (at values that refuse nothing), funds are
enabled and both sides pay fees.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from appliance.account_inputs import check_account
from appliance.book.match import apply, hash_of_request, is_pending, resume
from appliance.config import Config, demo_session_uuid, parse
from appliance.decide_again import replay_record
from appliance.exchange import Exchange, allocate, whole_state_hash
from appliance.funds.ledger import take_events
from appliance.loop import allocate_loop, open_day
from appliance.pipeline import drain, turn
from appliance.publisher import level3, packet
from appliance.replay import LOCAL_MAC, opening_phases, replay_capture, sized_for
from appliance.report import reports
from appliance.sequencer import journal
from appliance.session import decode, numbers, peer, receive
from appliance.session_inputs import GOES_ON, judge_request
from appliance.stage_clock import read_ticks
from appliance.state import FREE, OUTBOX_USED, OWNER_FEED, empty_outbox, end_datagram
from bench.host import report
from bench.open_loop import SEGMENT_FRAMES, TX_FRAMES_A_FRAME, OpenLoop, told
from bench.pipeline_flow import Flow, write_flow_of
from native import counters, rim
from native._native import ffi, lib
from native.jit import INTERPRETED, kernel
from native.layout import (
    KIND_OF_THE_BOOK_MAX,
    KIND_SESSION_PEER,
    PKT_CLOCK_FILE,
    SEQUENCED,
)
from native.limits import FRAME_BYTES_MAX, OUTBOX_SLOTS_A_STEP_MAX, OUTBOX_SLOTS_MAX, RX_BURST_MAX
from native.ports import PortConfig, open_port
from native.rim import port_rx_burst, port_rx_release
from tests.naive.venue import Venue
from tests.venue_rig import VenueRig
from wire.net import udp4

BURSTS = {1: (1, 8, 32), 8: (1, 4)}
"""Frames of a burst, by orders a datagram."""
ADDRESS, COUNT = rim.types.uint64, rim.types.int32
inject = rim._external("port_memory_inject", COUNT, ADDRESS, ADDRESS, COUNT, ADDRESS, COUNT)
collect = rim._external("port_memory_collect", COUNT, ADDRESS, ADDRESS, COUNT, ADDRESS)
if INTERPRETED:  # without compiled kernels the figures mean nothing, but what is compared is the same

    def inject(port: int, frame: int, size: int, time_ns: int, flags: int) -> int:
        return int(lib.port_memory_inject(port, ffi.cast("void *", int(frame)), int(size), int(time_ns), flags))

    def collect(port: int, frame: int, room: int, desc: int) -> int:
        return int(lib.port_memory_collect(port, ffi.cast("void *", int(frame)), room, ffi.cast("pkt_t *", int(desc))))


TX_FRAMES = 4096
PAGE_BYTES = 4096
SESSIONS, INSTRUMENTS, FIRMS = 4, 16, 2
PLAIN, WITH_ACCOUNTS = "without accounts", "with risk and funds"


def config_of(case: str) -> Config:
    """The venue of `case`. Nothing is refused that the other one takes."""
    if case == PLAIN:
        return Config()
    clearing = {"base": "UNIT", "quote": "CASH", "maker_millionths": 100, "taker_millionths": 300}
    holding = {"order_lots": 1 << 20, "order_value": 1 << 49, "traded_lots": 1 << 49, "net_lots": 1 << 39}
    limits = {
        "order_lots": 1 << 20, "order_value": 1 << 49, "gross_position": 1 << 49, "open_orders": 1 << 30,
        "daily_loss": 1 << 60,
    }  # fmt: skip
    windows = {"order_rate": 1024, "order_rate_ms": 1, "duplicates": 1 << 30, "open_positions": 1 << 30}
    instrument = {"price_ticks_max": 1 << 20, "qty_lots_max": 1 << 20, "clearing": clearing}
    instrument["limits"] = holding | {"collar_ticks": 1 << 20}
    return parse(
        {
            "instruments": [instrument | {"security_id": n, "symbol": f"I{n}"} for n in range(1, INSTRUMENTS + 1)],
            "sessions": [{"uuid": str(demo_session_uuid(n)), "account": n} for n in range(1, SESSIONS + 1)],
            "firms": [{"id": n, "limits": limits} for n in range(FIRMS)],
            "accounts": [
                {"id": n, "firm": n % FIRMS, "limits": limits | windows, "balances": {"UNIT": 1 << 50, "CASH": 1 << 57}}
                for n in range(1, SESSIONS + 1)
            ],
            "assets": [{"code": "UNIT"}, {"code": "CASH"}],
            "funds": {"enabled": True, "fee_account": 1},
        }
    )


def with_its_pages(exchange: Exchange) -> Exchange:
    """Every page of what a run fills is there, as it is in the shared memory of a venue."""
    for memory in (exchange.journal.records.view(np.uint8), exchange.feed.store, exchange.reports.octets):
        memory[::PAGE_BYTES] |= 0
    return exchange


# --- the whole turn ---------------------------------------------------------------------------------------------


@kernel
def put_in(port, octets, start, time_ns, first, last):
    """Inject the frames [first, last)."""
    for frame in range(first, last):
        at, size = start[frame], start[frame + 1] - start[frame]
        inject(port, octets.ctypes.data + at, size, time_ns[frame], PKT_CLOCK_FILE)
    return last - first


@kernel
def take_out(port, room, desc):
    """Collect everything that was sent. Returns how many frames."""
    count = np.int64(0)
    while collect(port, room.ctypes.data, FRAME_BYTES_MAX, desc.ctypes.data) > 0:
        count += 1
    return count


@kernel
def one_turn(exchange, port, now_ns):
    """What the loop does with one burst."""
    rx_address = exchange.rx.ctypes.data
    got = np.int64(port_rx_burst(port, rx_address, RX_BURST_MAX))
    turn(exchange, port, got, now_ns, np.int64(0))
    port_rx_release(port, rx_address, got)
    return got


@kernel
def run_bursts(exchange, port, octets, start, time_ns, burst, room, desc, took, filled):
    """The whole flow in bursts. Returns the ticks of the turns, and writes those and the fills of each turn."""
    ticks = np.int64(0)
    frames = time_ns.size
    for first in range(0, frames, burst):
        last = min(first + burst, frames)
        put_in(port, octets, start, time_ns, first, last)
        began = read_ticks()
        one_turn(exchange, port, time_ns[first])
        took[first // burst] = read_ticks() - began
        filled[first // burst] = exchange.tables.counters[counters.FILLS]
        ticks += took[first // burst]
        take_out(port, room, desc)
    return ticks


@kernel
def ticks_now():
    return read_ticks()


def ticks_a_second() -> float:
    """Rate of the time stamp counter, against the monotonic clock over 100 ms."""
    ticks_now()
    began, ticks = time.perf_counter_ns(), ticks_now()
    while time.perf_counter_ns() - began < 100_000_000:
        pass
    ended, ticks_then = time.perf_counter_ns(), ticks_now()
    return (ticks_then - ticks) * 1e9 / (ended - began)


FILLS = (0, 1, 2, 3, 5, 9, 17)
"""Rows of the table of orders by what they fill: from so many on."""


def by_fills(own_ns: np.ndarray, fills: np.ndarray) -> list[dict[str, int]]:
    """How many orders fill so many others, and the median of what their turns take alone: what the tail is made of."""
    rows = np.searchsorted(FILLS, fills, side="right") - 1
    return [
        {
            "fills_from": FILLS[row],
            "orders": int(np.count_nonzero(rows == row)),
            "ns_p50": int(np.median(own_ns[rows == row])),
        }
        for row in np.unique(rows)
    ]


Say = Callable[[dict[str, Any]], None]


class Bench:
    """One flow, and venues to run it through. A context manager: it has ports open."""

    def __init__(self, path: Path, case: str, together: int) -> None:
        self.case = case
        self.config: Config = sized_for(config_of(case), path)
        self.flow = Flow(path, together)
        self.port = open_port(PortConfig(kind="memory", rx_frames=256, tx_frames=TX_FRAMES))
        self.room = np.zeros(FRAME_BYTES_MAX, np.uint8)
        self.desc = np.zeros(64, np.uint8)
        self.ticks_a_s = ticks_a_second()
        self.expected_hash = replay_capture(path, self.config).state_hash
        self.fills = np.zeros(0, np.int64)
        """Of each turn of the run before."""

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.port.close()

    def venue(self) -> Exchange:
        exchange = with_its_pages(allocate(self.config, local_mac=LOCAL_MAC))
        open_day(exchange, allocate_loop(opening_phases(self.config)), self.port.handle, int(self.flow.time_ns[0]))
        take_out(self.port.handle, self.room, self.desc)
        return exchange

    def check(self, exchange: Exchange) -> None:
        found = whole_state_hash(exchange)
        assert found == self.expected_hash, f"state {found}, the replay of the capture ended in {self.expected_hash}"

    def ns(self, ticks: int, messages: int) -> float:
        return ticks * 1e9 / self.ticks_a_s / messages

    def prove(self, count: int) -> None:
        """A prefix of the flow against the naive twin: every report, every market data message, every counter."""
        frames, times = self.flow.frames[:count], self.flow.time_ns
        with VenueRig(self.config) as rig:
            twin = Venue(self.config)
            twin.open_day(rig.now_ns)
            for at in range(0, len(frames), RX_BURST_MAX):
                rig.now_ns = max(rig.now_ns, int(times[at]))
                part = frames[at : at + RX_BURST_MAX]
                rig.burst(part)
                for frame in part:
                    twin.take_frame(frame, rig.now_ns, rig.now_ns, False)
            rig.compare(twin)

    def put_in(self, first: int, last: int) -> None:
        """Frames of the flow into the port."""
        flow = self.flow
        put_in(self.port.handle, flow.octets, flow.start, flow.time_ns, first, last)

    def take_out(self) -> None:
        """What was sent, out of the port."""
        take_out(self.port.handle, self.room, self.desc)

    def run_bursts(self, exchange: Exchange, burst: int) -> np.ndarray:
        """The whole flow; returns the ticks of each turn."""
        flow = self.flow
        took, filled = np.zeros((2, -(-flow.count // burst)), np.int64)
        run_bursts(
            exchange, self.port.handle, flow.octets, flow.start, flow.time_ns, burst, self.room, self.desc, took, filled
        )
        self.check(exchange)
        self.fills = np.diff(filled, prepend=0)
        return took

    def turns(self, burst: int, repeats: int) -> tuple[dict[str, Any], np.ndarray]:
        """A row, and the ns of each turn: the median of the repeats."""
        flow = self.flow
        took = np.array([self.run_bursts(self.venue(), burst) for _ in range(repeats)])
        found = [self.ns(int(ticks), flow.orders) for ticks in took.sum(axis=1)]
        own_ns = (np.median(took, axis=0) * 1e9 / self.ticks_a_s).astype(np.int64)
        middle, best = statistics.median(found), min(found)
        row = {
            "case": "turns",
            "venue": self.case,
            "orders_a_datagram": flow.orders // flow.count,
            "frames_a_burst": burst,
            "orders": flow.orders,
            "ns_an_order": round(middle, 1),
            "ns_an_order_best": round(best, 1),
            "ns_an_order_undisturbed": round(self.ns(int(took.min(axis=0).sum()), flow.orders), 1),
            "ns_an_order_by_turns": round(float(own_ns.sum()) / flow.orders, 1),
            "orders_a_second": round(1e9 / middle),
        }
        row |= {f"turn_{name}": ns for name, ns in told(own_ns).items()}
        if burst == 1 and flow.orders == flow.count:
            row["by_fills"] = by_fills(own_ns, self.fills)
        return row, own_ns

    def open_loop(self, rate: int, repeats: int, own_ns: np.ndarray) -> list[dict[str, Any]]:
        """Rows of `bench.open_loop`; `own_ns`: of each order, its turn alone."""
        port = self.port
        tx_frames = TX_FRAMES_A_FRAME * SEGMENT_FRAMES
        with open_port(PortConfig(kind="memory", rx_frames=SEGMENT_FRAMES, tx_frames=tx_frames)) as self.port:
            loop = OpenLoop(self, rate, own_ns)
            for _ in range(repeats):
                loop.run()
        self.port = port
        return loop.rows()


# --- stages -----------------------------------------------------------------------------------------------------

SESSION, RISK, MATCH, FUNDS, REPORTS, MARKET_DATA, WHOLE = range(7)


@kernel
def run_parse(exchange, octets, start):
    """Ethernet, IPv4, UDP and Context of every frame. Returns the ticks."""
    good = np.int64(0)
    began = read_ticks()
    for frame in range(start.size - 1):
        octets_of = octets[start[frame] : start[frame + 1]]
        if udp4.parse(octets_of, PKT_CLOCK_FILE, exchange.udp_fields) == 0:
            at, size = exchange.udp_fields[udp4.PAYLOAD_AT], exchange.udp_fields[udp4.PAYLOAD_BYTES]
            by_udp = np.int64(0)
            if receive.begins_with_context(octets_of, at, size):
                drop, _, _, _ = receive.read_context(exchange.tables, octets_of, at, by_udp, np.int64(FREE))
                good += drop == 0
    ticks = read_ticks() - began
    return ticks if good == start.size - 1 else -1


@kernel
def run_decode(exchange, octets, start, records, message_at):
    """The one message of every frame into a record. Returns the ticks."""
    good = np.int64(0)
    began = read_ticks()
    for frame in range(start.size - 1):
        octets_of = octets[start[frame] : start[frame + 1]]
        if decode.next_message(octets_of, message_at, octets_of.size) > 0:
            good += decode.decode(exchange.tables, octets_of, message_at, records, frame & 1023, 0) > 0
    ticks = read_ticks() - began
    return ticks if good == start.size - 1 else -1


@kernel
def run_sequence(exchange, records, first):
    """Number, time, CRC chain and publication of so many records. Returns the ticks."""
    began = read_ticks()
    for index in range(first, records.size):
        journal.commit(exchange.tables, exchange.journal, np.int64(records[index]["kind"]), records[index]["time_ns"])
    return read_ticks() - began


@kernel
def drop_outbox(exchange):
    """Forget what was written to be sent."""
    outbox = exchange.outbox
    for slot in range(outbox.scalars[OUTBOX_USED]):
        owner = outbox.slots[slot]["owner"]
        if owner >= 0 or owner == OWNER_FEED:
            end_datagram(outbox, owner)
    empty_outbox(outbox)
    return 0


@kernel
def tell(exchange, index, count, link):
    told, records = exchange.accounts.told, exchange.journal.records
    if link >= FUNDS and np.int64(exchange.accounts.state[0]["is_enabled"]):
        take_events(exchange.accounts, exchange.events, count)
    kinds = np.int64(0)
    if link >= REPORTS:
        kinds = reports.report(exchange.tables, exchange.outbox, told, records, index, exchange.events, count)
    if link >= MARKET_DATA:
        level3.publish(
            exchange.tables, exchange.outbox, exchange.feed, exchange.book.instruments, exchange.journal.records, index,
            exchange.events, count, kinds,
        )  # fmt: skip
    return 0


@kernel
def chain(exchange, index, link):
    """The links of `decide` up to `link`, for the record `index`."""
    record_of = exchange.journal.records[index]
    kind = np.int64(record_of["kind"])
    journal.adopt_time(exchange.tables, np.int64(record_of["time_ns"]))
    if exchange.outbox.scalars[OUTBOX_USED] + OUTBOX_SLOTS_A_STEP_MAX > OUTBOX_SLOTS_MAX:
        drop_outbox(exchange)
    if kind == KIND_SESSION_PEER:
        return peer.bind(exchange.tables, exchange.journal.peers, index)
    packet.begin_transaction(exchange.feed)
    if kind <= KIND_OF_THE_BOOK_MAX:
        numbers.advance(exchange.tables, np.int64(record_of["session"]), np.int64(record_of["session_seq"]))
        if judge_request(exchange, index, kind) != GOES_ON:
            return packet.end_transaction(exchange.outbox, exchange.feed)
        if link >= RISK:
            hashed = hash_of_request(exchange.book, exchange.journal.records, index)
            if check_account(exchange, index, hashed) != 0:
                return packet.end_transaction(exchange.outbox, exchange.feed)
    if link >= MATCH:
        count = apply(exchange.book, exchange.journal.records, index, exchange.events, 0)
        tell(exchange, index, count, link)
        while is_pending(exchange.book):
            count = resume(exchange.book, exchange.events, 0)
            tell(exchange, index, count, link)
    return packet.end_transaction(exchange.outbox, exchange.feed)


@kernel
def run_chain(exchange, port, first, last, link, room, desc):
    """Decide the records [first, last) up to `link`; datagrams are closed, or forgotten, as often as the turns of the
    flow did. Returns the ticks."""
    ticks = np.int64(0)
    for start in range(first, last, RX_BURST_MAX):
        began = read_ticks()
        for index in range(start, min(start + RX_BURST_MAX, last)):
            if link == WHOLE:
                replay_record(exchange, port, index)
            else:
                chain(exchange, index, link)
        if link == WHOLE:
            drain(exchange, port)
        else:
            drop_outbox(exchange)
        ticks += read_ticks() - began
        take_out(port, room, desc)
    return ticks


class Stages:
    """The parts of the turn over one flow's records."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        exchange = bench.venue()
        bench.run_bursts(exchange, RX_BURST_MAX)
        self.records = exchange.journal.records[: int(exchange.journal.scalars[journal.COMMITTED])].copy()
        self.first = int(np.flatnonzero(self.records["session_seq"] > 0)[0])
        self.records["flags"] = 0  # one drain a burst, as `run_chain` makes it

    def replayed(self) -> Exchange:
        """A venue that has decided the day's first inputs."""
        bench = self.bench
        exchange = with_its_pages(allocate(bench.config, records=self.records.copy(), local_mac=LOCAL_MAC))
        run_chain(exchange, bench.port.handle, 0, self.first, WHOLE, bench.room, bench.desc)
        return exchange

    def link_ns(self, link: int) -> float:
        bench = self.bench
        exchange = self.replayed()
        ticks = run_chain(exchange, bench.port.handle, self.first, self.records.size, link, bench.room, bench.desc)
        if link >= MARKET_DATA:  # nothing that `decide` does is left out
            bench.check(exchange)
        return bench.ns(ticks, bench.flow.count)

    def rows(self, repeats: int) -> list[dict[str, Any]]:
        bench, flow = self.bench, self.bench.flow
        alone: dict[str, list[float]] = {"parse": [], "decode": [], "sequence and journal": []}
        links: dict[int, list[float]] = {link: [] for link in range(WHOLE + 1)}
        for _ in range(repeats):
            exchange = bench.venue()
            scratch = np.zeros(1024, SEQUENCED)
            message_at = udp4.HEADERS_BYTES + receive.CONTEXT_BYTES
            alone["parse"].append(run_parse(exchange, flow.octets, flow.start))
            alone["decode"].append(run_decode(exchange, flow.octets, flow.start, scratch, message_at))
            fresh = with_its_pages(allocate(bench.config, local_mac=LOCAL_MAC))
            fresh.journal.records[: self.records.size] = self.records
            alone["sequence and journal"].append(run_sequence(fresh, self.records, 0))
            for link, found in links.items():
                found.append(self.link_ns(link))
        rows = []
        for name, ticks in alone.items():
            assert min(ticks) > 0, name
            rows.append({"case": name, "venue": bench.case, "ns_an_order": round(bench.ns(min(ticks), flow.count), 1)})
        before = 0.0
        names = ("session", "risk", "match", "funds", "reports", "market data", "close, report log, send")
        cost: dict[str, float] = {}
        for name, found in zip(names, links.values(), strict=True):
            cost[name] = round(min(found) - before, 1)
            before = min(found)
        cost["risk and funds together"] = round(cost["risk"] + cost["funds"], 1)
        return [*rows, *({"case": name, "venue": bench.case, "ns_an_order": ns} for name, ns in cost.items())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", "--messages", type=int, default=300_000)
    parser.add_argument("--validated", type=int, default=3_000, help="orders that the naive twin takes, too")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rate", type=int, default=1_000_000, help="orders a second that the open loop offers")
    parser.add_argument("--seed", type=int, default=26)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--cpu", type=int, help="the one core that everything runs on (the last that it may use)")
    given = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0)) if given.cpu is None else given.cpu})
    results: list[dict[str, Any]] = []

    def say(row: dict[str, Any]) -> None:
        results.append(row)
        if not given.json:
            print(json.dumps(row), flush=True)

    with tempfile.TemporaryDirectory(prefix="pitwire-pipeline-") as folder:
        for case in (PLAIN, WITH_ACCOUNTS):
            for together, bursts in BURSTS.items():
                path = Path(folder) / f"{together}.pcap"
                write_flow_of(path, given.seed, given.orders, INSTRUMENTS, SESSIONS, together)
                with Bench(path, case, together) as bench:
                    measure(bench, bursts, given, say)
    say(accounts_by_turns(results))
    whole = [row for row in results if row["case"] == "turns" and row["venue"] == WITH_ACCOUNTS]
    headline = max(row["orders_a_second"] for row in whole if row["orders_a_datagram"] == 1)
    name = f"whole turn {WITH_ACCOUNTS}, bursts of {RX_BURST_MAX}, 1 order a datagram"
    if given.json:
        print(json.dumps(report(name, headline, "orders/s", results, equal=True)))
        return
    print(f"{name}: {headline:,} orders/s")
    for row in (row for row in results if "ns_p99_9" in row):
        print(f"{row['offered_orders_a_second']:,} orders/s offered {row['venue']}: {words(row)}")


def measure(bench: Bench, bursts: tuple[int, ...], given: argparse.Namespace, say: Say) -> None:
    """Every row of one flow through one venue."""
    bench.prove(given.validated * bench.flow.count // bench.flow.orders)
    each_alone = None
    for burst in bursts:
        row, own_ns = bench.turns(burst, given.repeats)
        say(row)
        each_alone = own_ns if burst == 1 else each_alone
    if bench.flow.orders > bench.flow.count:
        return
    for row in [*bench.open_loop(given.rate, given.repeats, each_alone), *Stages(bench).rows(given.repeats)]:
        say(row)


def accounts_by_turns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What risk and funds cost the whole turn, one order a datagram, in the largest bursts: with them less without."""
    names = ("ns_an_order", "ns_an_order_best", "ns_an_order_undisturbed")
    turns = {row["venue"]: row for row in rows if row["case"] == "turns" and row["frames_a_burst"] == RX_BURST_MAX}
    cost = {name: round(turns[WITH_ACCOUNTS][name] - turns[PLAIN][name], 1) for name in names}
    return {"case": "risk and funds by whole turns", "venue": "with less without", **cost}


def words(row: dict[str, Any]) -> str:
    """A distribution in words."""
    names = {"p50": "ns_p50", "p99": "ns_p99", "p99.9": "ns_p99_9", "max": "ns_max"}
    return f"{row['case']}: " + ", ".join(f"{name} {row[key] / 1000:.2f} us" for name, key in names.items())


if __name__ == "__main__":
    main()
