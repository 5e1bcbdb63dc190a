"""The frames that the pipeline's benchmark sends: one request a datagram, or several of one session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from pcap.datagrams import DatagramWriter
from pcap.generate import generate
from pcap.requests import Request
from wire.capture import create_capture, open_capture


class Flow:
    """Frames of a capture, one after the other, with their times."""

    def __init__(self, path: Path, together: int) -> None:
        """`together`: orders a datagram."""
        packets = list(open_capture(path))
        self.frames = [bytes(one.data) for one in packets]
        self.time_ns = np.array([one.time_ns for one in packets], np.int64)
        self.octets = np.frombuffer(b"".join(self.frames), np.uint8).copy()
        self.start = np.concatenate(([0], np.cumsum([len(frame) for frame in self.frames]))).astype(np.int64)

        self.count = len(self.frames)
        self.orders = together * self.count


def joined(requests: Iterable[Request], together: int) -> Iterator[Request]:
    """The same requests so that `together` of one session follow each other, at the time of the last. What does not
    fill a datagram at the end is left out."""
    waiting: dict[int, list[Request]] = defaultdict(list)
    for request in requests:
        of_session = waiting[request.session]
        of_session.append(request)
        if len(of_session) == together:
            yield from (one._replace(time_ns=request.time_ns) for one in of_session)
            of_session.clear()


def write_flow_of(path: Path, seed: int, orders: int, instruments: int, sessions: int, together: int) -> None:
    """A capture of about `orders` generated requests, `together` a datagram."""
    requests = generate(seed, "calm", orders, instruments, sessions)
    with create_capture(path) as capture, DatagramWriter(capture, messages_per_datagram=together) as writer:
        writer.add_all(joined(requests, together))
