"""Candles the slow way: every trade is kept, and each interval is looked up in Python's calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

SECONDS = {"1s": 1, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86_400}
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


class NaiveCandle(NamedTuple):
    start_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int
    trades: int


def start_ns(time_ns: int, name: str) -> int:
    """Start of the interval that the time lies in."""
    if name in SECONDS:
        return time_ns - time_ns % (SECONDS[name] * 10**9)
    day = _1970 + timedelta(days=time_ns // (86_400 * 10**9))
    day = day.replace(day=1) if name == "1mo" else day - timedelta(days=day.weekday())
    return (day - _1970).days * 86_400 * 10**9


def candles(trades: list[tuple[int, int, int]], name: str) -> list[NaiveCandle]:
    """Of (time, price, lots); a trade that is older than the candle before it belongs to that one."""
    groups: list[tuple[int, list[tuple[int, int]]]] = []
    for time_ns, price, lots in trades:
        start = start_ns(time_ns, name)
        if not groups or start > groups[-1][0]:
            groups.append((start, []))
        groups[-1][1].append((price, lots))
    found = []
    for start, group in groups:
        prices = [price for price, _ in group]
        volume, turnover = sum(lots for _, lots in group), sum(price * lots for price, lots in group)
        found.append(NaiveCandle(start, prices[0], max(prices), min(prices), prices[-1], volume, turnover, len(group)))
    return found
