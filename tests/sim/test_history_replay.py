"""`pitwire replay` to a place, with hashes on the way, and two runs beside each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli import main
from appliance.cli.replay import read_time
from appliance.exchange import whole_state_hash
from appliance.history.compare import compare
from appliance.history.player import Player
from appliance.history.timeline import Mark, Until, play_to, read_marks, sequenced_records, sized_exchange
from appliance.journal.whole import is_log
from appliance.replay import ReplayError, replay_journal
from appliance.sequencer.journal import RECORD_BYTES
from native._native import lib
from tests.history_rig import CONFIG, Day, fresh, make_day, write_journal


@pytest.fixture(scope="module")
def day() -> Day:
    return make_day(11, 150)


@pytest.fixture
def journal(day: Day, tmp_path: Path) -> Path:
    return write_journal(day, tmp_path / "journal")


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "venue.json"
    path.write_text(CONFIG.to_json())
    return path


def changed(day: Day, path: Path, sequence: int, **fields: int) -> Path:
    """The day's journal with other values in one record, sealed anew."""
    records = day.records.copy()
    for name, value in fields.items():
        records[sequence - 1][name] = value
    chain = CONFIG.epoch
    for at in range(records.size):
        chain = int(lib.crc32c(records.ctypes.data + at * RECORD_BYTES + 4, RECORD_BYTES - 4, chain))
        records[at]["crc32c"] = chain
    return write_journal(Day(records, day.exchange), path)


def state_after(day: Day, count: int) -> str:
    with Player(exchange := fresh()) as player:
        player.play(day.records[:count])
    return whole_state_hash(exchange)


def test_the_state_at_every_record(day: Day, journal: Path) -> None:
    marks: list[Mark] = []
    _, records = sequenced_records(journal, CONFIG)
    play_to(records, sized_exchange(records, CONFIG), hash_every=10, told=marks.append)
    assert [one.sequence for one in marks] == [*range(10, day.records.size, 10), day.records.size]
    assert marks[-1].state_hash == whole_state_hash(day.exchange) == replay_journal(journal, CONFIG).state_hash
    for one in marks[:: len(marks) // 3]:
        assert one.state_hash == state_after(day, one.sequence)
        assert one.time_ns == int(day.records[one.sequence - 1]["time_ns"])


def test_output_of_steps_is_that_of_one_go(journal: Path, tmp_path: Path) -> None:
    whole, steps = tmp_path / "whole.pcap", tmp_path / "steps.pcap"
    replay_journal(journal, CONFIG, out=whole)
    _, records = sequenced_records(journal, CONFIG)
    play_to(records, sized_exchange(records, CONFIG), out=steps, hash_every=7, told=lambda _: None)
    assert steps.read_bytes() == whole.read_bytes()


def test_until(day: Day) -> None:
    times = day.records["time_ns"]
    assert Until().count(day.records) == day.records.size
    assert Until(sequence=9).count(day.records) == 9
    assert Until(time_ns=int(times[0]) - 1).count(day.records) == 0
    middle = int(times[40])
    count = Until(time_ns=middle).count(day.records)
    assert int(times[count - 1]) == middle and (count == times.size or int(times[count]) > middle)
    assert Until(5, middle).count(day.records) == 5


@pytest.mark.parametrize("from_capture", [False, True])
def test_command(from_capture: bool, journal: Path, config_file: Path, day: Day) -> None:
    path = journal
    options = ["--config", str(config_file)]
    if from_capture:
        path, options = Path(__file__).resolve().parents[2] / "pcap" / "captures" / "smoke.pcap", []
    words = ["replay", str(path), *options, "--until-sequence", "60", "--hash-every", "25", "--json"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.output.splitlines()]
    assert [row["sequence"] for row in rows[:-1]] == [25, 50, 60]
    assert rows[-1]["sequenced_inputs"] == 60
    assert rows[-1]["state_hash"] == rows[-2]["state_hash"]
    if not from_capture:
        assert rows[-1]["state_hash"] == state_after(day, 60)
        assert is_log(path)


def test_command_until_time(journal: Path, config_file: Path, day: Day) -> None:
    middle_ns = int(day.records[50]["time_ns"])
    words = [
        "replay",
        str(journal),
        "--config",
        str(config_file),
        "--until-time",
        str(middle_ns),
        "-x",
        "1000",
        "--json",
    ]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    count = Until(time_ns=middle_ns).count(day.records)
    assert json.loads(done.output)["state_hash"] == state_after(day, count)


def test_times() -> None:
    near_ns = 1_700_000_000_123_456_789  # 2023-11-14T22:13:20
    day_ns = near_ns // 86_400_000_000_000 * 86_400_000_000_000
    assert read_time("22:13:20.5", near_ns) == 1_700_000_000_500_000_000
    assert read_time("2023-11-14T22:13:20", 0) == 1_700_000_000_000_000_000
    assert read_time("00:00:00", near_ns) == day_ns
    assert read_time(str(near_ns), 0) == near_ns
    done = CliRunner().invoke(main, ["replay", "x", "--until-time", "25:00:00"])
    assert done.exit_code != 0


def test_equal_runs(journal: Path, day: Day) -> None:
    found = compare(journal, journal, CONFIG, hash_every=40)
    assert found.equal
    assert found.last_equal_sequence == day.records.size


def test_first_difference_of_two_journals(journal: Path, day: Day, tmp_path: Path) -> None:
    at = next(i for i in range(70, day.records.size) if int(day.records[i]["kind"]) == 1)
    qty_lots = int(day.records[at]["qty_lots"])
    other = changed(day, tmp_path / "other", at + 1, qty_lots=qty_lots + 2)
    found = compare(journal, other, CONFIG)
    assert (found.equal, found.sequence, found.what) == (False, at + 1, "input, qty_lots")
    assert (found.a, found.b) == (str(qty_lots), str(qty_lots + 2))
    assert found.last_equal_sequence == at
    done = CliRunner().invoke(main, ["replay", "--compare", str(journal), str(other)])
    assert done.exit_code == 1
    assert "another configuration" in done.output


def test_one_ends_before_the_other(journal: Path, day: Day, tmp_path: Path) -> None:
    short = write_journal(Day(day.records[:-5], day.exchange), tmp_path / "short")
    found = compare(journal, short, CONFIG)
    assert (found.sequence, found.what, found.b) == (day.records.size - 4, "one ends", "no record")


def test_lists_of_hashes(journal: Path, config_file: Path, day: Day, tmp_path: Path) -> None:
    words = ["replay", str(journal), "--config", str(config_file), "--hash-every", "20", "--json"]
    printed = CliRunner().invoke(main, words).output
    listed = tmp_path / "hashes"
    listed.write_text(printed)
    assert compare(listed, listed, CONFIG).equal
    assert compare(listed, journal, CONFIG).equal
    assert compare(journal, listed, CONFIG).equal
    rows = [json.loads(line) for line in printed.splitlines()]
    rows[3]["state_hash"] = "0" * 64
    rows[3]["parts"]["books"] = "0" * 16
    wrong = tmp_path / "wrong"
    wrong.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["replay", "--compare", str(journal), str(wrong), "--config", str(config_file)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert "First difference at record 80: state, books:" in done.output
    assert done.output.rstrip().endswith("equal up to record 60.")
    wrong.write_text('{"sequence": 1}\n')
    with pytest.raises(ReplayError, match="line 1"):
        read_marks(wrong)
