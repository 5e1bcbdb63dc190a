"""Anonymous network namespaces for tests: two, joined by a veth pair, gone with the process that made them."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
NEAR_IP, FAR_IP = "10.26.0.1", "10.26.0.2"
NEAR_MAC, FAR_MAC = "02:26:00:00:00:01", "02:26:00:00:00:02"
NEAR, FAR = "pwnear", "pwfar"

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def enter(namespace: int) -> None:
    """Move the calling thread into the namespace of this file descriptor."""
    _call("setns", namespace, CLONE_NEWNET)


@contextmanager
def inside(namespace: int) -> Iterator[None]:
    """Run the body in the namespace of this file descriptor."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(namespace)
        try:
            yield
        finally:
            enter(home)
    finally:
        os.close(home)


def why_not() -> str | None:
    """Why namespaces cannot be made here; None when they can."""
    if shutil.which("ip") is None:
        return "needs ip (iproute2)"
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("unshare", CLONE_NEWNET)
        enter(home)
    except OSError as error:
        return f"needs CAP_SYS_ADMIN to make network namespaces ({error.strerror})"
    finally:
        os.close(home)
    return None


def ip(*words: str) -> str:
    """Run `ip` in the thread's namespace."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


class Veth:
    """A veth pair: interface NEAR in namespace `near`, FAR in `far` (file descriptors), with addresses and ARP set."""

    def __init__(self, mtu: int = 1500) -> None:
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.far = self._namespace()
            self.near = self._namespace()
            place = f"/proc/{os.getpid()}/fd/{self.far}"
            peer = ("peer", "name", FAR, "address", FAR_MAC, "mtu", str(mtu), "numrxqueues", "1", "numtxqueues", "1")
            ip("link", "add", NEAR, "address", NEAR_MAC, "mtu", str(mtu), "numrxqueues", "1", "numtxqueues", "1",
               "type", "veth", *peer)  # fmt: skip
            ip("link", "set", FAR, "netns", place)
            self._configure(NEAR, NEAR_IP, FAR_IP, FAR_MAC)
            with inside(self.far):
                self._configure(FAR, FAR_IP, NEAR_IP, NEAR_MAC)
        finally:
            enter(home)
            os.close(home)

    @staticmethod
    def _namespace() -> int:
        _call("unshare", CLONE_NEWNET)
        quiet = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")
        if quiet.exists():
            quiet.write_text("1")  # no router solicitations among the test's frames
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    @staticmethod
    def _configure(name: str, address: str, peer_address: str, peer_mac: str) -> None:
        ip("addr", "add", f"{address}/24", "dev", name)
        ip("link", "set", name, "up")
        ip("link", "set", "lo", "up")
        ip("neigh", "replace", peer_address, "lladdr", peer_mac, "dev", name)

    def close(self) -> None:
        """Let go of the namespaces; the kernel removes them when the last socket in them is closed."""
        with inside(self.near):
            ip("link", "del", NEAR)
        os.close(self.near)
        os.close(self.far)
