"""A live venue tells its stages, its ring and its port while it runs, and every count adds up to what it took."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from appliance import histogram, live_view, prometheus, stages
from appliance.client.replayer import Endpoint, Pace, Replayer
from appliance.client.workload import load_workload
from appliance.config import parse
from appliance.control import Appliance
from appliance.histogram import SLOT_SUM_NS
from appliance.observe import Observer, Snapshot
from native.ports import PortConfig, open_port
from wire.capture import open_capture

SMOKE = Path(__file__).parents[2] / "pcap" / "captures" / "smoke.pcap"
UDP_PORT = 26470


@pytest.fixture(scope="module")
def told() -> tuple[Snapshot, Snapshot]:
    """What an observer sees before and after the smoke capture, of a venue that still runs."""
    config = parse(
        {
            "name": f"stages-{os.getpid()}",
            "order_entry": {"udp_port": UDP_PORT},
            "feed": {"udp_port": UDP_PORT + 1, "store_mib": 64},
            "distributor": {"enabled": False},
            "recovery": {"enabled": False},
            "journal": {"records": 1 << 15},
            "limits": {"orders": 1 << 14, "levels": 1 << 12},
            "loop": {"idle": "yield"},
        }
    )
    appliance = Appliance(config)
    try:
        with appliance:
            observer = Observer(config.name)
            before = observer.snapshot()
            with open_port(PortConfig(kind="udp", local_ip="127.0.0.1")) as port:
                source, target = Endpoint("127.0.0.1", port.udp_port), Endpoint("127.0.0.1", UDP_PORT)
                workload = load_workload(open_capture(SMOKE), 26400)
                result = Replayer(workload, port, source, target, Pace(window=16)).run()
            assert result.answered > 1000
            time.sleep(0.6)  # what is told of the port may be half a second old
            appliance.check()
            after = observer.snapshot()
    finally:
        appliance.shared.remove()
    return before, after


def test_every_stage_counts_what_went_through_it(told: tuple[Snapshot, Snapshot]) -> None:
    _, now = told
    count = {name: histogram.count(values) for name, values in now.stages.items()}
    assert count["receive"] == count["whole"] == now.counters["packets_in"] > 0
    assert count["send"] == now.counters["busy_turns"]
    taken = sum(now.counters[name] for name in ("new_orders", "cancels", "cancels_rejected", "replaces"))
    assert 0 < taken <= count["match"] == count["sequence"] <= now.counters["sequenced_inputs"]
    assert count["match"] <= count["decode"]  # what cannot be read is decoded, too


def test_the_stages_of_a_turn_fit_into_it(told: tuple[Snapshot, Snapshot]) -> None:
    _, now = told
    assert now.turns is not None
    parts = sum(int(now.stages[name][SLOT_SUM_NS]) for name in ("decode", "sequence", "match", "send"))
    # one is told by the CPU's counter, the other by the clock; the turn also gives its frames back
    assert 0 < parts <= now.busy_ns * 1.02
    assert int(now.stages["whole"][SLOT_SUM_NS]) >= int(now.stages["receive"][SLOT_SUM_NS])
    assert histogram.max_ns(now.turns) == now.counters["cycle_ns_max"]


def test_turns_by_frames_add_up(told: tuple[Snapshot, Snapshot]) -> None:
    _, now = told
    assert len(now.turns_by_frames) == stages.TURN_SLOTS and now.turns_by_frames[0] == 0
    assert sum(now.turns_by_frames) == now.counters["busy_turns"]
    assert sum(frames * turns for frames, turns in enumerate(now.turns_by_frames)) == now.counters["packets_in"]


def test_the_port_is_told(told: tuple[Snapshot, Snapshot]) -> None:
    _, now = told
    assert now.port["rx_frames"] == now.counters["packets_in"] and now.port["link_up"] == 1
    assert now.port["tx_frames"] == now.counters["packets_out"]


def test_page_and_metrics_of_a_real_venue(told: tuple[Snapshot, Snapshot]) -> None:
    before, now = told
    text = "\n".join(live_view.page("shop", before, now))
    assert all(f"\n{name:10}" in text for name in ("turn", *stages.STAGES))
    assert "frames a turn" in text and "port " in text
    metrics = prometheus.text("shop", now)
    assert f'pitwire_stage_seconds_count{{venue="shop",stage="send"}} {now.counters["busy_turns"]}' in metrics
