"""A core for the gateway to speak to, naive: it accepts every session and answers each message by a report of its own.

The rings are the real ones, the core's ends of them. Everything it sends stands in a report log, as the real core
writes it. `GatewayRig` runs it in one thread and the gateway in another.
"""

from __future__ import annotations

import asyncio
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from appliance import gateway_rings as ends
from appliance.gateway.connection import TcpLimits
from appliance.gateway.report_log import ReportLog
from appliance.gateway.ring import Ring
from appliance.gateway.server import Gateway
from appliance.keys import KeysFile
from native.gateway_layout import (
    GATEWAY_IN_ANSWER,
    GATEWAY_IN_DATAGRAM,
    GATEWAY_IN_HANDSHAKE,
    GATEWAY_IN_LOST,
    GATEWAY_IN_STARTED,
    GATEWAY_OUT_CLOSE,
    GATEWAY_OUT_HANDSHAKE,
    GATEWAY_OUT_REPLY,
    TRANSPORT_TCP,
)
from native.session_layout import REPORT_ENTRY, REPORT_FORMAT_VERSION, REPORT_HEADER, REPORT_MAGIC
from tests.handshakes import Signer, counted, header
from tests.naive.fixp_client import CONTEXT, TERMINATE, cut

SCHEMA_REPORTS = 9
REPORT_BLOCK_BYTES = 24


def report(number: int, echo: bytes) -> bytes:
    """The answer to a message: its number, and the beginning of what it answers."""
    return struct.pack("<HHHH", REPORT_BLOCK_BYTES, 200, SCHEMA_REPORTS, 0) + struct.pack("<Q16s", number, echo[8:24])


@dataclass
class NaiveSession:
    """What the core knows of one session."""

    row: int
    connection: int = 0
    expected: int = 1
    applied: list[bytes] = field(default_factory=list)
    sent: int = 0


class NaiveCore:
    """`step` takes one entry of the ring."""

    def __init__(self, folder: Path, ring_bytes: int = 1 << 18, reports_bytes: int = 1 << 23) -> None:
        self.paths = folder / "out", folder / "in", folder / "reports"
        memory = []
        for path, size in zip(self.paths, (4096 + ring_bytes, 4096 + ring_bytes, 4096 + reports_bytes), strict=True):
            path.write_bytes(bytes(size))
            memory.append(np.memmap(path, np.uint8, "r+").view(np.ndarray))
        self.lock = threading.RLock()  # a test may speak, too
        self.rings = ends.make_rings(*memory[:2])
        self.memory = memory
        log = memory[2][:4096].view(REPORT_HEADER)
        log[0]["format_version"] = REPORT_FORMAT_VERSION
        log[0]["capacity_bytes"] = reports_bytes
        log[0]["magic"] = REPORT_MAGIC
        self.log = log
        self.logged = 0
        self.sessions: dict[bytes, NaiveSession] = {}
        self.told: Counter[int] = Counter()
        """Entries by kind."""
        self.lost: list[tuple[int, int]] = []
        """(connection, reason)"""
        self.answers: list[tuple[int, bytes]] = []
        """(peer_ip, payload) to be sent by UDP without a session"""
        self.handshakes: list[tuple[int, int, bytes, bytes]] = []
        """(row, connection, message, proof) of good ones"""
        self.dead = False
        """It takes nothing any more."""

    # --- out -------------------------------------------------------------------------------------------------------

    def send(self, connection: int, payload: bytes, kind: int = GATEWAY_OUT_REPLY) -> bool:
        octets = np.frombuffer(payload or b"x", np.uint8)
        with self.lock:
            return bool(ends.send_payload(self.rings, kind, TRANSPORT_TCP, connection, 0, 0, octets, 0, len(payload)))

    def knock(self, payload: bytes, peer_ip: int = 0x0A000001) -> None:
        """A handshake comes by UDP."""
        with self.lock:
            self._knock(payload, peer_ip)

    def _knock(self, payload: bytes, peer_ip: int) -> None:
        index = ends.open_entry(self.rings, len(payload))
        entry = self.rings.outward_entries[index]
        entry["kind"] = GATEWAY_OUT_HANDSHAKE
        entry["peer_ip"] = peer_ip
        at = ends.payload_at(index)
        self.rings.outward[at : at + len(payload)] = np.frombuffer(payload, np.uint8)
        ends.send_entry(self.rings)

    def write_report(self, session: NaiveSession, message: bytes, firm: int = 0, firm_number: int = 0) -> None:
        """Into the log, as the real core does."""
        session.sent += 1
        entry = np.zeros(1, REPORT_ENTRY)
        entry[0]["number"] = session.sent
        entry[0]["firm"] = firm
        entry[0]["firm_number"] = firm_number
        entry[0]["session"] = session.row
        entry[0]["message_bytes"] = len(message)
        octets = entry.tobytes() + message + bytes(-len(message) % 64)
        at = 4096 + self.logged
        self.memory[2][at : at + len(octets)] = np.frombuffer(octets, np.uint8)
        self.logged += len(octets)
        self.log[0]["committed_bytes"] = self.logged

    def tell(self, session_id: bytes, *reports: bytes) -> None:
        """Reports to a session, as one datagram."""
        session = self.sessions[session_id]
        with self.lock:
            first = session.sent + 1
            for message in reports:
                self.write_report(session, message)
        context = header(24, CONTEXT) + session_id + struct.pack("<Q", first)
        while not self.send(session.connection, context + b"".join(reports)):
            time.sleep(0.001)  # the real core would give it up, and the client ask for it

    # --- in --------------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Take one entry. False: there was none."""
        with self.lock:
            return self._step()

    def _step(self) -> bool:
        index = ends.NOTHING if self.dead else ends.next_entry(self.rings)
        if index == ends.NOTHING:
            assert not ends.is_broken(self.rings)
            return False
        entry = self.rings.inward_entries[index].copy()
        at = ends.payload_at(index)
        payload = self.rings.inward[at : at + int(self.rings.scalars[ends.PAYLOAD_BYTES])].tobytes()
        ends.release_entry(self.rings)
        kind, connection = int(entry["kind"]), int(entry["connection"])
        self.told[kind] += 1
        if kind == GATEWAY_IN_HANDSHAKE:
            self._handshake(entry, connection, payload)
        elif kind == GATEWAY_IN_DATAGRAM:
            self._datagram(connection, payload)
        elif kind == GATEWAY_IN_LOST:
            self.lost.append((connection, int(entry["reason"])))
        elif kind == GATEWAY_IN_ANSWER:
            self.answers.append((int(entry["peer_ip"]), payload))
        else:
            assert kind == GATEWAY_IN_STARTED
        return True

    def _handshake(self, entry: Any, connection: int, payload: bytes) -> None:
        row, proof = int(entry["session"]), entry["proof"].tobytes()
        self.handshakes.append((row, connection, payload, proof))
        template, session_id = payload[2], payload[8:24]
        timestamp = payload[24:32]
        if not connection:
            return
        if template == 1:
            self.sessions[session_id] = NaiveSession(row)
            credentials = bytes([1]) + bytes(27) + proof
            self.send(connection, header(25, 2) + session_id + timestamp + b"\0" + counted(credentials))
        elif session_id not in self.sessions:  # EstablishmentReject{Unnegotiated}
            self.send(connection, header(25, 7) + session_id + timestamp + b"\0" + counted(b""))
        else:
            session = self.sessions[session_id]
            session.connection = connection
            ack = session_id + timestamp + struct.pack("<IQ", 1000, session.sent + 1)
            self.send(connection, header(len(ack), 6) + ack)

    def _datagram(self, connection: int, payload: bytes) -> None:
        first, *rest = cut(payload)
        session_id = first[8:24]
        session = self.sessions[session_id]
        assert session.connection == connection
        if first[2] == TERMINATE:
            self.send(connection, first, GATEWAY_OUT_CLOSE)
            return
        if first[2] != CONTEXT:
            return
        number = struct.unpack_from("<Q", first, 24)[0]
        for at, message in enumerate(rest):
            if number + at >= session.expected:
                session.expected = number + at + 1
                session.applied.append(message)
                self.tell(session_id, report(session.sent + 1, message))


