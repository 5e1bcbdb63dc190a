"""The generated flow, measured with a book of the test's own: sorted lists, nothing shared with the generator."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from native import counters
from native.layout import KIND_CANCEL, KIND_NEW_ORDER, KIND_REPLACE
from pcap.datagrams import DatagramWriter
from pcap.draws import Draws, power_law
from pcap.generate import generate
from pcap.noise import noise_frames
from pcap.requests import FAULT_DUPLICATE, FAULT_LATE, FAULT_LOST, FAULT_NONE, Request
from pcap.scenarios import SCENARIOS, value_at
from pcap.write import Recipe, make_capture
from wire.blocks import schema
from wire.capture import create_capture, open_capture
from wire.net.frames import parse_udp_frame

IOC = ord("3")


@dataclass(eq=False)
class Open:
    session: int
    security_id: int
    side: int
    price_nanos: int
    leaves: int
    cum: int
    place: int
    modified: bool = False

    @property
    def key(self) -> tuple[int, int]:
        return (-self.price_nanos if self.side == 1 else self.price_nanos, self.place)


def measure(requests: list[Request]) -> Counter[str]:
    """What an exchange would make of the flow, in counts."""
    book: dict[int, list[Open]] = {}
    by_id: dict[tuple[int, int], Open] = {}
    found: Counter[str] = Counter()
    for place, request in enumerate(requests):
        if request.fault in (FAULT_LOST, FAULT_LATE):
            continue
        resting = book.setdefault(request.security_id, [])
        if request.kind == KIND_NEW_ORDER:
            order = Open(
                request.session, request.security_id, request.side, request.price_nanos, request.qty_lots, 0, place
            )
            ioc = request.time_in_force == IOC
            found["ioc" if ioc else "day"] += 1
            sign = 1 if request.side == 1 else -1
            makers = [o for o in resting if o.side != order.side and sign * o.price_nanos <= sign * order.price_nanos]
            fills = 0
            for maker in sorted(makers, key=lambda o: o.key):
                lots = min(maker.leaves, order.leaves)
                if not lots:
                    break
                fills += 1
                found["fills"] += 1
                found["fills_with_oneself"] += maker.session == order.session
                maker.leaves, order.leaves = maker.leaves - lots, order.leaves - lots
                maker.cum, order.cum = maker.cum + lots, order.cum + lots
                if not maker.leaves:
                    resting.remove(maker)
                    found["ended_filled"] += 1
            found["sweeps"] += fills >= 3
            if ioc:
                found["ioc_misses"] += not fills
                continue
            found["marketable"] += fills > 0
            if order.leaves:
                resting.append(order)
                by_id[request.session, request.cl_ord_id] = order
            else:
                found["ended_filled"] += 1
            continue
        known = by_id.get((request.session, request.orig_cl_ord_id))
        is_open = known is not None and known.leaves > 0
        if request.kind == KIND_CANCEL:
            found["cancels" if is_open else "cancels_of_nothing"] += 1
            if known is not None and is_open:
                resting.remove(known)
                known.leaves = 0
                found["ended_canceled"] += 1
            continue
        assert request.kind == KIND_REPLACE
        assert known is not None and is_open, "a replace always finds its order"
        found["replaces"] += 1
        found["repriced"] += request.price_nanos != known.price_nanos
        found["modified"] += not known.modified
        known.modified = True
        if request.price_nanos != known.price_nanos or request.qty_lots > known.cum + known.leaves:
            known.place = place
        known.price_nanos, known.leaves = request.price_nanos, request.qty_lots - known.cum
        assert known.leaves > 0
        sign = 1 if known.side == 1 else -1
        crossing = [o for o in resting if o.side != known.side and sign * o.price_nanos <= sign * known.price_nanos]
        assert not crossing, "a replace never trades"
        by_id[request.session, request.cl_ord_id] = known
    found["open"] = sum(map(len, book.values()))
    return found


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("faults", [0, 300])
def test_shares(scenario: str, faults: int) -> None:
    found = measure(list(generate(11, scenario, 12_000, faults_per_10000=faults)))
    new = found["ioc"] + found["day"]
    ended = found["ended_canceled"] + found["ended_filled"]
    assert 0.12 < found["ioc"] / new < 0.18
    assert 0.92 < found["ended_canceled"] / ended < 0.985
    assert 0.13 < found["modified"] / found["day"] < 0.25
    assert 0.80 < found["repriced"] / found["replaces"] < 0.95
    assert 0.01 < found["cancels_of_nothing"] / (found["cancels"] + found["cancels_of_nothing"]) < 0.06
    assert 0.15 < found["ioc_misses"] / found["ioc"] < 0.40
    assert found["sweeps"] > 0 and found["marketable"] > 0 and found["open"] > 50
    assert found["fills_with_oneself"] < found["fills"] / 10


def test_order_of_time_ids_and_ranges() -> None:
    requests = list(generate(3, "swing", 5000, 16, 4))
    assert len(requests) == 5000
    assert [request.cl_ord_id for request in requests] == list(range(1, 5001))
    gaps = [after.time_ns - before.time_ns for before, after in pairwise(requests)]
    assert min(gaps) >= 500
    assert sum(gap < 3000 for gap in gaps) > len(gaps) // 10, "bursts"
    assert max(gaps) > 500_000, "pauses"
    assert {request.session for request in requests} == {1, 2, 3, 4}
    assert {request.security_id for request in requests} == set(range(1, 17))
    assert all(request.price_nanos % 1_000_000 == 0 for request in requests)
    assert all(request.qty_lots > 0 for request in requests if request.kind != KIND_CANCEL)


def test_depth_is_a_power_law() -> None:
    """Of orders that rest: many close to the best price, few far from it, the tail longer than an exponential's."""
    weights = power_law(100, half_powers=3)
    draws = Draws(5)
    depths = Counter(draws.weighted(weights) for _ in range(20_000))
    assert 0.36 < depths[0] / 20_000 < 0.46  # 1 / sum of rank ** -1.5 is 0.41
    assert 2.5 < depths[0] / depths[1] < 3.2  # 2 ** 1.5
    assert sum(count for depth, count in depths.items() if depth >= 50) > 20_000 // 50


