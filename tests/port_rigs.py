"""One rig a port kind: the port under test at the near end, the test itself at the far end of the same wire."""

from __future__ import annotations

import ctypes
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from native import layout
from native._native import lib
from native.ports import Port, PortConfig, PortKind, explain_missing, open_port
from tests import netns

UDP_PORT = 26400
ETH_P_ALL = 3
PACKET_OUTGOING = 4


def checksum(data: bytes) -> int:
    """RFC 1071."""
    words = struct.unpack(f">{len(data) // 2}H", data[: len(data) // 2 * 2])
    total = sum(words) + (data[-1] << 8 if len(data) % 2 else 0)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def frame_of(
    payload: bytes,
    *,
    source: tuple[str, int] = (netns.FAR_IP, 40000),
    destination: tuple[str, int] = (netns.NEAR_IP, UDP_PORT),
    source_mac: str = netns.FAR_MAC,
    destination_mac: str = netns.NEAR_MAC,
    vlan_tci: int | None = None,
    fragment: int = 0,
    options: bytes = b"",
) -> bytes:
    """An Ethernet, IPv4 and UDP frame with right checksums."""
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    udp_bytes = 8 + len(payload)
    udp = struct.pack(">HHHH", source[1], destination[1], udp_bytes, 0) + payload
    udp_sum = checksum(addresses + struct.pack(">HH", 17, udp_bytes) + udp) or 0xFFFF
    udp = udp[:6] + struct.pack(">H", udp_sum) + udp[8:]
    ip = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + udp_bytes, 7, fragment, 64, 17, 0)
    ip += addresses + options
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    tag = b"" if vlan_tci is None else struct.pack(">HH", 0x8100, vlan_tci)
    return mac_bytes(destination_mac) + mac_bytes(source_mac) + tag + b"\x08\x00" + ip + udp


def payload_of(frame: bytes) -> tuple[str, int, str, int, bytes]:
    """Addresses and payload of an untagged frame without IPv4 options, its lengths and checksums asserted."""
    assert frame[12:14] == b"\x08\x00"
    assert frame[14] == 0x45
    ip = frame[14:34]
    assert checksum(ip) == 0
    assert struct.unpack_from(">H", ip, 2)[0] == len(frame) - 14
    source_port, destination_port, udp_bytes = struct.unpack_from(">HHH", frame, 34)
    assert udp_bytes == len(frame) - 34
    return socket.inet_ntoa(ip[12:16]), source_port, socket.inet_ntoa(ip[16:20]), destination_port, frame[42:]


class Hand:
    """The loop's side of a port: descriptors and bytes, through the same C calls that kernels make."""

    def __init__(self, port: Port, room: int = 4096) -> None:
        self.port = port
        self.descs = np.zeros(room, dtype=layout.PKT)

    def _address(self, descs: np.ndarray) -> int:
        return int(descs.ctypes.data)

    def receive(self, limit: int = 32) -> np.ndarray:
        """A copy of the descriptors of what has arrived."""
        got = lib.port_rx_burst(self.port.handle, self._address(self.descs), limit)
        assert got <= limit
        return self.descs[: max(got, 0)].copy()

    def release(self, descs: np.ndarray) -> int:
        return int(lib.port_rx_release(self.port.handle, self._address(descs), len(descs)))

    def alloc(self, count: int) -> np.ndarray:
        got = lib.port_tx_alloc(self.port.handle, self._address(self.descs), count)
        return self.descs[:got].copy()

    def burst(self, descs: np.ndarray) -> int:
        return int(lib.port_tx_burst(self.port.handle, self._address(descs), len(descs)))

    def flush(self) -> int:
        return int(lib.port_tx_flush(self.port.handle))

    def service(self, budget: int = 1024) -> int:
        return int(lib.port_service(self.port.handle, budget))

    def send(self, frames: list[bytes], ts_ns: int = 0) -> None:
        """Send all, as the loop does: what is not taken at once is offered again."""
        waiting = list(frames)
        deadline = time.monotonic() + 20
        while waiting:
            assert time.monotonic() < deadline, f"{len(waiting)} frames were never taken"
            descs = self.alloc(min(32, len(waiting)))
            for desc, frame in zip(descs, waiting, strict=False):
                put(desc, frame)
                desc["ts_ns"] = ts_ns
            del waiting[: len(descs)]
            at = 0
            while at < len(descs):
                assert time.monotonic() < deadline, "frames were never taken"
                at += self.burst(descs[at:].copy())
                self.flush()
            self.service()

    def receive_frames(self, count: int, seconds: float = 10) -> list[bytes]:
        """Receive and release until `count` frames came, or time is over."""
        frames: list[bytes] = []
        deadline = time.monotonic() + seconds
        while len(frames) < count and time.monotonic() < deadline:
            descs = self.receive()
            frames += [bytes_of(desc) for desc in descs]
            self.release(descs)
            self.service()
        return frames


def bytes_of(desc: np.void) -> bytes:
    return ctypes.string_at(int(desc["data"]), int(desc["len"]))


def put(desc: np.void, frame: bytes) -> None:
    """Write a frame into a transmit buffer."""
    assert len(frame) <= int(desc["len"])
    ctypes.memmove(int(desc["data"]), frame, len(frame))
    desc["len"] = len(frame)


class Rig:
    """`open` gives the port, with `arriving` on its way; `departed` gives what left."""

    kind: PortKind
    has_receive_pool = True
    clock = layout.PKT_CLOCK_NONE
    stamp_ns = 5
    """Time of an arriving frame, where the clock is not one that runs."""

    def open(self, arriving: list[bytes] | None = None, **overrides: Any) -> Port:
        port = open_port(PortConfig(kind=self.kind, **{**self.defaults(), **overrides}))
        self.arrive(port, arriving or [])
        return port

    def defaults(self) -> dict[str, Any]:
        return {}

    def frame(self, payload: bytes) -> bytes:
        """A frame to the port's UDP port."""
        return frame_of(payload)

    def answer(self, payload: bytes) -> bytes:
        """A frame to the far end."""
        return frame_of(
            payload,
            source=(netns.NEAR_IP, UDP_PORT),
            destination=(netns.FAR_IP, 40000),
            source_mac=netns.NEAR_MAC,
            destination_mac=netns.FAR_MAC,
        )

    def same(self, sent: bytes, received: bytes) -> bool:
        return sent == received

    def arrive(self, port: Port, frames: list[bytes]) -> None:
        raise NotImplementedError

    def departed(self, port: Port, count: int) -> list[bytes]:
        raise NotImplementedError

    def close(self) -> None:
        """Take the wire down."""


class MemoryRig(Rig):
    kind: PortKind = "memory"

    def arrive(self, port: Port, frames: list[bytes]) -> None:
        for frame in frames:
            port.inject(frame, ts_ns=5, flags=layout.PKT_CLOCK_NONE)

    def departed(self, port: Port, count: int) -> list[bytes]:
        frames = []
        while collected := port.collect():
            frames.append(collected.frame)
        return frames


class PcapRig(Rig):
    kind: PortKind = "pcap"
    has_receive_pool = False
    clock = layout.PKT_CLOCK_FILE
    stamp_ns = 1_000_000_005

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = 0

    def open(self, arriving: list[bytes] | None = None, **overrides: Any) -> Port:
        self.files += 1
        source = self.folder / f"in{self.files}.pcap"
        records = [struct.pack("<IIII", 1, 5, len(frame), len(frame)) + frame for frame in arriving or []]
        source.write_bytes(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1) + b"".join(records))
        self.out = self.folder / f"out{self.files}.pcap"
        return open_port(PortConfig(kind="pcap", in_path=str(source), out_path=str(self.out), **overrides))

    def departed(self, port: Port, count: int) -> list[bytes]:
        port.close()
        data, at, frames = self.out.read_bytes(), 24, []
        while at < len(data):
            length = struct.unpack_from("<I", data, at + 8)[0]
            frames.append(data[at + 16 : at + 16 + length])
            at += 16 + length
        return frames


