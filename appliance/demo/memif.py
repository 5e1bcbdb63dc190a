"""The demonstration over DPDK: venue and client are joined by memif (shared memory and a Unix socket), past the kernel.

memif joins two, and the subscriber is a third, with a kernel socket. So the client's process passes on what comes to it
and is not for it, the feed, as multicast on the loopback interface.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np

from native import layout
from native._native import ffi, lib
from native.limits import RX_BURST_MAX
from native.ports import Port
from wire.net.udp4 import HEADERS_BYTES

LOOPBACK = "127.0.0.1"
LINK_SECONDS_MAX = 5.0
FRAMES_KEPT = 4096
_PAUSE_SECONDS = 0.0005
_HUGEPAGES_NEEDED = 128
_DESTINATION_IP_AT = 30
_DESTINATION_PORT_AT = 36


def device(role: str, number: int, path: Path, mac: str) -> str:
    """A memif device; `role` is server or client."""
    return f"net_memif{number},role={role},socket={path},socket-abstract=no,mac={mac}"


def eal_args() -> str:
    """Hugepages where there are some for both processes, else none: the demonstration is to run anywhere."""
    pages = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
    free = int(pages.read_text(encoding="ascii")) if pages.exists() else 0
    return "" if free >= _HUGEPAGES_NEEDED else "--no-huge"


def wait_for_link(port: Port) -> bool:
    """Until the other end is there and may send, or it does not come."""
    deadline = time.monotonic() + LINK_SECONDS_MAX
    while not port.stats()["link_up"]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    poll(port)  # a memif client offers its buffers when it polls: until then the venue's port would be full
    return True


def poll(port: Port) -> list[bytes]:
    """Copies of the frames that have arrived, at most a burst."""
    descs = np.zeros(RX_BURST_MAX, layout.PKT)
    count = max(0, lib.port_rx_burst(port.handle, descs.ctypes.data, RX_BURST_MAX))
    frames = [bytes(ffi.buffer(ffi.cast("uint8_t *", int(desc["data"])), int(desc["len"]))) for desc in descs[:count]]
    lib.port_rx_release(port.handle, descs.ctypes.data, count)
    return frames


class FeedRelay:
    """Passes datagrams to `group` on to the loopback interface: those of a running replay, then what the port brings.

    Use as a context manager around the replay and what comes after it; `replay_is_over` hands the port to it. `yields`:
    it takes only the CPU time that nobody else wants.
    """

    def __init__(
        self, port: Port, group: str, udp_port: int, take_others: Callable[[], list[bytes]], cpu: int, yields: bool
    ) -> None:
        self.relayed = 0
        self._port = port
        self._address = (group, udp_port)
        self._head = socket.inet_aton(group), udp_port.to_bytes(2, "big")
        self._take_others = take_others
        self._cpu = cpu
        self._yields = yields
        self._has_port = False
        self._is_over = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(LOOPBACK))
        self._thread = threading.Thread(target=self._work, name="pitwire-relay", daemon=True)

    def replay_is_over(self) -> None:
        """The replay polls no more: from now on the relay does."""
        self._has_port = True

    def _work(self) -> None:
        if self._cpu >= 0:
            os.sched_setaffinity(0, {self._cpu})  # of this thread
        if self._yields:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while not self._is_over:
            has_port = self._has_port  # before what is left is taken
            frames = self._take_others()
            if has_port:
                frames += poll(self._port)
            for frame in frames:
                self._pass_on(frame)
            if not frames:
                time.sleep(_PAUSE_SECONDS)

    def _pass_on(self, frame: bytes) -> None:
        head = (
            frame[_DESTINATION_IP_AT : _DESTINATION_IP_AT + 4],
            frame[_DESTINATION_PORT_AT : _DESTINATION_PORT_AT + 2],
        )
        if head == self._head:
            self._socket.sendto(frame[HEADERS_BYTES:], self._address)
            self.relayed += 1

    def __enter__(self) -> FeedRelay:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        self._thread.join()
        self._socket.close()
