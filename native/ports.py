"""Open and close ports from Python. Needs no numba; kernels use the handle through `native/rim.py`.

A port carries whole Ethernet frames in and out, by one of six ways:

- `memory`  two rings in the process; `inject` and `collect` are the other end. For tests.
- `pcap`    reads a capture (pcap, pcapng), writes one (pcap, ns). For replay and CI.
- `udp`     a kernel UDP socket. Needs no privilege.
- `packet`  AF_PACKET on an interface. Needs CAP_NET_RAW.
- `xdp`     AF_XDP on one queue of an interface. Needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF.
- `dpdk`    one queue of a device that DPDK drives, real or virtual. A library of its own, loaded when it is asked for.

The rules of use (order of calls, who owns a buffer, threads) are at the top of `native/port.h`.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple

import numpy as np

from native import codes, layout
from native._native import ffi, lib
from native.limits import SOURCES_MAX

PortKind = Literal["memory", "pcap", "udp", "packet", "xdp", "dpdk"]

PORT_KINDS: dict[str, int] = {
    "memory": layout.PORT_MEMORY,
    "pcap": layout.PORT_PCAP,
    "udp": layout.PORT_UDP,
    "packet": layout.PORT_PACKET,
    "xdp": layout.PORT_XDP,
    "dpdk": layout.PORT_DPDK,
}
XDP_MODES = {"auto": 0, "native": 1, "generic": 2}
ZERO_COPY = {"auto": 0, "off": 1, "required": 2}
STEERING = {"auto": 0, "flow": 1, "rss": 2}

_COUNTS = (
    *("rx_frames", "tx_frames", "tx_pending_max", "multicast_ttl", "queue", "queue_count"),
    *("datagrams_a_second", "datagrams_burst", "handshakes_a_second", "handshakes_burst"),
)
_UDP_PORTS_MAX = 8
_PROBLEM_BYTES = 768
_AF_XDP = 44
_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_BPF": 39}
_CAP_SYS_ADMIN = 21


class PortError(Exception):
    """A port could not be opened or used: `code` of `native/codes.py`, `sentence` for people."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class PortConfig:
    """What to open. Fields that a kind does not use are ignored by it."""

    kind: PortKind
    port_id: int = 0
    """Comes back in the field `port` of each received descriptor, 0 .. 65535."""
    udp_ports: tuple[int, ...] = ()
    """Destination ports that are handed up: udp at most one (none: any free port), packet and xdp 1 to 8,
    dpdk none (every frame) to 8."""
    rx_frames: int = 2048
    """Receive buffers of 2 KiB. packet rounds up to a multiple of 32."""
    tx_frames: int = 1024
    """Transmit buffers of 2 KiB."""
    tx_pending_max: int = 0
    """memory: frames that may wait to be collected; 0: tx_frames."""
    udp_checksum_complete: bool = False
    """pcap, xdp, dpdk: UDP checksums in frames are whole (not left to a NIC), so they can be verified. packet knows."""
    interface: str = ""
    """packet, xdp: the interface. udp: where multicast leaves (else the routing table or local_ip says)."""
    local_ip: str = "0.0.0.0"
    """udp: the address to bind. dpdk: the address that ARP requests are answered for (0.0.0.0: none)."""
    multicast_ttl: int = 1
    """udp: time to live of multicast."""
    queue: int = 0
    """xdp, dpdk: the receive queue."""
    xdp_mode: Literal["auto", "native", "generic"] = "auto"
    """xdp: auto takes native where the driver has it, else generic."""
    zero_copy: Literal["auto", "off", "required"] = "auto"
    """xdp: auto takes zero-copy where the driver has it, else copy. Zero-copy was not tried on hardware."""
    in_path: str = ""
    """pcap: the capture to read; empty: no input, only output."""
    out_path: str = ""
    """pcap: the capture to write; empty: frames are counted and let go."""
    device: str = ""
    """dpdk: what DPDK calls it, with its arguments: `0000:00:06.0`, `net_memif0,role=client,socket=/run/pit.sock`.
    Empty: the one device that eal_args make."""
    eal_args: str = ""
    """dpdk: arguments of the EAL, parted by spaces: `--no-huge`, `-m 512`, `-a 0000:00:06.0`. They count once a
    process: later ports give the same or none. What is not given is filled in (native/dpdk_eal.c)."""
    queue_count: int = 1
    """dpdk: queues that the device is set up with, by its first port in this process."""
    tx_queue: int = -1
    """dpdk: the transmit queue; -1: of the same number as `queue`."""
    steering: Literal["auto", "flow", "rss"] = "auto"
    """dpdk, several queues: `flow` wants rules that bring udp_ports to `queue`, `rss` a hash over the queues that have
    a port; auto takes the first that the driver does, or leaves it to the driver, and `describe` says which."""
    offloads: Literal["auto", "off"] = "auto"
    """dpdk: auto takes UDP checksums and receive timestamps from the device where it has them."""
    sources: tuple[str, ...] = ()
    """xdp: networks that may send (`192.0.2.0/24`); others are dropped in the XDP program. Empty: everybody may, and
    what follows does nothing."""
    datagrams_a_second: int = 0
    """xdp: that one source address may send; 0: any number."""
    datagrams_burst: int = 4096
    """xdp: that it may send at once after a pause."""
    handshakes_a_second: int = 0
    """xdp: Negotiate and Establish of all sources together; 0: any number."""
    handshakes_burst: int = 64
    """xdp: of them at once after a pause."""


