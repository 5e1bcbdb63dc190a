"""A journal with more orders in it: what changes is what these orders do, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from appliance.cli import main
from appliance.exchange import schema_digest
from appliance.history.what_if import WhatIfError, merged, play_day, read_orders, what_if
from appliance.journal.records import Identity
from appliance.journal.whole import save_log
from native.layout import KIND_NEW_ORDER
from tests.history_rig import CONFIG, Day, make_day, write_journal
from tests.session_rig import Party, SessionRig, keyed_config
from tests.venue_rig import ORDERS, Client, VenueRig, new

STATUS_OF_1 = ORDERS.encode("OrderStatusRequest", OrdStatusReqID=1, ClOrdID=1)
HEADER = "time_ns,session,kind,cl_ord_id,security_id,side,qty_lots,price_ticks,orig_cl_ord_id\n"


def quiet_day(path: Path) -> tuple[Path, int]:
    """A buy of 5 at 100 that a sell of 5 meets later; the path, and a time between the two."""
    a, b = Client(1), Client(2)
    with VenueRig(CONFIG) as rig:
        rig.send(a.frame(new(1, 1, 5, 100)))
        between_ns = rig.now_ns
        rig.send(b.frame(new(1, 2, 5, 100, Account=2)), a.frame(new(2, 1, 1, 98)))
        count = int(rig.exchange.journal.scalars[0])
        day = Day(rig.exchange.journal.records[:count].copy(), rig.exchange)
    return write_journal(day, path), between_ns


def test_an_order_that_comes_between(tmp_path: Path) -> None:
    journal, between_ns = quiet_day(tmp_path / "journal")
    orders = tmp_path / "orders.csv"
    orders.write_text(HEADER + f"{between_ns},3,new,1,1,sell,2,100,\n")
    found = what_if(journal, orders, CONFIG)
    assert found["orders_added"] == 1
    assert found["venue"]["fills"] == {"before": 1, "after": 2}
    assert found["venue"]["lots"] == {"before": 5, "after": 5}
    assert found["venue"]["open_orders"] == {"before": 1, "after": 2}
    assert sorted(found["orders"]) == ["1/1", "2/1", "3/1"]
    assert found["orders"]["2/1"]["after"]["lots"] == 3
    assert found["orders"]["3/1"]["before"]["fills"] == 0
    assert found["orders"]["3/1"]["after"]["average_price_nanos"] == 100 * CONFIG.instruments[0].tick_nanos
    assert what_if(journal, orders, CONFIG) == found, "it is the same every time"


def test_the_sender_s_later_numbers_move_up(tmp_path: Path) -> None:
    journal, between_ns = quiet_day(tmp_path / "journal")
    orders = tmp_path / "orders.csv"
    orders.write_text(HEADER + f"{between_ns},1,cancel,9,1,buy,,,1\n{between_ns},1,new,10,1,buy,1,97,\n")
    found = what_if(journal, orders, CONFIG)
    assert found["venue"]["fills"] == {"before": 1, "after": 0}
    assert found["venue"]["rejects"]["after"] == found["venue"]["rejects"]["before"], "no number was lost"
    assert found["venue"]["open_orders"]["after"] == 3


def test_merging_keeps_gaps_and_numbers() -> None:
    day = make_day(8, 150)
    more = day.records[day.records["kind"] == KIND_NEW_ORDER][10:11].copy()
    more["time_ns"] = int(day.records["time_ns"][60])
    whole, is_ours = merged(day.records, more)
    assert whole.size == day.records.size + 1
    assert (whole["sequence"] == np.arange(1, whole.size + 1)).all()
    assert (np.diff(whole["time_ns"].astype(np.int64)) >= 0).all()
    ours = int(np.searchsorted(day.records["time_ns"], more["time_ns"][0], "right"))
    assert np.flatnonzero(is_ours).tolist() == [ours]
    play_day(whole, CONFIG, is_ours)
    session = int(more[0]["session"])
    for before, after in ((day.records[:ours], whole[:ours]), (day.records[ours:], whole[ours + 1 :])):
        same = before["session"] != session
        assert (before[same]["session_seq"] == after[same]["session_seq"]).all()
    assert (day.records[:ours]["session_seq"] == whole[:ours]["session_seq"]).all()
    later = (
        (day.records["session"] == session)
        & np.isin(day.records["kind"], (1, 2, 3, 4, 18))
        & (np.arange(day.records.size) >= ours)
    )
    assert later.any()
    assert (whole[1:]["session_seq"][later] == day.records["session_seq"][later] + 1).all()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("time_ns,session\n", "line 1: the header misses kind"),
        (HEADER.replace("qty", "quantity"), "line 1: the header has the unknown"),
        (HEADER, "holds no orders"),
        (HEADER + "5,9,new,1,1,buy,1,1,\n", "line 2: session 9 is not one of 1 to 3"),
        (HEADER + "5,1,new,1,77,buy,1,1,\n", "security_id 77"),
        (HEADER + "5,1,sell,1,1,buy,1,1,\n", "kind 'sell'"),
        (HEADER + "5,1,new,1,1,up,1,1,\n", "side 'up'"),
        (HEADER + "5,1,new,x,1,buy,1,1,\n", "line 2"),
        (HEADER + "5,1,new,-1,1,buy,1,1,\n", "line 2"),
        (HEADER + f"5,1,new,1,1,buy,{1 << 40},1,\n", "line 2"),
        (HEADER + "5\n", "line 2"),
        (HEADER + "\xff", "cannot be read"),
    ],
)
def test_bad_files(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(WhatIfError, match=sentence):
        read_orders(path, CONFIG)


def test_sessions_of_a_day_that_come_and_go(tmp_path: Path) -> None:
    """Questions, an end, another Establish, a session anew: every message is decided as it was, but for what the order
    that is added changes."""
    config = keyed_config()
    with SessionRig(config) as rig:
        one, other, anew = Party(0, 1), Party(1, 2), Party(0, 3)
        rig.log_on(one)
        rig.log_on(other)
        rig.send(one.frame(new(1, 1, 5, 100), new(2, 1, 5, 99)))
        between_ns = rig.now_ns
        rig.send(one.frame(STATUS_OF_1), one.frame(new(20, 1, 1, 98)))
        rig.send(other.frame(new(1, 2, 5, 100, Account=2)))
        rig.send(one.terminate())
        rig.shake(one, one.establish(5, number=one.next_number))
        rig.send(one.frame(STATUS_OF_1, new(21, 1, 1, 97)))
        rig.send(one.finished_sending(one.next_number - 1), one.finished_receiving())
        rig.log_on(anew, 7)
        rig.send(anew.frame(STATUS_OF_1), anew.frame(new(22, 1, 1, 96)))
        count = int(rig.exchange.journal.scalars[0])
        records = rig.exchange.journal.records[:count].copy()
        assert int(rig.exchange.book.state[0]["open_orders"]) == 4
    path = tmp_path / "journal"
    save_log(path, Identity(bytes(16), config.epoch, schema_digest(), config.state_digest()), records)
    orders = tmp_path / "orders.csv"
    orders.write_text(HEADER + f"{between_ns},1,cancel,10,1,buy,,,1\n")
    found = what_if(path, orders, config)
    assert found["venue"]["fills"] == {"before": 1, "after": 0}
    assert found["venue"]["open_orders"] == {"before": 4, "after": 5}
    assert found["venue"]["rejects"] == {"before": 0, "after": 0}
    assert sorted(found["orders"]) == ["1/1", "2/1"]


def test_before_the_day(tmp_path: Path) -> None:
    journal, _ = quiet_day(tmp_path / "journal")
    (tmp_path / "orders.csv").write_text(HEADER + "5,1,new,1,1,buy,1,1,\n")
    with pytest.raises(WhatIfError, match="before the first record"):
        what_if(journal, tmp_path / "orders.csv", CONFIG)


def test_command(tmp_path: Path) -> None:
    journal, between_ns = quiet_day(tmp_path / "journal")
    (tmp_path / "venue.json").write_text(CONFIG.to_json())
    (tmp_path / "orders.csv").write_text(HEADER + f"{between_ns},3,new,1,1,sell,2,100,\n")
    words = ["replay", str(journal), "--config", str(tmp_path / "venue.json"), "--with", str(tmp_path / "orders.csv")]
    done = CliRunner().invoke(main, [*words, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["venue"]["fills"]["after"] == 2
    done = CliRunner().invoke(main, words)
    assert "1 orders added" in done.output
    assert "orders       3/1" in done.output
