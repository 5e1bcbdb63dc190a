"""One contender at work: its server, the generator's port to it, its stream of requests; measured a slice at a time."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appliance import histogram
from appliance.demo.memif import wait_for_link
from appliance.histogram import Histogram
from bench.wire import generator, servers
from bench.wire.contenders import (
    CLIENT_UDP_PORT,
    ECHO,
    FEED_GROUP,
    FEED_UDP_PORT,
    ORDER_UDP_PORT,
    BenchError,
    Contender,
    Cpus,
    Scene,
    Setup,
    in_namespace,
    scene_for,
)
from bench.wire.templates import Addresses, make_templates, session_uuids
from native.codes import sentence_of_error
from native.ports import Port, PortConfig, PortError, open_port

NS_PER_SECOND = 1_000_000_000
HISTOGRAMS = ("service", "response", "read", "feed_service", "feed_response", "lateness")
SETTLE_SECONDS = 0.02
FILL_RATE = 10_000
LINGER_SECONDS = 0.3
BOOK_DEPTH_ROUNDS = 16
"""Rounds of the flow that rest in each book."""
_TX_FRAMES = 2048


@dataclass(frozen=True)
class Slice:
    """One uninterrupted stretch of one contender at one rate."""

    rate: int
    started_unix: float
    progress: tuple[int, ...]
    """`generator.Traffic.progress`"""
    histograms: dict[str, Histogram]

    @property
    def seconds(self) -> float:
        """From the first due time to the last answer."""
        return max(self.progress[generator.LAST_NS] - self.progress[generator.START_NS], 1) / NS_PER_SECOND

    def p50_ns(self, name: str) -> int:
        """The median of one of HISTOGRAMS."""
        return histogram.percentile_ns(self.histograms[name], 500_000)


class Link:
    """A server that waits paused, and everything that the generator needs to measure it."""

    def __init__(
        self, contender: Contender, scene: Scene, server: servers.Server, port: Port, feed_port: Port | None,
        traffic: generator.Traffic, cpus: Cpus, realtime: bool,
    ) -> None:  # fmt: skip
        self.contender = contender
        self.scene = scene
        self.server = server
        self.port = port
        self.feed_port = feed_port
        self.traffic = traffic
        self._cpus = cpus
        self._realtime = realtime

    def fill_books(self) -> None:
        """Send the first rounds of the flow, so that later requests find their orders. Raises BenchError."""
        rounds = int(self.traffic.settings[generator.LAG_ROUNDS])
        filled = self.measure(FILL_RATE, rounds * generator.STEPS_THAT_REST, 0)
        if filled.progress[generator.ANSWERED] == 0:
            raise BenchError(f"Nothing comes back from {self.contender.title}.")
        if self._realtime:
            self.server.make_realtime(self._cpus.server)

    def measure(self, rate: int, count: int, warm_count: int) -> Slice:
        """Send `count` requests at `rate` a second; the first `warm_count` are not measured. Raises BenchError."""
        traffic = self.traffic
        traffic.progress[:] = 0
        for name in HISTOGRAMS:
            getattr(traffic, name)[:] = 0
        traffic.settings[generator.MEASURED_FROM] = traffic.settings[generator.NEXT_REQUEST] + warm_count
        feed_handle = self.feed_port.handle if self.feed_port else 0
        ended_with: list[int] = []

        def work() -> None:
            os.sched_setaffinity(0, {self._cpus.generator})  # of this thread
            if self._realtime:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(servers.REALTIME_PRIORITY))
            with in_namespace(self.scene.client_namespace):
                ended_with.append(int(generator.run(traffic, self.port.handle, feed_handle, rate, count)))

        self.server.resume()
        try:
            time.sleep(SETTLE_SECONDS)
            started = time.time()
            thread = threading.Thread(target=work, name="generator")
            thread.start()
            try:
                thread.join()
            finally:
                traffic.progress[generator.STOP] = 1
                thread.join()
        finally:
            self.server.pause()
        if not ended_with or ended_with[0] < 0:
            code = ended_with[0] if ended_with else 0
            raise BenchError(f"The generator's port to {self.contender.name} failed: {sentence_of_error(code)}")
        return Slice(
            rate,
            started,
            tuple(int(value) for value in traffic.progress),
            {name: np.array(getattr(traffic, name)) for name in HISTOGRAMS},
        )


@contextmanager
def linked(contender: Contender, cpus: Cpus, folder: Path, setup: Setup) -> Iterator[Link]:
    """Start the server of `contender` and open the generator's port to it. Raises BenchError."""
    with ExitStack() as stack:
        scene = stack.enter_context(scene_for(contender, folder))
        server = stack.enter_context(servers.running(contender, scene, cpus, folder, setup))
        server.resume()  # memif is joined by both ends
        try:
            port, feed_port = _open_ports(contender, scene, stack, setup)
        except PortError as error:
            raise BenchError(f"The generator has no port to {contender.name}: {error.sentence}") from None
        server.pause()
        addresses = Addresses(
            port.mac or scene.client_mac,
            scene.client_ip,
            CLIENT_UDP_PORT,
            scene.server_mac,
            scene.server_ip,
            ORDER_UDP_PORT,
        )
        settings = {
            generator.INSTRUMENTS: setup.instruments,
            generator.SESSIONS: setup.sessions,
            generator.LAG_ROUNDS: setup.instruments * BOOK_DEPTH_ROUNDS,
            generator.IS_ECHO: int(contender.what == ECHO),
            generator.FEED_UDP_PORT: FEED_UDP_PORT,
            generator.USE_STAMPS: int(setup.use_stamps),
            generator.LINGER_NS: int(LINGER_SECONDS * NS_PER_SECOND),
        }
        traffic = generator.new_traffic(
            settings, make_templates(addresses, setup.sessions), session_uuids(setup.sessions)
        )
        yield Link(contender, scene, server, port, feed_port, traffic, cpus, setup.realtime)


def _open_ports(contender: Contender, scene: Scene, stack: ExitStack, setup: Setup) -> tuple[Port, Port | None]:
    """The generator's port, and for kernel sockets a second one that listens to the feed."""
    with in_namespace(scene.client_namespace):
        if contender.client_port != "udp":
            config = PortConfig(
                kind=contender.client_port,  # type: ignore[arg-type]
                interface=scene.client_interface,
                udp_ports=(CLIENT_UDP_PORT, FEED_UDP_PORT),
                rx_frames=2 * setup.frames,
                tx_frames=_TX_FRAMES,
                xdp_mode=setup.xdp_mode,  # type: ignore[arg-type]
                device=scene.client_device,
                eal_args=scene.eal_args,
            )
            port = stack.enter_context(open_port(config))
            if scene.client_device and not wait_for_link(port):
                raise BenchError(f"The memif between the generator and {contender.name} did not come up.")
            return port, None
        config = PortConfig(
            kind="udp", local_ip=scene.client_ip, udp_ports=(CLIENT_UDP_PORT,), rx_frames=2 * setup.frames
        )
        port = stack.enter_context(open_port(config))
        if contender.what == ECHO:
            return port, None
        # the port joins no group: a socket beside it does, and Linux then hands the group to every socket of the number
        member = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        join = struct.pack("4s4s", socket.inet_aton(FEED_GROUP), socket.inet_aton(scene.client_ip))
        member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, join)
        listen = PortConfig(
            kind="udp",
            interface=scene.client_interface or "lo",
            local_ip=FEED_GROUP,
            udp_ports=(FEED_UDP_PORT,),
            rx_frames=2 * setup.frames,
        )
        return port, stack.enter_context(open_port(listen))
