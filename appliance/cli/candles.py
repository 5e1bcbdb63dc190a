"""`pitwire candles`: open, high, low, close and volume of what was traded, from a feed or a journal."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.cli.settings import config_option
from appliance.config import Config

if TYPE_CHECKING:
    import numpy as np

    from appliance.candles.book import CandleBook, Sink

INTERVAL_NAMES = ("1s", "1m", "5m", "15m", "1h", "1d", "1w", "1mo")
_INSTRUMENTS_MIN = 256
"""Room for a feed whose configuration was not given."""
_EMPTY_MAX = 1_000_000
COLUMNS = ("security_id", "interval", "start", "open", "high", "low", "close", "vwap", "volume", "trades", "is_closed")


@dataclass(frozen=True)
class _Wanted:
    """Which candles are asked for."""

    intervals: tuple[int, ...]
    security_ids: tuple[int, ...]
    last: int | None
    with_empty: bool


@click.command("candles")
@click.argument("source", metavar="[IN]", type=click.Path(path_type=Path), required=False)
@click.option("--name", help="Instead of IN: the running instance of this name.")
@config_option
@click.option(
    "--interval",
    "intervals",
    multiple=True,
    type=click.Choice(INTERVAL_NAMES),
    help="May be given again. [default: 1m]",
)
@click.option(
    "--instrument", "security_ids", multiple=True, type=click.IntRange(min=1), help="SecurityID; again: more."
)
@click.option("--last", type=click.IntRange(min=1), help="The newest so many of each instrument.")
@click.option("--with-empty", is_flag=True, help="A candle for intervals without a trade too, at the close before.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv", "parquet"]), default="table")
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write (Parquet: folder). Without it: the terminal."
)
@click.option("--journal", "from_journal", is_flag=True, help="Decide the journal in IN again, though a feed is there.")
def command(
    source: Path | None,
    name: str | None,
    config: Config,
    intervals: tuple[str, ...],
    security_ids: tuple[int, ...],
    last: int | None,
    with_empty: bool,
    form: str,
    out: Path | None,
    from_journal: bool,
) -> None:
    """Make candles of the trades in IN: a feed store, the folder of an instance, or a journal.

    A journal is decided again with the configuration it was written under, and gives the same candles as the feed of
    that day. Intervals are in UTC; weeks begin on Monday. Prices and the average by lots (vwap, rounded down to 1e-9)
    are exact. The terminal, JSON and CSV have what the rings hold (of seconds the newest 3600); Parquet has the whole
    day, needs the extra `candles`, and has all intervals unless some are named.

    \b
    Examples:
      pitwire candles --name lab --interval 1m --last 10
      pitwire candles /dev/shm/pitwire-lab --interval 1h --format csv --out hours.csv
      pitwire candles /var/lib/pitwire/lab --config lab.toml --format parquet --out candles/
    """
    if (source is None) == (name is None):
        raise click.UsageError("Give IN, or --name of a running instance.")
    if form == "parquet" and (out is None or last is not None or with_empty):
        raise click.UsageError("--format parquet needs --out FOLDER, and takes neither --last nor --with-empty.")
    from appliance.candles.records import interval_index

    chosen = intervals or (INTERVAL_NAMES if form == "parquet" else ("1m",))
    wanted = _Wanted(tuple(sorted({interval_index(one) for one in chosen})), security_ids, last, with_empty)
    if name is not None:
        from appliance.exchange import SharedFolder

        source = SharedFolder(name).path
    assert source is not None
    if form == "parquet":
        assert out is not None
        _write_parquet(source, config, from_journal, wanted, out)
        return
    book = _book_of(source, config, from_journal, None)
    if out is None:
        _print(book, wanted, form, sys.stdout)
        return
    try:
        with open(out, "w", encoding="utf-8", newline="") as file:
            _print(book, wanted, form, file)
    except OSError as error:
        raise click.ClickException(f"{out}: cannot be written: {error.strerror}.") from None


def _book_of(source: Path, config: Config, from_journal: bool, sink: Sink | None) -> CandleBook:
    """The candles of everything in `source`."""
    from appliance.candles.book import CandleBook, CandleError
    from appliance.journal.whole import is_log
    from appliance.recovery.store import FEED_FILE_NAME, FeedStore, StoreError

    try:
        has_feed = (source / FEED_FILE_NAME).is_file()
        is_journal = from_journal or (not has_feed and is_log(source))
    except OSError as error:
        raise click.ClickException(f"{source}: cannot be read: {error.strerror}.") from None
    if source.is_dir() and not has_feed and not is_journal:
        raise click.ClickException(f"{source}: is neither a feed store nor a journal, nor a folder with one.")
    try:
        if is_journal:
            entries, whole_bytes = _feed_of_journal(source, config)
        else:
            store = FeedStore(source)
            entries, whole_bytes = store.entries, store.indexed_bytes
            if store.first_sequence > 1:
                sentence = f"{store.path}: begins with message {store.first_sequence}: candles of before are missing or"
                click.echo(f"warning: {sentence} not whole; make them from the venue's journal.", err=True)
        book = CandleBook(max(len(config.instruments), _INSTRUMENTS_MIN), sink)
        book.advance(entries, whole_bytes)
    except (StoreError, CandleError) as error:
        raise click.ClickException(str(error)) from None
    return book


def _feed_of_journal(source: Path, config: Config) -> tuple[np.ndarray, int]:
    """(entries, whole bytes) of the feed that the journal makes."""
    from appliance.exchange import Exchange
    from appliance.history.beginning import begin_as_the_day_did
    from appliance.publisher.packet import STORE_WHOLE_BYTES
    from appliance.replay import ReplayError, replay_journal

    kept: list[Exchange] = []
    try:
        replay_journal(source, config, keep=kept, begin=begin_as_the_day_did)
    except ReplayError as error:
        raise click.ClickException(str(error)) from None
    return kept[0].feed.store, int(kept[0].feed.scalars[STORE_WHOLE_BYTES])


def _write_parquet(source: Path, config: Config, from_journal: bool, wanted: _Wanted, out: Path) -> None:
    from appliance.candles.parquet import ParquetArchive, ParquetError
    from appliance.candles.records import INTERVALS

    try:
        with ParquetArchive(out) as archive:

            def take(security_id: int, interval: int, candles: np.ndarray) -> None:
                if interval in wanted.intervals and _is_wanted(wanted, security_id):
                    archive.write(security_id, interval, candles)

            book = _book_of(source, config, from_journal, take)
            book.hand_on()
            for security_id in book.security_ids:
                for interval in wanted.intervals:
                    if _is_wanted(wanted, security_id):
                        archive.write(security_id, interval, book.candles(security_id, interval, 1), is_closed=False)
        written = [archive.path(interval) for interval in range(len(INTERVALS)) if interval in archive.written]
    except ParquetError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{book.trades} trades; {len(written)} files in {out}.")


def _is_wanted(wanted: _Wanted, security_id: int) -> bool:
    return not wanted.security_ids or security_id in wanted.security_ids


def _rows(book: CandleBook, wanted: _Wanted) -> Iterator[dict[str, Any]]:
    from appliance.candles.book import with_empty_ones
    from appliance.candles.records import INTERVALS, vwap_nanos
    from appliance.decode.item import price_text, utc_text

    for security_id in book.security_ids:
        if not _is_wanted(wanted, security_id):
            continue
        for interval in wanted.intervals:
            held = book.candles(security_id, interval)
            if wanted.with_empty:
                _refuse_endless(security_id, held, interval)
            rows = list(with_empty_ones(held, interval)) if wanted.with_empty else list(held)
            for row in rows[-wanted.last :] if wanted.last else rows:
                yield {
                    "security_id": security_id,
                    "interval": INTERVALS[interval].name,
                    "start": utc_text(int(row["start_ns"])).replace(".000000000Z", "Z"),
                    "open": price_text(int(row["open_nanos"])),
                    "high": price_text(int(row["high_nanos"])),
                    "low": price_text(int(row["low_nanos"])),
                    "close": price_text(int(row["close_nanos"])),
                    "vwap": price_text(vwap_nanos(row)),
                    "volume": int(row["volume_lots"]),
                    "trades": int(row["trades"]),
                    "is_closed": bool(row["start_ns"] != held[-1]["start_ns"]),
                }


def _refuse_endless(security_id: int, held: np.ndarray, interval: int) -> None:
    """Between two trades that are years apart lie more seconds than anybody wants to see."""
    from appliance.candles.records import DAY_NS, INTERVALS

    length_ns = INTERVALS[interval].length_ns or 28 * DAY_NS
    if held.size and (int(held[-1]["start_ns"]) - int(held[0]["start_ns"])) // length_ns > _EMPTY_MAX:
        raise click.ClickException(
            f"Instrument {security_id} has more than {_EMPTY_MAX:,} times {INTERVALS[interval].name} between its "
            "first candle and its last: take a longer --interval, or leave --with-empty out."
        )


def _print(book: CandleBook, wanted: _Wanted, form: str, file: Any) -> None:
    if form == "json":
        for row in _rows(book, wanted):
            print(json.dumps(row), file=file)
    elif form == "csv":
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_rows(book, wanted))
    else:
        widths = (6, 4, 20, 12, 12, 12, 12, 14, 10, 7, 6)
        titles = ("instr", "", "start (UTC)", "open", "high", "low", "close", "vwap", "lots", "trades", "")
        print(_line(titles, widths), file=file)
        for row in _rows(book, wanted):
            row["is_closed"] = "" if row["is_closed"] else "open"
            print(_line(tuple(map(str, row.values())), widths), file=file)


def _line(words: tuple[str, ...], widths: tuple[int, ...]) -> str:
    first = [f"{word:<{width}}" for word, width in zip(words[:3], widths[:3], strict=True)]
    return " ".join([*first, *(f"{word:>{width}}" for word, width in zip(words[3:], widths[3:], strict=True))]).rstrip()
