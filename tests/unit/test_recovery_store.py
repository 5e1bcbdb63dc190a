"""The feed store reader against a writer in plain Python: following, ranges, damage."""

from __future__ import annotations

import pytest

from appliance.recovery.store import FEED_FILE_NAME, FeedStore, StoreError
from tests.naive.feed_writer import TOPIC_SESSION_ID, FeedWriter, deletes, packet
from wire.framing import packets


def test_an_empty_store_holds_nothing(tmp_path):
    FeedWriter(tmp_path / FEED_FILE_NAME)
    store = FeedStore(tmp_path)
    assert (store.first_sequence, store.next_sequence, store.poll()) == (1, 1, 0)
    assert store.held == "Nothing was published yet."
    assert store.topic_session_id == TOPIC_SESSION_ID
    assert not store.holds(1, 1)
    with pytest.raises(ValueError):
        list(store.packets_of(1, 1))


def test_what_is_held_is_said(tmp_path):
    writer = FeedWriter(tmp_path / "feed")
    writer.begin_at(50)
    store = FeedStore(tmp_path)
    assert (store.first_sequence, store.next_sequence) == (50, 50)
    assert store.held == "Held: from message 50 on, which is the next."
    assert not store.holds(49, 1) and not store.holds(50, 1)
    writer.publish([3])
    store.poll()
    assert store.held == "Held: 50..52."
    assert store.holds(50, 3) and not store.holds(49, 2)
    whole = FeedWriter(tmp_path / "whole")
    whole.publish([2])
    assert FeedStore(tmp_path / "whole").held == "Published: 1..2."


def test_it_follows_what_is_appended(tmp_path):
    writer = FeedWriter(tmp_path / "feed", epoch=7, channel_id=3)
    store = FeedStore(tmp_path / "feed")
    writer.publish([3])
    assert not store.holds(1, 3)
    assert store.poll() == 1
    assert store.holds(1, 3) and not store.holds(1, 4) and not store.holds(0, 1) and not store.holds(1, 0)
    writer.publish([1, 2])
    assert store.poll() == 2 and store.next_sequence == 7
    assert (store.epoch, store.channel_id, store.closed) == (7, 3, False)
    writer.header[0]["closed"] = 1
    assert store.closed


def test_whole_packets_are_equal_but_for_the_flag(tmp_path):
    writer = FeedWriter(tmp_path / "feed")
    original = packet(1, deletes(1, 4), time_ns=99)
    writer.append(original, 4)
    [(count, again)] = FeedStore(tmp_path / "feed").packets_of(1, 4)
    assert count == 4
    assert packets.parse_header(again) == packets.parse_header(original)._replace(flags=5)
    assert again[packets.HEADER_BYTES :] == original[packets.HEADER_BYTES :]


def test_heartbeats_in_the_store_are_passed_over(tmp_path):
    writer = FeedWriter(tmp_path / "feed")
    writer.publish([2])
    writer.append(packet(3, []), 0)
    writer.publish([2])
    store = FeedStore(tmp_path / "feed")
    assert [count for count, _ in store.packets_of(1, 4)] == [2, 2]


def _entry_too_long(writer: FeedWriter) -> None:
    writer.append_raw(packet(1, deletes(1, 1)), 1, 1, payload_bytes=1 << 31)


def _entry_too_short(writer: FeedWriter) -> None:
    writer.append_raw(b"short", 1, 1)


def _sequence_jumps(writer: FeedWriter) -> None:
    writer.publish([2])
    writer.append_raw(packet(9, deletes(9, 1)), 1, 9)


def _committed_beyond_the_end(writer: FeedWriter) -> None:
    writer.header[0]["committed_bytes"] = 1 << 40


def _wrong_magic(writer: FeedWriter) -> None:
    writer.header[0]["magic"] = 1


def _wrong_version(writer: FeedWriter) -> None:
    writer.header[0]["format_version"] = 99


def _capacity_beyond_the_file(writer: FeedWriter) -> None:
    writer.header[0]["capacity_bytes"] = 1 << 40


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_entry_too_long, "bad length"),
        (_entry_too_short, "bad length"),
        (_sequence_jumps, "message 3 is missing before 9"),
        (_committed_beyond_the_end, "committed_bytes"),
        (_wrong_magic, "not a feed store"),
        (_wrong_version, "format 99"),
        (_capacity_beyond_the_file, "cut short"),
    ],
)
def test_a_damaged_store_is_refused_with_a_sentence(tmp_path, damage, sentence):
    damage(FeedWriter(tmp_path / "feed"))
    with pytest.raises(StoreError, match=sentence):
        FeedStore(tmp_path / "feed")


def test_a_file_that_is_no_store(tmp_path):
    (tmp_path / "feed").write_bytes(b"tiny")
    with pytest.raises(StoreError, match="too short"):
        FeedStore(tmp_path)
    with pytest.raises(StoreError, match="cannot be read"):
        FeedStore(tmp_path / "missing")


def test_a_packet_damaged_inside_is_found_when_it_must_be_cut(tmp_path):
    writer = FeedWriter(tmp_path / "feed")
    broken = bytearray(packet(1, deletes(1, 3)))
    broken[packets.HEADER_BYTES] = 3  # FrameLength shorter than a frame can be
    writer.append(bytes(broken), 3)
    with pytest.raises(StoreError, match="damaged"):
        list(FeedStore(tmp_path / "feed").packets_of(2, 1))
