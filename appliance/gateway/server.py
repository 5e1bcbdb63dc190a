"""The gateway: between the rings of the core and the sockets of the world.

Every `poll` takes what the core has put into the ring: handshakes that came by UDP are verified, replies of sessions
over TCP are sent. What clients say goes into the other ring; while that is full their sockets are not read.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from appliance.gateway.connection import Connection, TcpLimits
from appliance.gateway.drop_copy import DropCopyConnection
from appliance.gateway.drop_copy_server import DropCopies, DropCopy
from appliance.gateway.order_entry import OrderConnection
from appliance.gateway.report_log import ReportLog
from appliance.gateway.retransmit import Retransmitter
from appliance.gateway.ring import Entry, Ring
from appliance.gateway.sources import Sources
from appliance.gateway.verify import Handshake, Verifier, rejection
from appliance.keys import KeysFile
from native.gateway_layout import (
    GATEWAY_IN_ANSWER,
    GATEWAY_IN_HANDSHAKE,
    GATEWAY_IN_STARTED,
    GATEWAY_OUT_CLOSE,
    GATEWAY_OUT_HANDSHAKE,
    GATEWAY_OUT_REPLY,
    GATEWAY_REASON_STOPPED,
)

ENTRIES_A_POLL_MAX: Final = 256
HANDSHAKES_A_POLL_MAX: Final = 32
"""Of those by UDP: sessions that are established over TCP come first when strangers knock."""
LOOK_SECONDS: Final = 0.2
_BUSY_SECONDS: Final = 0.0
_BOUND_SECONDS: Final = 0.000_25
"""How often the ring is looked at while there are sessions over TCP."""
_IDLE_SECONDS: Final = 0.002

log = logging.getLogger("pitwire.gateway")


@dataclass
class Gateway:
    """Serves the rings until `stop`."""

    outward: Ring
    inward: Ring
    keys_file: KeysFile
    rows: Mapping[str, int]
    """Row of [[sessions]] by key id."""
    limits: TcpLimits = field(default_factory=TcpLimits)
    bad_logons_max: int = 5
    closed_seconds: float = 60.0
    reports: ReportLog | None = None
    durable: Callable[[], int] | None = None
    """Sequence of the last record of the log that is safe; None: nothing has to wait."""
    counters: Counter[str] = field(default_factory=Counter)
    counters_path: Path | None = None
    """Where they are told to whoever observes; None: nowhere."""
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.verifier = Verifier(self.keys_file.keys, self.rows, self.counters)
        self._sources = Sources(self.bad_logons_max, self.closed_seconds)
        self._connections: dict[int, Connection] = {}
        self._newest_number = time.time_ns()  # after every number of the process before
        self._waiting: deque[Entry] = deque()
        self._held: Entry | None = None
        self._retransmitter = Retransmitter(self)
        self._listeners: list[asyncio.Server] = []
        self._copies: DropCopies | None = None
        self._told_counters: Counter[str] = Counter()
        self._is_untold = False
        """Telling them has failed, which was said."""

    @staticmethod
    def now_ns() -> int:
        """UTC."""
        return time.time_ns()

    async def listen(self, ip: str, tcp_port: int) -> tuple[str, int]:
        """Take order-entry sessions at `ip`:`tcp_port` (0: any free port); returns where. Raises OSError."""
        self.put(Entry(GATEWAY_IN_STARTED))
        return await self._listen(self._new_connection, ip, tcp_port)

    async def listen_for_drop_copies(self, copies: Sequence[DropCopy], ip: str, tcp_port: int) -> tuple[str, int]:
        """Serve the drop copies of firms at `ip`:`tcp_port` (0: any free port); returns where. Raises OSError."""
        self._copies = DropCopies(self, copies)
        return await self._listen(self._copies.new_connection, ip, tcp_port)

    async def _listen(self, factory: Callable[[], Connection], ip: str, tcp_port: int) -> tuple[str, int]:
        listener = await asyncio.get_running_loop().create_server(factory, ip, tcp_port, backlog=64)
        self._listeners.append(listener)
        address = listener.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    async def serve(self, ended: asyncio.Event) -> None:
        """Poll the rings until `ended`. Raises RingError, ReportLogError."""
        look_due = self.clock()
        while not ended.is_set():
            busy = self.poll()
            now = self.clock()
            if now >= look_due:
                look_due = now + LOOK_SECONDS
                self._look(now)
            await asyncio.sleep(_BUSY_SECONDS if busy else (_BOUND_SECONDS if self._connections else _IDLE_SECONDS))

    async def stop(self) -> None:
        """Close the listeners and every connection; the core is told."""
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections.values()):
            connection.close("closed_by_venue", "the gateway ends.", GATEWAY_REASON_STOPPED)
            connection.transport.abort()
        await asyncio.sleep(0)
        self.poll()

    # --- connections -----------------------------------------------------------------------------------------------

    def next_number(self) -> int:
        """For a new connection."""
        self._newest_number += 1
        return self._newest_number

    def _new_connection(self) -> OrderConnection:
        return OrderConnection(self, self.next_number())

    def admit(self, connection: Connection) -> None:
        """A client has connected: it stays, or is aborted without a word."""
        ip = connection.source_ip
        reason = ""
        if self.is_closed_to(ip):
            reason = "port_closed"
        elif len(self._connections) >= self.limits.connections_max:
            reason = "too_many_connections"
        elif sum(each.source_ip == ip for each in self._connections.values()) >= self.limits.connections_a_source_max:
            reason = "too_many_of_a_source"
        self._connections[connection.number] = connection
        if reason:
            connection.close("refused_" + reason, reason.replace("_", " ") + ".")
            connection.transport.abort()

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        self._connections.pop(connection.number, None)
        self._retransmitter.cancel(connection)

    def is_closed_to(self, ip: int) -> bool:
        """Whether the port is closed to a source for its bad log-ons."""
        return self._sources.is_closed(ip, self.clock())

    def verify(self, message: bytes, source_ip: int) -> Handshake:
        """Judge a handshake of order entry, and remember of its source how it was."""
        return self.judge(self.verifier, message, source_ip)

    def judge(self, verifier: Verifier, message: bytes, source_ip: int) -> Handshake:
        """Judge a handshake, and remember of its source how it was."""
        said = verifier.verify(message, self.now_ns())
        if said.is_good:
            self._sources.note_good(source_ip)
        elif self._sources.note_bad(source_ip, self.clock()):
            self.counters["ports_closed"] += 1
            log.warning("The port is closed to %s for %g s: bad log-ons.", dotted(source_ip), self.closed_seconds)
        return said

    def is_safe(self, depends_on: int) -> bool:
        """Whether what tells of the log's records up to this one may be said."""
        return self.durable is None or depends_on == 0 or self.durable() >= depends_on

    def retransmit(self, connection: OrderConnection | DropCopyConnection, request: Any) -> None:
        """Give the lost messages of a flow again."""
        self._retransmitter.ask(connection, request)

    def _look(self, now: float) -> None:
        if self.keys_file.refresh() is not False:
            self.verifier.keys = self.keys_file.keys
            if self._copies is not None:
                self._copies.verifier.keys = self.keys_file.keys
            self.counters["keys_file_changes"] += 1
        for connection in list(self._connections.values()):
            connection.look(now)
        if self.counters_path is not None and self.counters != self._told_counters:
            self._tell_counters(self.counters_path)

    def _tell_counters(self, path: Path) -> None:
        """Nobody loses a session because they cannot be told: then they are told later."""
        beside = path.with_suffix(".new")
        try:
            beside.write_text(json.dumps(self.counters), encoding="utf-8")
            beside.replace(path)
        except OSError as error:
            if not self._is_untold:
                log.error("%s cannot be written: %s.", path, error.strerror)
            self._is_untold = True
            return
        self._is_untold = False
        self._told_counters = self.counters.copy()

    # --- the rings -------------------------------------------------------------------------------------------------

    def put(self, entry: Entry) -> None:
        """Tell the core; what the ring has no room for waits, and no socket is read meanwhile."""
        if not self._waiting and self.inward.put(entry):
            return
        self._waiting.append(entry)
        self.counters["ring_full"] += 1
        for connection in self._connections.values():
            connection.pause_reading()

    def _put_waiting(self) -> None:
        if not self._waiting:
            return
        while self._waiting:
            if not self.inward.put(self._waiting[0]):
                return
            self._waiting.popleft()
        for connection in self._connections.values():
            connection.resume_reading()

    def poll(self) -> bool:
        """Take what the core has put. True: there may be more. Raises RingError."""
        self._put_waiting()
        self._retransmitter.step()
        more = self._copies is not None and self._copies.pump(list(self._connections.values()))
        handshakes = 0
        for _ in range(ENTRIES_A_POLL_MAX):
            entry, self._held = (self._held, None) if self._held is not None else (self.outward.take(), None)
            if entry is None:
                return self._retransmitter.is_busy or more
            if not self.is_safe(entry.depends_on):
                self._held = entry
                return False
            if entry.kind == GATEWAY_OUT_HANDSHAKE:
                self._take_handshake(entry)
                handshakes += 1
                if handshakes >= HANDSHAKES_A_POLL_MAX:
                    break
            elif entry.kind in (GATEWAY_OUT_REPLY, GATEWAY_OUT_CLOSE):
                self._reply(entry)
        return True

    def _take_handshake(self, entry: Entry) -> None:
        """One that came by UDP. The refusal is never longer than the request, and there is none to whom the port is
        closed: a source address proves nothing."""
        if self._waiting:
            self.counters["handshakes_dropped"] += 1
            return
        source_ip = entry.address.peer_ip
        said = self.verify(entry.payload, source_ip)
        if said.is_good:
            self.put(
                Entry(
                    GATEWAY_IN_HANDSHAKE,
                    entry.payload,
                    session=said.row,
                    receive_time_ns=entry.receive_time_ns,
                    address=entry.address,
                    proof=said.proof,
                )
            )
        elif said.may_be_answered and not self.is_closed_to(source_ip):
            answer = rejection(said)
            if len(answer) <= len(entry.payload):
                self.put(Entry(GATEWAY_IN_ANSWER, answer, address=entry.address))

    def _reply(self, entry: Entry) -> None:
        connection = self._connections.get(entry.connection)
        if not isinstance(connection, OrderConnection):
            self.counters["replies_to_nobody"] += 1
            return
        connection.reply(entry.payload)
        if entry.kind == GATEWAY_OUT_CLOSE:
            connection.close("closed_by_venue", "the venue ends it.", entry.reason)


def dotted(ip: int) -> str:
    """An IPv4 address as people write it."""
    return ".".join(str(ip >> shift & 255) for shift in (24, 16, 8, 0))
