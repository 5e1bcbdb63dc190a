"""Start, watch and stop an appliance: the loop in a thread of its own, the recovery server in a process of its own.

Python here only allocates, starts, watches and stops; it speaks to the loop through its command ring and reads its
counters. A stop is carried out within one turn.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass

import numpy as np

from appliance.book.view import orders
from appliance.client.book import SIDE_BUY, SIDE_SELL, BookOrder, book_digest
from appliance.config import Config, parse
from appliance.exchange import Exchange, SharedFolder, allocate, whole_state_hash
from appliance.hold import begin_to_hold
from appliance.journal.records import JournalError
from appliance.loop import (
    IDLE_SLEEP,
    IDLE_SPIN,
    IDLE_YIELD,
    RUN_STOPPED,
    LoopState,
    allocate_loop,
    day_is_open,
    run,
    write_command,
)
from appliance.pipeline import drain, replay_records
from appliance.recovery.process import command_line
from appliance.replay import LOCAL_MAC, drops, opening_phases
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
        self._thread: threading.Thread | None = None
        self._recovery: subprocess.Popen[bytes] | None = None
        self._ended_with = 0
        self._fault: Exception | None = None
        self._affinity_before: set[int] | None = None
        self._summary: Summary | None = None
        self.problem = ""
        """What is wrong but may pass, in one sentence: `check` looks."""
        self._port_stats: np.ndarray
        self._port_stats_due = 0.0

    def start(self) -> None:
        """Compile, allocate, open the port, start loop and recovery server. Raises ApplianceError, ExchangeError."""
        warm_up()
        self.shared.lock()
        try:
            self._keep_house_elsewhere()  # first: threads that a port starts (DPDK) stay there too
            try:
                self.log.open()
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
            self._carry_on()
            self._start_log()
            self._port_stats = self.shared.map_new(self.shared.port_stats, PORT_STATS.itemsize).view(PORT_STATS)
            self._start_recovery()
            self._thread = threading.Thread(target=self._turn_until_stopped, name="pitwire-loop", daemon=True)
            self._thread.start()
        except JournalError as error:
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

    def _carry_on(self) -> None:
        """Decide again what an earlier run left in the log: what it sent then is not sent again."""
        count = self.log.recovered_records
        if count == 0:
            return
        with open_port(PortConfig(kind="pcap")) as nowhere:
            replay_records(self.exchange, nowhere.handle, 0, count)
            drain(self.exchange, nowhere.handle)
        carry_on(self.exchange.journal, count, self.log.last_crc32c)
        day_is_open(self._loop)

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

    def _start_recovery(self) -> None:
        recovery = self.config.recovery
        if not recovery.enabled:
            return
        self._recovery = subprocess.Popen(
            command_line(
                self.shared.feed,
                recovery.ip,
                recovery.tcp_port,
                messages_a_request_max=recovery.messages_a_request_max,
                parent_pid=os.getpid(),
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._recovery.stdout is not None
        if not self._recovery.stdout.readline():  # it says where it listens, or ends
            code = self._recovery.wait()
            raise ApplianceError(f"The recovery server did not start (exit {code}); its own message stands above.")

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
                self.problem = self.log.check()
            except JournalError as error:
                raise ApplianceError(str(error)) from None
        if self._fault is not None:
            raise ApplianceError(f"The loop ended by a fault in the program: {self._fault!r}.")
        if self._thread is not None and not self._thread.is_alive() and self._ended_with != RUN_STOPPED:
            raise ApplianceError(f"The loop ended: {sentence_of_error(self._ended_with)}")
        if self._recovery is not None and self._recovery.poll() is not None:
            raise ApplianceError(f"The recovery server ended by itself (exit {self._recovery.returncode}).")
        if time.monotonic() >= self._port_stats_due:
            self._port_stats_due = time.monotonic() + _PORT_STATS_SECONDS
            for name, value in self.port.stats().items():
                self._port_stats[0][name] = value

    def stop(self) -> None:
        """Stop loop, recovery server and port. Again is harmless.

        Journal and feed store are marked as closed only where the loop ended because it was told to.
        """
        if self._recovery is not None:
            self._recovery.terminate()  # it ends while the loop does
        if self._thread is not None:
            if self._thread.is_alive():
                write_command(self._loop, CONTROL_STOP)
                self._thread.join(_STOP_SECONDS_MAX)
                if self._thread.is_alive():
                    raise ApplianceError(f"The loop did not stop within {_STOP_SECONDS_MAX} s.")
            self._thread = None
            in_good_order = self._ended_with == RUN_STOPPED
            if in_good_order:
                self.exchange.feed.header[0]["closed"] = 1
            self.log.stop(in_good_order=in_good_order)
            self._summary = self._summarise()
        self.log.stop(in_good_order=False)  # where the loop never ran
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
