"""Replays the order-entry datagrams of a capture through a port and measures the answers with the client's own clock.

    workload = load_workload(open_capture("day.pcap"), udp_port=26400)
    replayer = Replayer(workload, port, source, target, Pace(window=64))
    result = replayer.run()          # in a thread, with replayer.progress() in another

Latency is from just before a request is given to the port to the first report about its ClOrdID; beside it stands the
response time from when the request was due, which a late sender cannot flatter (coordinated omission).
"""

from __future__ import annotations

import ipaddress
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from appliance import histogram
from appliance.client import replay_loop as loop
from appliance.client.workload import SESSIONS_MAX, Ints, Workload, make_workload
from appliance.histogram import Histogram, new_histogram
from native.codes import sentence_of_error
from native.layout import PKT
from native.limits import FRAME_BYTES_MAX, RX_BURST_MAX, TX_BURST_MAX
from native.ports import Port, PortConfig, open_port
from wire.net import udp4

NS_PER_SECOND: Final = 1_000_000_000
PERCENTILES_PPM: Final = (500_000, 990_000, 999_000)


class ReplayError(Exception):
    """The replay cannot run; the message is one sentence that says why."""


@dataclass(frozen=True)
class Endpoint:
    """One end of the datagrams. `mac` (low 48 bits, first octet highest) matters to packet and xdp ports only."""

    ip: str
    udp_port: int
    mac: int = 0


@dataclass(frozen=True)
class Pace:
    """When datagrams leave: at a rate, at a multiple of the recorded time, or (neither) as fast as `window` allows."""

    datagrams_a_second: float | None = None
    multiplier: float | None = None
    window: int = 0
    """Requests that may be unanswered at a time; 0: no limit (an open loop)."""
    linger_seconds: float = 1.0
    """How long to wait for more answers once none comes."""

    def due_ns(self, workload: Workload) -> Ints:
        """When each datagram is due, ns from the start on. Raises ReplayError."""
        if self.datagrams_a_second is not None and self.multiplier is not None:
            raise ReplayError("A rate and a multiplier exclude each other.")
        if self.datagrams_a_second is not None:
            if not self.datagrams_a_second > 0:
                raise ReplayError("The rate must be above 0.")
            return (np.arange(workload.datagrams) * (NS_PER_SECOND / self.datagrams_a_second)).astype(np.int64)
        if self.multiplier is not None:
            if not self.multiplier > 0:
                raise ReplayError("The multiplier must be above 0.")
            return (workload.time_ns / self.multiplier).astype(np.int64)
        return np.zeros(workload.datagrams, np.int64)


@dataclass(frozen=True)
class Progress:
    """How far a replay is, at one moment."""

    datagrams: int
    datagrams_sent: int
    requests_sent: int
    answered: int
    fills: int
    seconds: float


@dataclass(frozen=True)
class Latency:
    """Percentiles of one histogram, ns."""

    count: int
    min_ns: int
    mean_ns: int
    p50_ns: int
    p99_ns: int
    p999_ns: int
    max_ns: int

    @classmethod
    def of(cls, values: Histogram) -> Latency:
        """The percentiles of `values`."""
        p50, p99, p999 = histogram.percentiles_ns(values, PERCENTILES_PPM)
        return cls(
            count=histogram.count(values),
            min_ns=histogram.min_ns(values),
            mean_ns=histogram.mean_ns(values),
            p50_ns=p50,
            p99_ns=p99,
            p999_ns=p999,
            max_ns=histogram.max_ns(values),
        )


