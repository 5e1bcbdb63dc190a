"""The keeper starts a distributor again, and more slowly where that does not help; files of a distributor."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from appliance.distributor import keeper
from appliance.distributor.keeper import DistributorKeeper
from appliance.distributor.stores import DerivedStore, InputStore, StoreError, create_told, map_told
from appliance.distributor_counters import DISTRIBUTOR_COUNTERS, IS_BEGUN, QUIET_BYTES, SLOTS, sent_slot
from tests.naive.feed_writer import FeedWriter


def child(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(keeper, "command_line", lambda folder, parent_pid: [sys.executable, "-c", program])


def test_one_that_ends_is_started_again_and_more_slowly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child(monkeypatch, "raise SystemExit(3)")
    kept = DistributorKeeper(tmp_path)
    kept.start()
    sentences, starts, pid = set(), 0, 0
    until = time.monotonic() + 3
    while starts < 3:
        assert time.monotonic() < until
        sentences.add(kept.check())
        if kept.pid not in (0, pid):
            pid, starts = kept.pid, starts + 1
        time.sleep(0.005)
    kept.stop()
    told = sorted(sentences - {""})
    assert told and all("(exit 3)" in sentence and "are silent" in sentence for sentence in told)
    assert {sentence.split("again in ")[1].split(" s;")[0] for sentence in told} >= {"0.2", "0.4"}


def test_one_that_runs_is_left_alone_and_ended_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child(monkeypatch, "import time; time.sleep(60)")
    kept = DistributorKeeper(tmp_path)
    kept.start()
    pid = kept.pid
    assert kept.check() == "" and kept.pid == pid
    kept.stop()
    assert kept.pid == 0 and not Path(f"/proc/{pid}").exists()
    kept.stop()


def test_what_it_tells_has_room(tmp_path: Path) -> None:
    create_told(tmp_path, 4711)
    told = map_told(tmp_path)
    assert told.size == SLOTS and told[QUIET_BYTES] == 4711 and told[IS_BEGUN] == 0
    assert len(DISTRIBUTOR_COUNTERS) <= min(IS_BEGUN, QUIET_BYTES) < sent_slot(0)
    told[0] = 5
    assert map_told(tmp_path)[0] == 5
    with pytest.raises(StoreError, match="cannot be used"):
        map_told(tmp_path / "nothing")


def test_a_derived_store_is_begun_once_and_found_then(tmp_path: Path) -> None:
    store = DerivedStore(tmp_path / "feed.l2", 1 << 30, 2, 9, bytes(range(16)))
    assert store.grow(1000) and store.room_bytes >= 1000
    blocks = (tmp_path / "feed.l2").stat().st_blocks * 512
    assert 4096 + 1000 <= blocks < 32 << 20  # sparse
    store.header["committed_bytes"] = 640
    again = DerivedStore(tmp_path / "feed.l2", 1 << 30, 3, 10, bytes(16))
    assert (again.committed_bytes, int(again.header["channel_id"]), int(again.header["epoch"])) == (640, 2, 9)
    assert DerivedStore(tmp_path / "small", 4096, 2, 9, bytes(16)).grow(1 << 20)  # never more than its capacity


def test_the_input_is_an_l3_store_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    with pytest.raises(StoreError, match="cannot be read"):
        InputStore(path)
    path.write_bytes(b"x" * 100)
    with pytest.raises(StoreError, match="too short"):
        InputStore(path)
    path.write_bytes(bytes(8192))
    with pytest.raises(StoreError, match="is not a feed store"):
        InputStore(path)
    writer = FeedWriter(path)
    assert InputStore(path).capacity_bytes == 1 << 20
    writer.header[0]["capacity_bytes"] = np.uint64(1 << 40)
    with pytest.raises(StoreError, match="cut short"):
        InputStore(path)
