"""Start, watch and stop an appliance: the loop in a thread of its own, distributor and recovery server in processes.

Python here only allocates, starts, watches and stops; it speaks to the loop through its command ring and reads its
counters. A stop is carried out within one turn.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from appliance.book.view import orders
from appliance.client.book import SIDE_BUY, SIDE_SELL, BookOrder, book_digest
from appliance.config import Config, parse
from appliance.decide_again import replay_records
from appliance.distributor.keeper import DistributorKeeper
from appliance.distributor.seeds import channels_of, follows_channels
from appliance.distributor.stores import create_told
from appliance.exchange import Exchange, SharedFolder, allocate, whole_state_hash
from appliance.feed_book.seed import write_seed
from appliance.gateway.keeper import GatewayKeeper
from appliance.gateway.process import GatewayError
from appliance.gateway_rings import BROKEN
from appliance.history.opening import finish_opening
from appliance.history.recover import Chosen, RecoveryError, begin_with, choose
from appliance.hold import begin_to_hold
from appliance.journal.found import FoundLog
from appliance.journal.records import JournalError
from appliance.loop import (
    IDLE_SLEEP,
    IDLE_SPIN,
    IDLE_YIELD,
    RUN_LOG_LOST,
    RUN_STOPPED,
    RUN_TURNS_DONE,
    LoopState,
    allocate_loop,
    run,
    write_command,
)
from appliance.operator.actions import OperatorError
from appliance.operator.server import SOCKET_NAME, OperatorServer
from appliance.pipeline import drain
from appliance.recovery.process import command_line
from appliance.replay import LOCAL_MAC, drops, opening_phases
from appliance.running_venue import RunningVenue
from appliance.sequencer.journal import carry_on
from appliance.state import price_nanos
from appliance.venue_log import VenueLog
from native import counters
from native.codes import sentence_of_error
from native.layout import CONTROL_STOP, PORT_STATS
from native.ports import Port, PortConfig, PortError, open_port

_IDLE = {"spin": IDLE_SPIN, "yield": IDLE_YIELD, "sleep": IDLE_SLEEP}
_STOP_SECONDS_MAX = 5.0
_PORT_STATS_SECONDS = 0.5
"""How old what observers see of the port may be: asking for it takes system calls."""
_RECOVERY_STOP_SECONDS_MAX = 2.0
_REPLICA_STOP_SECONDS_MAX = 30.0


class ApplianceError(Exception):
    """The appliance cannot start or go on; the message says why in one sentence."""


@dataclass(frozen=True)
class Summary:
    """What an appliance did, once it has stopped."""

    port: str
    counters: dict[str, int]
    dropped: dict[str, int]
    port_stats: dict[str, int]
    state_hash: str
    book_digest: str
    """Digest of every displayed order, as a subscriber's book has it (`appliance.client.book.book_digest`)."""
    open_orders: int
    journal: str
    """Path of the journal that the run left."""


def port_config(config: Config) -> PortConfig:
    """What to open for [port] of the configuration."""
    port = config.port
    return PortConfig(
        kind=port.kind,
        udp_ports=(config.order_entry.udp_port,),
        rx_frames=port.frames,
        tx_frames=port.frames,
        interface=port.interface,
        local_ip=config.order_entry.ip if port.kind in ("udp", "dpdk") else "0.0.0.0",
        multicast_ttl=config.feed.ttl,
        queue=port.queue,
        xdp_mode=port.xdp_mode,
        zero_copy="auto" if port.zero_copy == "auto" else "off",
        device=port.device,
        eal_args=port.eal_args,
        queue_count=port.queue_count,
        tx_queue=port.tx_queue,
        steering=port.steering,
        offloads=port.offloads,
        sources=config.admission.sources,
        datagrams_a_second=config.admission.datagrams_a_second,
        datagrams_burst=config.admission.datagrams_burst,
        handshakes_a_second=config.order_entry.handshakes_a_second,
        handshakes_burst=config.order_entry.handshakes_at_once,
    )


