"""Candles of a run, made while it ran, are those that its journal gives when it is decided again."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from appliance.candles.book import CandleBook
from appliance.candles.records import INTERVALS
from appliance.cli.candles import command
from appliance.config import Config
from appliance.exchange import Exchange, save_journal
from appliance.publisher.packet import STORE_WHOLE_BYTES
from appliance.replay import replay_capture
from native.jit import INTERPRETED
from tests.naive import candles as naive
from tests.property.test_candle_twins import plain
from wire.blocks import schema
from wire.framing import packets

CAPTURE = Path(__file__).resolve().parents[2] / "pcap" / "captures" / "demo_calm.pcap"
MARKET_DATA = schema("market_data")


def trades_of(exchange: Exchange) -> dict[int, list[tuple[int, int, int]]]:
    """(time, price, lots) of every Trade by instrument, by the interpreting codec."""
    found: dict[int, list[tuple[int, int, int]]] = {}
    octets, at = exchange.feed.store, 0
    while at < int(exchange.feed.scalars[STORE_WHOLE_BYTES]):
        size = int.from_bytes(octets[at + 12 : at + 16].tobytes(), "little")
        packet = octets[at + 16 : at + 16 + size].tobytes()
        for start, end in packets.frames(packet, packets.parse_header(packet).message_count):
            message = MARKET_DATA.decode(packet, start, end)
            if message.block.name == "Trade":
                one = message.values
                found.setdefault(one.InstrumentId, []).append((one.TransactTime, one.Price, one.Quantity))
        at += 16 + (size + 7 & ~7)
    return found


def test_a_journal_gives_the_candles_of_the_run(tmp_path: Path) -> None:
    config = Config()
    kept: list[Exchange] = []
    replay_capture(CAPTURE, config, limit_packets=300 if INTERPRETED else None, keep=kept)
    [exchange] = kept
    book = CandleBook(len(config.instruments))
    book.advance(exchange.feed.store, int(exchange.feed.scalars[STORE_WHOLE_BYTES]))
    trades = trades_of(exchange)
    assert trades and book.security_ids == sorted(trades) and book.late == 0
    for security_id, some in trades.items():
        for place, interval in enumerate(INTERVALS):
            assert plain(book.candles(security_id, place)) == naive.candles(some, interval.name)

    save_journal(exchange, config, tmp_path / "day.journal")
    result = CliRunner().invoke(command, [str(tmp_path / "day.journal"), "--interval", "1m", "--format", "json"])
    assert result.exit_code == 0, result.output
    again = [json.loads(line) for line in result.output.splitlines()]
    minutes = [row for security_id in book.security_ids for row in book.candles(security_id, 1)]
    assert [(row["volume"], row["trades"]) for row in again] == [
        (int(row["volume_lots"]), int(row["trades"])) for row in minutes
    ]