class Collected(NamedTuple):
    """A frame that left through a memory port."""

    frame: bytes
    ts_ns: int
    flags: int


_open: dict[int, PortConfig] = {}
"""By handle."""


def open_ports() -> list[PortConfig]:
    """What is open in this process: a port that nobody closes is one of the few that a process can have."""
    return list(_open.values())


class Port:
    """An open port. `handle` is what kernels use."""

    def __init__(self, config: PortConfig, handle: int) -> None:
        self.config = config
        self.handle = handle
        identity = ffi.new("port_identity_t *")
        lib.port_identity(handle, identity)
        self.mac: int = identity.mac
        """Of the interface (packet, xdp) or device (dpdk), low 48 bits, first octet highest; 0: none."""
        self.ip = ipaddress.IPv4Address(identity.ip)
        """Of the interface (packet, xdp) or the socket (udp), or local_ip (dpdk); 0.0.0.0: none or every address."""
        self.udp_port: int = identity.udp_port
        """The port that is bound (udp) or the first that is handed up; 0: none."""

    def describe(self) -> str:
        """What was really obtained, e.g. `xdp generic copy on eth1 queue 0`."""
        text = ffi.new("char[]", 256)
        _check(lib.port_describe(self.handle, text, 256))
        return _text(text)

    def stats(self) -> dict[str, int]:
        """Counters since the open and gauges, by the names of `layout.PORT_STATS`."""
        out = np.zeros(1, dtype=layout.PORT_STATS)
        _check(lib.port_stats(self.handle, out.ctypes.data))
        return {name: int(out[0][name]) for name in layout.PORT_STATS.names or ()}

    def close(self) -> None:
        """Give everything back; again is harmless. PortError: the last of a capture could not be written."""
        if not self.handle:
            return
        handle, self.handle = self.handle, 0
        _open.pop(handle, None)
        code = lib.port_close(handle)
        if code == codes.ERROR_IO:
            raise PortError(code, f"{self.config.out_path} could not be written to its end; is the disk full?")
        _check(code)

    def inject(self, frame: bytes, ts_ns: int = 0, flags: int = layout.PKT_CLOCK_NONE) -> bool:
        """memory: let a frame arrive. False when no receive buffer is free."""
        return bool(_check(lib.port_memory_inject(self.handle, ffi.from_buffer(frame), len(frame), ts_ns, flags)))

    def collect(self) -> Collected | None:
        """memory: the oldest frame that was transmitted and not yet collected."""
        desc = ffi.new("pkt_t *")
        room = ffi.new("uint8_t[]", 2048)
        length = _check(lib.port_memory_collect(self.handle, room, 2048, desc))
        return Collected(bytes(ffi.buffer(room, length)), desc.ts_ns, desc.flags) if length else None

    def __enter__(self) -> Port:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_port(config: PortConfig) -> Port:
    """Open a port, in the network namespace of the calling thread. PortError says in one sentence what is wrong."""
    _check_config(config)
    native = ffi.new("port_config *")
    native.kind = PORT_KINDS[config.kind]
    native.port_id = config.port_id
    native.udp_port_count = len(config.udp_ports)
    native.udp_ports = list(config.udp_ports)
    for name in (*_COUNTS, "tx_queue"):
        setattr(native, name, getattr(config, name))
    native.udp_checksum_complete = int(config.udp_checksum_complete)
    native.local_ip = int(ipaddress.IPv4Address(config.local_ip))
    native.xdp_mode = XDP_MODES[config.xdp_mode]
    native.zero_copy = ZERO_COPY[config.zero_copy]
    native.steering = STEERING[config.steering]
    native.offloads_off = int(config.offloads == "off")
    strings = [ffi.new("char[]", os.fsencode(text)) for text in _texts(config)]
    native.interface_name, native.in_path, native.out_path, native.device, native.eal_args = strings
    networks = [ipaddress.IPv4Network(text) for text in config.sources]
    pairs = [number for network in networks for number in (int(network.network_address), network.prefixlen)]
    sources = ffi.new("uint32_t[]", pairs or [0])
    native.sources, native.source_count = sources, len(networks)
    handle = ffi.new("uint64_t *")
    problem = ffi.new("char[]", _PROBLEM_BYTES)
    code = lib.port_open(native, handle, problem, _PROBLEM_BYTES)
    if code < 0:
        raise PortError(code, _text(problem))
    _open[int(handle[0])] = config
    return Port(config, int(handle[0]))