def warm_up() -> None:
    """Compile the loop, or load it from the cache, on a venue of one instrument: before a port is opened."""
    small = parse(
        {
            "limits": {"orders": 16, "levels": 16},
            "journal": {"records": 1024},
            "feed": {"store_mib": 1},
            "instruments": [{"security_id": 1, "symbol": "WARM"}],
            "sessions": [{"uuid": "00000000-0000-4000-8000-000000000001", "account": 1}],
        }
    )
    exchange = allocate(small)
    with open_port(PortConfig(kind="memory")) as port:
        loop = allocate_loop(opening_phases(small), heartbeat_ms=1000)
        run(exchange, loop, port.handle, 2)
        write_command(loop, CONTROL_STOP)
        replay_records(exchange, port.handle, 0, 0)


class Appliance:
    """One running venue. Use as a context manager: leaving it stops everything."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.shared = SharedFolder(config.name)
        self.log = VenueLog(config, self.shared)
        self.exchange: Exchange
        self.port: Port
        self._loop: LoopState
        self._venue: RunningVenue | None = None
        self._operator: OperatorServer | None = None
        self._thread: threading.Thread | None = None
        self._recovery: subprocess.Popen[bytes] | None = None
        self.distributor: DistributorKeeper | None = None
        self._gateway: GatewayKeeper | None = None
        self._ended_with = RUN_TURNS_DONE
        self._fault: Exception | None = None
        self._affinity_before: set[int] | None = None
        self._summary: Summary | None = None
        self.recovery = Chosen(None, 0, ())
        """Which snapshot the state was begun with."""
        self.feed_first_number = 1
        """Published messages from this number on can be had again over TCP; those before it cannot."""
        self._replica: subprocess.Popen[bytes] | None = None
        self._replica_reader: threading.Thread | None = None
        self._replica_problem = ""
        self.replica_told: dict[str, Any] = {}
        """What the replica said last: `follows`, `snapshot`, and at the end `ended` with its state hash."""
        self.problem = ""
        """What is wrong but may pass, in one sentence: `check` looks."""
        self._port_stats: np.ndarray
        self._port_stats_due = 0.0

    def start(self) -> None:
        """Compile, allocate, open the port, start loop and recovery server. Raises ApplianceError, ExchangeError."""
        asks_for_keys = self.config.drop_copies or any(session.key_id for session in self.config.sessions)
        if asks_for_keys and not self.config.gateway.enabled:
            raise ApplianceError("Sessions with a key_id and [[drop_copies]] need the gateway: set gateway.enabled.")
        warm_up()
        self.shared.lock()
        try:
            self._keep_house_elsewhere()  # first: threads that a port starts (DPDK) stay there too
            try:
                self.log.open(self._choose_snapshot)
                self.config = _with_seed(self.log.config)
                self._keep_seed()
                self.log.start_writer()  # it comes up while the state is made
                self.port = open_port(port_config(self.config))
            except PortError as error:
                raise ApplianceError(error.sentence) from None
            self.exchange = allocate(
                self.config, shared=self.shared, log=self.log.store, local_mac=self.port.mac or LOCAL_MAC
            )
            self._loop = allocate_loop(
                opening_phases(self.config),
                idle=_IDLE[self.config.loop.idle],
                heartbeat_ms=self.config.feed.heartbeat_ms,
            )
            self._start_recovery()
            self._carry_on()
            self._start_log()
            self._finish_opening()
            self._port_stats = self.shared.map_new(self.shared.port_stats, PORT_STATS.itemsize).view(PORT_STATS)
            self._await_recovery()
            self._start_distributor()
            self._start_gateway()
            self._venue = RunningVenue(
                self.config,
                self.exchange,
                self._loop,
                turns=lambda: self._thread is not None and self._thread.is_alive(),
                durable_records=self.log.durable_records if self.log.holds else None,
            )
            self._thread = threading.Thread(target=self._turn_until_stopped, name="pitwire-loop", daemon=True)
            self._thread.start()
            self._start_operator()
            self._start_replica()
        except (GatewayError, JournalError, RecoveryError) as error:
            self._give_up()
            raise ApplianceError(str(error)) from None
        except BaseException:
            self._give_up()
            raise

    def _give_up(self) -> None:
        """Leave nothing of a start that failed, but for a log in shared memory that an earlier run has left."""
        self.stop()
        if self.log.is_only_copy:
            self.shared.clear(but_the_journal=True)
            self.shared.unlock()
        else:
            self.shared.remove()

    def _choose_snapshot(self, log: FoundLog) -> int:
        folder = self.config.journal.snapshots
        config = self.log.config
        channels = channels_of(config) if follows_channels(config) else None
        self.recovery = choose(config, Path(folder) if folder else None, log, channels=channels)
        return self.recovery.sequence

    def _keep_seed(self) -> None:
        """For distributor, recovery server and replica, whenever one of them begins in this run."""
        if self.recovery.seed is None:
            return
        try:
            write_seed(self.shared.path, self.recovery.seed)
        except OSError as error:
            raise ApplianceError(f"{self.shared.path}: what market data has come to: {error.strerror}.") from None

    def _carry_on(self) -> None:
        """Begin with the state of the snapshot, and decide again what an earlier run left in the log behind it: what it
        sent then is not sent again."""
        self.feed_first_number = begin_with(self.exchange, self.config, self.recovery)
        count = self.log.recovered_records
        with open_port(PortConfig(kind="pcap")) as nowhere:
            replay_records(self.exchange, nowhere.handle, self.recovery.sequence, count)
            drain(self.exchange, nowhere.handle)
        carry_on(self.exchange.journal, count, self.log.last_crc32c)

    def _start_replica(self) -> None:
        if self.config.journal.snapshot_seconds == 0:
            return
        words = [sys.executable, "-m", "appliance.cli", "replica", "--config", str(self.shared.config)]
        self._replica = subprocess.Popen(
            [*words, "--parent-pid", str(os.getpid()), "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        self._replica_reader = threading.Thread(target=self._hear_replica, args=(self._replica,), daemon=True)
        self._replica_reader.start()

    def _hear_replica(self, replica: subprocess.Popen[bytes]) -> None:
        assert replica.stdout is not None
        with replica.stdout:
            for line in replica.stdout:
                self.replica_told |= json.loads(line)

    def _check_replica(self) -> str:
        """A sentence where the replica has ended by itself: the venue goes on without snapshots."""
        if self._replica is not None and self._replica.poll() is not None:
            self._stop_replica()
            self._replica_problem = "The replica ended, its own message stands above; no more snapshots are written."
        return self._replica_problem

    def _stop_replica(self) -> None:
        """Let it come to the end of a log that was closed, write its last snapshot and say what state it has."""
        replica, self._replica = self._replica, None
        if replica is None:
            return
        try:
            replica.wait(_REPLICA_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            replica.kill()
            replica.wait()
        assert self._replica_reader is not None
        self._replica_reader.join()

    @property
    def replica_disagrees(self) -> bool:
        """Whether the replica came to the end of the log in another state than the loop: a fault in the program. After
        `stop`."""
        ended = self.replica_told.get("ended")
        return ended is not None and self.stopped_in_good_order and ended["state_hash"] != self.summary.state_hash

    def _finish_opening(self) -> None:
        """Where an earlier run was ended amid the opening of the day, do the rest of it."""
        count = self.log.recovered_records
        finish_opening(self.exchange, self._loop, self.port.handle, count, time.time_ns())

    def _start_log(self) -> None:
        self.log.start()
        if self.log.holds:
            control = self.log.store.control
            begin_to_hold(self.exchange.hold, control.address("durable_records"), control.address("writer_state"))

    def _keep_house_elsewhere(self) -> None:
        """Leave the loop's CPU to the loop: this thread, and what it starts, stays on the others."""
        cpu = self.config.loop.cpu
        allowed = os.sched_getaffinity(0)
        if cpu >= 0 and cpu not in allowed:
            raise ApplianceError(f"loop.cpu is {cpu}, which this process may not use; it has {_cpus()}.")
        if cpu >= 0 and len(allowed) > 1:
            self._affinity_before = allowed
            os.sched_setaffinity(0, allowed - {cpu})

    def _start_distributor(self) -> None:
        if self.config.distributor.enabled:
            create_told(self.shared.path, int(self.exchange.feed.header[0]["committed_bytes"]))
            self.distributor = DistributorKeeper(self.shared.path)
            self.distributor.start()

    def _start_recovery(self) -> None:
        if not self.config.recovery.enabled:
            return
        self._recovery = subprocess.Popen(
            command_line(self.shared.feed, self.shared.config, parent_pid=os.getpid()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )

    def _await_recovery(self) -> None:
        if self._recovery is None:
            return
        assert self._recovery.stdout is not None
        if not self._recovery.stdout.readline():  # it says where it listens, or ends
            code = self._recovery.wait()
            raise ApplianceError(f"The recovery server did not start (exit {code}); its own message stands above.")

    def _start_gateway(self) -> None:
        if self.config.gateway.enabled:
            self._gateway = GatewayKeeper(self.shared.path)
            self._gateway.start()

    def _start_operator(self) -> None:
        path = self.shared.path / SOCKET_NAME
        assert self._venue is not None
        try:
            self._operator = OperatorServer(path, self._venue)
        except OSError as error:
            raise ApplianceError(f"{path}: the operator's socket cannot be made: {error.strerror}.") from None
        self._operator.start()

    def _turn_until_stopped(self) -> None:
        cpu = self.config.loop.cpu
        if cpu >= 0:
            os.sched_setaffinity(0, {cpu})  # of this thread alone
        try:
            self._ended_with = int(run(self.exchange, self._loop, self.port.handle, -1))
        except Exception as error:  # a broken assertion of a kernel: `check` tells whoever watches
            self._fault = error

    def check(self) -> None:
        """Raises ApplianceError when the loop, the disk writer or the recovery server ended by itself. Also tells
        observers of the port: call it several times a second."""
        if self._thread is not None:
            try:
                self.problem = self.log.check() or self._check_replica()
            except JournalError as error:
                raise ApplianceError(str(error)) from None
            if self.distributor is not None:
                self.problem = self.problem or self.distributor.check()
        if self._fault is not None:
            raise ApplianceError(f"The loop ended by a fault in the program: {self._fault!r}.")
        if self._thread is not None and not self._thread.is_alive() and self._ended_with != RUN_STOPPED:
            if self._ended_with == RUN_LOG_LOST:
                raise ApplianceError(
                    "The disk writer ended, its own message stands above: nothing after record "
                    f"{self.log.durable_records()} is acknowledged."
                )
            raise ApplianceError(f"The loop ended: {sentence_of_error(self._ended_with)}")
        if self._recovery is not None and self._recovery.poll() is not None:
            raise ApplianceError(f"The recovery server ended by itself (exit {self._recovery.returncode}).")
        if self._gateway is not None:
            try:
                self._gateway.check()
            except GatewayError as error:
                raise ApplianceError(str(error)) from None
            if self.exchange.rings.scalars[BROKEN]:
                raise ApplianceError("The gateway wrote into its ring what cannot be: nothing of it is read any more.")
        if time.monotonic() >= self._port_stats_due:
            self._port_stats_due = time.monotonic() + _PORT_STATS_SECONDS
            for name, value in self.port.stats().items():
                self._port_stats[0][name] = value

    def stop(self) -> None:
        """Stop loop, recovery server and port. Again is harmless.

        Journal and feed store are marked as closed only where the loop ended because it was told to.
        """
        if self._operator is not None:
            self._operator.stop()
            self._operator = None
        if self._recovery is not None:
            self._recovery.terminate()  # it ends while the loop does
        if self._thread is not None:
            if self._thread.is_alive():
                assert self._venue is not None
                with contextlib.suppress(OperatorError):  # it may have just ended
                    self._venue.stop_loop()
                self._thread.join(_STOP_SECONDS_MAX)
                if self._thread.is_alive():
                    raise ApplianceError(f"The loop did not stop within {_STOP_SECONDS_MAX} s.")
            self._thread = None
            in_good_order = self.stopped_in_good_order
            if in_good_order:
                self.exchange.feed.header[0]["closed"] = 1
            self.log.stop(in_good_order=in_good_order)
            if not in_good_order and self._replica is not None:
                self._replica.terminate()
            self._stop_replica()
            self._summary = self._summarise()
        if self.distributor is not None:
            self.distributor.stop()
        self.log.stop(in_good_order=False)  # where the loop never ran
        if self._gateway is not None:
            self._gateway.stop()
            self._gateway = None
        if self._recovery is not None:
            try:
                self._recovery.wait(_RECOVERY_STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._recovery.kill()
                self._recovery.wait()
            assert self._recovery.stdout is not None
            self._recovery.stdout.close()
            self._recovery = None
        if hasattr(self, "port"):
            self.port.close()
        if self._affinity_before is not None:
            os.sched_setaffinity(0, self._affinity_before)
            self._affinity_before = None

    @property
    def stopped_in_good_order(self) -> bool:
        """Whether the loop ended because it was told to."""
        return self._ended_with == RUN_STOPPED

    @property
    def stop_asked(self) -> bool:
        """Whether an operator asked the appliance to stop."""
        return self._venue is not None and self._venue.stop_asked.is_set()

    def counter(self, index: int) -> int:
        """A row of `native.counters`, now."""
        return int(self.exchange.tables.counters[index])

    @property
    def summary(self) -> Summary:
        """What it did; after `stop`."""
        assert self._summary is not None
        return self._summary

    def _summarise(self) -> Summary:
        values = self.exchange.tables.counters
        return Summary(
            port=self.port.describe(),
            counters={row.name: int(value) for row, value in zip(counters.COUNTERS, values, strict=True)},
            dropped=drops(values),
            port_stats=self.port.stats(),
            state_hash=whole_state_hash(self.exchange),
            book_digest=engine_book_digest(self.exchange),
            open_orders=int(self.exchange.book.state[0]["open_orders"]),
            journal=str(self.log.path),
        )

    def __enter__(self) -> Appliance:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _with_seed(config: Config) -> Config:
    """`config`, with a seed for the order of subscribers where it has none; config.json records it."""
    if config.distributor.shuffle_seed:
        return config
    distributor = config.distributor.model_copy(update={"shuffle_seed": secrets.randbelow(1 << 62) or 1})
    return config.model_copy(update={"distributor": distributor})


def engine_book_digest(exchange: Exchange) -> str:
    """Digest of the engine's public books, what is displayed of each order, in the form that a subscriber computes
    over its own."""
    books = []
    for index, row in enumerate(exchange.tables.instruments):
        found = [
            BookOrder(
                order.order_id,
                side,
                int(price_nanos(exchange.tables, index, order.price_ticks)),
                order.display_lots,
                order.priority,
            )
            for side, is_sell in ((SIDE_BUY, False), (SIDE_SELL, True))
            for order in orders(exchange.book, index, is_sell)
            if order.display_lots > 0
        ]
        books.append((int(row["security_id"]), found))
    return book_digest(sorted(books))


def _cpus() -> str:
    return ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
