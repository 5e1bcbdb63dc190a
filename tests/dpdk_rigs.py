"""Rigs of the dpdk port: a ring and a capture in this process, memif and vhost with another process at the far end."""

from __future__ import annotations

import functools
import itertools
import shutil
import struct
import tempfile
from pathlib import Path
from typing import Any

from native import layout
from native.ports import Port, PortConfig, PortKind, explain_missing, open_port
from tests.dpdk_far import EAL_ARGS, FarEnd, wait_for_link
from tests.port_rigs import Hand, Rig

_numbers = itertools.count()


@functools.cache
def far_end() -> FarEnd:
    """One for all: a process of DPDK takes a while to start."""
    return FarEnd()


def why_no_dpdk() -> str | None:
    return explain_missing("dpdk")


class DpdkRig(Rig):
    kind: PortKind = "dpdk"
    stamp_ns = 0

    def __init__(self) -> None:
        self.number = next(_numbers)

    def near(self, device: str, **overrides: Any) -> Port:
        fields = {"rx_frames": 512, "tx_frames": 256, "eal_args": EAL_ARGS, **overrides}
        return open_port(PortConfig("dpdk", device=device, **fields))


class RingRig(DpdkRig):
    """net_ring: what is sent on a queue arrives on the queue of the same number. Two ports, with crossed queues."""

    far: Port | None = None

    def open(self, arriving: list[bytes] | None = None, **overrides: Any) -> Port:
        self.close()
        device = f"net_ring{self.number}"
        port = self.near(device, queue_count=2, queue=0, tx_queue=1, **overrides)
        self.far = open_port(PortConfig("dpdk", device=device, queue_count=2, queue=1, tx_queue=0))
        self.arrive(port, arriving or [])
        return port

    def arrive(self, port: Port, frames: list[bytes]) -> None:
        if self.far is not None:
            Hand(self.far).send(frames)

    def departed(self, port: Port, count: int) -> list[bytes]:
        return Hand(self.far).receive_frames(count, seconds=5) if self.far is not None else []

    def close(self) -> None:
        if self.far is not None:
            self.far.close()
            self.far = None


class SocketRig(DpdkRig):
    """A pair of virtual devices that meet at a Unix socket; the far one in another process."""

    near_device = ""
    far_device = ""
    near_listens = True

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="pw-"))  # names of Unix sockets are short
        self.is_open = False

    def open(self, arriving: list[bytes] | None = None, **overrides: Any) -> Port:
        self._close_far()
        path = self.folder / f"{next(_numbers)}.sock"
        near, far = (each.format(number=next(_numbers), path=path) for each in (self.near_device, self.far_device))
        if not self.near_listens:
            far_end().open(far)
        port = self.near(near, **overrides)
        if self.near_listens:
            far_end().open(far)
        self.is_open = True
        assert wait_for_link(port)
        assert far_end().link()
        assert len(Hand(port).receive()) == 0  # a memif client offers its buffers when it first polls
        assert far_end().poll() == 0
        self.arrive(port, arriving or [])
        return port

    def arrive(self, port: Port, frames: list[bytes]) -> None:
        if frames:
            far_end().send(frames)

    def departed(self, port: Port, count: int) -> list[bytes]:
        return far_end().receive(count, 5)

    def _close_far(self) -> None:
        if self.is_open:
            far_end().close()
            self.is_open = False

    def close(self) -> None:
        self._close_far()
        shutil.rmtree(self.folder, ignore_errors=True)


class MemifServerRig(SocketRig):
    near_device = "net_memif{number},role=server,socket={path},socket-abstract=no"
    far_device = "net_memif{number},role=client,socket={path},socket-abstract=no"


class MemifClientRig(SocketRig):
    near_device, far_device = MemifServerRig.far_device, MemifServerRig.near_device
    near_listens = False


class VhostRig(SocketRig):
    near_device = "net_vhost{number},iface={path}"
    far_device = "net_virtio_user{number},path={path}"


class VirtioUserRig(SocketRig):
    near_device, far_device = VhostRig.far_device, VhostRig.near_device
    near_listens = False


class CaptureRig(DpdkRig):
    """net_pcap: libpcap's files, in microseconds."""

    has_receive_pool = False
    clock = layout.PKT_CLOCK_FILE
    stamp_ns = 1_000_000_000

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def open(self, arriving: list[bytes] | None = None, **overrides: Any) -> Port:
        number = next(_numbers)
        source, self.out = (self.folder / f"{way}{number}.pcap" for way in ("in", "out"))
        records = [struct.pack("<IIII", 1, 5, len(frame), len(frame)) + frame for frame in arriving or []]
        source.write_bytes(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1) + b"".join(records))
        return self.near(f"net_pcap{number},rx_pcap={source},tx_pcap={self.out}", **overrides)

    def departed(self, port: Port, count: int) -> list[bytes]:
        port.close()
        data, at, frames = self.out.read_bytes(), 24, []
        while at < len(data):
            length = struct.unpack_from("<I", data, at + 8)[0]
            frames.append(data[at + 16 : at + 16 + length])
            at += 16 + length
        return frames


DPDK_RIGS = {
    "dpdk-ring": lambda _: RingRig(),
    "dpdk-memif-server": lambda _: MemifServerRig(),
    "dpdk-memif-client": lambda _: MemifClientRig(),
    "dpdk-vhost": lambda _: VhostRig(),
    "dpdk-virtio-user": lambda _: VirtioUserRig(),
    "dpdk-pcap": CaptureRig,
}
