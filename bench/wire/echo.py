"""Servers that only send back what they get: the floor under every figure. Each is a process of its own.

    python -m bench.wire.echo --port xdp --interface veth0 --udp-port 26400 --cpu 1

`--port` one of the ports of the appliance: the frame goes back with its addresses exchanged. `--port socket`: a plain
UDP socket, polled with recvfrom and answered with sendto, as one would write it in C. `--stall-ms` makes the server do
nothing for that long, once, in the middle of its work: what an honest measurement has to show.

It says that it is ready, and at SIGTERM what it counted, as lines of JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import ipaddress
import json
import os
import signal
import socket
import sys
import threading
from typing import Any

import llvmlite.binding
import numpy as np
from numba import types

from native.arrays import Arrays
from native.jit import INTERPRETED, kernel
from native.layout import PKT
from native.limits import RX_BURST_MAX
from native.lowlevel import bytes_at, copy_bytes, load_u16, load_u32, pause, store_u16, store_u32
from native.ports import PortConfig, PortError, open_port
from native.rim import (
    clock_monotonic_ns,
    port_rx_burst,
    port_rx_release,
    port_service,
    port_tx_alloc,
    port_tx_burst,
    port_tx_flush,
)

STOP = 0
ECHOED = 1
NOT_SENT = 2
STALL_AT = 3
"""Before this many are echoed (0: never) it does nothing for STALL_NS."""
STALL_NS = 4
ERROR = 5
CONTROL_COUNT = 8

SERVICE_INTERVAL_TURNS = 64
SERVICE_BUDGET = 256
TX_TRIES_MAX = 1000
_HEADERS_BYTES = 42
_PKT_BYTES = PKT.itemsize
_DATAGRAM_ROOM_BYTES = 2048
_ADDRESS_BYTES = 16
_MSG_DONTWAIT = socket.MSG_DONTWAIT


def _libc(name: str, result: Any, *arguments: Any) -> Any:
    """A function of the C library, for kernels."""
    function = getattr(ctypes.CDLL(None), name)
    if INTERPRETED:
        function.restype = ctypes.c_ssize_t
        function.argtypes = [ctypes.c_int, *[ctypes.c_void_p] * (len(arguments) - 1)]
        return function
    symbol = f"pitwire_libc_{name}"
    llvmlite.binding.add_symbol(symbol, ctypes.cast(function, ctypes.c_void_p).value)
    return types.ExternalFunction(symbol, result(*arguments))


_recvfrom = _libc(
    "recvfrom", types.int64, types.int32, types.uint64, types.uint64, types.int32, types.uint64, types.uint64
)
_sendto = _libc("sendto", types.int64, types.int32, types.uint64, types.uint64, types.int32, types.uint64, types.uint32)


class EchoState(Arrays):
    """What an echo server works with."""

    control: np.ndarray
    """int64[CONTROL_COUNT]"""
    rx: np.ndarray
    tx: np.ndarray
    """PKT[RX_BURST_MAX]"""
    datagram: np.ndarray
    """uint8: room of the plain socket's datagrams"""
    peer: np.ndarray
    """uint8[16]: sockaddr_in of who asked"""
    peer_bytes: np.ndarray
    """int32[1]"""


def new_state() -> EchoState:
    """A server that has echoed nothing yet."""
    return EchoState(
        control=np.zeros(CONTROL_COUNT, np.int64),
        rx=np.zeros(RX_BURST_MAX, PKT),
        tx=np.zeros(RX_BURST_MAX, PKT),
        datagram=np.zeros(_DATAGRAM_ROOM_BYTES, np.uint8),
        peer=np.zeros(_ADDRESS_BYTES, np.uint8),
        peer_bytes=np.zeros(1, np.int32),
    )


@kernel
def echo_frames(state, port):
    """Echo whole frames until told to stop. Returns 0 or the code of the port that failed."""
    control = state.control
    rx_address = state.rx.ctypes.data
    tx_address = state.tx.ctypes.data
    turns = np.int64(0)
    while control[STOP] == 0:
        turns += 1
        got = np.int64(port_rx_burst(port, rx_address, RX_BURST_MAX))
        if got < 0:
            return got
        if got > 0:
            _stall(control)
            room = np.int64(port_tx_alloc(port, tx_address, got))
            ready = max(room, 0)
            for i in range(ready):
                _turn_round(state, i)
            taken = np.int64(0)
            tries = np.int64(0)
            while taken < ready and tries < TX_TRIES_MAX:
                tries += 1
                taken += max(np.int64(port_tx_burst(port, tx_address + taken * _PKT_BYTES, ready - taken)), 0)
                port_tx_flush(port)
            for i in range(taken, ready):
                state.tx[i]["len"] = 0  # length 0 gives a buffer back unsent
            if taken < ready:
                port_tx_burst(port, tx_address + taken * _PKT_BYTES, ready - taken)
            control[ECHOED] += taken
            control[NOT_SENT] += got - taken
            port_rx_release(port, rx_address, got)
        else:
            pause()
        if turns % SERVICE_INTERVAL_TURNS == 0:
            port_service(port, SERVICE_BUDGET)
    return np.int64(0)


