"""The main job itself, on every port that this machine allows, and without any privilege."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.demo import placement
from appliance.demo.placement import choose_port, why_not
from pcap.write import Recipe, make_capture

WITHOUT_CAPABILITIES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--")
RATE = 4000
DAY = Path(__file__).resolve().parents[3] / "shared" / "data" / "bme_ANA_20190523_orders.csv"


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short capture with fills."""
    path = tmp_path_factory.mktemp("flow") / "flow.pcap"
    make_capture(Recipe(seed=3, scenario="swing", messages=2000, instruments=4, sessions=4), path)
    return path


def pitwire(*words: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-m", "appliance.cli", *words],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def agreed(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON of a demonstration in which everybody agreed."""
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    assert outcome["faults"] == []
    assert outcome["client"]["lost"] == 0
    assert outcome["client"]["fills"] == 2 * outcome["venue"]["counters"]["fills"] > 0
    assert outcome["subscriber"]["book_digest"] == outcome["venue"]["book_digest"]
    assert outcome["venue"]["state_hash"] == outcome["replay_state_hash"]
    return outcome


@pytest.mark.parametrize("kind", ["xdp", "packet", "udp", "dpdk"])
def test_everybody_agrees(kind: str, flow: Path) -> None:
    missing = why_not(kind)
    if missing is not None:
        pytest.skip(missing)
    before = set(os.listdir("/sys/class/net"))
    done = pitwire("demo", "--port", kind, "--capture", str(flow), "--rate", str(RATE), "--drop-percent", "3", "--json")
    outcome = agreed(done)
    assert outcome["port"].startswith(kind)
    assert outcome["subscriber"]["dropped_on_purpose"] > 0
    assert outcome["subscriber"]["counters"]["messages_recovered"] > 0
    assert set(os.listdir("/sys/class/net")) == before
    assert not [name for name in os.listdir("/dev/shm") if name.startswith("pitwire-demo-")]


@pytest.mark.skipif(not DAY.exists(), reason=f"the recorded day is not at {DAY}")
def test_the_real_day_over_af_xdp(tmp_path: Path) -> None:
    missing = why_not("xdp")
    if missing is not None:
        pytest.skip(missing)
    day = tmp_path / "day.pcap"
    assert pitwire("convert", str(DAY), str(day)).returncode == 0
    outcome = agreed(pitwire("demo", "--port", "xdp", "--capture", str(day), "--rate", "10000", "--json"))
    counted = outcome["venue"]["counters"]
    assert (counted["orders_accepted"], counted["fills"], counted["shares_traded"]) == (13_604, 996, 54_378)
    assert (counted["replaces"], counted["replaces_to_nothing"], counted["cancels"]) == (2_019, 655, 11_433)
    assert (counted["open_orders"], outcome["client"]["answered"], outcome["client"]["rejects"]) == (0, 27_056, 0)


def test_without_a_capability_it_says_so_and_goes_on(flow: Path) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv (util-linux)")
    probe = subprocess.run([*WITHOUT_CAPABILITIES, "true"], check=False, capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"cannot drop capabilities here: {probe.stderr.strip()}")
    done = pitwire("demo", "--capture", str(flow), "--rate", str(RATE), "--json", before=WITHOUT_CAPABILITIES)
    outcome = agreed(done)
    assert outcome["port"].startswith("udp")
    sentences = [line for line in done.stderr.splitlines() if "What it means" in line]
    assert [line.split(":")[0] for line in sentences] == ["xdp", "packet"]
    assert "CAP_NET_RAW" in sentences[0]

    replayed = pitwire("replay", str(flow), "--json", before=WITHOUT_CAPABILITIES)
    assert replayed.returncode == 0, replayed.stderr
    assert json.loads(replayed.stdout)["state_hash"] == outcome["venue"]["state_hash"]


def test_the_pcap_port_needs_no_wire(flow: Path) -> None:
    done = pitwire("demo", "--port", "pcap", "--capture", str(flow), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fills"] > 0


def test_a_port_that_is_asked_for_is_tried_first() -> None:
    assert choose_port("udp") == ("udp", [])
    assert choose_port("pcap") == ("pcap", [])


def test_dpdk_is_taken_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "why_not", lambda kind: None)
    assert choose_port("auto") == ("xdp", [])
    assert choose_port("dpdk") == ("dpdk", [])
    monkeypatch.setattr(placement, "why_not", lambda kind: "It is not here." if kind in ("dpdk", "xdp") else None)
    kind, sentences = choose_port("dpdk")
    assert kind == "packet"
    assert [sentence.split(" ")[0] for sentence in sentences] == ["dpdk:", "xdp:"]
    assert sentences[0].startswith("dpdk: It is not here. What it means: orders then go through the kernel")


def test_a_configuration_that_names_dpdk_asks_for_it(flow: Path, tmp_path: Path) -> None:
    missing = why_not("dpdk")
    if missing is not None:
        pytest.skip(missing)
    config = tmp_path / "venue.toml"
    config.write_text('[port]\nkind = "dpdk"\neal_args = "--no-huge -m 320"\n')
    outcome = agreed(pitwire("demo", "--config", str(config), "--capture", str(flow), "--rate", str(RATE), "--json"))
    assert outcome["port"].startswith("dpdk net_memif on net_memif0 queue 0 of 1, no hugepages")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("demo", "--capture", "/nonexistent.pcap"), "No such file"),
        (("replay", "/nonexistent.pcap"), "No such file"),
        (("replay", __file__), "not a"),
        (("run", "--config", "/nonexistent.toml"), "cannot be read"),
        (("rnu",), "Did you mean 'run'?"),
    ],
)
def test_bad_input_ends_in_one_sentence(words: tuple[str, ...], sentence: str) -> None:
    done = pitwire(*words)
    assert done.returncode in (1, 2)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