def mids(scenario: str) -> list[int]:
    """Prices that takers of the busiest instrument name, in the order of time, in 1/10,000 of where it begins."""
    prices = [r.price_nanos for r in generate(2, scenario, 20_000) if r.time_in_force == IOC and r.security_id == 1]
    begin = sorted(prices[:50])[25]
    return [price * 10_000 // begin for price in prices[20:]]


def test_scenarios_do_what_they_say() -> None:
    calm, trending, swing, crash = (mids(name) for name in SCENARIOS)
    assert min(calm) > 9700 and max(calm) < 10_300
    assert 10_150 < trending[-1] < 10_450
    assert min(swing) < 9750 and max(swing) > 10_250
    half = len(crash) // 2
    assert min(crash[: half - half // 8]) > 9700
    assert min(crash) < 8800
    assert 8900 < crash[-1] < 9600


@pytest.mark.parametrize(("progress", "value"), [(0, 0), (500, 50), (1000, 100), (1001, 99), (2000, 0), (9000, 0)])
def test_value_at(progress: int, value: int) -> None:
    assert value_at(((0, 0), (1000, 100), (2000, 0)), progress) == value


def test_the_seed_decides_everything() -> None:
    first = list(generate(1, "calm", 500))
    assert first == list(generate(1, "calm", 500))
    assert first != list(generate(2, "calm", 500))


def test_draws_are_the_mersenne_twisters() -> None:
    """The first numbers of mt19937ar.out, which its authors publish for the key 123 234 345 456 (hexadecimal)."""
    draws = Draws(0x456_00000345_00000234_00000123)
    published = [1067595299, 955945823, 477289528, 4107218783, 4228976476]
    assert [draws.below(1 << 32) for _ in published] == published


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": -1}, "seed -1"),
        ({"scenario": "boom"}, "scenario 'boom'"),
        ({"messages": -1}, "messages is -1"),
        ({"instruments": 0}, "instruments is 0"),
        ({"instruments": 65}, "instruments is 65"),
        ({"sessions": 17}, "sessions is 17"),
        ({"faults_per_10000": 5001}, "faults is 5001"),
    ],
)
def test_what_cannot_be_generated(options: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        generate(**{"seed": 1, **options})  # type: ignore[arg-type]


def test_one_session_one_instrument_no_messages() -> None:
    assert list(generate(1, messages=0)) == []
    requests = list(generate(1, messages=300, instruments=1, sessions=1))
    assert {(request.session, request.security_id) for request in requests} == {(1, 1)}


def test_faults_on_the_wire(tmp_path: Path) -> None:
    """A lost datagram leaves a gap, a late one comes after the gap is seen, a duplicate is the same bytes."""
    requests = [
        Request(1000 * n, 1, KIND_CANCEL, 1, n, n, 1, 0, 0, 0, fault)
        for n, fault in enumerate((FAULT_NONE, FAULT_DUPLICATE, FAULT_LOST, FAULT_NONE, FAULT_LATE, FAULT_DUPLICATE), 1)
    ] + [Request(9000, 1, KIND_CANCEL, 1, 7, 7, 1, 0, 0, 0, FAULT_LATE)]
    path = tmp_path / "faults.pcap"
    with create_capture(path) as capture, DatagramWriter(capture) as writer:
        writer.add_all(requests)
    fixp = schema("fixp")
    found = [
        (packet.time_ns, fixp.decode(parse_udp_frame(packet.data).payload).values.NextSeqNo)
        for packet in open_capture(path)
    ]
    assert found == [(1000, 1), (2000, 2), (2100, 2), (4000, 4), (6000, 6), (6100, 6), (6200, 5)]
    counts = {"messages": 7, "packets": 7, "cancel": 7, "duplicate": 2, "lost": 2, "late": 1}
    assert writer.counts == counts


def test_noise_disturbs_nothing(tmp_path: Path) -> None:
    """The flow between the noise is the flow without it."""
    quiet, loud = tmp_path / "quiet.pcap", tmp_path / "loud.pcap"
    make_capture(Recipe(4, messages=600), quiet)
    facts = make_capture(Recipe(4, messages=600, noise_per_10000=1000), loud)
    noise = {frame for _, frame in noise_frames()}
    frames = [packet.data for packet in open_capture(loud)]
    assert [frame for frame in frames if frame not in noise] == [packet.data for packet in open_capture(quiet)]
    assert sum(facts["drops"].values()) == facts["counts"]["other_frames"] == len(frames) - 600
    assert set(facts["drops"]) == {counters.COUNTERS[drop].name for drop, _ in noise_frames()}
