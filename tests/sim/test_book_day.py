"""A real trading day through the book: it is its own answer (see ../shared/data/README.md)."""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from appliance.book.check import check_book
from appliance.book.match import apply
from appliance.book.state import allocate_book
from native.layout import (
    COMMAND,
    EVENT,
    EVENT_ACCEPTED,
    EVENT_CANCELED,
    EVENT_FLAG_PRIORITY_RETAINED,
    EVENT_REJECTED,
    EVENT_REPLACED,
    EVENT_TRADE,
    KIND_CANCEL,
    KIND_NEW_ORDER,
    KIND_REPLACE,
)

DAY = Path(__file__).resolve().parents[3] / "shared" / "data" / "bme_ANA_20190523_orders.csv"


@pytest.mark.skipif(not DAY.exists(), reason=f"the recorded day is not at {DAY}")
def test_the_day_gives_its_own_answer() -> None:
    with DAY.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    book = allocate_book(1, 4096, 1024)
    commands, events = np.zeros(1, dtype=COMMAND), np.zeros(256, dtype=EVENT)
    counts: Counter[str] = Counter()
    names: dict[str, int] = {}  # the order's newest ClOrdID
    quantity: dict[str, int] = {}  # and its newest OrderQty
    side_and_price: dict[str, tuple[int, int]] = {}
    for cl_ord_id, row in enumerate(rows, start=1):
        uid, qty = row["uid"], int(row["qty"])
        commands[0] = np.zeros((), dtype=COMMAND)
        command = commands[0]
        command["cl_ord_id"], command["ord_type"], command["time_in_force"] = cl_ord_id, 50, 48
        if row["ordtype"] == "new":
            side_and_price[uid] = (1 if row["is_buy"] == "True" else 2, int(Decimal(row["price"]) * 1000))
            command["kind"], quantity[uid] = KIND_NEW_ORDER, qty
        else:
            command["orig_cl_ord_id"] = names[uid]
            command["kind"] = KIND_CANCEL if row["ordtype"] == "cancel" else KIND_REPLACE
            quantity[uid] = max(0, quantity[uid] - qty)
        names[uid] = cl_ord_id
        command["side"], command["price_ticks"] = side_and_price[uid]
        command["qty_lots"] = quantity[uid]
        count = apply(book, commands, 0, events, 0)
        assert count > 0
        for event in events[:count]:
            kind = int(event["kind"])
            assert kind != EVENT_REJECTED, (row, int(event["reason"]))
            counts["accepted"] += kind == EVENT_ACCEPTED
            counts["fills"] += kind == EVENT_TRADE
            counts["shares"] += int(event["qty_lots"]) if kind == EVENT_TRADE else 0
            if kind == EVENT_REPLACED:
                assert int(event["flags"]) & EVENT_FLAG_PRIORITY_RETAINED
                counts["reduced"] += 1
            if kind == EVENT_CANCELED and command["kind"] == KIND_CANCEL:
                assert int(event["qty_lots"]) == qty, row
                counts["cancelled"] += 1
            elif kind == EVENT_CANCELED:
                counts["to nothing"] += 1
    assert check_book(book) == []
    assert int(book.state[0]["open_orders"]) == 0
    assert (counts["accepted"], counts["fills"], counts["shares"]) == (13_604, 996, 54_378)
    assert (counts["reduced"], counts["to nothing"], counts["cancelled"]) == (1_364, 655, 11_433)
