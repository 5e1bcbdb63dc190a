"""The replayer against a venue on loopback that answers by rule: every count, every match, every kind of pace."""

from __future__ import annotations

import itertools
import uuid

import numpy as np
import pytest

from appliance.client.ledger import BUY
from appliance.client.replay_loop import OTHERS_LOST
from appliance.client.replayer import Endpoint, Pace, Replayer, ReplayError
from appliance.client.session import ClientSession
from appliance.client.workload import WorkloadError, find_request, load_workload, make_workload
from native.ports import PortConfig, open_port
from tests.naive.answering_venue import ORDER_ENTRY, acknowledge, answering
from wire.blocks import schema
from wire.capture import create_capture, open_capture
from wire.net import frames


def session(number: int, **facts) -> ClientSession:
    return ClientSession(uuid.UUID(int=number).bytes, account=number, **facts)


def workload_of(datagrams: list[bytes], step_ns: int = 1000):
    start = np.concatenate(([0], np.cumsum([len(d) for d in datagrams]))).astype(np.int64)
    octets = np.frombuffer(b"".join(datagrams), np.uint8)
    return make_workload(octets, start, np.arange(len(datagrams), dtype=np.int64) * step_ns)


def some_datagrams(orders: int = 200) -> list[bytes]:
    """Two sessions with the same ClOrdIDs: new orders, replaces and cancels, one to three messages a datagram."""
    one, other = session(1), session(2)
    found = []
    for number in range(orders):
        for client in (one, other):
            order = client.new_order(1, BUY, 10_000_000, 5)
            if number % 3 == 1:
                client.cancel(order.cl_ord_id)
            elif number % 3 == 2:
                client.replace(order.cl_ord_id, 11_000_000, 6)
                client.new_order(2, BUY, 9_000_000, 1)
            found += client.datagrams()
    return found


def replay(workload, address, pace=None):
    with open_port(PortConfig(kind="udp", local_ip="127.0.0.1")) as port:
        source = Endpoint("127.0.0.1", port.udp_port)
        return Replayer(workload, port, source, Endpoint(*address), pace or Pace(window=64, linger_seconds=2)).run()


def test_every_request_is_found_by_session_and_cl_ord_id():
    workload = workload_of(some_datagrams())
    assert workload.datagrams == 400 and workload.requests == 2 * (200 + 67 + 2 * 66)
    for request in range(workload.requests):
        facts = workload.request_session[request], workload.request_cl_ord_id[request]
        assert find_request(workload, *facts) == request
    assert find_request(workload, np.int64(5), np.int64(1)) == -1
    assert find_request(workload, np.int64(0), np.int64(10**15)) == -1


@pytest.mark.parametrize(
    "pace",
    [
        Pace(window=1, linger_seconds=2),
        Pace(window=100, linger_seconds=2),
        Pace(datagrams_a_second=20_000, linger_seconds=2),
        Pace(multiplier=0.01, linger_seconds=2),
    ],
)
def test_everything_is_answered_and_counted(pace):
    workload = workload_of(some_datagrams())
    with answering() as address:
        result = replay(workload, address, pace)
    assert result.datagrams_sent == 400 and result.requests_sent == result.answered == workload.requests
    assert result.lost == 0 and result.refused == 0 and result.reports_missing == 0
    assert (result.acks, result.cancels, result.modifies) == (2 * (200 + 66), 2 * 67, 2 * 66)
    assert result.latency.count == result.response.count == workload.requests
    assert 0 < result.latency.p50_ns <= result.latency.p99_ns <= result.latency.p999_ns <= result.latency.max_ns
    assert result.response.max_ns >= result.latency.max_ns
    if pace.datagrams_a_second:
        assert result.seconds >= 399 / pace.datagrams_a_second
    if pace.multiplier:
        assert result.seconds >= 399 * 1e-6 / pace.multiplier


