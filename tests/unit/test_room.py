"""One look for room holds for many messages, and says what a look for each would say."""

from __future__ import annotations

import numpy as np
import pytest

from appliance import room
from appliance.config import Config
from appliance.exchange import Exchange, allocate
from appliance.pipeline import begin_turn
from appliance.publisher.packet import STORE_USED
from appliance.publisher.store import BYTES_A_MESSAGE_MAX, MESSAGES_RESERVE
from appliance.replay import LOCAL_MAC
from appliance.sequencer.journal import COMMITTED
from native.jit import kernel

BYTES_AN_INPUT = 2 * MESSAGES_RESERVE * BYTES_A_MESSAGE_MAX


@kernel
def by_message(exchange: Exchange) -> bool:
    return room.has_room_for_message(exchange)


@kernel
def by_table(exchange: Exchange) -> bool:
    return room.has_room(exchange, 0)


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    return allocate(Config(), local_mac=LOCAL_MAC)


@pytest.mark.parametrize("mapped", [0, 1, 2, 63, 64, 65, 66, 67, 130, 1000])
def test_the_journal_s_end(exchange: Exchange, mapped: int) -> None:
    control, scalars = exchange.journal.control, exchange.journal.scalars
    before = int(control[0]["mapped_records"])
    control[0]["mapped_records"] = mapped
    begin_turn(exchange, 1)
    for committed in range(min(mapped, 200) + 1):
        scalars[COMMITTED] = committed
        assert bool(by_message(exchange)) == bool(by_table(exchange)) == (committed + 2 <= mapped)
    control[0]["mapped_records"], scalars[COMMITTED] = before, 0


@pytest.mark.parametrize("inputs", [0, 1, 2, 60, 64, 65, 66, 70, 200])
def test_the_feed_store_s_end(exchange: Exchange, inputs: int) -> None:
    """With room for so many inputs, each of which takes all that it may."""
    scalars, feed = exchange.journal.scalars, exchange.feed
    feed.scalars[STORE_USED] = feed.store.size - inputs * BYTES_AN_INPUT
    begin_turn(exchange, 1)
    for committed in range(inputs + 2):
        scalars[COMMITTED] = committed
        assert bool(by_message(exchange)) == bool(by_table(exchange)) == (committed < inputs)
        feed.scalars[STORE_USED] = min(feed.scalars[STORE_USED] + BYTES_AN_INPUT, feed.store.size)
    feed.scalars[STORE_USED] = scalars[COMMITTED] = 0


def test_a_turn_looks_again(exchange: Exchange) -> None:
    begin_turn(exchange, 1)
    assert by_message(exchange) and exchange.room_until[0] == room.RECORDS_AT_ONCE
    begin_turn(exchange, 2)
    assert exchange.room_until[0] == 0
    exchange.feed.scalars[STORE_USED] = np.int64(exchange.feed.store.size)
    assert not by_message(exchange)
    exchange.feed.scalars[STORE_USED] = 0
