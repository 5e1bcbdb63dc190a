"""What the open loop of the pipeline's benchmark makes of its stamps: small cases whose answers are known."""

from __future__ import annotations

import bisect

import numpy as np
import pytest

from appliance.hiccup import GAP_NS_MIN
from bench.open_loop import Turns, due_at, frames_due, latencies, modelled, stalls, told
from bench.pipeline import by_fills
from bench.pipeline_flow import Flow, joined, write_flow_of
from pcap.generate import generate
from wire.net.frames import parse_udp_frame

OWN_NS = 400
DUE_NS = np.arange(10) * 1000


def turns(*rows: tuple[int, int, int, int]) -> Turns:
    """Of ten frames: (first, looked, began, ended)."""
    first, looked, began, ended = (np.array(column) for column in zip(*rows, strict=True))
    return Turns(first, looked, began, ended, DUE_NS.size)


def quiet(frames: range, late_ns: int = 30) -> list[tuple[int, int, int, int]]:
    """Turns of one frame, each begun soon after it was due."""
    return [(n, n * 1000 - 10, n * 1000 + late_ns, n * 1000 + late_ns + OWN_NS) for n in frames]


def found(one: Turns) -> tuple[int, list[int]]:
    """Time that the host took, and the frames that it delayed."""
    taken, is_stalled = stalls(one, DUE_NS, np.full(DUE_NS.size, OWN_NS))
    return int(taken.sum()), np.flatnonzero(is_stalled).tolist()


@pytest.mark.parametrize("ticks_1024", [900, 1023, 1024, 1025, 2_048_013, 2_457_600])
def test_a_frame_is_due_at_its_very_tick(ticks_1024):
    """Where the clock shows that tick exactly, too: turns without a frame would be more than there are rows for."""
    due = [int(due_at(frame, ticks_1024)) for frame in range(2000)]
    for frame in range(1990):
        for now in (due[frame] - 1, due[frame], due[frame] + 1):
            if now >= 0:
                assert frames_due(now, ticks_1024) == bisect.bisect_right(due, now)


def test_latency_counts_from_when_a_frame_was_due():
    one = turns(*quiet(range(4)), (4, 3990, 4000, 9000), (5, 9000, 9000, 9600))
    assert latencies(one, DUE_NS).tolist() == [430] * 4 + [5000, 4600, 3600, 2600, 1600, 600]


def test_nothing_is_put_down_to_the_host_where_nothing_stalled():
    assert found(turns(*quiet(range(10)))) == (0, [])


def test_a_slow_venue_is_no_stall():
    """Turns that take twice what they took alone, and a queue behind them, are the venue's own."""
    rows = [(n, 2 * n * OWN_NS, 2 * n * OWN_NS, 2 * (n + 1) * OWN_NS) for n in range(10)]
    assert found(turns(*rows)) == (0, [])


def test_a_turn_that_was_interrupted_and_all_that_waited_for_it_are_told_apart():
    """The stall is in the turn of frame 2; 3 to 5 wait for it together; 6 has just missed them, 7 waits for nobody."""
    rows = [*quiet(range(2)), (2, 1990, 2000, 5100), (3, 5100, 5100, 6300), (6, 6300, 6300, 6700)]
    assert found(turns(*rows, *quiet(range(7, 10)))) == (3100 - OWN_NS, [2, 3, 4, 5, 6])


def test_a_gap_between_two_looks_is_the_hosts():
    rows = [*quiet(range(3)), (3, 2900, 2900 + GAP_NS_MIN, 4400), *quiet(range(4, 10), late_ns=400)]
    assert found(turns(*rows)) == (GAP_NS_MIN, [3, 4])
    rows[3] = (3, 2901, 2900 + GAP_NS_MIN, 3990)
    assert found(turns(*rows)) == (0, [])


def test_a_backlog_of_the_venue_before_a_stall_is_the_venues():
    rows = [(0, 0, 0, 1500), (1, 1500, 1500, 1900), (2, 1990, 2000, 9700), (3, 9700, 9700, 9800)]
    assert found(turns(*rows))[1] == list(range(2, 10))


def test_the_model_is_a_queue():
    """Three orders that take 2.5 intervals together wait for each other; then there is nobody."""
    own_ns = np.array([400, 1500, 600, 400, 1000, 400])
    assert modelled(own_ns, 1000.0).tolist() == [400, 1500, 1100, 500, 1000, 400]


def test_percentiles_are_values_that_were_measured():
    values = np.arange(1, 1001)
    assert told(values[::-1]) == {"ns_p50": 500, "ns_p99": 990, "ns_p99_9": 999, "ns_max": 1000}
    assert told(values[:1]) == dict.fromkeys(("ns_p50", "ns_p99", "ns_p99_9", "ns_max"), 1)
    assert told(values[:0]) == dict.fromkeys(("ns_p50", "ns_p99", "ns_p99_9", "ns_max"), 0)


def test_orders_by_what_they_fill():
    rows = by_fills(np.array([500, 520, 900, 5000, 480]), np.array([0, 0, 1, 12, 0]))
    assert rows == [
        {"fills_from": 0, "orders": 3, "ns_p50": 500},
        {"fills_from": 1, "orders": 1, "ns_p50": 900},
        {"fills_from": 9, "orders": 1, "ns_p50": 5000},
    ]


@pytest.mark.parametrize("together", [1, 8])
def test_a_datagram_holds_so_many_requests_of_one_session(together, tmp_path):
    write_flow_of(tmp_path / "flow.pcap", 5, 400, 4, 3, together)
    flow = Flow(tmp_path / "flow.pcap", together)
    requests = list(joined(generate(5, "calm", 400, 4, 3), together))
    assert flow.orders == len(requests) and flow.count * together == flow.orders > 400 - 3 * together
    assert np.all(np.diff(flow.time_ns) > 0)
    ports = [parse_udp_frame(frame).source.udp_port for frame in flow.frames]
    assert ports == [40_000 + one.session for one in requests[::together]]
    for session in (1, 2, 3):
        ids = [one.cl_ord_id for one in requests if one.session == session]
        assert ids == sorted(ids)