def test_what_is_not_answered_is_lost_and_the_window_opens_again():
    asked = itertools.count()

    def every_fifth_is_ignored(name, values, number):
        return [] if next(asked) % 5 == 0 else acknowledge(name, values, number)

    workload = workload_of(some_datagrams(20))
    with answering(every_fifth_is_ignored) as address:
        result = replay(workload, address, Pace(window=4, linger_seconds=0.1))
    assert result.requests_sent == workload.requests
    assert result.lost == -(-workload.requests // 5) and result.window_timeouts > 0


def test_a_venue_that_is_silent_ends_the_replay():
    with answering(lambda name, values, number: []) as address:
        result = replay(workload_of(some_datagrams()), address, Pace(window=2, linger_seconds=0.05))
    assert result.window_timeouts == 3 and result.answered == 0 and result.datagrams_sent < result.datagrams


def test_other_answers_are_told_apart():
    encode = ORDER_ENTRY.encode

    def mixed(name, values, number):
        return {
            0: [
                *acknowledge(name, values, number),
                encode("ExecutionReportTrade", ClOrdID=values.ClOrdID, LastQty=1),
                encode("ExecutionReportTrade", ClOrdID=values.ClOrdID, LastQty=4),
            ],
            1: [encode("ExecutionReportReject", ClOrdID=values.ClOrdID, OrdRejReason=5)],
            2: [schema("fixp").encode("NotApplied", FromSeqNo=number, Count=1)],
            3: [encode("BusinessMessageReject", RefSeqNum=number)],
            4: [encode("ExecutionReportRestated", ClOrdID=values.ClOrdID)],
        }[number % 5]

    client = session(1)
    for _ in range(50):
        client.new_order(1, BUY, 1, 5)
    with answering(mixed) as address:
        result = replay(workload_of(client.datagrams()), address, Pace(linger_seconds=0.3))
    assert (result.acks, result.fills, result.rejects, result.not_applied, result.business_rejects) == (
        10,
        20,
        10,
        10,
        10,
    )
    assert (result.answered, result.refused, result.lost, result.other_reports) == (20, 20, 10, 10)


def test_repeated_datagrams_are_sent_and_waited_for_once():
    datagrams = some_datagrams(10)
    workload = workload_of([d for d in datagrams for _ in range(2)])
    assert workload.datagrams == 40 and workload.requests == workload_of(datagrams).requests
    with answering() as address:
        result = replay(workload, address)
    assert result.datagrams_sent == 40 and result.answered == workload.requests and result.lost == 0


def test_a_capture_gives_its_order_entry_datagrams(tmp_path):
    path = tmp_path / "flow.pcap"
    datagrams = some_datagrams(10)
    here = frames.Endpoint(b"\2\0\0\0\0\1", bytes([10, 0, 0, 1]), 5000)
    with create_capture(path) as writer:
        for number, datagram in enumerate(datagrams):
            for udp_port in (26400, 26401):
                there = frames.Endpoint(b"\2\0\0\0\0\2", bytes([10, 0, 0, 2]), udp_port)
                writer.write(1000 + 50 * number, frames.build_udp_frame(datagram, here, there))
        writer.write(9999, b"no frame at all")
    workload = load_workload(open_capture(path), 26400)
    assert workload.octets.tobytes() == b"".join(datagrams)
    assert workload.time_ns.tolist() == [50 * n for n in range(len(datagrams))]
    assert load_workload(open_capture(path), 26400, datagrams_max=3).datagrams == 3
    with pytest.raises(WorkloadError, match="no datagram for UDP port 9"):
        load_workload(open_capture(path), 9)


def test_a_datagram_that_is_no_request_is_sent_as_it_is():
    workload = workload_of([b"garbage", *some_datagrams(1), b"", session(3).heartbeat()])
    assert workload.datagrams == 5 and workload.requests == 2


@pytest.mark.parametrize("pace", [Pace(1.0, 1.0), Pace(0.0), Pace(None, 0.0), Pace(-1.0)])
def test_a_pace_that_cannot_be_kept(pace):
    with pytest.raises(ReplayError):
        pace.due_ns(workload_of(some_datagrams(1)))


@pytest.mark.parametrize("kept", [0, 8, 64])
def test_frames_that_are_no_answers_are_kept_for_another_thread(kept):
    sender, receiver = (frames.Endpoint.of("02:00:00:00:00:09", ip, 7) for ip in ("10.0.0.9", "10.0.0.8"))
    others = [frames.build_udp_frame(bytes([number] * number), sender, receiver) for number in range(1, 41)]
    with open_port(PortConfig(kind="memory")) as port:
        nowhere = Endpoint("127.0.0.1", 9)
        replayer = Replayer(
            workload_of(some_datagrams(1)), port, nowhere, nowhere, Pace(linger_seconds=0.05), others_kept=kept
        )
        for frame in others:
            assert port.inject(frame)
        result = replayer.run()
        assert result.packets_other == 40
        assert replayer.take_others() == others[:kept]
        assert replayer.take_others() == []
        assert int(replayer.state.progress[OTHERS_LOST]) == (40 - min(kept, 40) if kept else 0)
