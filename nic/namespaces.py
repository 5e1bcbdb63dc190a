"""Two hosts on one machine: anonymous network namespaces joined by a veth pair, gone with the processes that use them.

Nothing is left behind even by SIGKILL: a namespace without a name lives as long as a process, thread or open file does.
A thread steps into one with `inside`; processes that it starts there stay there. This file and
`nic/host/ethtool.py` are the ones that import pyroute2.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNET = 0x40000000
_OWN_NAMESPACE = "/proc/thread-self/ns/net"
_PREFIX_BITS = 24


class NamespaceError(Exception):
    """Namespaces cannot be made here; the message is one sentence that says what is missing."""


class Host:
    """One end of the pair: its namespace (a file descriptor) and what its interface has."""

    def __init__(self, interface: str, ip: str, mac: str) -> None:
        self.interface = interface
        self.ip = ip
        self.mac = mac
        self.namespace = -1

    @property
    def mac_number(self) -> int:
        """Low 48 bits, first octet highest."""
        return int(self.mac.replace(":", ""), 16)


class HostPair:
    """`venue` and `client`, joined; close it when no more processes are to be started there."""

    def __init__(self) -> None:
        self.venue = Host("pwvenue", "10.26.0.1", "02:26:00:00:00:01")
        self.client = Host("pwclient", "10.26.0.2", "02:26:00:00:00:02")
        try:
            self._make()
        except NamespaceError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise NamespaceError(f"Network namespaces cannot be set up here: {error.strerror}.") from None

    def _make(self) -> None:
        for host in (self.venue, self.client):
            host.namespace = _new_namespace()
        try:
            from pyroute2 import IPRoute
            from pyroute2.netlink.exceptions import NetlinkError
        except ImportError:
            raise NamespaceError("The Python package pyroute2 is not installed.") from None
        try:
            with inside(self.venue.namespace), IPRoute() as route:
                route.link(
                    "add",
                    ifname=self.venue.interface,
                    kind="veth",
                    address=self.venue.mac,
                    peer={
                        "ifname": self.client.interface,
                        "address": self.client.mac,
                        "net_ns_fd": self.client.namespace,
                    },
                )
            for host, other in ((self.venue, self.client), (self.client, self.venue)):
                with inside(host.namespace), IPRoute() as route:
                    index = route.link_lookup(ifname=host.interface)[0]
                    route.addr("add", index=index, address=host.ip, prefixlen=_PREFIX_BITS)
                    route.link("set", index=index, state="up")
                    route.link("set", index=route.link_lookup(ifname="lo")[0], state="up")
                    # no waiting for ARP at the first packet
                    route.neigh("replace", dst=other.ip, lladdr=other.mac, ifindex=index, state=0x80)
        except NetlinkError as error:
            raise NamespaceError(f"A veth pair cannot be made here: {error.args[-1]}.") from None

    def close(self) -> None:
        """Let go of both namespaces; they live on as long as processes are in them."""
        for host in (self.venue, self.client):
            if host.namespace >= 0:
                os.close(host.namespace)
                host.namespace = -1

    def __enter__(self) -> HostPair:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def inside(namespace: int) -> Iterator[None]:
    """Run the body with the calling thread in `namespace` (a file descriptor). Other threads stay where they are."""
    home = os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("setns", namespace, _CLONE_NEWNET)
        try:
            yield
        finally:
            _call("setns", home, _CLONE_NEWNET)
    finally:
        os.close(home)


def explain_missing() -> str | None:
    """Why namespaces cannot be made here, in one sentence; None when they can."""
    try:
        os.close(_new_namespace())
    except NamespaceError as error:
        return str(error)
    return None


def _new_namespace() -> int:
    """A file descriptor of a fresh network namespace; the calling thread is back home afterwards."""
    home = os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            _call("unshare", _CLONE_NEWNET)
        except OSError as error:
            if error.errno == errno.EPERM:
                raise NamespaceError(
                    "Making network namespaces needs root (CAP_SYS_ADMIN), which this process does not have."
                ) from None
            raise NamespaceError(f"This kernel makes no network namespaces: {error.strerror}.") from None
        try:
            return os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _call("setns", home, _CLONE_NEWNET)
    finally:
        os.close(home)


def _call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