@dataclass(frozen=True)
class ReplayResult:
    """What a replay sent and what came back."""

    datagrams: int
    datagrams_sent: int
    requests: int
    """Different (session, ClOrdID) in the capture."""
    requests_sent: int
    answered: int
    """Requests with at least one report."""
    refused: int
    """Requests that NotApplied or BusinessMessageReject named, and no report."""
    lost: int
    """Requests that were sent and not answered in any way."""
    acks: int
    fills: int
    """Trade reports; one a side."""
    rejects: int
    cancels: int
    modifies: int
    not_applied: int
    business_rejects: int
    other_reports: int
    reports_missing: int
    """Numbers that never came in the server's flows."""
    reports_duplicate: int
    packets_in: int
    packets_other: int
    bytes_out: int
    bytes_in: int
    window_timeouts: int
    seconds: float
    stopped: bool
    latency: Latency
    """From when a request left."""
    response: Latency
    """From when it was due: what a client that keeps its schedule sees; without a schedule the same as `latency`."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


class Replayer:
    """One replay of one workload. `run` blocks (without the GIL); `progress` and `stop` may come from other threads."""

    def __init__(
        self, workload: Workload, port: Port, source: Endpoint, target: Endpoint, pace: Pace, others_kept: int = 0
    ) -> None:
        """`source` is the port's own end: its udp_port is where answers come. Raises ReplayError.

        Of the frames that are no answers, `others_kept` may wait for `take_others`.
        """
        self.workload = workload
        self.port = port
        self.source = source
        settings = np.zeros(loop.SETTINGS_COUNT, np.int64)
        settings[loop.SOURCE_MAC], settings[loop.TARGET_MAC] = source.mac, target.mac
        settings[loop.SOURCE_IP] = int(ipaddress.IPv4Address(source.ip))
        settings[loop.TARGET_IP] = int(ipaddress.IPv4Address(target.ip))
        settings[loop.SOURCE_PORT], settings[loop.TARGET_PORT] = source.udp_port, target.udp_port
        settings[loop.WINDOW] = pace.window
        settings[loop.SCHEDULED] = int(pace.datagrams_a_second is not None or pace.multiplier is not None)
        settings[loop.LINGER_NS] = int(pace.linger_seconds * NS_PER_SECOND)
        requests = workload.requests
        self.state = loop.ReplayState(
            progress=np.zeros(loop.PROGRESS_COUNT, np.int64),
            settings=settings,
            due_ns=pace.due_ns(workload),
            sent_ns=np.zeros(requests, np.int64),
            answered_ns=np.zeros(requests, np.int64),
            due_of_request_ns=np.zeros(requests, np.int64),
            next_report=np.zeros(SESSIONS_MAX, np.int64),
            refusals=np.zeros(3 * loop.REFUSALS_MAX, np.int64),
            service_histogram=new_histogram(),
            response_histogram=new_histogram(),
            others=np.zeros(max(others_kept, 1) * FRAME_BYTES_MAX, np.uint8),
            others_bytes=np.zeros(others_kept, np.int64),
            others_counts=np.zeros(2, np.int64),
            fields=np.zeros(udp4.FIELDS_COUNT, np.int64),
            tx=np.zeros(TX_BURST_MAX, PKT),
            rx=np.zeros(RX_BURST_MAX, PKT),
        )

    def run(self) -> ReplayResult:
        """Send everything, wait for the answers, measure. Raises ReplayError when the port fails."""
        code = int(loop.run(self.workload, self.state, self.port.handle))
        if code < 0:
            raise ReplayError(f"The port failed: {sentence_of_error(code)}")
        return self.result()

    def stop(self) -> None:
        """Ask `run` to come back soon."""
        self.state.progress[loop.STOP] = 1

    def progress(self) -> Progress:
        """How far it is."""
        now = self.state.progress.tolist()
        end_ns = now[loop.END_NS] or max(now[loop.LAST_ANSWER_NS], now[loop.START_NS])
        return Progress(
            datagrams=self.workload.datagrams,
            datagrams_sent=now[loop.DATAGRAMS_SENT],
            requests_sent=now[loop.REQUESTS_SENT],
            answered=now[loop.REQUESTS_ANSWERED],
            fills=now[loop.FILLS],
            seconds=(end_ns - now[loop.START_NS]) / NS_PER_SECOND,
        )

    def take_others(self) -> list[bytes]:
        """Frames that came and are no answers, in order, each once. One thread beside that of `run` may ask."""
        first = int(self.state.others_counts[loop.OTHERS_TAKEN])
        end = int(loop.others_written(self.state))
        frames = []
        for number in range(first, end):
            slot = number % self.state.others_bytes.size
            at = slot * FRAME_BYTES_MAX
            frames.append(self.state.others[at : at + int(self.state.others_bytes[slot])].tobytes())
        if frames:
            loop.mark_taken(self.state, end)
        return frames

    @property
    def service_histogram(self) -> Histogram:
        """Latencies from when requests left (see `appliance.histogram`)."""
        return self.state.service_histogram

    @property
    def response_histogram(self) -> Histogram:
        """Response times from when requests were due."""
        return self.state.response_histogram

    def _refused(self) -> int:
        """Unanswered requests that NotApplied or BusinessMessageReject named."""
        rows = int(self.state.progress[loop.REFUSALS])
        if not rows:
            return 0
        requests = self.workload.requests
        session = self.workload.request_session[:requests]
        number = self.workload.request_seq[:requests]
        open_ = (self.state.sent_ns != 0) & (self.state.answered_ns == 0)
        named = np.zeros(requests, bool)
        for owner, first, count in self.state.refusals[: 3 * rows].reshape(rows, 3).tolist():
            named |= (session == owner) & (number >= first) & (number < first + count)
        return int(np.count_nonzero(named & open_))

    def result(self) -> ReplayResult:
        """What came of it so far."""
        counted = self.state.progress.tolist()
        refused = self._refused()
        return ReplayResult(
            datagrams=self.workload.datagrams,
            datagrams_sent=counted[loop.DATAGRAMS_SENT],
            requests=self.workload.requests,
            requests_sent=counted[loop.REQUESTS_SENT],
            answered=counted[loop.REQUESTS_ANSWERED],
            refused=refused,
            lost=counted[loop.REQUESTS_SENT] - counted[loop.REQUESTS_ANSWERED] - refused,
            acks=counted[loop.ACKS],
            fills=counted[loop.FILLS],
            rejects=counted[loop.REJECTS],
            cancels=counted[loop.CANCELS],
            modifies=counted[loop.MODIFIES],
            not_applied=counted[loop.NOT_APPLIED],
            business_rejects=counted[loop.BUSINESS_REJECTS],
            other_reports=counted[loop.OTHER_REPORTS],
            reports_missing=counted[loop.REPORTS_MISSING],
            reports_duplicate=counted[loop.REPORTS_DUPLICATE],
            packets_in=counted[loop.PACKETS_IN],
            packets_other=counted[loop.PACKETS_OTHER],
            bytes_out=counted[loop.BYTES_OUT],
            bytes_in=counted[loop.BYTES_IN],
            window_timeouts=counted[loop.WINDOW_TIMEOUTS],
            seconds=(counted[loop.END_NS] - counted[loop.START_NS]) / NS_PER_SECOND,
            stopped=bool(counted[loop.STOP]),
            latency=Latency.of(self.state.service_histogram),
            response=Latency.of(self.state.response_histogram),
        )


def warm_up() -> None:
    """Compile the loop, so that the first real replay starts at once."""
    empty = make_workload(np.zeros(0, np.uint8), np.zeros(1, np.int64), np.zeros(0, np.int64))
    with open_port(PortConfig(kind="memory")) as port:
        nowhere = Endpoint("127.0.0.1", 9)
        Replayer(empty, port, nowhere, nowhere, Pace(linger_seconds=0)).run()
