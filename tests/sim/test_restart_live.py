"""A venue with distributor and recovery server is killed in mid-day and goes on from a snapshot: who followed it before
goes on, who joins later is right, by the loop and over TCP, and no number is told twice with other content."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from appliance.client.book import FeedBook
from appliance.client.feed_words import FeedState, SubscriberPolicy
from appliance.client.follower import FeedAddress, FeedFollower, LineAddress, join
from appliance.client.recovery import RecoveryClient, RetransmitRejected
from appliance.config import Config, parse
from appliance.exchange import Exchange, SharedFolder, channel_topic_id
from appliance.history.snapshot import find_snapshots, read_header
from appliance.publisher.packet import EPOCH
from appliance.replay import replay_journal
from native.jit import INTERPRETED
from pcap.messages import encode_context
from tests.distributor_rig import packets_of
from tests.naive.derived_feed import DerivedFeed
from tests.sim.test_determinism import stored_from
from tests.sim.test_distributor_live import Listener
from tests.venue_rig import Client, cancel, demo_sessions, new
from wire.framing import packets

A, B = "239.192.26.71", "239.192.26.72"
BASE_PORT = 27340
DEPTH = 3
CHANNELS = {"l3": 1, "l2": 3, "l1": 5}
WAIT_SECONDS_MAX = 60.0

pytestmark = pytest.mark.skipif(INTERPRETED, reason="starts of a venue take minutes in interpreted kernels")


def venue(tmp_path: Path, mode: str) -> Config:
    return parse(
        {
            "name": f"restart-{os.getpid()}",
            "port": {"kind": "udp"},
            "order_entry": {"udp_port": BASE_PORT},
            "feed": {"group": A, "udp_port": BASE_PORT + 1, "store_mib": 8, "heartbeat_ms": 100, "ttl": 0},
            "recovery": {"tcp_port": BASE_PORT + 9},
            "journal": {
                "mode": mode,
                "directory": str(tmp_path / "log") if mode == "disk" else "",
                "records": 1 << 14,
                "segment_records": 1024,
                "disk_segment_mib": 2,
                "snapshots": str(tmp_path / "snapshots"),
                "snapshot_seconds": 0.1,
            },
            "limits": {"orders": 1 << 12, "levels": 1 << 10},
            "loop": {"idle": "sleep"},
            "instruments": [{"security_id": n, "symbol": f"S{n}"} for n in (1, 2, 3)],
            "sessions": demo_sessions(2),
            "distributor": {
                "group_b": B,
                "l3_port_b": BASE_PORT + 2,
                "l2_port": BASE_PORT + 3,
                "l2_port_b": BASE_PORT + 4,
                "l1_port": BASE_PORT + 5,
                "l1_port_b": BASE_PORT + 6,
                "snapshot_port": BASE_PORT + 7,
                "snapshot_port_b": BASE_PORT + 8,
                "snapshot_cycle_ms": 200,
                "tiers": [{"name": "basic", "depth": DEPTH}],
            },
        }
    )


def until(condition: Callable[[], bool], what: str, report: Callable[[], object] = lambda: "") -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, (what, report())
        time.sleep(0.01)


class Run:
    """`pitwire run` as a process."""

    def __init__(self, config_path: Path) -> None:
        words = [sys.executable, "-m", "appliance.cli", "run", "--config", str(config_path), "--json"]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the venue did not start: its own message stands above"
        self.ready: dict[str, Any] = json.loads(line)["ready"]

    def kill(self) -> None:
        self.process.kill()
        self._gone()

    def stop(self) -> dict[str, Any]:
        self.process.send_signal(signal.SIGINT)
        assert self.process.stdout is not None
        stopped = dict(json.loads(self.process.stdout.readline())["stopped"])
        self._gone()
        return stopped

    def _gone(self) -> None:
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Flow:
    """Orders and cancels of one session, each datagram once."""

    def __init__(self) -> None:
        self.draw = random.Random(7)
        self.client = Client(1)
        self.open: list[tuple[int, int, int]] = []
        self.next = 1

    def send(self, datagrams: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for _ in range(datagrams):
                messages = [self._message() for _ in range(4)]
                out.sendto(
                    encode_context(self.client.uuid, self.client.next_number) + b"".join(messages),
                    ("127.0.0.1", BASE_PORT),
                )
                self.client.next_number += len(messages)
                time.sleep(0.001)

    def _message(self) -> bytes:
        number, self.next = self.next, self.next + 1
        if self.open and self.draw.random() < 0.3:
            orig, side, security_id = self.open.pop(self.draw.randrange(len(self.open)))
            return cancel(number, orig, side, SecurityID=security_id)
        side, security_id = self.draw.choice((1, 2)), self.draw.choice((1, 2, 3))
        self.open.append((number, side, security_id))
        ticks = self.draw.randint(96, 103) + (2 if side == 2 else -2)
        return new(number, side, self.draw.randint(1, 9), ticks, SecurityID=security_id)


class Line(Listener):
    """Line A of a channel, beside others who listen to it on this machine."""

    def __init__(self, udp_port: int) -> None:
        self.socket = join(A, udp_port, "127.0.0.1")
        self.socket.setblocking(False)
        self.received: list[bytes] = []


@pytest.fixture
def listeners() -> Iterator[dict[str, Listener]]:
    with ExitStack() as stack:
        try:
            made = {name: Line(BASE_PORT + offset) for name, offset in CHANNELS.items()}
        except OSError as error:
            pytest.skip(f"loopback multicast cannot be listened to: {error}")
        for one in made.values():
            stack.enter_context(one.socket)
        yield made


class Crowd:
    """Followers, each polled in turn by one thread, and what the lines brought."""

    def __init__(self, listeners: dict[str, Listener]) -> None:
        self._listeners = listeners
        self.followers: dict[str, FeedFollower] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll)
        self._thread.start()

    def join(self, name: str, follower: FeedFollower) -> None:
        with self._lock:
            self.followers[name] = follower

    def is_complete(self) -> bool:
        return all(follower.state is FeedState.COMPLETE for follower in self.followers.values())

    def report(self) -> dict[str, object]:
        return {
            name: (follower.state, follower.subscriber.sequence, follower.last_fault, follower.subscriber.counters)
            for name, follower in self.followers.items()
        }

    def _poll(self) -> None:
        while not self._ended.is_set():
            with self._lock:
                for follower in self.followers.values():
                    follower.poll(0.001)
            for listener in self._listeners.values():
                listener.read()
            time.sleep(0.001)

    def end(self) -> None:
        if self._ended.is_set():
            return
        self._ended.set()
        self._thread.join()
        for listener in self._listeners.values():
            listener.read()
        for follower in self.followers.values():
            follower.close()


def address(level: str, *, tcp: bool, loop: bool) -> FeedAddress:
    place = list(CHANNELS).index(level)
    return FeedAddress(
        group=A,
        udp_port=BASE_PORT + CHANNELS[level],
        recovery_port=BASE_PORT + 9 if tcp else 0,
        snapshot_lines=(LineAddress(A, BASE_PORT + 7),) if loop else (),
        channel_id=1 + place,
        snapshot_channel_id=4,
    )


def late(level: str, *, tcp: bool, loop: bool) -> FeedFollower:
    policy = SubscriberPolicy(has_ranges=tcp, has_snapshots=tcp, has_snapshot_loop=loop, retry_ns=20_000_000)
    return FeedFollower(address(level, tcp=tcp, loop=loop), policy=policy, books=FeedBook(int(level[1])))


@pytest.mark.long
@pytest.mark.parametrize("mode", ["memory", "disk"])
def test_a_restart_from_a_snapshot(mode: str, tmp_path: Path, listeners: dict[str, Listener]) -> None:
    config = venue(tmp_path, mode)
    (tmp_path / "venue.json").write_text(config.to_json())
    shared = SharedFolder(config.name).path
    crowd, flow = Crowd(listeners), Flow()
    run: Run | None = None
    try:
        run = Run(tmp_path / "venue.json")
        epoch = int(json.loads((shared / "config.json").read_text())["epoch"])
        crowd.join("before", FeedFollower(address("l3", tcp=True, loop=False)))
        flow.send(60)

        def is_kept() -> bool:
            flow.send(1)  # one is written behind a record
            found = find_snapshots(tmp_path / "snapshots", epoch)
            return bool(found) and read_header(found[0]).sequence > 100

        until(is_kept, "a snapshot")
        flow.send(40)
        until(crowd.is_complete, "who was there is complete", crowd.report)
        time.sleep(0.05)
        run.kill()

        run = Run(tmp_path / "venue.json")
        first = int(run.ready["feed_from"].removeprefix("message "))
        assert run.ready["snapshot"] and first > 100, run.ready
        assert "passed_over" not in run.ready
        crowd.join("tcp", late("l3", tcp=True, loop=False))
        crowd.join("loop", late("l3", tcp=False, loop=True))
        crowd.join("l2", late("l2", tcp=True, loop=False))
        crowd.join("l1", late("l1", tcp=False, loop=True))
        until(crowd.is_complete, "all are right before anything new is said", crowd.report)
        with RecoveryClient("127.0.0.1", BASE_PORT + 9, topic_of(config, epoch)) as client:
            with pytest.raises(RetransmitRejected, match=f"Held: (from message )?{first}"):
                list(client.fetch(first - 1, 1))
            told = [one for one in listeners["l3"].stream(1) if packets.parse_header(one).sequence >= first]
            count = sum(packets.parse_header(one).message_count for one in told)
            assert [one[packets.HEADER_BYTES :] for one in client.fetch(first, count)] == [
                one[packets.HEADER_BYTES :] for one in told
            ]
        flow.send(60)
        (tmp_path / "snapshots").rename(tmp_path / "aside")  # what is written now is of no interest
        l3 = crowd.followers["before"]
        time.sleep(0.3)
        until(lambda: crowd.followers["tcp"].subscriber.sequence == l3.subscriber.sequence, "all have come as far")
        stopped = run.stop()
        time.sleep(0.1)
        crowd.end()
        assert stopped["counters"]["gaps"] == 0 and stopped["open_orders"] > 20
        for name in ("before", "tcp", "loop"):
            follower = crowd.followers[name]
            assert follower.book.digest() == stopped["book_digest"], name
        check_derived(config, epoch, shared, tmp_path, listeners, crowd, mode)
    finally:
        crowd.end()
        if run is not None and run.process.poll() is None:
            run.kill()
        SharedFolder(config.name).remove()


def topic_of(config: Config, epoch: int) -> bytes:
    return channel_topic_id(config.model_copy(update={"epoch": epoch}), 1).bytes


def check_derived(
    config: Config,
    epoch: int,
    shared: Path,
    tmp_path: Path,
    listeners: dict[str, Listener],
    crowd: Crowd,
    mode: str,
) -> None:
    """The twin of the whole day, decided again from its first record; times of sending are those of each run."""
    kept: list[Exchange] = []
    replay_journal(tmp_path / "log" if mode == "disk" else shared, config, keep=kept)
    assert int(kept[0].feed.scalars[EPOCH]) == epoch
    whole = stored_from(kept[0], 1)
    twin = DerivedFeed(1, epoch, depths=(DEPTH,))
    for packet in whole:
        twin.take(packet)
    for name, channel in (("feed.l2", twin.l2), ("feed.l1", twin.l1), ("feed.basic", twin.tiers[0][1])):
        again = packets_of(shared / name)
        first = packets.parse_header(again[0]).sequence
        assert first > 1
        expected = [one for one in channel.packets if packets.parse_header(one).sequence >= first]
        assert [one[8:] for one in again] == [one[8:] for one in expected], name
    of_number: dict[tuple[int, int], bytes] = {}
    for channel, told in ((1, whole), (2, twin.l2.packets), (3, twin.l1.packets)):
        of_number |= {(channel, packets.parse_header(one).sequence): one[8:] for one in told}
    for place, listener in enumerate(listeners.values(), 1):
        stream = listener.stream(place)
        assert len(stream) > 20
        assert all(of_number[place, packets.parse_header(one).sequence] == one[8:] for one in stream)
    levels = twin.levels()
    for instrument in (1, 2, 3):
        for side, sign in ((1, 1), (2, -1)):
            found = crowd.followers["l2"].book.levels(instrument, side, 1000)
            assert [tuple(row) for row in found] == twin.best(levels, instrument, sign)
        bid = (twin.best(levels, instrument, 1) or [(None, 0, 0)])[0]
        top = crowd.followers["l1"].book.top(instrument)
        assert (top.bid_price_nanos, top.bid_lots) == bid[:2]
