"""Snapshot files: what is damaged, cut short or of another venue is refused with a sentence; nothing is half loaded."""

from __future__ import annotations

import errno
import os
import resource
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from appliance.history.player import Player
from appliance.history.snapshot import (
    SNAPSHOT_ARRAY,
    SNAPSHOT_HEADER,
    Snapshot,
    SnapshotError,
    find_snapshots,
    read_header,
    read_snapshot,
    read_some,
    remove_old_snapshots,
    write_snapshot,
)
from appliance.history.state import NO_STATE, load, save, state_arrays
from native.arrays import Arrays
from tests.history_rig import CONFIG, fresh, make_day
from tests.naive.event_log import crc32c

SMALL = Snapshot(3, 77, 5, 9, 12, b"s" * 32, b"c" * 32, "ab" * 32)


def small_arrays() -> dict[str, np.ndarray]:
    return {"a.rows": np.arange(40, dtype=np.int64), "b": np.array([(1, 2)], np.dtype([("x", "u4"), ("y", "u4")]))}


def test_round_trip(tmp_path: Path) -> None:
    arrays = small_arrays()
    path = write_snapshot(tmp_path, SMALL, arrays)
    assert path.name == "snapshot-0000000003-0000000000000077.pws"
    assert read_header(path) == SMALL
    snapshot, found = read_snapshot(path, arrays)
    assert snapshot == SMALL
    assert {name: octets.tobytes() for name, octets in found.items()} == {n: a.tobytes() for n, a in arrays.items()}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o077 == 0, "it holds the key of the index"


def test_every_bit_counts(tmp_path: Path) -> None:
    arrays = small_arrays()
    path = write_snapshot(tmp_path, SMALL, arrays)
    octets = bytearray(path.read_bytes())
    for at in range(len(octets)):
        for bit in range(8):
            octets[at] ^= 1 << bit
            path.write_bytes(octets)
            with pytest.raises(SnapshotError, match="snapshot-"):
                read_snapshot(path, arrays)
            octets[at] ^= 1 << bit


def test_every_truncation_and_more(tmp_path: Path) -> None:
    arrays = small_arrays()
    path = write_snapshot(tmp_path, SMALL, arrays)
    octets = path.read_bytes()
    for size in range(len(octets)):
        path.write_bytes(octets[:size])
        with pytest.raises(SnapshotError):
            read_snapshot(path, arrays)
    for more in (b"\0", octets):
        path.write_bytes(octets + more)
        with pytest.raises(SnapshotError, match="its header says"):
            read_snapshot(path, arrays)
    path.unlink()
    with pytest.raises(SnapshotError, match="cannot be read"):
        read_snapshot(path, arrays)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"a.rows": np.zeros(40, np.int64)}, "another version"),
        ({"a.rows": np.zeros(41, np.int64), "b": small_arrays()["b"]}, "41 are wanted"),
        ({"a.rows": np.zeros(40, np.uint64), "b": small_arrays()["b"]}, "another form"),
    ],
)
def test_other_arrays(wanted: dict[str, np.ndarray], sentence: str, tmp_path: Path) -> None:
    path = write_snapshot(tmp_path, SMALL, small_arrays())
    with pytest.raises(SnapshotError, match=sentence):
        read_snapshot(path, wanted)


def test_arrays_of_any_size(tmp_path: Path) -> None:
    """What stands behind the state is read apart from it, and is as well looked after."""
    arrays, rows = small_arrays(), np.array([(7, 8), (9, 10)], np.dtype([("m", "u2"), ("n", "u8")]))
    forms = {"more.rows": rows[:0], "more.none": np.zeros(0, np.uint8)}
    path = write_snapshot(tmp_path, SMALL, arrays | forms | {"more.rows": rows})
    for sizes in (arrays, {name: array[:0] for name, array in arrays.items()}):
        snapshot, found = read_some(path, sizes, forms)
        assert snapshot == SMALL and list(found) == list(forms)
        assert found["more.rows"].tobytes() == rows.tobytes() and found["more.none"].size == 0
    assert list(read_snapshot(path, arrays, forms)[1]) == list(arrays)
    with pytest.raises(SnapshotError, match="another version"):
        read_snapshot(path, arrays)
    with pytest.raises(SnapshotError, match="another form"):
        read_some(path, arrays, forms | {"more.rows": np.zeros(0, np.int64)})
    octets = bytearray(path.read_bytes())
    for at in range(len(octets)):
        octets[at] ^= 1 << at % 8
        path.write_bytes(octets)
        for read in (read_some, read_snapshot):
            with pytest.raises(SnapshotError, match="snapshot-"):
                read(path, arrays, forms)
        octets[at] ^= 1 << at % 8
    table = np.frombuffer(octets, SNAPSHOT_ARRAY, 4, SNAPSHOT_HEADER.itemsize)
    table[2]["items"] = 1 << 60
    header = np.frombuffer(octets, SNAPSHOT_HEADER, 1)
    header[0]["crc32c"] = crc32c(octets[: SNAPSHOT_HEADER.itemsize - 4] + table.tobytes())
    path.write_bytes(octets)
    with pytest.raises(SnapshotError, match="more than can be"):
        read_some(path, arrays, forms)


