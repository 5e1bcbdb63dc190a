"""`pitwire candles` over a feed store: every form says the same, and Parquet has the whole day."""

from __future__ import annotations

import csv
import io
import json
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.candles.records import INTERVAL_NAMES
from appliance.cli.candles import INTERVAL_NAMES as NAMES_OF_THE_COMMAND
from appliance.cli.candles import command
from tests.naive import candles as naive
from tests.naive.feed_writer import FeedWriter, message, packet

NOON_NS = 1_763_726_400 * 10**9
SECONDS = 4000
"""More than the ring of seconds holds."""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, list[tuple[int, int, int]]]]:
    folder = tmp_path_factory.mktemp("day")
    writer = FeedWriter(folder / "feed", capacity_bytes=1 << 20)
    trades: dict[int, list[tuple[int, int, int]]] = {5: [], 8: []}
    frames = []
    for second in range(SECONDS):
        if second % 10 == 3:
            continue
        security_id = 5 if second % 7 else 8
        one = (NOON_NS + second * 10**9, (100 + second % 13) * 10**9 + 5 * 10**6, 1 + second % 4)
        trades[security_id].append(one)
        time_ns, price, lots = one
        frames.append(message("Trade", InstrumentId=security_id, TransactTime=time_ns, Price=price, Quantity=lots))
    for start in range(0, len(frames), 15):
        part = frames[start : start + 15]
        writer.append(packet(start + 1, part), len(part))
    return folder, trades


def run(*words: object) -> str:
    result = CliRunner().invoke(command, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_names_are_those_of_the_rings() -> None:
    assert NAMES_OF_THE_COMMAND == INTERVAL_NAMES


def test_json_csv_and_table_say_the_same(day) -> None:
    folder, trades = day
    rows = [json.loads(line) for line in run(folder, "--interval", "5m", "--format", "json").splitlines()]
    assert [int(row["trades"]) for row in rows if row["security_id"] == 8] == [
        one.trades for one in naive.candles(trades[8], "5m")
    ]
    assert [row["is_closed"] for row in rows] == ([True] * 13 + [False]) * 2
    first = rows[0]
    assert (first["start"], first["open"]) == ("2025-11-21T12:00:00Z", "101.005")
    read = list(csv.DictReader(io.StringIO(run(folder, "--interval", "5m", "--format", "csv"))))
    assert [{name: str(value) for name, value in row.items()} for row in rows] == read
    table = run(folder, "--interval", "5m").splitlines()
    assert [line.split()[2:8] for line in table[1:]] == [
        [row[name] for name in ("start", "open", "high", "low", "close", "vwap")] for row in rows
    ]


def test_last_instrument_and_empty_ones(day) -> None:
    folder, _ = day
    lines = run(folder, "--interval", "1s", "--instrument", 5, "--last", 20, "--with-empty", "--format", "json")
    rows = [json.loads(line) for line in lines.splitlines()]
    assert len(rows) == 20
    seconds = [int(row["start"][-3:-1]) for row in rows]
    assert all((after - before) % 60 == 1 for before, after in pairwise(seconds))
    assert any(row["trades"] == 0 and row["volume"] == 0 and row["open"] == row["vwap"] for row in rows)


def test_years_of_empty_seconds_are_refused(tmp_path: Path) -> None:
    frames = [
        message("Trade", InstrumentId=5, TransactTime=time_ns, Price=1, Quantity=1)
        for time_ns in (NOON_NS, 2 * NOON_NS)
    ]
    FeedWriter(tmp_path / "feed").append(packet(1, frames), 2)
    result = CliRunner().invoke(command, [str(tmp_path), "--interval", "1s", "--with-empty", "--last", "3"])
    assert result.exit_code == 1 and "take a longer --interval" in result.output
    assert len(run(tmp_path, "--interval", "1d", "--with-empty").splitlines()) == 1 + 20_414 + 1
    assert len(run(tmp_path, "--interval", "1s").splitlines()) == 3


def test_out_is_a_file(day, tmp_path: Path) -> None:
    folder, _ = day
    assert run(folder / "feed", "--format", "csv", "--out", tmp_path / "one.csv") == ""
    assert (tmp_path / "one.csv").read_text().startswith("security_id,interval,start,")


def test_parquet_has_the_whole_day(day, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `candles` (pyarrow) is not installed")
    folder, trades = day
    said = run(folder, "--format", "parquet", "--out", tmp_path / "candles")
    assert said.startswith(f"{sum(map(len, trades.values()))} trades; 8 files")
    for name in INTERVAL_NAMES:
        rows = parquet.read_table(tmp_path / "candles" / f"candles-{name}.parquet").to_pylist()
        for security_id, some in trades.items():
            mine = [row for row in rows if row["security_id"] == security_id]
            found = [
                naive.NaiveCandle(
                    round(row["start"].timestamp()) * 10**9,
                    row["open_nanos"], row["high_nanos"], row["low_nanos"], row["close_nanos"],
                    row["volume_lots"], int(row["turnover_nanos"]), row["trades"],
                )
                for row in mine
            ]  # fmt: skip
            assert found == naive.candles(some, name)
            assert [row["is_closed"] for row in mine] == [True] * (len(mine) - 1) + [False]
            assert all(row["vwap_nanos"] == int(row["turnover_nanos"]) // row["volume_lots"] for row in mine)
    assert not list((tmp_path / "candles").glob("*.unfinished"))


def test_a_parquet_file_that_cannot_be_made_whole_is_a_sentence(day, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow.parquet", reason="the extra `candles` (pyarrow) is not installed")
    (tmp_path / "candles" / "candles-1d.parquet" / "in the way").mkdir(parents=True)
    words = [str(day[0]), "--format", "parquet", "--out", str(tmp_path / "candles"), "--interval", "1d"]
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 1 and "candles-1d.parquet: cannot be written" in result.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Give IN, or --name"),
        (("{day}", "--name", "x"), "Give IN, or --name"),
        (("{day}", "--format", "parquet"), "needs --out FOLDER"),
        (("{tmp}",), "is neither a feed store nor a journal"),
        (("{tmp}/missing",), "missing"),
        (("{tmp}/text",), "too short for a feed store"),
        (("--name", "no-such-instance"), "no-such-instance"),
        (("{day}", "--format", "csv", "--out", "{tmp}/none/x"), "cannot be written"),
        (("{day}", "--interval", "2m"), "2m"),
    ],
)
def test_what_cannot_be_is_one_sentence(day, tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    (tmp_path / "text").write_text("no feed")
    result = CliRunner().invoke(command, [word.format(day=day[0], tmp=tmp_path) for word in words])
    assert result.exit_code in (1, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert sentence in result.output


def test_a_store_that_does_not_have_the_whole_day_is_told(tmp_path: Path) -> None:
    """A venue that was started from a snapshot."""
    writer = FeedWriter(tmp_path / "feed")
    writer.begin_at(500)
    trade = message("Trade", InstrumentId=5, TransactTime=NOON_NS, Price=10**9, Quantity=1)
    writer.append(packet(500, [trade]), 1)
    result = CliRunner().invoke(command, [str(tmp_path), "--format", "json"])
    assert result.exit_code == 0 and json.loads(result.stdout)["volume"] == 1
    assert "begins with message 500" in result.stderr and "make them from the venue's journal" in result.stderr
