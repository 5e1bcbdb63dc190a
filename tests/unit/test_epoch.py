"""The epoch rises by itself with every start that carries no log on, and is kept by one that does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.config import Config, parse
from appliance.exchange import SharedFolder, channel_topic_id, topic_id, venue_identity, with_epoch_of_log
from appliance.journal.whole import save_log
from appliance.venue_log import VenueLog, epoch_left_in
from native.layout import FEED_HEADER, FEED_MAGIC, SEQUENCED


def config_of(**values: Any) -> Config:
    return parse({"name": "epoch", "journal": {"records": 1024, "segment_records": 1024}} | values)


def opened(folder: Path, config: Config) -> VenueLog:
    shared = SharedFolder(config.name, folder)
    shared.path.mkdir(exist_ok=True)
    log = VenueLog(config, shared)
    log.open()
    return log


def leave_feed(folder: Path, epoch: int) -> None:
    """What a run leaves of its feed store."""
    header = np.zeros(1, FEED_HEADER)
    header["magic"], header["epoch"] = FEED_MAGIC, epoch
    (folder / "pitwire-epoch" / "feed").write_bytes(header.tobytes() + bytes(100))


def test_it_rises_from_start_to_start_also_within_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.venue_log.time.time", lambda: 1_800_000_000.5)
    first = opened(tmp_path, config_of())
    assert first.config.epoch == 1_800_000_000 - 1_577_836_800
    assert first.last_crc32c == first.config.epoch == first.store.control.identity.epoch
    leave_feed(tmp_path, first.config.epoch)
    second = opened(tmp_path, config_of())
    assert second.config.epoch == first.config.epoch + 1
    leave_feed(tmp_path, 2_000_000_000)  # the clock was ahead once
    assert opened(tmp_path, config_of()).config.epoch == 2_000_000_001


def test_a_given_one_is_taken(tmp_path: Path) -> None:
    assert opened(tmp_path, config_of(epoch=7)).config.epoch == 7


def test_a_log_that_is_carried_on_keeps_it(tmp_path: Path) -> None:
    killed = opened(tmp_path, config_of())
    records = np.zeros(1, SEQUENCED)
    killed.store.records[:1] = records
    epoch = killed.config.epoch
    killed.store.control.store("committed_records", 0)  # nothing was decided: such a log is begun anew
    leave_feed(tmp_path, epoch)
    assert opened(tmp_path, config_of()).config.epoch > epoch
    path = tmp_path / "journal"
    save_log(path, venue_identity(config_of(epoch=77)), records[:0])
    assert with_epoch_of_log(config_of(), path).epoch == 77
    assert with_epoch_of_log(config_of(epoch=3), path).epoch == 3
    assert with_epoch_of_log(config_of(), tmp_path / "nothing").epoch == 0


def test_what_is_no_feed_store_has_none(tmp_path: Path) -> None:
    assert epoch_left_in(tmp_path / "feed") == 0
    (tmp_path / "feed").write_bytes(b"short")
    assert epoch_left_in(tmp_path / "feed") == 0
    (tmp_path / "feed").write_bytes(bytes(5000))
    assert epoch_left_in(tmp_path / "feed") == 0


def test_each_epoch_and_channel_has_a_topic_of_its_own() -> None:
    one, other = config_of(epoch=1), config_of(epoch=2)
    assert topic_id(one) == channel_topic_id(one, one.feed.channel_id)
    found = {channel_topic_id(config, channel) for config in (one, other) for channel in (1, 2, 3)}
    assert len(found) == 6
