"""Candles as Parquet files, one an interval: what leaves the rings is written, so that memory stays bounded.

Needs pyarrow, which the optional extra `candles` brings. A file appears under its name when it is whole.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from appliance.candles.records import INTERVALS, turnover, vwap_nanos

if TYPE_CHECKING:
    import pyarrow

ROWS_A_GROUP: Final = 65_536
_PRICES: Final = ("open_nanos", "high_nanos", "low_nanos", "close_nanos")


class ParquetError(Exception):
    """The files cannot be written; the message is one sentence."""


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ParquetError("Parquet files need pyarrow: pip install 'pitwire[candles]'.") from None
    return pyarrow


def _schema(arrow: Any) -> pyarrow.Schema:
    return arrow.schema(
        [
            ("security_id", arrow.int32()),
            ("start", arrow.timestamp("ns", tz="UTC")),
            *((name, arrow.int64()) for name in _PRICES),
            ("vwap_nanos", arrow.int64()),
            ("volume_lots", arrow.int64()),
            ("trades", arrow.int64()),
            ("turnover_nanos", arrow.decimal128(38, 0)),
            ("is_closed", arrow.bool_()),
        ]
    )


class ParquetArchive:
    """A folder with `candles-INTERVAL.parquet` for each interval that has candles. Use as a context manager: leaving it
    makes the files whole; after an error they are not there."""

    def __init__(self, folder: Path) -> None:
        """Make the folder where it is missing. Raises ParquetError, also when pyarrow is not installed."""
        self._arrow = _pyarrow()
        self._schema = _schema(self._arrow)
        self._folder = folder
        self._writers: dict[int, Any] = {}
        self._waiting: dict[int, list[Any]] = {}
        self._rows: dict[int, int] = {}
        self.written: set[int] = set()
        """Intervals that have candles."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ParquetError(f"{folder}: cannot be made: {error.strerror}.") from None

    def path(self, interval: int) -> Path:
        """Where the candles of an interval lie in the end."""
        return self._folder / f"candles-{INTERVALS[interval].name}.parquet"

    def write(self, security_id: int, interval: int, candles: np.ndarray, *, is_closed: bool = True) -> None:
        """Append CANDLE[n]. Raises ParquetError."""
        arrow = self._arrow
        columns = [
            arrow.array(np.full(candles.size, security_id, np.int32)),
            arrow.array(candles["start_ns"].astype("datetime64[ns]"), self._schema.field("start").type),
            *(arrow.array(candles[name]) for name in _PRICES),
            arrow.array([vwap_nanos(candle) for candle in candles], arrow.int64()),
            arrow.array(candles["volume_lots"]),
            arrow.array(candles["trades"]),
            arrow.array([turnover(candle) for candle in candles], arrow.decimal128(38, 0)),
            arrow.array(np.full(candles.size, is_closed)),
        ]
        self.written.add(interval)
        self._waiting.setdefault(interval, []).append(arrow.record_batch(columns, schema=self._schema))
        self._rows[interval] = self._rows.get(interval, 0) + candles.size
        if self._rows[interval] >= ROWS_A_GROUP:
            self._flush(interval)

    def _flush(self, interval: int) -> None:
        try:
            if interval not in self._writers:
                place = self._unfinished(interval)
                self._writers[interval] = self._arrow.parquet.ParquetWriter(place, self._schema, compression="zstd")
            table = self._arrow.Table.from_batches(self._waiting.pop(interval), self._schema)
            self._writers[interval].write_table(table)
        except OSError as error:
            raise ParquetError(f"{self.path(interval)}: cannot be written: {error}.") from None
        self._rows[interval] = 0

    def _unfinished(self, interval: int) -> Path:
        return self.path(interval).with_suffix(".parquet.unfinished")

    def __enter__(self) -> ParquetArchive:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            for interval in list(self._waiting):
                self._flush(interval)
        for interval, writer in self._writers.items():
            try:
                writer.close()
                if kind is None:
                    os.replace(self._unfinished(interval), self.path(interval))
                else:
                    self._unfinished(interval).unlink(missing_ok=True)
            except OSError as error:
                if kind is None:
                    raise ParquetError(f"{self.path(interval)}: cannot be written: {error}.") from None
