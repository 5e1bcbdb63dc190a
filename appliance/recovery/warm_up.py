"""Compile the kernels of the recovery server, or load them from the cache, before a client waits for them."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import numpy as np

from appliance.feed_book.seed import FORMS, SEED_CHANNEL, Seed, seed_of
from appliance.recovery.answers import RangeAnswer, scratch_for
from appliance.recovery.snapshots import BookSizes, Follower
from appliance.recovery.store import FEED_FILE_NAME, FeedStore
from native.layout import FEED_FORMAT_VERSION, FEED_HEADER, FEED_MAGIC
from wire.blocks import schema
from wire.framing import packets

_ENTRY = struct.Struct("<QII")


def warm_up(*, snapshots: bool = True) -> None:
    """Give a range, and with `snapshots` a snapshot, of a feed of two orders."""
    with tempfile.TemporaryDirectory(prefix="pitwire-") as folder:
        path = Path(folder) / FEED_FILE_NAME
        path.write_bytes(_small_store())
        store = FeedStore(path)
        RangeAnswer(store, 2, 1, 0, 1).batch(scratch_for(1))
        if snapshots:
            follower = Follower(store, BookSizes((1,), 16, 16))
            follower.follow()
            follower.snapshot(0, 1)
            Follower(FeedStore(path, poll=False), BookSizes((1,), 16, 16), _small_seed())
        store.close()


def _small_seed() -> Seed:
    """Of a day without a message."""
    return seed_of({**FORMS, "seed.channels": np.ones(3, SEED_CHANNEL)})


def _small_store() -> bytes:
    put = {"InstrFlags": 3, "InstrSide": 1, "InstrumentId": 1, "Price": 1, "Quantity": 1}
    frames = [
        packets.frame(schema("market_data").encode("OrderPut", **put, InstrSeqNum=number, OrderId=number))
        for number in (1, 2)
    ]
    packet = packets.pack_header(packets.PacketHeader(0, 1, 1, packets.FLAG_INCREMENTAL, 2, 1)) + b"".join(frames)
    entry = _ENTRY.pack(1, 2, len(packet)) + packet.ljust(len(packet) + 7 & ~7, b"\0")
    header = np.zeros(1, FEED_HEADER)
    header[0]["magic"] = FEED_MAGIC
    header[0]["format_version"] = FEED_FORMAT_VERSION
    header[0]["channel_id"] = header[0]["epoch"] = 1
    header[0]["capacity_bytes"] = header[0]["committed_bytes"] = len(entry)
    return header.tobytes() + entry
