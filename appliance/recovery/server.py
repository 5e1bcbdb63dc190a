"""The TCP recovery server: ranges and snapshots of market data for many clients, every resource of it bounded.

SOFH frames with FIXP messages (PROTOCOLS 3.5): RetransmitRequest is answered by Retransmission and the packets that
hold the messages, in batches; SnapshotRequest by snapshot packets up to EndOfCycle; both by RetransmitReject where they
are refused. One thread and no task a client: a turn sends each client that can take it one batch.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from appliance.recovery.allocations import Allocations
from appliance.recovery.answers import scratch_for
from appliance.recovery.channels import Channels
from appliance.recovery.codes import RejectCode
from appliance.recovery.connection import Connection
from appliance.recovery.limits import ServerLimits
from appliance.recovery.logon import Keys
from appliance.recovery.snapshots import SnapshotDesk
from appliance.recovery.store import FeedStore, StoreError
from appliance.recovery_config import Entitlement

log = logging.getLogger("pitwire.recovery")
_SWEEP_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 1.0
_ACCEPTS_A_TURN: Final = 64
_BACKLOG: Final = 4096
_POLL_BYTES: Final = 8 << 20
"""Of a store, indexed between two turns of the clients: some milliseconds."""
_TCP_FASTOPEN: Final = getattr(socket, "TCP_FASTOPEN", 23)


class RecoveryServer:
    """Serves ranges, and with a `SnapshotDesk` snapshots. `start` binds, `stop` ends every connection at once."""

    def __init__(
        self,
        main: FeedStore,
        limits: ServerLimits | None = None,
        *,
        folder: Path | None = None,
        entitlements: tuple[Entitlement, ...] = (),
        snapshots: SnapshotDesk | None = None,
        keys: Keys | None = None,
    ) -> None:
        """`folder`: where stores of other channels appear; `entitlements`: who may ask for what, none given: all;
        `keys`: of those who must log on."""
        self.limits = limits or ServerLimits()
        self.channels = Channels(main, folder)
        self.snapshots = snapshots
        self.keys = keys
        self.counters: Counter[str] = Counter()
        self.allocations = Allocations(self.limits.requests, self.limits.messages, self.limits.clients_max)
        self.scratch = scratch_for(self.limits.batch_bytes)
        self._entitlements = tuple((ipaddress.IPv4Network(row.source), row) for row in entitlements)
        self._connections: set[Connection] = set()
        self._of_client: Counter[str] = Counter()
        self._listener: socket.socket | None = None
        self._accepts = False
        self._sweeping: asyncio.Task[None] | None = None
        self._look_at = 0.0

    async def start(self, ip: str, tcp_port: int) -> tuple[str, int]:
        """Listen on `ip`:`tcp_port` (0: any free port); returns where. Raises OSError."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.setsockopt(socket.IPPROTO_TCP, _TCP_FASTOPEN, _BACKLOG)
            except OSError as error:  # a kernel without it: each client pays a round trip more
                log.info("no TCP fast open: %s", error.strerror)
            listener.bind((ip, tcp_port))
            listener.listen(_BACKLOG)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        self._listen(True)
        self._sweeping = asyncio.ensure_future(self._sweep())
        address = listener.getsockname()
        return str(address[0]), int(address[1])

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        if self._listener is not None:
            self._listen(False)
            self._listener.close()
        for connection in list(self._connections):
            connection.drop()

    def _listen(self, accepts: bool) -> None:
        assert self._listener is not None
        if accepts == self._accepts:
            return
        self._accepts = accepts
        loop = asyncio.get_running_loop()
        if accepts:
            loop.add_reader(self._listener, self._accept)
        else:
            loop.remove_reader(self._listener)

    def _accept(self) -> None:
        assert self._listener is not None
        for _ in range(_ACCEPTS_A_TURN):
            try:
                connected, address = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                # out of descriptors or memory: those who wait are asked for again at the next sweep
                self.counters["accepts_failed"] += 1
                log.warning("cannot accept: %s.", errno.errorcode.get(error.errno or 0, str(error)))
                self._listen(False)
                return
            client, peer = address[0], f"{address[0]}:{address[1]}"
            refusal = self._refusal_of_client(client)
            if refusal is not None:
                counter, sentence = refusal
                self.counters[counter] += 1
                log.warning("%s: refused: %s", peer, sentence)
                connected.close()
                continue
            self.counters["connections"] += 1
            self._of_client[client] += 1
            self._connections.add(Connection(self, connected, client, peer))

    def _refusal_of_client(self, client: str) -> tuple[str, str] | None:
        limits = self.limits
        if not self._may_connect(client):
            return "closed_not_entitled", "its address is not on the list of those who may ask."
        if len(self._connections) >= limits.connections_max:
            return "closed_too_many_connections", f"{limits.connections_max} connections are open, the limit."
        if self._of_client[client] >= limits.connections_a_client_max:
            most = limits.connections_a_client_max
            return "closed_too_many_connections", f"it has {most} connections open, the limit for a client."
        if self.allocations.is_exhausted(client, time.time_ns()):
            return "closed_exhausted", "its allocation is exhausted."
        return None

    def _may_connect(self, client: str) -> bool:
        address = ipaddress.IPv4Address(client)
        return not self._entitlements or any(address in source for source, _ in self._entitlements)

    def _is_entitled(self, client: Connection, store: FeedStore) -> bool:
        """Whether the first row that fits the client's address and key names the channel, or none in particular."""
        address = ipaddress.IPv4Address(client.source)
        for source, row in self._entitlements:
            if address in source and row.key in ("", client.key_id):
                return not row.channels or store.channel_id in row.channels
        return not self._entitlements

    def forget(self, connection: Connection) -> None:
        """The connection is closed."""
        if connection in self._connections:
            self._connections.discard(connection)
            self._of_client[connection.source] -= 1
            if not self._of_client[connection.source]:
                del self._of_client[connection.source]

    async def _sweep(self) -> None:
        """Follow the stores, end those who are too slow; a fault of a store is told when it is asked for."""
        while True:
            now = time.monotonic()
            if now >= self._look_at:
                self._look_at = now + _LOOK_SECONDS
                self.channels.look()
                if self.keys is not None:
                    self.keys.file.refresh()
            behind = False
            for store in self.channels:
                try:
                    store.poll(_POLL_BYTES)
                    behind |= store.unindexed_bytes > _POLL_BYTES
                except StoreError:
                    continue
            if self.snapshots is not None:
                behind |= self.snapshots.work(self.channels.main, list(self.channels))
            for connection in list(self._connections):
                connection.check(now)
            self._listen(True)
            await asyncio.sleep(0 if behind else _SWEEP_SECONDS)

    def refusal_of_range(
        self, client: Connection, store: FeedStore | None, request: Any
    ) -> tuple[RejectCode, str] | None:
        """Why the RetransmitRequest is not answered. Raises StoreError."""
        if store is None:
            return (
                RejectCode.INVALID_SESSION,
                "SessionId is not that of a Topic of this feed; a publisher that was started anew has another.",
            )
        if not self._is_entitled(client, store):
            return RejectCode.INVALID_SESSION, f"Not entitled to channel {store.channel_id}."
        if request.Count > self.limits.messages_a_request_max:
            return RejectCode.REQUEST_LIMIT_EXCEEDED, f"Count is above {self.limits.messages_a_request_max}."
        if not store.holds(request.FromSeqNo, request.Count):
            store.poll()
        if not store.holds(request.FromSeqNo, request.Count):
            return RejectCode.OUT_OF_RANGE, store.held
        return None

    def refusal_of_snapshot(
        self, client: Connection, store: FeedStore | None, request: Any
    ) -> tuple[RejectCode, str] | None:
        """Why the SnapshotRequest is not answered. Raises StoreError."""
        if store is None:
            return RejectCode.INVALID_SESSION, f"There is no channel {request.ChannelId}."
        if not self._is_entitled(client, store):
            return RejectCode.INVALID_SESSION, f"Not entitled to channel {store.channel_id}."
        if self.snapshots is None:
            return RejectCode.REQUEST_LIMIT_EXCEEDED, "This server gives no snapshots."
        store.poll()
        return self.snapshots.refusal(store, request.InstrumentId, request.MinimumSequenceNumber)
