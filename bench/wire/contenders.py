"""What is measured: an appliance or an echo, over which port, from which checkout; and where both ends stand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.demo import memif
from native.ports import explain_missing
from nic import namespaces
from nic.namespaces import HostPair, inside

ROOT = Path(__file__).resolve().parents[2]
APPLIANCE = "appliance"
ECHO = "echo"
APPLIANCE_PORTS = ("xdp", "udp", "packet", "dpdk")
ECHO_PORTS = (*APPLIANCE_PORTS, "socket")
CLIENT_PORTS = ("xdp", "packet", "udp")

ORDER_UDP_PORT = 26400
FEED_UDP_PORT = 26401
CLIENT_UDP_PORT = 26500
FEED_GROUP = "239.192.26.1"


class BenchError(Exception):
    """The measurement cannot be made; the message is one sentence that says why and what to do."""


@dataclass(frozen=True)
class Contender:
    """One line of the comparison."""

    what: str
    """APPLIANCE or ECHO"""
    port: str
    """The server's: one of APPLIANCE_PORTS; `socket`: a plain UDP socket."""
    client_port: str
    checkout: Path = ROOT

    @property
    def name(self) -> str:
        """As it was asked for, for people and file names: `xdp`, `echo-xdp`, `xdp@before`."""
        place = "" if self.checkout == ROOT else f"@{self.checkout.name}"
        return f"{'echo-' if self.what == ECHO else ''}{self.port}{place}"

    @property
    def title(self) -> str:
        """What it is, in words."""
        if self.what == ECHO:
            return "plain UDP echo, polled" if self.port == "socket" else f"raw {PORT_TITLES[self.port]} echo"
        place = "" if self.checkout == ROOT else f" of {self.checkout.name}"
        return f"appliance{place} over {PORT_TITLES[self.port]}"


PORT_TITLES = {"xdp": "AF_XDP", "udp": "UDP", "packet": "AF_PACKET", "dpdk": "DPDK memif", "socket": "UDP"}


def parse(text: str, client: str = "same") -> Contender:
    """A contender from `[echo:]PORT[@CHECKOUT]`. Raises BenchError."""
    words, _, place = text.partition("@")
    what, _, port = words.rpartition(":")
    if what not in ("", APPLIANCE, ECHO):
        raise BenchError(f"{text!r} is no contender: write PORT, echo:PORT or PORT@CHECKOUT, as in xdp@../before.")
    ports = ECHO_PORTS if what == ECHO else APPLIANCE_PORTS
    if port not in ports:
        raise BenchError(f"{text!r} names no port: choose one of {', '.join(ports)}.")
    if what == ECHO and place:
        raise BenchError(f"{text!r}: the echo servers are those of this checkout.")
    checkout = Path(place).resolve() if place else ROOT
    if place and not (checkout / ".venv" / "bin" / "python").exists():
        raise BenchError(f"{place} is no checkout that was set up: `git worktree add {place} COMMIT`, `make setup`.")
    missing = why_not(port)
    if missing:
        raise BenchError(missing)
    return Contender(what or APPLIANCE, port, client_port_for(port, client), checkout)


def why_not(port: str) -> str | None:
    """Why a server cannot be measured over `port` here; None when it can."""
    if port == "dpdk":
        return explain_missing("dpdk")
    if port in ("xdp", "packet"):
        return explain_missing("xdp" if port == "xdp" else "packet") or namespaces.explain_missing()
    return None


def client_port_for(port: str, wanted: str) -> str:
    """The generator's port against a server on `port`: of the same kind, or the one wanted. Raises BenchError."""
    if port == "dpdk":
        return "dpdk"
    if wanted == "same":
        return "udp" if port == "socket" else port
    reason = why_not(wanted) if wanted in CLIENT_PORTS else f"choose same, {' or '.join(CLIENT_PORTS)}."
    if reason:
        raise BenchError(f"The generator cannot use the {wanted} port: {reason}")
    return wanted


@dataclass(frozen=True)
class Scene:
    """Where the two ends are. Namespaces are file descriptors, -1: that of this process."""

    server_ip: str
    client_ip: str
    server_interface: str = ""
    client_interface: str = ""
    server_mac: int = 0
    client_mac: int = 0
    server_namespace: int = -1
    client_namespace: int = -1
    server_device: str = ""
    client_device: str = ""
    """memif devices, of the dpdk port"""
    eal_args: str = ""

    @property
    def title(self) -> str:
        """The way between the two, in words."""
        if self.server_device:
            return "memif"
        return "veth pair between two namespaces" if self.server_namespace >= 0 else "loopback"


@contextmanager
def scene_for(contender: Contender, folder: Path) -> Iterator[Scene]:
    """A pair of hosts of their own for one contender; loopback where namespaces cannot be had."""
    if contender.port == "dpdk":
        # the generator has a device for each server, each server one
        number = sum(1 for _ in folder.glob("*.memif"))
        path = folder / f"{contender.name}.memif"
        yield Scene(
            "10.26.0.1",
            "10.26.0.2",
            server_mac=0x022600000001,
            client_mac=0x022600000002,
            server_device=memif.device("server", 0, path, "02:26:00:00:00:01"),
            client_device=memif.device("client", number, path, "02:26:00:00:00:02"),
            eal_args=memif.eal_args(),
        )
        return
    if namespaces.explain_missing():
        yield Scene("127.0.0.1", "127.0.0.1")
        return
    with HostPair() as pair:
        yield Scene(
            pair.venue.ip,
            pair.client.ip,
            pair.venue.interface,
            pair.client.interface,
            pair.venue.mac_number,
            pair.client.mac_number,
            pair.venue.namespace,
            pair.client.namespace,
        )


@dataclass(frozen=True)
class Setup:
    """How servers and the generator's ports are set up, the same for all."""

    requests: int
    """What a server is to have room for."""
    sessions: int
    instruments: int
    frames: int
    """Receive buffers of each end."""
    use_stamps: bool
    xdp_mode: str
    realtime: bool


@contextmanager
def in_namespace(namespace: int) -> Iterator[None]:
    """Run the body in `namespace`, or where it is for -1."""
    if namespace < 0:
        yield
        return
    with inside(namespace):
        yield


@dataclass(frozen=True)
class Cpus:
    """Who runs where. The rest of the machine is left to the rest."""

    server: int
    generator: int


def place(wanted: str | None) -> Cpus:
    """`SERVER,GENERATOR`, or the last two CPUs that this process may use. Raises BenchError."""
    allowed = sorted(os.sched_getaffinity(0))
    if wanted is None:
        if len(allowed) < 2:
            raise BenchError("Server and generator need a CPU each, and this process may use only one.")
        return Cpus(allowed[-1], allowed[-2])
    words = wanted.split(",")
    if len(words) != 2 or not all(word.strip().isdigit() for word in words):
        raise BenchError(f"{wanted!r} is not SERVER,GENERATOR, as in 3,2.")
    server, generator = (int(word) for word in words)
    if not {server, generator} <= set(allowed) or server == generator:
        raise BenchError(f"--cpus takes two different CPUs of {','.join(map(str, allowed))}.")
    return Cpus(server, generator)