def explain_missing(kind: PortKind) -> str | None:
    """Why a port of this kind cannot be opened here, in one sentence; None when nothing is known to be missing."""
    if kind in ("memory", "pcap", "udp"):
        return None
    if kind == "dpdk":
        problem = ffi.new("char[]", _PROBLEM_BYTES)
        return None if lib.port_dpdk_missing(problem, _PROBLEM_BYTES) == 0 else _text(problem)
    if kind == "xdp" and not lib.port_has_xdp():
        return "The xdp port was not built: install libxdp-dev, libbpf-dev and clang, then build again."
    family, needed = (_AF_XDP, tuple(_CAPABILITIES)) if kind == "xdp" else (socket.AF_PACKET, ("CAP_NET_RAW",))
    missing = [name for name in needed if name not in _effective_capabilities()]
    if missing:
        return f"The {kind} port needs {' and '.join(missing)}: run as root, or use the udp port."
    try:
        socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0).close()
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            option = "CONFIG_XDP_SOCKETS" if kind == "xdp" else "CONFIG_PACKET"
            return f"The {kind} port needs a kernel with {option}."
        return f"The {kind} port cannot have its socket: {error.strerror}."
    return None


def _check_config(config: PortConfig) -> None:
    def refuse(sentence: str) -> None:
        raise PortError(codes.ERROR_INVALID_ARGUMENT, sentence)

    if config.kind not in PORT_KINDS:
        refuse(f"There is no port kind {config.kind!r}: choose one of {', '.join(PORT_KINDS)}.")
    if config.xdp_mode not in XDP_MODES:
        refuse(f"There is no XDP mode {config.xdp_mode!r}: choose one of {', '.join(XDP_MODES)}.")
    if config.zero_copy not in ZERO_COPY:
        refuse(f"There is no zero-copy choice {config.zero_copy!r}: choose one of {', '.join(ZERO_COPY)}.")
    if config.steering not in STEERING:
        refuse(f"There is no steering {config.steering!r}: choose one of {', '.join(STEERING)}.")
    if config.offloads not in ("auto", "off"):
        refuse(f"There is no choice of offloads {config.offloads!r}: choose auto or off.")
    if len(config.udp_ports) > _UDP_PORTS_MAX or not all(1 <= number <= 65535 for number in config.udp_ports):
        refuse(f"udp_ports holds at most {_UDP_PORTS_MAX} numbers from 1 to 65535.")
    if not 0 <= config.port_id <= 65535:
        refuse("port_id is a number from 0 to 65535.")
    for name in _COUNTS:
        if not 0 <= getattr(config, name) < 1 << 31:
            refuse(f"{name} is not a number that a port can have.")
    try:
        ipaddress.IPv4Address(config.local_ip)
    except ValueError:
        refuse(f"{config.local_ip!r} is not an IPv4 address.")
    for text in config.sources:
        try:
            ipaddress.IPv4Network(text)
        except ValueError:
            refuse(f"{text!r} is not an IPv4 network such as 192.0.2.0/24.")
    if len(config.sources) > SOURCES_MAX:
        refuse(f"A port has at most {SOURCES_MAX} networks that may send.")
    if not -1 <= config.tx_queue < 1 << 31:
        refuse("tx_queue is the number of a queue, or -1.")
    for text in _texts(config):
        if "\0" in text:
            refuse("A name holds a zero byte.")


def _texts(config: PortConfig) -> tuple[str, ...]:
    return config.interface, config.in_path, config.out_path, config.device, config.eal_args


def _effective_capabilities() -> set[str]:
    """Of the calling thread."""
    status = Path("/proc/thread-self/status").read_text(encoding="utf-8")
    line = next((line for line in status.splitlines() if line.startswith("CapEff:")), "CapEff: 0")
    bits = int(line.split()[1], 16)
    held = {name for name, bit in _CAPABILITIES.items() if bits >> bit & 1}
    if bits >> _CAP_SYS_ADMIN & 1:
        held.add("CAP_BPF")  # before Linux 5.8 there was only CAP_SYS_ADMIN, and it still does
    return held


def _check(code: int) -> int:
    if code < 0:
        raise PortError(code, codes.sentence_of_error(code))
    return code


def _text(buffer: object) -> str:
    return str(ffi.string(buffer).decode("utf-8", errors="replace"))