@dataclass
class GatewayRig:
    """A gateway and its core, running."""

    core: NaiveCore
    gateway: Gateway
    address: tuple[str, int]
    signer: Signer
    keys_path: Path
    loop: asyncio.AbstractEventLoop
    """The gateway's"""

    def until(self, is_so: Any, seconds: float = 10.0) -> None:
        """Wait for what is to come; AssertionError when it does not."""
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline, "it did not come to pass in time"
            time.sleep(0.002)


@contextmanager
def running(
    folder: Path, limits: TcpLimits | None = None, *, ring_bytes: int = 1 << 18, **options: Any
) -> Iterator[GatewayRig]:
    """Both until the block ends. Keys `alice` (row 0) and `bob` (row 1)."""
    keys_path = folder / "keys"
    keys_path.touch(0o600)
    keys_path.write_text(f"alice {(b'a' * 32).hex()}\nbob {(b'b' * 32).hex()}\n")
    core = NaiveCore(folder, ring_bytes)
    gateway = Gateway(
        Ring(core.paths[0]),
        Ring(core.paths[1]),
        KeysFile(keys_path),
        {"alice": 0, "bob": 1},
        limits or TcpLimits(),
        reports=ReportLog(core.paths[2]),
        **options,
    )
    ready = threading.Event()
    stop = threading.Event()
    address: list[tuple[str, int]] = []
    faults: list[BaseException] = []
    loop = asyncio.new_event_loop()
    # asyncio would close the connection, and the test would see no more than that
    loop.set_exception_handler(lambda _, context: faults.append(context.get("exception") or Exception(context)))
    ended = asyncio.Event()

    async def serve() -> None:
        address.append(await gateway.listen("127.0.0.1", 0))
        ready.set()
        await gateway.serve(ended)
        await gateway.stop()

    def run_gateway() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:
            faults.append(error)
        finally:
            ready.set()

    def run_core() -> None:
        try:
            while not stop.is_set():
                if not core.step():
                    time.sleep(0.000_5)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=run_gateway), threading.Thread(target=run_core)]
    for thread in threads:
        thread.start()
    ready.wait(10)
    try:
        yield GatewayRig(core, gateway, address[0], Signer("alice", b"a" * 32), keys_path, loop)
    finally:
        loop.call_soon_threadsafe(ended.set)
        threads[0].join(10)
        stop.set()
        threads[1].join(10)
        loop.close()
        if faults:
            raise faults[0]