@kernel
def _turn_round(state, i):
    """Copy frame `rx[i]` to `tx[i]` with MAC and IP addresses and UDP ports exchanged: its checksums stay right."""
    size = np.int64(state.rx[i]["len"])
    frame = bytes_at(np.int64(state.rx[i]["data"]), size)
    room = bytes_at(np.int64(state.tx[i]["data"]), np.int64(state.tx[i]["len"]))
    if size < _HEADERS_BYTES or size > room.size:
        state.tx[i]["len"] = 0
        return 0
    copy_bytes(room, 0, frame, 0, size)
    copy_bytes(room, 0, frame, 6, 6)
    copy_bytes(room, 6, frame, 0, 6)
    store_u32(room, 26, load_u32(frame, 30))
    store_u32(room, 30, load_u32(frame, 26))
    store_u16(room, 34, load_u16(frame, 36))
    store_u16(room, 36, load_u16(frame, 34))
    state.tx[i]["len"] = size
    return size


@kernel
def echo_socket(state, descriptor):
    """Echo the datagrams of a plain UDP socket until told to stop. Returns 0."""
    control = state.control
    room = state.datagram.ctypes.data
    peer = state.peer.ctypes.data
    peer_bytes = state.peer_bytes.ctypes.data
    while control[STOP] == 0:
        state.peer_bytes[0] = _ADDRESS_BYTES
        got = _recvfrom(descriptor, room, _DATAGRAM_ROOM_BYTES, _MSG_DONTWAIT, peer, peer_bytes)
        if got > 0:
            _stall(control)
            if _sendto(descriptor, room, got, _MSG_DONTWAIT, peer, _ADDRESS_BYTES) == got:
                control[ECHOED] += 1
            else:
                control[NOT_SENT] += 1
    return np.int64(0)


@kernel
def _stall(control):
    """Do nothing, once, for as long as was asked."""
    if control[STALL_AT] > 0 and control[ECHOED] >= control[STALL_AT]:
        control[STALL_AT] = 0
        until_ns = np.int64(clock_monotonic_ns()) + control[STALL_NS]
        while np.int64(clock_monotonic_ns()) < until_ns:
            pause()
    return 0


def warm_up() -> None:
    """Compile the servers, or load them from the cache."""
    state = new_state()
    state.control[STOP] = 1
    with open_port(PortConfig(kind="memory")) as port:
        echo_frames(state, port.handle)
    echo_socket(state, -1)


def _open(given: argparse.Namespace, stack: contextlib.ExitStack) -> tuple[Any, int, str]:
    """(kernel, its handle, description)"""
    if given.port == "socket":
        plain = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        with contextlib.suppress(OSError):  # beyond net.core.rmem_max only with CAP_NET_ADMIN
            plain.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), 8 << 20)
        plain.bind((given.ip, given.udp_port))
        return echo_socket, plain.fileno(), f"plain UDP socket on {given.ip}:{given.udp_port}, polled"
    port = stack.enter_context(
        open_port(
            PortConfig(
                kind=given.port,
                interface=given.interface,
                udp_ports=(given.udp_port,),
                local_ip=given.ip if given.port in ("udp", "dpdk") else "0.0.0.0",
                rx_frames=given.frames,
                tx_frames=given.frames,
                xdp_mode=given.xdp_mode,
                device=given.device,
                eal_args=given.eal_args,
            )
        )
    )
    return echo_frames, port.handle, f"echo, {port.describe()}"


def main() -> None:
    """Echo until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m bench.wire.echo", description=__doc__.split("\n\n")[0])
    parser.add_argument("--port", choices=("socket", "udp", "packet", "xdp", "dpdk"), default="socket")
    parser.add_argument("--interface", default="", help="of packet and xdp")
    parser.add_argument("--ip", default="127.0.0.1", type=lambda text: str(ipaddress.IPv4Address(text)))
    parser.add_argument("--udp-port", type=int, default=26400)
    parser.add_argument("--xdp-mode", choices=("auto", "native", "generic"), default="auto")
    parser.add_argument("--frames", type=int, default=4096, help="receive buffers, and as many to send")
    parser.add_argument("--device", default="", help="of dpdk")
    parser.add_argument("--eal-args", default="", help="of dpdk")
    parser.add_argument("--cpu", type=int, default=-1)
    parser.add_argument("--stall-ms", type=int, default=0)
    parser.add_argument("--stall-at", type=int, default=1, help="stall before this many are echoed")
    given = parser.parse_args()
    # whichever thread of a process that was paused gets the signal, the main thread hears of it through a pipe
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    warm_up()
    state = new_state()
    if given.stall_ms:
        state.control[STALL_AT], state.control[STALL_NS] = given.stall_at, given.stall_ms * 1_000_000
    with contextlib.ExitStack() as stack:
        try:
            server, handle, description = _open(given, stack)
        except PortError as error:
            sys.exit(error.sentence)
        except OSError as error:
            sys.exit(f"The echo server's socket cannot be had: {error.strerror}.")

        def serve() -> None:
            if given.cpu >= 0:
                os.sched_setaffinity(0, {given.cpu})  # of this thread
            state.control[ERROR] = server(state, handle)

        thread = threading.Thread(target=serve, name="echo")
        thread.start()
        print(json.dumps({"ready": {"port": description}}), flush=True)
        os.read(told, 1)
        state.control[STOP] = 1
        thread.join()
    counted = {"echoed": int(state.control[ECHOED]), "not_sent": int(state.control[NOT_SENT])}
    print(json.dumps({"stopped": counted}), flush=True)


if __name__ == "__main__":
    main()
