"""A venue that runs for real on loopback: stops at once, leaves a clean journal, and the journal tells it all again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance import control
from appliance.client.book import FeedBook
from appliance.client.feed import FeedHandler
from appliance.client.recovery import RecoveryClient
from appliance.client.replayer import Endpoint, Pace, Replayer, ReplayResult
from appliance.client.workload import load_workload
from appliance.config import Config, parse
from appliance.control import Appliance, engine_book_digest
from appliance.exchange import Exchange, SharedFolder, topic_id
from appliance.journal.control import open_control
from appliance.loop import LoopState
from appliance.publisher.packet import NEXT_NUMBER, STORE_USED
from appliance.replay import replay_capture, replay_journal
from native import counters
from native.layout import FEED_ENTRY
from native.ports import PortConfig, open_port
from wire.capture import open_capture
from wire.gen import market_data_tables as md
from wire.net.frames import parse_udp_frame

SMOKE = Path(__file__).parents[2] / "pcap" / "captures" / "smoke.pcap"
STOP_SECONDS_MAX = 0.1
"""Promised; what is asserted is ten times as much, because the machine may be busy with other things."""


def venue_config(name: str, tcp_port: int, udp_port: int) -> Config:
    return parse(
        {
            "name": f"{name}-{os.getpid()}",
            "port": {"kind": "udp"},
            "order_entry": {"udp_port": udp_port},
            "feed": {"udp_port": udp_port + 1, "store_mib": 64},
            "distributor": {"enabled": False},
            "recovery": {"tcp_port": tcp_port},
            "journal": {"records": 1 << 15},
            "limits": {"orders": 1 << 14, "levels": 1 << 12},
            "loop": {"idle": "yield"},
        }
    )


@dataclass
class LiveRun:
    config: Config
    client: ReplayResult
    exchange: Exchange
    state_hash: str
    book_digest: str
    stop_seconds: float
    feed_packets: list[bytes]
    """Every published packet, from the store."""
    recovered_packets: list[bytes]
    """The same messages, asked for over TCP while the venue ran."""
    journal: Path


@pytest.fixture(scope="module")
def live_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRun]:
    """The smoke capture, sent by a real client over loopback to a real venue."""
    config = venue_config("live", 26412, 26410)
    workload = load_workload(open_capture(SMOKE), 26400)
    appliance = Appliance(config)
    try:
        with appliance:
            with open_port(PortConfig(kind="udp", local_ip="127.0.0.1")) as port:
                source = Endpoint("127.0.0.1", port.udp_port)
                target = Endpoint("127.0.0.1", config.order_entry.udp_port)
                client = Replayer(workload, port, source, target, Pace(window=16)).run()
            feed_packets = published_packets(appliance.exchange)
            last = int(appliance.exchange.feed.scalars[NEXT_NUMBER]) - 1
            with RecoveryClient("127.0.0.1", config.recovery.tcp_port, topic_id(appliance.config).bytes) as recovery:
                recovered = list(recovery.fetch(1, last))
            started = time.monotonic()
            appliance.stop()
            stop_seconds = time.monotonic() - started
        summary = appliance.summary
        kept = tmp_path_factory.mktemp("live") / "journal"
        shutil.copytree(appliance.shared.path, kept)
        yield LiveRun(
            config,
            client,
            appliance.exchange,
            summary.state_hash,
            summary.book_digest,
            stop_seconds,
            feed_packets,
            recovered,
            kept,
        )
    finally:
        appliance.shared.remove()


def published_packets(exchange: Exchange) -> list[bytes]:
    """What the feed store holds, entry by entry."""
    memory = exchange.feed.store
    at, stop = 0, int(exchange.feed.scalars[STORE_USED])
    packets = []
    while at < stop:
        entry = memory[at : at + FEED_ENTRY.itemsize].view(FEED_ENTRY)[0]
        at += FEED_ENTRY.itemsize
        size = int(entry["payload_bytes"])
        packets.append(memory[at : at + size].tobytes())
        at += -(-size // 8) * 8
    return packets


def test_what_arrives_is_answered(live_run: LiveRun) -> None:
    # one datagram of the capture comes late, and nothing of its session after it would reveal that: dropped, untold
    assert live_run.client.lost == 1
    assert live_run.client.answered + live_run.client.refused + 1 == live_run.client.requests_sent
    assert live_run.client.reports_missing == 0
    assert live_run.client.acks > 900
    assert live_run.client.fills > 100


def test_it_stops_at_once_and_leaves_a_closed_journal(live_run: LiveRun) -> None:
    assert live_run.stop_seconds < 10 * STOP_SECONDS_MAX
    assert int(live_run.exchange.journal.control[0]["closed"]) == 1
    assert int(live_run.exchange.feed.header[0]["closed"]) == 1


def test_the_journal_replayed_gives_the_same_state_and_feed(live_run: LiveRun, tmp_path: Path) -> None:
    out = tmp_path / "again.pcap"
    again: list[Exchange] = []
    result = replay_journal(live_run.journal, live_run.config, out=out, keep=again)
    assert result.state_hash == live_run.state_hash
    assert engine_book_digest(again[0]) == live_run.book_digest
    feed = [payload for port, payload in sent_payloads(out) if port == live_run.config.feed.udp_port]
    assert [without_sending_time(packet) for packet in feed] == [
        without_sending_time(packet) for packet in live_run.feed_packets
    ]


def test_the_state_is_that_of_the_capture(live_run: LiveRun) -> None:
    # the capture's noise and faults included: what is dropped leaves no trace, whatever port it came through
    assert replay_capture(SMOKE, Config()).state_hash == live_run.state_hash


def test_recovered_packets_are_the_published_ones_but_for_the_flag(live_run: LiveRun) -> None:
    flags_at = md.packetHeader_PktFlags_OFFSET
    again = []
    for packet in live_run.recovered_packets:
        assert packet[flags_at] & md.packetHeader_PktFlags_Retransmit
        again.append(
            packet[:flags_at]
            + bytes([packet[flags_at] & ~md.packetHeader_PktFlags_Retransmit])
            + packet[flags_at + 1 :]
        )
    assert again == live_run.feed_packets


def test_a_book_built_from_the_feed_is_the_engines(live_run: LiveRun) -> None:
    handler, book = FeedHandler(), FeedBook()
    for packet in live_run.feed_packets:
        for message in handler.receive(packet):
            book.apply(message)
    assert book.faults == 0
    assert book.digest() == live_run.book_digest


def test_the_replay_says_as_much_to_the_sessions(live_run: LiveRun) -> None:
    result = replay_journal(live_run.journal, live_run.config)
    assert result.reports_out == int(live_run.exchange.tables.counters[counters.REPORTS_OUT])
    assert (result.fills, result.shares_traded) == (
        int(live_run.exchange.tables.counters[counters.FILLS]),
        int(live_run.exchange.tables.counters[counters.SHARES_TRADED]),
    )


def sent_payloads(path: Path) -> Iterator[tuple[int, bytes]]:
    """(destination port, UDP payload) of every frame of a capture."""
    for packet in open_capture(path):
        datagram = parse_udp_frame(packet.data)
        yield datagram.destination.udp_port, bytes(datagram.payload)


def without_sending_time(packet: bytes) -> bytes:
    """A feed packet but for its first field."""
    return packet[md.packetHeader_SendingTime_OFFSET + md.packetHeader_SendingTime_SIZE :]


def test_run_ends_by_signal_and_leaves_nothing_behind(tmp_path: Path) -> None:
    config = venue_config("signal", 26416, 26414)
    path = tmp_path / "venue.json"
    path.write_text(config.to_json())
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance.cli", "run", "--config", str(path), "--json", "--remove"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())["ready"]
        assert ready["port"].startswith("udp")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 1, "the recovery server"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert json.loads(out)["stopped"]["dropped"] == {}
    assert not SharedFolder(config.name).path.exists()
    assert not Path(f"/proc/{children[0]}").exists()


def test_a_killed_venue_takes_its_recovery_server_with_it(tmp_path: Path) -> None:
    config = venue_config("killed", 26420, 26418)
    path = tmp_path / "venue.json"
    path.write_text(config.to_json())
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance.cli", "run", "--config", str(path), "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline()
        child = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
        folder = SharedFolder(config.name).path
        deadline = time.monotonic() + 20
        while open_control(folder).load("committed_records") < len(config.instruments):  # the day is open
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.wait()
        while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not Path(f"/proc/{child}").exists()
        # what was journaled is still there, readable and whole
        result = replay_journal(folder, config)
        assert result.sequenced_inputs == len(config.instruments)
    finally:
        process.kill()
        process.stdout.close()
        SharedFolder(config.name).remove()


def test_a_second_venue_of_one_name_is_refused(tmp_path: Path) -> None:
    first = SharedFolder(f"twice-{os.getpid()}")
    first.lock()
    try:
        path = tmp_path / "venue.json"
        path.write_text(venue_config("twice", 26424, 26422).to_json())
        done = subprocess.run(
            [sys.executable, "-m", "appliance.cli", "run", "--config", str(path)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 1
        assert "in use" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        first.remove()


def test_a_fault_of_the_loop_is_told_and_leaves_the_journal_open(monkeypatch: pytest.MonkeyPatch) -> None:
    real = control.run

    def breaks(exchange: Exchange, loop: LoopState, port: int, turns_max: int) -> int:
        if turns_max < 0:  # the live loop, not the warm-up
            raise AssertionError("an assertion of a kernel")
        return int(real(exchange, loop, port, turns_max))

    monkeypatch.setattr(control, "run", breaks)
    appliance = Appliance(venue_config("fault", 26428, 26426))
    try:
        appliance.start()
        assert appliance._thread is not None
        appliance._thread.join(10)
        with pytest.raises(control.ApplianceError, match="fault in the program: AssertionError"):
            appliance.check()
        appliance.stop()
        assert int(appliance.exchange.journal.control[0]["closed"]) == 0
    finally:
        appliance.stop()
        appliance.shared.remove()
