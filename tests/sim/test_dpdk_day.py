"""The recorded day through a venue on DPDK: every kind of virtual device that needs no hardware gives the same day."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from appliance.client.replayer import Endpoint, Pace, Replayer, ReplayResult
from appliance.client.workload import load_workload
from appliance.config import Config, demo_session_uuid, parse
from appliance.control import Appliance, Summary
from appliance.replay import replay_capture, sized_for
from native import counters
from native.jit import INTERPRETED
from native.ports import Port, PortConfig, open_port
from pcap.convert import convert_file
from pcap.datagrams import DatagramWriter
from tests.dpdk_far import EAL_ARGS, wait_for_link
from tests.dpdk_rigs import why_no_dpdk
from tests.sim.test_demo import agreed, pitwire
from tests.venue_rig import Sent
from wire.capture import create_capture, open_capture

DAY = Path(__file__).resolve().parents[3] / "shared" / "data" / "bme_ANA_20190523_orders.csv"
VENUE_IP, CLIENT_IP, CLIENT_UDP_PORT = "10.26.0.1", "10.26.0.2", 26500
REQUESTS = 27_056
WAIT_SECONDS_MAX = 120.0

pytestmark = [
    pytest.mark.skipif(not DAY.exists(), reason=f"the recorded day is not at {DAY}"),
    pytest.mark.skipif(INTERPRETED, reason="a whole day takes minutes in interpreted kernels"),
]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("day") / "day.pcap"
    with create_capture(path) as capture, DatagramWriter(capture) as writer:
        writer.add_all(convert_file(DAY))
    return path


@pytest.fixture(scope="module")
def state_hash(day: Path) -> str:
    return replay_capture(day, Config()).state_hash


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short name, as Unix sockets need it."""
    missing = why_no_dpdk()
    if missing:
        pytest.skip(missing)
    made = Path(tempfile.mkdtemp(prefix="pw-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def venue_config(day: Path, name: str, **port: Any) -> Config:
    return parse(
        {
            "name": f"{name}-{os.getpid()}",
            "port": {"kind": "dpdk", "eal_args": EAL_ARGS} | port,
            "order_entry": {"ip": VENUE_IP},
            "feed": {"store_mib": sized_for(Config(), day).feed.store_mib, "interface_ip": VENUE_IP},
            "distributor": {"enabled": False},
            "recovery": {"enabled": False},
            "journal": {"records": 1 << 16},
            "loop": {"idle": "yield"},
        }
    )


def client_port(stack: ExitStack, device: str, **fields: Any) -> Port:
    port = stack.enter_context(
        open_port(PortConfig("dpdk", device=device, udp_ports=(CLIENT_UDP_PORT,), eal_args=EAL_ARGS, **fields))
    )
    assert wait_for_link(port)
    return port


def replay(day: Path, config: Config, port: Port, venue_mac: int) -> ReplayResult:
    source = Endpoint(CLIENT_IP, CLIENT_UDP_PORT, port.mac)
    target = Endpoint(VENUE_IP, config.order_entry.udp_port, venue_mac)
    workload = load_workload(open_capture(day), config.order_entry.udp_port)
    return Replayer(workload, port, source, target, Pace(window=64)).run()


def live_day(day: Path, config: Config, client_device: str, **fields: Any) -> tuple[ReplayResult, Summary]:
    """The venue's loop in a thread, a client at the other end of the device in this one."""
    appliance = Appliance(config)
    try:
        with appliance, ExitStack() as stack:
            port = client_port(stack, client_device, **fields)
            client = replay(day, config, port, appliance.port.mac)
        return client, appliance.summary
    finally:
        appliance.shared.remove()


def check_the_day(client: ReplayResult, venue: Summary) -> None:
    counted = venue.counters
    assert (client.answered, client.lost, client.reports_missing, client.rejects) == (REQUESTS, 0, 0, 0)
    assert (counted["orders_accepted"], counted["fills"], counted["shares_traded"]) == (13_604, 996, 54_378)
    assert (counted["replaces"], counted["cancels"], counted["open_orders"]) == (2_019, 11_433, 0)
    assert venue.dropped == {}


def test_over_a_ring(day: Path, state_hash: str, folder: Path) -> None:
    """Both ends in one process: two queues of one net_ring, crossed."""
    config = venue_config(day, "ring", device="net_ring900", queue_count=2, queue=0, tx_queue=1)
    client, venue = live_day(day, config, "net_ring900", queue_count=2, queue=1, tx_queue=0)
    check_the_day(client, venue)
    assert venue.state_hash == state_hash


def test_over_vhost(day: Path, state_hash: str, folder: Path) -> None:
    """The venue a process of its own: its end is the vhost, the client's a virtio device."""
    path = folder / "vhost.sock"
    config = venue_config(day, "vhost", device=f"net_vhost900,iface={path}")
    config_path = folder / "venue.json"
    config_path.write_text(config.to_json())
    words = [sys.executable, "-m", "appliance.cli", "run", "--config", str(config_path), "--json", "--remove"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as venue, ExitStack() as stack:
        stack.callback(venue.kill)
        assert venue.stdout is not None
        ready = json.loads(venue.stdout.readline())["ready"]
        assert ready["port"].startswith("dpdk net_vhost on net_vhost900 queue 0 of 1, ")
        port = client_port(stack, f"net_virtio_user900,path={path}")
        client = replay(day, config, port, venue_mac=0x022600000001)
        venue.send_signal(signal.SIGTERM)
        summary = json.loads(venue.communicate(timeout=60)[0])["stopped"]
    check_the_day(client, Summary(**summary))
    assert summary["state_hash"] == state_hash


def test_from_a_capture_into_a_capture(day: Path, state_hash: str, folder: Path) -> None:
    out = folder / "out.pcap"
    appliance = Appliance(venue_config(day, "capture", device=f"net_pcap900,rx_pcap={day},tx_pcap={out}"))
    try:
        with appliance:
            deadline = time.monotonic() + WAIT_SECONDS_MAX
            while appliance.counter(counters.PACKETS_IN) < REQUESTS and time.monotonic() < deadline:
                time.sleep(0.01)
        assert appliance.summary.state_hash == state_hash
        assert appliance.summary.counters["fills"] == 996
    finally:
        appliance.shared.remove()
    sent = Sent(appliance.config)
    for packet in open_capture(out):
        sent.read(bytes(packet.data))
    told = Counter(name for _, name, _ in sent.reports[demo_session_uuid(1).bytes])
    assert told == {
        "ExecutionReportNew": 13_604,
        "ExecutionReportTrade": 2 * 996,
        "ExecutionReportModify": 1_364,
        "ExecutionReportCancel": 655 + 11_433,
    }


def test_over_memif_with_everybody_a_process(day: Path, state_hash: str, folder: Path) -> None:
    outcome = agreed(pitwire("demo", "--port", "dpdk", "--capture", str(day), "--rate", "10000", "--json"))
    assert outcome["port"].startswith("dpdk net_memif on net_memif0")
    counted = outcome["venue"]["counters"]
    assert (counted["orders_accepted"], counted["fills"], counted["shares_traded"]) == (13_604, 996, 54_378)
    assert outcome["client"]["answered"] == REQUESTS
    assert outcome["venue"]["state_hash"] == state_hash
