"""The load generator is honest: a server that stalls shows in the response times of everyone who had to wait for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from appliance import histogram
from appliance.histogram import HEADER_SLOTS, bucket_of
from bench.wire import generator
from bench.wire.contenders import CLIENT_UDP_PORT
from bench.wire.templates import Addresses, make_templates, session_uuids
from native.ports import PortConfig, open_port

ROOT = Path(__file__).parents[2]
SERVER_UDP_PORT = 26460
STALL_NS = 100_000_000
RATE = 5_000
REQUESTS = 10_000
STALLED = RATE * STALL_NS // 10**9
"""Requests that fall due while the server does nothing: 500 of 10,000, so p99.9 lies deep among them."""

pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="server and generator need a CPU each")


@contextmanager
def echo_server(*words: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.wire.echo", "--udp-port", str(SERVER_UDP_PORT), *words],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'codecs'}"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert "ready" in json.loads(process.stdout.readline())
        yield
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
        assert json.loads(out)["stopped"]["echoed"] == REQUESTS
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def measure() -> generator.Traffic:
    settings = {generator.INSTRUMENTS: 4, generator.SESSIONS: 2, generator.LAG_ROUNDS: 8, generator.IS_ECHO: 1,
                generator.USE_STAMPS: 1, generator.LINGER_NS: 2_000_000_000}  # fmt: skip
    addresses = Addresses(0, "127.0.0.1", CLIENT_UDP_PORT, 0, "127.0.0.1", SERVER_UDP_PORT)
    traffic = generator.new_traffic(settings, make_templates(addresses, 2), session_uuids(2))
    with open_port(PortConfig(kind="udp", local_ip="127.0.0.1", rx_frames=4096)) as port:
        assert generator.run(traffic, port.handle, 0, RATE, REQUESTS) == 0
    return traffic


def above(values: histogram.Histogram, limit_ns: int) -> int:
    return int(values[HEADER_SLOTS + bucket_of(limit_ns) :].sum())


@pytest.mark.parametrize("server", ["socket", "udp"])
def test_a_stall_of_100_ms_is_told_at_full_length(server: str) -> None:
    with echo_server("--port", server, "--stall-ms", str(STALL_NS // 1_000_000), "--stall-at", str(REQUESTS // 2)):
        traffic = measure()
    progress = traffic.progress
    assert progress[generator.SENT] == progress[generator.ANSWERED] == REQUESTS
    response, service = traffic.response, traffic.service
    assert histogram.count(response) == histogram.count(service) == REQUESTS
    # whoever was due in the first half of the stall waited for more than half of it; other work only adds to that
    assert above(response, STALL_NS // 2) >= STALLED // 2 * 0.9
    assert histogram.percentile_ns(response, 999_000) >= STALL_NS * 0.9
    assert histogram.max_ns(response) >= STALL_NS * 0.99
    # an open loop sends on while the server stands still: most of these requests had left in time
    assert above(service, STALL_NS // 2) >= STALLED // 4
    # the parts that a response is made of
    assert np.dot(traffic.lateness[histogram.SLOT_SUM_NS], 1) + service[histogram.SLOT_SUM_NS] == pytest.approx(
        response[histogram.SLOT_SUM_NS], rel=1e-9
    )


def test_a_stall_of_the_generator_itself_is_told_too() -> None:
    """Half of the schedule lies in the past already: service times know nothing of it, response times do."""
    with echo_server("--port", "socket"):
        settings = {generator.INSTRUMENTS: 4, generator.SESSIONS: 2, generator.LAG_ROUNDS: 8, generator.IS_ECHO: 1,
                    generator.LINGER_NS: 2_000_000_000}  # fmt: skip
        addresses = Addresses(0, "127.0.0.1", CLIENT_UDP_PORT, 0, "127.0.0.1", SERVER_UDP_PORT)
        traffic = generator.new_traffic(settings, make_templates(addresses, 2), session_uuids(2))
        with open_port(PortConfig(kind="udp", local_ip="127.0.0.1", rx_frames=16_384, tx_frames=64)) as port:
            # more than any generator can send: everything is late, more and more
            assert generator.run(traffic, port.handle, 0, 5_000_000, REQUESTS) == 0
    assert traffic.progress[generator.ANSWERED] == REQUESTS
    late, response, service = traffic.lateness, traffic.response, traffic.service
    assert histogram.max_ns(response) > histogram.max_ns(late) > histogram.percentile_ns(service, 100_000)
    assert histogram.percentile_ns(response, 500_000) >= histogram.percentile_ns(late, 400_000)