class UdpRig(Rig):
    """Over loopback: what the far socket sends has no MAC address, so addresses and payloads are compared."""

    kind: PortKind = "udp"
    clock = layout.PKT_CLOCK_REALTIME

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.far_port = self.socket.getsockname()[1]
        spare = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        spare.bind(("127.0.0.1", 0))
        self.near_port = spare.getsockname()[1]
        spare.close()

    def defaults(self) -> dict[str, Any]:
        return {"local_ip": "127.0.0.1", "udp_ports": (self.near_port,)}

    def frame(self, payload: bytes) -> bytes:
        return frame_of(payload, source=("127.0.0.1", self.far_port), destination=("127.0.0.1", self.near_port))

    def answer(self, payload: bytes) -> bytes:
        return frame_of(payload, source=("127.0.0.1", self.near_port), destination=("127.0.0.1", self.far_port))

    def same(self, sent: bytes, received: bytes) -> bool:
        return payload_of(sent) == payload_of(received)

    def arrive(self, port: Port, frames: list[bytes]) -> None:
        for frame in frames:
            self.socket.sendto(frame[42:], ("127.0.0.1", port.udp_port))

    def departed(self, port: Port, count: int) -> list[bytes]:
        frames: list[bytes] = []
        self.socket.settimeout(5)
        while len(frames) < count:
            try:
                payload, (address, number) = self.socket.recvfrom(4096)
            except TimeoutError:
                break
            frames.append(frame_of(payload, source=(address, number), destination=("127.0.0.1", self.far_port)))
        return frames

    def close(self) -> None:
        self.socket.close()


