"""A seed: what all channels of market data have come to at one message of L3, so that a distributor or a recovery
server can go on from there without the messages before it.

The matching core does not know it: numbers of derived channels follow from all the messages of the day, and so does
when an order was told of last. Who keeps a seed keeps it beside the state of the venue, at the same message.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from appliance.feed_book.records import FEED_INSTRUMENT, FEED_ROW
from wire.gen import market_data_tables as md

SEED_FILE: Final = "seed"
"""In the shared memory of a run that began with one."""
SEED_CHANNEL: Final = np.dtype([("channel_id", "i8"), ("depth", "i8"), ("next_number", "i8")])
"""A channel by its place (L3, L2, L1, snapshots, tiers): `depth` of a tier, else 0; the number of its next message."""
_BEFORE_BLOCK_BYTES: Final = md.frameHeader_SIZE + md.messageHeader_SIZE
STATUS_BYTES_MAX: Final = (
    _BEFORE_BLOCK_BYTES + max(md.TradingStatusUpdate_BLOCK_LENGTH, md.AuctionUpdate_BLOCK_LENGTH) + 7 & ~7
)
"""Of the frame of a TradingStatusUpdate or AuctionUpdate."""


class SeedError(Exception):
    """The seed cannot be used; the message is one sentence that says why."""


@dataclass(frozen=True)
class Seed:
    """The members are arrays of one dimension; instruments stand in the order in which they were first heard of."""

    channels: np.ndarray
    """SEED_CHANNEL[channels]"""
    instr_seq: np.ndarray
    """int64[channels * instruments]: InstrSeqNum of each instrument's last message in each channel but L3"""
    instruments: np.ndarray
    """FEED_INSTRUMENT[instruments], as the L3 books have them"""
    order_counts: np.ndarray
    """int64[instruments]"""
    orders: np.ndarray
    """FEED_ROW[orders]: of one instrument after the other; bids best first, then offers, each price in queue order"""
    status_bytes: np.ndarray
    """int64[2 * instruments]: length of the frame of the last TradingStatusUpdate, and of the AuctionUpdate that holds;
    0: there is none"""
    status_frames: np.ndarray
    """uint8[2 * instruments * STATUS_BYTES_MAX]: those frames, each with so much room"""

    @property
    def l3_next_number(self) -> int:
        """Number of the first message that a store of L3 has behind this seed."""
        return int(self.channels[0]["next_number"])

    def arrays(self) -> dict[str, np.ndarray]:
        """The members under their names in a file."""
        return {f"seed.{member.name}": getattr(self, member.name) for member in fields(self)}

    def next_number(self, channel_id: int) -> int:
        """Number of the next message of a channel; 1 where the seed does not know it."""
        found = np.flatnonzero(self.channels["channel_id"] == channel_id)
        return int(self.channels[found[0]]["next_number"]) if found.size else 1

    def books_of(self, channel_id: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """What the books of a channel have come to: FEED_INSTRUMENT[n], FEED_ROW[rows] of one instrument after the
        other, int64[n] how many rows each has, the number of the channel's next message. Raises SeedError."""
        found = np.flatnonzero(self.channels["channel_id"] == channel_id)
        if not found.size:
            raise SeedError(f"There is no channel {channel_id} among those that were kept.")
        place = int(found[0])
        next_number = int(self.channels[place]["next_number"])
        instruments = self.instruments.copy()
        if place == 0:
            return instruments, self.orders, self.order_counts, next_number
        count = instruments.size
        instruments["instr_seq"] = self.instr_seq[place * count : (place + 1) * count]
        if place == 2:
            self._set_tops(instruments)
            return instruments, self.orders[:0], np.zeros(count, np.int64), next_number
        rows, of = self._levels(int(self.channels[place]["depth"]))
        return instruments, rows, np.bincount(of, minlength=count).astype(np.int64), next_number

    def _levels(self, depth: int) -> tuple[np.ndarray, np.ndarray]:
        """(FEED_ROW[levels], the instrument of each): the best `depth` of each side (0: all), as the orders stand."""
        of = np.repeat(np.arange(self.instruments.size), self.order_counts)
        if not self.orders.size:
            return self.orders, of
        side, price = self.orders["side"], self.orders["price_nanos"]
        is_other_side = np.diff(of) != 0
        is_other_side |= np.diff(side) != 0
        starts = np.concatenate(([0], 1 + np.flatnonzero(is_other_side | (np.diff(price) != 0))))
        rows = self.orders[starts].copy()
        rows["order_id"] = rows["priority"] = rows["transact_time_ns"] = 0
        rows["qty_lots"] = np.add.reduceat(self.orders["qty_lots"], starts)
        rows["orders"] = np.diff(np.append(starts, self.orders.size))
        of = of[starts]
        if depth:
            first_of_side = np.concatenate(([0], 1 + np.flatnonzero((np.diff(of) != 0) | (np.diff(rows["side"]) != 0))))
            rank = np.arange(rows.size) - np.repeat(first_of_side, np.diff(np.append(first_of_side, rows.size)))
            rows, of = rows[rank < depth], of[rank < depth]
        return rows, of

    def _set_tops(self, instruments: np.ndarray) -> None:
        rows, of = self._levels(1)
        for name, side in (("bid", 1), ("offer", -1)):
            chosen = rows["side"] == side
            instruments[f"{name}_price_nanos"] = md.TopOfBook_BidPx_NULL
            instruments[f"{name}_price_nanos"][of[chosen]] = rows["price_nanos"][chosen]
            instruments[f"{name}_lots"][of[chosen]] = rows["qty_lots"][chosen]
            instruments[f"{name}_orders"][of[chosen]] = rows["orders"][chosen]


FORMS: Final[Mapping[str, np.ndarray]] = Seed(
    channels=np.zeros(0, SEED_CHANNEL),
    instr_seq=np.zeros(0, np.int64),
    instruments=np.zeros(0, FEED_INSTRUMENT),
    order_counts=np.zeros(0, np.int64),
    orders=np.zeros(0, FEED_ROW),
    status_bytes=np.zeros(0, np.int64),
    status_frames=np.zeros(0, np.uint8),
).arrays()
"""The arrays of a seed by name, empty: also what is kept where nobody made a seed."""


def seed_of(arrays: Mapping[str, np.ndarray]) -> Seed:
    """The seed whose arrays (of the dtypes of FORMS) these are. Raises SeedError where they do not belong together."""
    seed = Seed(**{name.removeprefix("seed."): arrays[name].view(form.dtype) for name, form in FORMS.items()})
    count, orders = seed.instruments.size, seed.orders.size
    sizes = (
        seed.channels.size >= 3
        and seed.instr_seq.size == seed.channels.size * count
        and seed.order_counts.size == count
        and seed.status_bytes.size == 2 * count
        and seed.status_frames.size == 2 * count * STATUS_BYTES_MAX
    )
    if not sizes or int(seed.order_counts.sum()) != orders or (seed.order_counts < 0).any():
        raise SeedError("Its books of the channels do not fit together.")
    if (seed.status_bytes < 0).any() or (seed.status_bytes > STATUS_BYTES_MAX).any():
        raise SeedError("Its messages of status are longer than they can be.")
    return seed


def write_seed(folder: Path, seed: Seed) -> None:
    """Put the seed of a run into its shared memory, whole or not at all. Raises OSError."""
    part = folder / f"{SEED_FILE}.part"
    with part.open("wb") as file:
        np.savez(file, **seed.arrays())
        file.flush()
    os.rename(part, folder / SEED_FILE)


def read_seed(folder: Path) -> Seed | None:
    """The seed that a run began with; None where it began with the day's first message. Raises SeedError."""
    path = folder / SEED_FILE
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return seed_of({name: arrays[name] for name in FORMS})
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise SeedError(f"{path}: cannot be read: {error}.") from None
    except SeedError as error:
        raise SeedError(f"{path}: {error}") from None
