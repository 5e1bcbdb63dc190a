"""Two days of a venue that runs for real on loopback: a replica beside it, closed and ended by its operator, carried
over into the next day."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from appliance.cli import main
from appliance.config import Config, load, parse
from appliance.control import Appliance, ApplianceError, engine_book_digest, warm_up
from appliance.exchange import SharedFolder
from appliance.history.snapshot import find_snapshots, read_header
from appliance.journal.whole import load_log
from native import counters
from native.jit import INTERPRETED
from native.layout import KIND_DAY_END, KIND_NEW_DAY
from pcap.messages import encode_context
from tests.venue_rig import Client, demo_sessions, new

UDP_PORT = 26890

pytestmark = pytest.mark.skipif(INTERPRETED, reason="a start and a replica take minutes in interpreted kernels")


def venue(tmp_path: Path, mode: str) -> Config:
    return parse(
        {
            "name": f"two-days-{os.getpid()}",
            "epoch": 0 if mode == "disk" else 1,
            "port": {"kind": "udp"},
            "order_entry": {"udp_port": UDP_PORT},
            "feed": {"udp_port": UDP_PORT + 1, "store_mib": 2},
            "distributor": {"enabled": False},
            "recovery": {"enabled": False},
            "journal": {
                "mode": mode,
                "directory": str(tmp_path / "log") if mode == "disk" else "",
                "records": 4096,
                "segment_records": 1024,
                "disk_segment_mib": 2,
                "snapshots": str(tmp_path / "snapshots"),
                "snapshot_seconds": 0.05,
                "archive": str(tmp_path / "archive"),
            },
            "limits": {"orders": 256, "levels": 256},
            "loop": {"idle": "sleep"},
            "instruments": [{"security_id": n, "symbol": f"S{n}"} for n in (1, 2)],
            "sessions": demo_sessions(2),
        }
    )


def send(client: Client, *messages: bytes, at: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(encode_context(client.uuid, at) + b"".join(messages), ("127.0.0.1", UDP_PORT))


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def end_of_day(tmp_path: Path, appliance: Appliance, config: Config) -> dict[str, Any]:
    """`pitwire end-of-day` beside a running venue, which does what `pitwire run` does when it is asked to stop."""

    def watch() -> None:
        wait_for(lambda: appliance.stop_asked)
        appliance.stop()
        appliance.shared.unlock()  # its process would end here

    watcher = threading.Thread(target=watch)
    watcher.start()
    (tmp_path / "monday.json").write_text(config.to_json())
    words = ["end-of-day", "--config", str(tmp_path / "monday.json"), "--json"]
    words += ["--next-config", str(tmp_path / "tuesday.json"), "--positions", str(tmp_path / "positions.csv")]
    done = CliRunner().invoke(main, words)
    watcher.join(60)
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("mode", [pytest.param("memory", marks=pytest.mark.long), "disk"])
def test_two_days(mode: str, tmp_path: Path) -> None:
    warm_up()
    config, client = venue(tmp_path, mode), Client(1)
    shared = SharedFolder(config.name)
    try:
        appliance = Appliance(config)
        with appliance:
            wait_for(lambda: "follows" in appliance.replica_told)
            send(client, new(1, 1, 5, 100, tif="1"), new(2, 1, 4, 99), at=1)
            wait_for(lambda: appliance.counter(counters.ORDERS_ACCEPTED) == 2)
            time.sleep(0.1)  # a snapshot is due
            send(client, new(3, 2, 7, 103, tif="1"), at=3)
            wait_for(lambda: "snapshot" in appliance.replica_told)
            facts = end_of_day(tmp_path, appliance, config)
            assert appliance.counter(counters.ORDERS_EXPIRED) == 1
        assert appliance.replica_told["ended"]["state_hash"] == appliance.summary.state_hash
        assert appliance.replica_told["ended"]["refused"] == [] and not appliance.replica_disagrees
        assert (facts["was_running"], facts["open_orders"], facts["epoch"]) == (True, 2, appliance.config.epoch + 1)
        assert (tmp_path / "positions.csv").read_text() == "account,security_id,net_lots\n"
        _, records = load_log(tmp_path / "archive")
        assert (records.size, int(records[-1]["kind"])) == (facts["records"], KIND_DAY_END)

        tuesday = load(tmp_path / "tuesday.json")
        with Appliance(tuesday) as appliance:
            assert appliance.recovery.snapshot == Path(facts["snapshot"])
            wait_for(lambda: appliance.counter(counters.PHASE_CHANGES) == 2)
            assert int(appliance.exchange.journal.records[0]["kind"]) == KIND_NEW_DAY
            send(client, new(1, 1, 5, 100, tif="1"), at=1)  # again: nobody told it that it had arrived
            send(client, new(4, 2, 5, 100), at=4)
            wait_for(lambda: appliance.counter(counters.ORDERS_ACCEPTED) == 1)
            assert appliance.counter(counters.DROP_DUPLICATE) == 1
            wait_for(lambda: appliance.counter(counters.FILLS) == 1)
        assert appliance.summary.open_orders == 1
        assert appliance.summary.book_digest == engine_book_digest(appliance.exchange)
        if mode == "disk":  # carried on however it ended: the day's own snapshots, and none of another epoch
            appliance.shared.unlock()  # its process would end here
            with Appliance(tuesday) as again:
                newest = find_snapshots(tmp_path / "snapshots", tuesday.epoch)[0]
                assert again.recovery.snapshot == newest and read_header(newest).sequence > 0
                assert again.recovery.sequence == again.log.recovered_records
            assert again.summary.state_hash == appliance.summary.state_hash
    finally:
        shared.remove()


def test_a_start_that_fails_leaves_only_the_log_that_is_nowhere_else(tmp_path: Path) -> None:
    """The port is taken. What an earlier run has left, and only that, stays; and the name can be had by another."""
    warm_up()
    config = venue(tmp_path, "memory")
    shared = SharedFolder(config.name)
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", UDP_PORT))
    try:
        with pytest.raises(ApplianceError, match="use"):
            Appliance(config).start()
        assert not shared.path.exists(), "nothing was there before"
        taken.close()
        killed = os.fork()
        if killed == 0:
            Appliance(config).start()
            os._exit(0)  # without stopping anything
        os.waitpid(killed, 0)
        left = {path.name: path.read_bytes() for path in shared.path.iterdir() if path.name.startswith("journal.")}
        assert "journal.control" in left
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("127.0.0.1", UDP_PORT))
        with pytest.raises(ApplianceError, match="use"):
            Appliance(config).start()
        assert {path.name for path in shared.path.iterdir()} == {"lock", *left}
        for name in left.keys() - {"journal.control"}:
            assert (shared.path / name).read_bytes() == left[name]
        taken.close()
        with Appliance(config) as appliance:
            assert appliance.log.recovered_records == 2 and appliance.log.is_only_copy
    finally:
        taken.close()
        shared.remove()