class VethRig(Rig):
    """packet and xdp on a veth pair between two namespaces; the far end is a raw socket on the peer."""

    def __init__(self, kind: PortKind, clock: int, **overrides: Any) -> None:
        self.kind = kind
        self.clock = clock
        self.overrides = overrides
        self.veth = netns.Veth()
        with netns.inside(self.veth.far):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.socket.bind((netns.FAR, ETH_P_ALL))

    def defaults(self) -> dict[str, Any]:
        return {"interface": netns.NEAR, "udp_ports": (UDP_PORT,), **self.overrides}

    def open(self, arriving: list[bytes] | None = None, **overrides: Any) -> Port:
        with netns.inside(self.veth.near):
            return super().open(arriving, **overrides)

    def arrive(self, port: Port, frames: list[bytes]) -> None:
        for frame in frames:
            self.socket.send(frame)

    def departed(self, port: Port, count: int) -> list[bytes]:
        frames: list[bytes] = []
        self.socket.settimeout(5)
        while len(frames) < count:
            try:
                frame, address = self.socket.recvfrom(4096)
            except TimeoutError:
                break
            if address[2] != PACKET_OUTGOING and frame[12:14] == b"\x08\x00" and frame[23] == 17:
                frames.append(frame)
        return frames

    def close(self) -> None:
        self.socket.close()
        self.veth.close()


def why_no_rig(name: str) -> str | None:
    """Why this rig cannot be built here; None when it can."""
    if name in ("memory", "pcap", "udp"):
        return None
    return explain_missing("packet" if name == "packet" else "xdp") or netns.why_not()


RIGS: dict[str, Callable[[Path], Rig]] = {
    "memory": lambda _: MemoryRig(),
    "pcap": PcapRig,
    "udp": lambda _: UdpRig(),
    "packet": lambda _: VethRig("packet", layout.PKT_CLOCK_REALTIME),
    "xdp-native": lambda _: VethRig("xdp", layout.PKT_CLOCK_MONOTONIC, xdp_mode="native"),
    "xdp-generic": lambda _: VethRig("xdp", layout.PKT_CLOCK_MONOTONIC, xdp_mode="generic"),
}
