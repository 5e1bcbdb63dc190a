"""One demonstration from start to end: processes up, a capture through them, everything compared, processes down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.client.replayer import Endpoint, Pace, Progress, Replayer, ReplayResult, warm_up
from appliance.client.workload import load_workload
from appliance.config import Config, parse
from appliance.demo import memif
from appliance.demo.placement import Placement
from appliance.replay import replay_capture, sized_for
from native.ports import Port, PortConfig, open_port
from nic.namespaces import HostPair, inside
from wire.capture import open_capture

CLIENT_UDP_PORT = 26500
CHILD_STOP_SECONDS_MAX = 90.0
PROGRESS_SECONDS = 0.1


class DemoError(Exception):
    """The demonstration failed; the message says what."""


@dataclass(frozen=True)
class Outcome:
    """What the three processes said, and whether they agree."""

    port: str
    client: ReplayResult
    venue: dict[str, Any]
    """Summary of `appliance.control`."""
    subscriber: dict[str, Any]
    replay_state_hash: str
    """State hash of the same capture replayed without a wire."""

    @property
    def faults(self) -> list[str]:
        """What is not as it must be, a sentence each; empty when all is well."""
        found = []
        if self.client.lost:
            found.append(f"{self.client.lost} requests were never answered.")
        if self.client.reports_missing:
            found.append(f"{self.client.reports_missing} reports never came.")
        if self.venue["counters"]["tx_dropped"]:
            found.append(f"The venue gave up {self.venue['counters']['tx_dropped']} frames.")
        if self.subscriber["recovering"] or self.subscriber["book_faults"]:
            found.append("The subscriber could not complete the feed.")
        elif self.subscriber["book_digest"] != self.venue["book_digest"]:
            found.append("The subscriber's book is not the engine's.")
        if self.venue["state_hash"] != self.replay_state_hash:
            found.append("The live run and the replay of its capture ended in different states.")
        return found


@dataclass(frozen=True)
class Scene:
    """Where the venue and its client are: which interface, which addresses."""

    kind: str
    venue_ip: str
    client_ip: str
    venue_interface: str = ""
    client_interface: str = ""
    venue_mac: int = 0
    client_mac: int = 0
    venue_namespace: int = -1
    client_namespace: int = -1
    venue_device: str = ""
    client_device: str = ""
    eal_args: str = ""
    kernel_ip: str = ""
    """Where kernel sockets (TCP recovery, the subscriber) are, if not at the addresses above."""


@contextmanager
def scene_for(kind: str, eal_args: str = "") -> Iterator[Scene]:
    """Two hosts joined by veth for xdp and packet, by memif for dpdk, loopback for udp."""
    if kind == "udp":
        yield Scene(kind, "127.0.0.1", "127.0.0.1")
        return
    if kind == "dpdk":
        with tempfile.TemporaryDirectory(prefix="pitwire-memif-") as folder:
            path = Path(folder) / "memif.sock"
            yield Scene(
                kind,
                "10.26.0.1",
                "10.26.0.2",
                venue_mac=0x022600000001,
                client_mac=0x022600000002,
                venue_device=memif.device("server", 0, path, "02:26:00:00:00:01"),
                client_device=memif.device("client", 0, path, "02:26:00:00:00:02"),
                eal_args=eal_args or memif.eal_args(),
                kernel_ip=memif.LOOPBACK,
            )
        return
    with HostPair() as pair:
        yield Scene(
            kind,
            pair.venue.ip,
            pair.client.ip,
            pair.venue.interface,
            pair.client.interface,
            pair.venue.mac_number,
            pair.client.mac_number,
            pair.venue.namespace,
            pair.client.namespace,
        )


@contextmanager
def _in(namespace: int) -> Iterator[None]:
    if namespace < 0:
        yield
        return
    with inside(namespace):
        yield


def run_demo(
    kind: str,
    capture: Path,
    config: Config,
    placement: Placement,
    *,
    orders_a_second: float,
    drop_percent: float,
    say: Callable[[str], None],
    show: Callable[[Progress], None],
) -> Outcome:
    """Run `capture` through a venue on a port of `kind` (not pcap). `say` hears what happens, `show` how far.

    Raises DemoError, and whatever opening a capture or port raises.
    """
    with ExitStack() as stack:
        scene = stack.enter_context(scene_for(kind, config.port.eal_args))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pitwire-demo-")))
        venue_config = _venue_config(sized_for(config, capture), scene, placement)
        config_path = folder / "config.json"
        config_path.write_text(venue_config.to_json(), encoding="utf-8")

        say("loading the client's kernels (the first time they are compiled: about a minute)")
        warm_up()
        say("starting the venue")
        venue = stack.enter_context(
            _child(scene.venue_namespace, "venue", "appliance.cli", "run", "--config", str(config_path),
                   "--json", "--remove")
        )  # fmt: skip
        ready = venue.read("ready")
        say(f"venue ready: {ready['port']}")
        words = [
            "--config",
            str(config_path),
            "--interface-ip",
            scene.kernel_ip or scene.client_ip,
            "--drop-percent",
            str(drop_percent),
        ]
        words += ["--cpu", str(placement.subscriber_cpu)] + (["--yielding"] if placement.subscriber_yields else [])
        subscriber = stack.enter_context(
            _child(scene.client_namespace, "subscriber", "appliance.demo.subscriber", *words)
        )
        subscriber.read("joined")
        say(f"subscriber joined {venue_config.feed.group}, losing {drop_percent:g} % of the datagrams on purpose")

        client = _run_client(stack, scene, capture, venue_config, placement, orders_a_second, say, show)
        say("waiting for the subscriber to complete the feed over TCP")
        followed = subscriber.finish()
        summary = venue.finish()["stopped"]
    say("replaying the same capture without a wire, to compare the states")
    replayed = replay_capture(capture, config)
    return Outcome(str(ready["port"]), client, summary, followed, replayed.state_hash)


def _venue_config(config: Config, scene: Scene, placement: Placement) -> Config:
    values = json.loads(config.to_json())
    values["name"] = f"demo-{os.getpid()}"
    values["port"] |= {"kind": scene.kind, "interface": scene.venue_interface, "eal_args": scene.eal_args}
    values["port"] |= {"device": scene.venue_device, "queue": 0, "tx_queue": -1, "queue_count": 1, "steering": "auto"}
    values["order_entry"]["ip"] = scene.venue_ip
    values["feed"]["interface_ip"] = scene.venue_ip
    values["distributor"]["enabled"] = False  # the demonstration shows the core: its CPUs are all taken
    values["recovery"]["ip"] = scene.kernel_ip or scene.venue_ip
    values["loop"] = {"cpu": placement.venue_cpu, "idle": placement.idle}
    return parse(values, "demonstration")


def _client_port(scene: Scene) -> Port:
    if scene.kind == "udp":
        return open_port(PortConfig(kind="udp", local_ip=scene.client_ip))
    if scene.kind == "dpdk":
        port = open_port(PortConfig(kind="dpdk", device=scene.client_device, eal_args=scene.eal_args))
        if not memif.wait_for_link(port):
            port.close()
            raise DemoError("The venue's end of the memif did not come up.")
        return port
    with _in(scene.client_namespace):
        return open_port(
            PortConfig(
                kind="xdp" if scene.kind == "xdp" else "packet",
                interface=scene.client_interface,
                udp_ports=(CLIENT_UDP_PORT,),
            )
        )


def _run_client(
    stack: ExitStack,
    scene: Scene,
    capture: Path,
    config: Config,
    placement: Placement,
    orders_a_second: float,
    say: Callable[[str], None],
    show: Callable[[Progress], None],
) -> ReplayResult:
    """The replay. The port, and over memif the relay of the feed, stay until `stack` ends."""
    workload = load_workload(open_capture(capture), config.order_entry.udp_port)
    outcome: list[ReplayResult | BaseException] = []
    port = stack.enter_context(_client_port(scene))
    say(f"client: {workload.requests:,} requests at {orders_a_second:,.0f} a second through {port.describe()}")
    source = Endpoint(scene.client_ip, port.udp_port or CLIENT_UDP_PORT, scene.client_mac)
    target = Endpoint(scene.venue_ip, config.order_entry.udp_port, scene.venue_mac)
    kept = memif.FRAMES_KEPT if scene.kind == "dpdk" else 0
    replayer = Replayer(workload, port, source, target, Pace(datagrams_a_second=orders_a_second), others_kept=kept)
    relay: memif.FeedRelay | None = None
    if scene.kind == "dpdk":
        feed = config.feed
        relay = memif.FeedRelay(
            port,
            feed.group,
            feed.udp_port,
            replayer.take_others,
            placement.subscriber_cpu,
            placement.subscriber_yields,
        )
        stack.enter_context(relay)

    def work() -> None:
        try:
            with _in(scene.client_namespace):
                if placement.client_cpu >= 0:
                    os.sched_setaffinity(0, {placement.client_cpu})  # of this thread
                outcome.append(replayer.run())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=work, name="pitwire-client")
    thread.start()
    try:
        while thread.is_alive():
            thread.join(PROGRESS_SECONDS)
            show(replayer.progress())
    finally:
        replayer.stop()
        thread.join()
        if relay is not None:
            relay.replay_is_over()
    result = outcome[0]
    if isinstance(result, BaseException):
        raise result
    return result


class _Child:
    """A process of the demonstration that speaks in lines of JSON."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self.process = process

    def read(self, key: str) -> Any:
        """The next line, which must hold `key`."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise DemoError(f"The {self.name} ended before it was ready; its own message stands above.")
        return json.loads(line)[key]

    def finish(self) -> Any:
        """Ask it to end, and return its last words."""
        self.process.send_signal(signal.SIGTERM)
        try:
            out, _ = self.process.communicate(timeout=CHILD_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise DemoError(f"The {self.name} did not end within {CHILD_STOP_SECONDS_MAX:.0f} s.") from None
        if self.process.returncode != 0 or not out.strip():
            raise DemoError(f"The {self.name} failed (exit {self.process.returncode}); its message stands above.")
        return json.loads(out.strip().splitlines()[-1])


@contextmanager
def _child(namespace: int, name: str, module: str, *words: str) -> Iterator[_Child]:
    with _in(namespace):
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
    try:
        yield _Child(name, process)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()
