"""The appliance killed with SIGKILL at random moments under load, again and again on one log: whatever a client was
ever told, and whatever a subscriber ever saw, is what the log says, once and in the same words."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from appliance.config import Config, demo_session_uuid, parse
from appliance.control import Appliance, warm_up
from appliance.exchange import SharedFolder
from appliance.journal.whole import load_log
from appliance.replay import replay_journal
from native.jit import INTERPRETED
from native.layout import KIND_CONTEXT, KIND_NEW_ORDER
from pcap.messages import encode_context
from tests.venue_rig import demo_sessions, mass_cancel, new
from wire.capture import open_capture
from wire.framing import packets
from wire.net.frames import parse_udp_frame

pytestmark = pytest.mark.skipif(INTERPRETED, reason="a start and a replay take minutes in interpreted kernels")

SESSIONS = 3
MESSAGES_A_DATAGRAM = 5
RESENT_MAX = 600
"""Requests that a client sends again after a restart: more than were ever under way."""
CONTEXT_BYTES = 32
HEADER_BYTES = 8


def venue_config(mode: str, udp_port: int, folder: Path, **journal: Any) -> Config:
    return parse(
        {
            "name": f"kill-{uuid.uuid4().hex[:8]}",
            "port": {"kind": "udp"},
            "order_entry": {"udp_port": udp_port},
            "feed": {"udp_port": udp_port + 1, "store_mib": 32, "group": "239.192.26.77"},
            "distributor": {"enabled": False},
            "recovery": {"enabled": False},
            "journal": {
                "mode": mode,
                "directory": str(folder) if mode == "disk" else "",
                "segment_records": 1024,
                "disk_segment_mib": 2,
                "hold_mib": 4,
            }
            | journal,
            "limits": {"orders": 1 << 14, "levels": 1 << 10},
            "loop": {"idle": "sleep"},
            "instruments": [{"security_id": 1, "symbol": "ONE"}],
            "sessions": demo_sessions(SESSIONS),
        }
    )


class Client:
    """One session: sends numbered requests and keeps every answer."""

    def __init__(self, number: int, udp_port: int, draw: random.Random) -> None:
        self.number = number
        self.uuid = demo_session_uuid(number).bytes
        self.draw = draw
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.target = ("127.0.0.1", udp_port)
        self.requests: list[bytes] = []
        self.answers: dict[int, bytes] = {}
        """Datagrams by the number of their first message."""

    def request(self) -> bytes:
        number = len(self.requests) + 1
        if self.draw.random() < 0.01:
            return mass_cancel(number)
        side = self.draw.choice((1, 2))
        ticks = 100 + self.draw.randint(-3, 3)
        return new(number, side, self.draw.randint(1, 9), ticks, Account=self.number)

    def send(self, first: int, messages: list[bytes]) -> None:
        with contextlib.suppress(ConnectionError):  # nobody listens: the venue is being killed
            self.socket.sendto(encode_context(self.uuid, first) + b"".join(messages), self.target)

    def send_new(self) -> None:
        first = len(self.requests) + 1
        for _ in range(MESSAGES_A_DATAGRAM):
            self.requests.append(self.request())
        self.send(first, self.requests[first - 1 :])

    def send_again(self) -> None:
        """What may have been lost: the venue drops what it had taken."""
        start = max(0, len(self.requests) - RESENT_MAX) // MESSAGES_A_DATAGRAM * MESSAGES_A_DATAGRAM
        for at in range(start, len(self.requests), MESSAGES_A_DATAGRAM):
            self.send(at + 1, self.requests[at : at + MESSAGES_A_DATAGRAM])
            if at % 100 == 0:
                time.sleep(0.002)  # a socket buffer holds only so many
                self.read()

    def read(self) -> int:
        """Take in what has arrived; returns how many datagrams."""
        count = 0
        while True:
            try:
                payload = self.socket.recv(2048, socket.MSG_DONTWAIT)
            except (BlockingIOError, ConnectionError):
                return count
            first = number_of(payload)
            assert payload[HEADER_BYTES : HEADER_BYTES + 16] == self.uuid
            assert first not in self.answers, f"number {first} came twice"
            self.answers[first] = payload
            count += 1


def number_of(payload: bytes) -> int:
    return int.from_bytes(payload[CONTEXT_BYTES - 8 : CONTEXT_BYTES], "little")


class Subscriber:
    """The multicast feed, packet by packet, but for what comes from the clock."""

    def __init__(self, config: Config) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((config.feed.group, config.feed.udp_port))
        member = socket.inet_aton(config.feed.group) + socket.inet_aton(config.feed.interface_ip)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        self.packets: dict[int, bytes] = {}
        self.told = 0
        """Highest number that a heartbeat named as the next one."""

    def read(self) -> None:
        while True:
            try:
                payload = self.socket.recv(2048, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            header = packets.parse_header(payload)
            if header.message_count == 0:
                self.told = max(self.told, header.sequence)
            elif header.flags:
                assert header.sequence not in self.packets, f"message {header.sequence} came twice"
                self.packets[header.sequence] = payload


@dataclass
class Venue:
    """The appliance in a process of its own, forked from this one: it has its kernels already."""

    config: Config
    pid: int = 0
    pipe: int = -1
    facts: dict[str, Any] = field(default_factory=dict)

    def start(self) -> None:
        read_end, write_end = os.pipe()
        stop_read, self.stop_end = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setpgid(0, 0)
                os.close(read_end)
                os.close(self.stop_end)
                self._live(write_end, stop_read)
            except BaseException as error:
                os.write(write_end, json.dumps({"error": repr(error)}).encode() + b"\n")
            finally:
                os._exit(0)
        os.close(write_end)
        os.close(stop_read)
        self.pipe = read_end
        self.facts = self._hear()
        assert "error" not in self.facts, self.facts

    def _live(self, told: int, stopped: int) -> None:
        appliance = Appliance(self.config)
        appliance.start()
        facts = {
            "recovered": appliance.log.recovered_records,
            "torn": appliance.log.torn,
            "decided": appliance.recovery.sequence,
            "refused": appliance.recovery.refused,
        }
        os.write(told, json.dumps(facts).encode() + b"\n")
        while not select.select([stopped], [], [], 0.05)[0]:
            appliance.check()
        appliance.stop()
        os.write(told, json.dumps({"hash": appliance.summary.state_hash}).encode() + b"\n")

    def _hear(self) -> dict[str, Any]:
        line = b""
        while not line.endswith(b"\n"):
            got = os.read(self.pipe, 4096)
            if not got:
                return {"error": "it ended"}
            line += got
        return dict(json.loads(line))

    def kill(self, *, with_its_writer: bool) -> None:
        if with_its_writer:
            os.killpg(self.pid, signal.SIGKILL)
        else:
            os.kill(self.pid, signal.SIGKILL)
        self._bury()

    def stop(self) -> str:
        os.close(self.stop_end)
        self.stop_end = -1
        ended = self._hear()
        self._bury()
        assert "hash" in ended, ended
        return str(ended["hash"])

    def _bury(self) -> None:
        os.waitpid(self.pid, 0)
        os.close(self.pipe)
        if self.stop_end >= 0:
            os.close(self.stop_end)

    stop_end: int = -1


def await_snapshot(folder: Path, clients: list[Client], subscriber: Subscriber) -> None:
    """A few orders at a time, until the replica has come up and written its first snapshot."""
    deadline = time.monotonic() + 120
    while not list(folder.glob("*.pws")):
        assert time.monotonic() < deadline
        for client in clients:
            client.send_new()
            client.read()
        subscriber.read()
        time.sleep(0.02)


def drill(mode: str, kills: int, seed: int, tmp_path: Path, udp_port: int, **journal: Any) -> list[dict[str, Any]]:
    """`kills` lives on one log, then one that ends in good order; then everything is compared with the log. Returns
    what each life found."""
    draw = random.Random(seed)
    folder = tmp_path / "log"
    config = venue_config(mode, udp_port, folder, **journal)
    lives: list[dict[str, Any]] = []
    shared = SharedFolder(config.name)
    clients = [Client(n + 1, udp_port, random.Random(f"{seed} {n}")) for n in range(SESSIONS)]
    subscriber = Subscriber(config)
    recovered = 0
    try:
        for life in range(kills + 1):
            venue = Venue(config)
            venue.start()
            assert venue.facts["recovered"] >= recovered
            recovered = venue.facts["recovered"]
            lives.append(venue.facts)
            for client in clients:
                client.send_again()
            if life == 0 and "snapshots" in journal:
                await_snapshot(Path(journal["snapshots"]), clients, subscriber)
            until = time.monotonic() + draw.uniform(0.005, 0.06)
            while time.monotonic() < until:
                for client in clients:
                    client.send_new()
                    client.read()
                subscriber.read()
                time.sleep(0.0005)
            if life < kills:
                venue.kill(with_its_writer=draw.random() < 0.5)
            else:
                state_hash = venue.stop()
            for client in clients:
                client.read()
            subscriber.read()
        log = folder if mode == "disk" else shared.path
        compare(log, config, clients, subscriber, state_hash, tmp_path)
        return lives
    finally:
        shutil.rmtree(shared.path, ignore_errors=True)
        for client in clients:
            client.socket.close()
        subscriber.socket.close()


def compare(
    log: Path, config: Config, clients: list[Client], subscriber: Subscriber, state_hash: str, tmp_path: Path
) -> None:
    """Replay the log from its first record: that is all that was ever said."""
    out = tmp_path / "said.pcap"
    result = replay_journal(log, config, out=out)
    assert result.state_hash == state_hash, "the state that many restarts carried on is that of the log"
    answers: dict[bytes, dict[int, bytes]] = {client.uuid: {} for client in clients}
    feed: dict[int, bytes] = {}
    for packet in open_capture(out):
        datagram = parse_udp_frame(packet.data)
        payload = bytes(datagram.payload)
        if datagram.destination.udp_port == config.feed.udp_port:
            feed[packets.parse_header(payload).sequence] = payload
        else:
            answers[payload[HEADER_BYTES : HEADER_BYTES + 16]][number_of(payload)] = payload
    heard = 0
    for client in clients:
        for number, payload in client.answers.items():
            assert answers[client.uuid].get(number) == payload, f"session {client.number}: message {number}"
        heard += len(client.answers)
    assert heard > 10
    for number, payload in subscriber.packets.items():
        assert feed.get(number) == payload, f"market data message {number}"
    assert subscriber.packets and subscriber.told <= max(feed) + 256
    _, records = load_log(log)
    taken = Counter(
        (int(record["session"]), int(record["session_seq"]))
        for record in records[(records["kind"] >= KIND_NEW_ORDER) & (records["kind"] <= 4)]
    )
    assert set(taken.values()) == {1}, "a request that is sent again is not taken again"
    assert KIND_CONTEXT not in set(records["kind"].tolist())


@pytest.fixture(scope="module", autouse=True)
def _kernels() -> None:
    warm_up()


@pytest.mark.parametrize(("mode", "seed"), [("memory", 1), ("disk", 2), ("memory", 3), ("disk", 4), ("disk", 5)])
def test_killed_again_and_again_nothing_that_was_said_is_unsaid(mode: str, seed: int, tmp_path: Path) -> None:
    drill(mode, 10, seed, tmp_path, 27000 + 4 * seed)


def with_snapshots(mode: str, kills: int, seed: int, tmp_path: Path, udp_port: int) -> int:
    """The same beside a replica: most lives begin with a snapshot. Returns how many did."""
    lives = drill(mode, kills, seed, tmp_path, udp_port, snapshots=str(tmp_path / "snapshots"), snapshot_seconds=0.05)
    assert all("which the log does not hold" in sentence for life in lives for sentence in life["refused"])
    return sum(life["decided"] > 0 for life in lives)


@pytest.mark.parametrize(("mode", "seed"), [pytest.param("memory", 11, marks=pytest.mark.long), ("disk", 12)])
def test_killed_beside_its_replica_and_carried_on_from_snapshots(mode: str, seed: int, tmp_path: Path) -> None:
    assert with_snapshots(mode, 3, seed, tmp_path, 27120 + 4 * (seed - 11)) > 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(200, 208))
def test_killed_beside_its_replica_many_times(seed: int, tmp_path: Path) -> None:
    assert with_snapshots(("disk", "memory")[seed % 2], 25, seed, tmp_path, 27400 + 4 * (seed - 200)) > 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 140))
def test_killed_a_thousand_times(seed: int, tmp_path: Path) -> None:
    drill(("disk", "memory")[seed % 2], 25, seed, tmp_path, 27200 + 4 * (seed - 100))


# --- through the command line, with the time that it takes -----------------------------------------------------------


@pytest.fixture
def config_file(tmp_path: Path) -> Iterator[tuple[Config, Path]]:
    config = venue_config("disk", 27104, tmp_path / "log")
    path = tmp_path / "venue.json"
    path.write_text(config.to_json())
    yield config, path
    shutil.rmtree(SharedFolder(config.name).path, ignore_errors=True)


def run_venue(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "appliance.cli", "run", "--config", str(path), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_from_a_kill_under_load_to_the_first_acknowledged_order(
    config_file: tuple[Config, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, path = config_file
    client = Client(1, config.order_entry.udp_port, random.Random(1))
    process = run_venue(path)
    try:
        assert process.stdout is not None and process.stdout.readline()
        for _ in range(2000):
            client.send_new()
            client.read()
            time.sleep(0.0002)
        assert client.answers
        process.kill()
        process.communicate()
        client.read()
        last = max(client.answers)
        started = time.monotonic()
        process = run_venue(path)
        while max(client.answers) == last and time.monotonic() < started + 120:
            client.send_new()
            time.sleep(0.005)
            client.read()
        seconds = time.monotonic() - started
        assert process.poll() is None, process.communicate()
        assert max(client.answers) > last
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())["ready"]
        assert ready["carried_on"].endswith("records")
        with capsys.disabled():
            print(f"\nrestart to the first acknowledged order: {seconds:.2f} s, {ready['carried_on']} carried on")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()
        client.socket.close()
