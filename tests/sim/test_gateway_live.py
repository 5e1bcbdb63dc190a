"""The whole way in, for real: naive clients over TCP and UDP, the gateway's process, the loop, and back."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from appliance.client.blocking import BlockingClient
from appliance.client.drop_copy import DropCopyClient
from appliance.client.ledger import Report
from appliance.client.terms import Terms
from appliance.config import Config, parse
from appliance.control import Appliance, ApplianceError
from appliance.gateway.keeper import RESTARTS_MAX, GatewayKeeper
from appliance.observe import Observer
from native import counters
from native.session_layout import SESSION_ESTABLISHED
from tests.handshakes import SCHEMA_FIXP, Signer
from tests.naive.fixp_client import NaiveFixpClient, cut
from tests.naive.fixp_over_tcp import Subscriber, TcpClient
from tests.venue_rig import demo_sessions, new

UDP_PORT = 10_000 + os.getpid() % 2000 * 10  # below those that the kernel gives away; tests may run beside each other
TCP_PORT, DROP_COPY_PORT = UDP_PORT + 3, UDP_PORT + 4
HOUSE = Signer("house", b"h" * 32)
FIXP_ID = SCHEMA_FIXP.to_bytes(2, "little")
KEYS = [Signer(f"key-{n}", bytes([n]) * 32) for n in (1, 2, 3)]


def venue_config(folder: Path, name: str, **more: Any) -> Config:
    keys = folder / "keys"
    keys.touch(0o600)
    keys.write_text("".join(f"{key.key_id} {key.secret.hex()}\n" for key in (*KEYS, HOUSE)))
    return parse(
        {
            "name": f"{name}-{os.getpid()}",
            "port": {"kind": "udp"},
            "order_entry": {"udp_port": UDP_PORT, "handshakes_a_second": 100_000, "handshakes_at_once": 1000},
            "feed": {"udp_port": UDP_PORT + 1, "store_mib": 16},
            "reports": {"store_mib": 16},
            "recovery": {"enabled": False},
            "journal": {"records": 1 << 16, "segment_records": 1024},
            "limits": {"orders": 1 << 14, "levels": 1 << 12},
            "loop": {"idle": "yield"},
            "gateway": {
                "enabled": True,
                "tcp_port": TCP_PORT,
                "drop_copy_port": DROP_COPY_PORT,
                "keys_file": str(keys),
                "bad_logons_max": 1000,
            }
            | more.pop("gateway", {}),
            "drop_copies": [{"key_id": HOUSE.key_id}],
            "sessions": [{"key_id": key.key_id, "account": at} for at, key in enumerate(KEYS, 1)],
        }
        | more
    )


@pytest.fixture(params=["memory", "disk"])
def any_venue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Appliance]:
    """With both promises: said at once, and said once it is safe on disk."""
    journal: dict[str, Any] = {"records": 1 << 16, "segment_records": 1024}
    if request.param == "disk":
        journal |= {"mode": "disk", "directory": str(tmp_path / "log"), "disk_segment_mib": 2}
    appliance = Appliance(venue_config(tmp_path, f"gateway-{request.param}", journal=journal))
    with appliance:
        yield appliance
        appliance.check()
    appliance.shared.remove()


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Appliance]:
    appliance = Appliance(venue_config(tmp_path, "gateway"))
    with appliance:
        yield appliance
        appliance.check()
    appliance.shared.remove()


class UdpClient:
    """A datagram socket around the naive client."""

    def __init__(self, session_id: bytes, signer: Signer) -> None:
        self.session = NaiveFixpClient(session_id, signer, multiplexed=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", UDP_PORT))
        self.socket.settimeout(0.5)

    def send(self, messages: list[bytes]) -> None:
        self.socket.send(b"".join(messages))

    def hear(self) -> None:
        self.session.receive(cut(self.socket.recv(2048)))

    def say_until(self, say: Callable[[], list[bytes]], is_so: Callable[[], bool]) -> None:
        """Say it, and again when nothing comes."""
        for _ in range(20):
            self.send(say())
            with contextlib.suppress(TimeoutError):
                while not is_so():
                    self.hear()
            if is_so():
                return
        raise AssertionError("no answer")

    def log_on(self) -> None:
        session = self.session
        self.say_until(lambda: session.negotiate(time.time_ns()), lambda: session.state == "negotiated")
        self.say_until(lambda: session.establish(time.time_ns()), lambda: session.state == "established")


def until(appliance: Appliance, is_so: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        appliance.check()
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.005)


def inputs(appliance: Appliance) -> int:
    """Inputs in the log that somebody sent."""
    return appliance.counter(counters.SEQUENCED_INPUTS) - appliance.counter(counters.TIMERS)


def until_taken(appliance: Appliance, packets: int) -> None:
    """Until the loop has had so many frames."""
    until(appliance, lambda: appliance.counter(counters.PACKETS_IN) >= packets)


def runs_again(gateway: GatewayKeeper, restarts: int) -> bool:
    return gateway.restarts == restarts and gateway.pid != 0


def is_listening() -> bool:
    try:
        socket.create_connection(("127.0.0.1", TCP_PORT), 1).close()
    except ConnectionRefusedError:
        return False
    return True


def orders(first: int, count: int, account: int, side: int = 1) -> list[bytes]:
    return [new(number, side, Account=account) for number in range(first, first + count)]


def test_tcp_and_udp_sessions_trade_with_each_other(any_venue: Appliance) -> None:
    venue = any_venue
    live = Subscriber(("127.0.0.1", DROP_COPY_PORT), bytes([0x11] * 16), HOUSE)
    live.log_on()
    tcp = TcpClient(("127.0.0.1", TCP_PORT), bytes([1] * 16), KEYS[0])
    udp = UdpClient(bytes([2] * 16), KEYS[1])
    tcp.log_on()
    udp.log_on()
    for start in range(1, 101, 10):
        tcp.send(tcp.session.send(*orders(start, 10, 1)))
    tcp.hear_all(100)
    for start in range(1, 101, 10):
        udp.send(udp.session.send(*orders(start, 10, 2, side=2)))
        while len(udp.session.got) < 2 * (start + 9):  # accepted, and traded
            udp.hear()
    tcp.hear_all(200)
    assert venue.counter(counters.FILLS) == 100 and venue.counter(counters.GATEWAY_DROPPED) == 0

    # what was lost is given again, the same
    for client, wire in ((tcp.session, tcp), (udp.session, udp)):
        before = dict(client.got)
        client.got.clear()
        while len(client.got) < len(before):
            wire.send(client.recover(time.time_ns(), count_max=50))
            while client._asked is not None:
                wire.hear()
        assert client.got == before

    # a gap is told once, over either transport
    for client, wire, account in ((tcp.session, tcp, 1), (udp.session, udp, 2)):
        first = client._next + 3
        wire.send(client.send(new(10_000, Account=account), first=first))
        while client.not_applied != set(range(first - 3, first)):
            wire.hear()

    # every execution of either session is in the drop copy, for who was there and for who came late
    late = Subscriber(("127.0.0.1", DROP_COPY_PORT), bytes([0x12] * 16), HOUSE)
    late.log_on()
    late.recover_all()
    reports = [message for got in (tcp.session.got, udp.session.got) for message in got.values()]
    executions = sorted(message for message in reports if message[4:6] != FIXP_ID)
    while len(live.session.got) < len(executions):
        live.hear()
    assert sorted(late.session.got.values()) == executions and live.session.got == late.session.got
    ours = DropCopyClient(Terms(key_id=HOUSE.key_id, secret=HOUSE.secret))
    with BlockingClient(ours, [("127.0.0.1", DROP_COPY_PORT)]) as desk:
        told = [report.sequence for report in desk.log_on()]
        while ours.next_number <= len(executions):
            told += [one.sequence for one in desk.poll(1.0) if isinstance(one, Report)]
    assert told == list(range(1, len(executions) + 1))

    tcp.send(tcp.session.terminate())
    tcp.hear()
    assert tcp.session.terminated_by_server == 0 and tcp.until_closed() == []


def test_a_session_changes_its_transport(venue: Appliance) -> None:
    """The same session, the same numbers: first by UDP, then by TCP."""
    udp = UdpClient(bytes([3] * 16), KEYS[0])
    udp.log_on()
    udp.say_until(lambda: udp.session.send(*orders(1, 5, 1), first=1), lambda: len(udp.session.got) == 5)
    udp.send(udp.session.terminate())
    udp.hear()
    tcp = TcpClient(("127.0.0.1", TCP_PORT), bytes([3] * 16), KEYS[0])
    tcp.session = replace(udp.session, multiplexed=False, state="negotiated", terminated_by_server=None)
    tcp.send(tcp.session.establish(time.time_ns()))
    tcp.hear_until("established")
    tcp.send(tcp.session.send(*orders(6, 5, 1)))
    tcp.hear_all(10)
    assert sorted(tcp.session.got) == list(range(1, 11)) and venue.counter(counters.NEW_ORDERS) == 10


def test_a_newer_negotiation_takes_the_row(venue: Appliance) -> None:
    """Whoever has the key and negotiates last has it; the old connection is ended."""
    old = TcpClient(("127.0.0.1", TCP_PORT), bytes([4] * 16), KEYS[0])
    old.log_on()
    fresh = TcpClient(("127.0.0.1", TCP_PORT), bytes([5] * 16), KEYS[0])
    fresh.log_on()
    old.hear()
    assert old.session.terminated_by_server is not None and old.until_closed() == []
    fresh.send(fresh.session.send(*orders(1, 1, 1)))
    fresh.hear_all(1)


def test_a_gateway_that_is_killed_comes_back(venue: Appliance) -> None:
    """Its connections are lost, which the core learns; sessions by UDP never notice; log-on works again."""
    tcp = TcpClient(("127.0.0.1", TCP_PORT), bytes([6] * 16), KEYS[0])
    udp = UdpClient(bytes([7] * 16), KEYS[1])
    tcp.log_on()
    udp.log_on()
    assert venue._gateway is not None
    os.kill(venue._gateway.pid, signal.SIGKILL)
    tcp.until_closed()
    udp.say_until(lambda: udp.session.send(*orders(1, 1, 2), first=1), lambda: len(udp.session.got) == 1)
    sessions = venue.exchange.tables.sessions
    until(venue, lambda: int(sessions[0]["state"]) != SESSION_ESTABLISHED)
    assert int(sessions[1]["state"]) == SESSION_ESTABLISHED and venue._gateway.restarts == 1
    until(venue, is_listening)
    again = TcpClient(("127.0.0.1", TCP_PORT), bytes([6] * 16), KEYS[0])
    again.session.state = "negotiated"
    again.send(again.session.establish(time.time_ns()))
    again.hear_until("established")


def test_a_gateway_that_dies_again_and_again_ends_the_venue(tmp_path: Path) -> None:
    """With a sentence; not at the first time."""
    appliance = Appliance(venue_config(tmp_path, "dying"))
    with appliance:
        gateway = appliance._gateway
        assert gateway is not None
        for number in range(RESTARTS_MAX):
            os.kill(gateway.pid, signal.SIGKILL)
            until(appliance, partial(runs_again, gateway, number + 1))
        os.kill(gateway.pid, signal.SIGKILL)
        with pytest.raises(ApplianceError, match=r"The gateway ended by itself 6 times within 60 s \(exit -9"):
            until(appliance, lambda: False)
    appliance.shared.remove()


def test_a_gateway_that_cannot_start_is_told(tmp_path: Path) -> None:
    config = venue_config(tmp_path, "nokeys")
    (tmp_path / "keys").chmod(0o644)
    appliance = Appliance(config)
    with pytest.raises(ApplianceError, match="The gateway did not start"):
        appliance.start()
    assert not appliance.shared.path.exists()


@pytest.mark.parametrize("more", [{"drop_copies": []}, {"sessions": demo_sessions(1)}], ids=["sessions", "drop copies"])
def test_keys_without_a_gateway_are_told(tmp_path: Path, more: dict[str, Any]) -> None:
    config = venue_config(tmp_path, "nogateway", gateway={"enabled": False}, **more)
    with pytest.raises(ApplianceError, match=r"need the gateway: set gateway\.enabled"):
        Appliance(config).start()


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.long)])
def test_hostile_handshakes_by_udp(venue: Appliance, count: int) -> None:
    """Malformed, replayed, stale and forged ones through the whole way: nothing is sequenced, nobody is let in."""
    draw = random.Random(1)
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.connect(("127.0.0.1", UDP_PORT))
    owner = UdpClient(bytes([8] * 16), KEYS[0])
    recorded = owner.session.negotiate(time.time_ns())
    owner.say_until(lambda: recorded, lambda: owner.session.state == "negotiated")
    first = inputs(venue)
    owner.send(owner.session.negotiate(time.time_ns()))  # a newer one: what was recorded is a replay now
    until(venue, lambda: inputs(venue) > first)
    sequenced = inputs(venue)
    established = venue.counter(counters.SESSIONS_ESTABLISHED)
    before = venue.counter(counters.PACKETS_IN)
    forger = replace(KEYS[0], secret=b"x" * 32)
    for step in range(count):
        good = KEYS[1].negotiate(draw.randbytes(16), time.time_ns())
        wire.send(good[: draw.randrange(8, len(good))])
        wire.send(recorded[0])
        wire.send(KEYS[1].establish(draw.randbytes(16), time.time_ns() - 6 * 10**9))
        wire.send(forger.negotiate(draw.randbytes(16), time.time_ns()))
        if step % 20 == 19:  # a socket's buffer is no place to lose them in
            until_taken(venue, before + 4 * (step + 1))
    observer = Observer(venue.config.name)
    # all that got through the loop's bucket was judged: none is left on the way
    until_taken(venue, before + 4 * count)
    passed_on = 4 * count - venue.counter(counters.DROP_HANDSHAKE)
    kinds = ["handshakes_" + kind for kind in ("malformed", "replayed", "stale", "forged", "good")]
    until(venue, lambda: sum(observer.snapshot().gateway.get(kind, 0) for kind in kinds) >= passed_on)
    told = observer.snapshot().gateway
    assert all(told[kind] > 0 for kind in kinds)
    assert venue.counter(counters.SESSIONS_ESTABLISHED) == established
    assert inputs(venue) == sequenced
    owner.say_until(lambda: owner.session.establish(time.time_ns()), lambda: owner.session.state == "established")
    rows = venue.exchange.tables.sessions
    assert int(rows[1]["generation"]) == 0 and int(rows[2]["generation"]) == 0
