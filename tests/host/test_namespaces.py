"""Two hosts on one machine: they reach each other, and nothing of them is left."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from nic.namespaces import HostPair, explain_missing, inside

pytestmark = pytest.mark.skipif(explain_missing() is not None, reason=str(explain_missing()))


def _interfaces() -> set[str]:
    return set(os.listdir("/sys/class/net"))


def _named_namespaces() -> set[str]:
    folder = Path("/run/netns")
    return set(os.listdir(folder)) if folder.exists() else set()


def _namespace_of_thread() -> str:
    return os.readlink("/proc/thread-self/ns/net")


def test_datagrams_cross_the_pair() -> None:
    home = _namespace_of_thread()
    with HostPair() as pair:
        with inside(pair.venue.namespace):
            assert _namespace_of_thread() != home
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            listener.settimeout(5)
            listener.bind((pair.venue.ip, 9))
        with inside(pair.client.namespace), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"hello", (pair.venue.ip, 9))
        with listener:
            payload, (address, _) = listener.recvfrom(100)
        assert (payload, address) == (b"hello", pair.client.ip)
        assert _namespace_of_thread() == home


def test_nothing_is_left_in_this_namespace() -> None:
    before = _interfaces(), _named_namespaces()
    with HostPair():
        assert (_interfaces(), _named_namespaces()) == before
    assert (_interfaces(), _named_namespaces()) == before


def test_it_can_be_made_again_and_again() -> None:
    for _ in range(3):
        with HostPair() as pair:
            assert pair.venue.namespace >= 0
        assert pair.venue.namespace == -1


def test_a_thread_comes_home_after_an_error() -> None:
    home = _namespace_of_thread()
    with HostPair() as pair, pytest.raises(ZeroDivisionError), inside(pair.venue.namespace):
        raise ZeroDivisionError
    assert _namespace_of_thread() == home