def test_newest_first_and_old_ones_go(tmp_path: Path) -> None:
    for sequence in (0, 5, 40, 300):
        write_snapshot(tmp_path, replace(SMALL, sequence=sequence), small_arrays())
    write_snapshot(tmp_path, replace(SMALL, epoch=2, sequence=900), small_arrays())
    for process in (1, 1 << 30):
        (tmp_path / f"snapshot-{process}.part").write_bytes(b"half")
    assert [read_header(path).sequence for path in find_snapshots(tmp_path, 3)] == [300, 40, 5, 0]
    assert [path.name[-8:-4] for path in remove_old_snapshots(tmp_path, 3, 2, 300)] == ["0005"]
    assert [read_header(path).sequence for path in find_snapshots(tmp_path, 3)] == [300, 40, 0]
    assert find_snapshots(tmp_path / "nowhere", 3) == []
    left = [path.name for path in tmp_path.iterdir() if path.suffix == ".part"]
    assert left == ["snapshot-1.part"], "that of a process that runs"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SnapshotError, match="cannot be written"):
        write_snapshot(tmp_path / "file", SMALL, small_arrays())


@pytest.mark.parametrize("failing", ["fsync", "write"])
def test_a_disk_that_fails_leaves_the_older_one(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = small_arrays()
    older = write_snapshot(tmp_path, SMALL, arrays)
    if failing == "fsync":

        def no_sync(_file: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "fsync", no_sync)
        with pytest.raises(SnapshotError, match="Input/output error"):
            write_snapshot(tmp_path, replace(SMALL, sequence=78), arrays)
    else:
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, limit[1]))  # a file may not grow beyond 200 bytes
        try:
            with pytest.raises(SnapshotError, match="File too large"):
                write_snapshot(tmp_path, replace(SMALL, sequence=78), arrays)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
            signal.signal(signal.SIGXFSZ, before)
    assert list(tmp_path.iterdir()) == [older]
    read_snapshot(older, arrays)


def test_another_venue_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    day = make_day(4, 30)
    with Player(exchange := fresh()) as player:
        player.play(day.records)
        player.settle()
    path = save(exchange, CONFIG, tmp_path)
    target = fresh()
    before = {name: array.tobytes() for name, array in state_arrays(target).items()}
    other = CONFIG.model_copy(update={"trading_session_date": 20_000})
    with pytest.raises(SnapshotError, match="another configuration"):
        load(target, other, path)
    octets = np.fromfile(path, np.uint8)
    octets[-3] ^= 1
    octets.tofile(path)
    with pytest.raises(SnapshotError, match="damaged"):
        load(target, CONFIG, path)
    assert {name: array.tobytes() for name, array in state_arrays(target).items()} == before


def test_none_is_taken_inside_a_burst(tmp_path: Path) -> None:
    day = make_day(4, 30)
    with Player(exchange := fresh()) as player:
        player.play(day.records)
        with pytest.raises(SnapshotError, match="between two bursts"):
            save(exchange, CONFIG, tmp_path)
        player.settle()
        save(exchange, CONFIG, tmp_path)


def test_header_is_packed() -> None:
    assert SNAPSHOT_HEADER.fields is not None
    assert SNAPSHOT_HEADER.fields["crc32c"][1] == SNAPSHOT_HEADER.itemsize - 4


def test_every_array_is_state_or_named_with_a_reason() -> None:
    """Who adds an array to a set of `Exchange` has it in the snapshots; NO_STATE names nothing that is not there."""
    exchange = fresh()
    names = set(state_arrays(exchange))
    found: set[str] = set()

    def walk(group: Arrays, prefix: str) -> None:
        for member in group.member_names:
            name = prefix + member
            found.add(name)
            if isinstance(value := getattr(group, member), Arrays):
                walk(value, f"{name}.")
            elif name not in names:
                parts = name.split(".")
                outer = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
                assert outer & NO_STATE.keys() or member == "addresses", f"{name} is neither state nor named"

    walk(exchange, "")
    assert NO_STATE.keys() <= found and names <= found
    assert all(reason for reason in NO_STATE.values())


def test_a_table_that_is_added_is_in_the_snapshots_by_itself() -> None:
    class Accounts(Arrays):
        balances: np.ndarray
        addresses: np.ndarray

    class Larger(Arrays):
        tables: Arrays
        accounts: Accounts

    tables = fresh().tables
    larger = Larger(tables, Accounts(np.arange(3), np.arange(2)))
    added = set(state_arrays(larger)) - {f"tables.{name}" for name in tables.member_names}  # type: ignore[arg-type]
    assert added == {"accounts.balances"}
