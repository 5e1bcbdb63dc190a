"""Order flow to requests to datagrams: every rule of the converter, and the real day."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from pathlib import Path

import pytest

from appliance.config import demo_session_uuid
from native.layout import KIND_CANCEL, KIND_NEW_ORDER, KIND_REPLACE
from pcap.convert import convert_file, convert_rows, parse_utc_offset
from pcap.datagrams import DatagramWriter
from pcap.requests import Request
from wire.blocks import schema
from wire.capture import Capture, create_capture, open_capture
from wire.net.frames import parse_udp_frame

REAL_DAY = Path(__file__).parents[3] / "shared" / "data" / "bme_ANA_20190523_orders.csv"
HEADER = "ordtype;uid;is_buy;qty;price;timestamp"


def convert(*rows: str, **options: int) -> list[Request]:
    return list(convert_rows([HEADER, *rows], **options))


def test_new_modif_cancel() -> None:
    time = "2019-05-23 09:00:30.216"
    requests = convert(
        f"new;a;True;100;95.8;{time}",
        f"new;b;False;7;96.123456789;{time}",
        f"modif;a;;30;;{time}",
        "modif;a;;20;;2019-05-23 09:00:31.000",
        f"modif;b;;9;;{time}\r\n",
        "",
        "cancel;a;;50;;2019-05-23 09:00:32.5",
    )
    at_ns = 1_558_602_030_216_000_000
    late_ns = at_ns + 784_000_000
    new, replace, cancel = KIND_NEW_ORDER, KIND_REPLACE, KIND_CANCEL
    assert [request[:10] for request in requests] == [
        (at_ns, 1, new, 1, 1, 0, 1, 95_800_000_000, 100, 48),
        (at_ns + 1000, 1, new, 1, 2, 0, 2, 96_123_456_789, 7, 48),
        (at_ns + 2000, 1, replace, 1, 3, 1, 1, 95_800_000_000, 70, 0),
        (late_ns, 1, replace, 1, 4, 3, 1, 95_800_000_000, 50, 0),
        (late_ns + 1000, 1, replace, 1, 5, 2, 2, 96_123_456_789, 0, 0),
        (at_ns + 2_284_000_000, 1, cancel, 1, 6, 4, 1, 0, 0, 0),
    ]
    assert requests[5].comment == "line 8: cancel;a;;50;;2019-05-23 09:00:32.5"


def test_offset_session_and_instrument() -> None:
    row = "new;a;True;1;1;1970-01-02 00:00:00"
    hour_ns = 3_600_000_000_000
    day_ns = 24 * hour_ns
    (request,) = convert(row, utc_offset_ns=parse_utc_offset("+02:00"), session=3, security_id=9)
    assert (request.time_ns, request.session, request.security_id) == (day_ns - 2 * hour_ns, 3, 9)
    assert convert(row, utc_offset_ns=parse_utc_offset("-00:30"))[0].time_ns == day_ns + hour_ns // 2


def messages_of(capture: Capture) -> list[tuple[int, bytes, int, list[tuple[str, object]]]]:
    """(time, session id, first number, messages) of each datagram."""
    fixp, order_entry = schema("fixp"), schema("order_entry")
    found = []
    for packet in capture:
        payload = parse_udp_frame(packet.data).payload
        context = fixp.decode(payload)
        at, messages = context.end, []
        while at < len(payload):
            message = order_entry.decode(payload, at)
            messages.append((message.block.name, message.values))
            at = message.end
        found.append((packet.time_ns, context.values.SessionId, context.values.NextSeqNo, messages))
    return found


def test_datagrams(tmp_path: Path) -> None:
    rows = [f"new;{n};True;{n};1.5;2019-05-23 09:00:30.216" for n in range(1, 8)]
    rows.append("cancel;1;;1;;2019-05-23 09:00:30.217")
    for most, sizes in ((1, [1] * 8), (3, [3, 3, 1, 1])):
        path = tmp_path / f"{most}.pcap"
        with create_capture(path) as capture, DatagramWriter(capture, messages_per_datagram=most) as writer:
            writer.add_all(convert(*rows))
        datagrams = messages_of(open_capture(path))
        assert [len(messages) for *_, messages in datagrams] == sizes
        assert {session for _, session, _, _ in datagrams} == {demo_session_uuid(1).bytes}
        number = 1
        for _time_ns, _session, first, messages in datagrams:
            assert first == number
            number += len(messages)
        flat = [message for *_, messages in datagrams for message in messages]
        assert [values.ClOrdID for _, values in flat] == list(range(1, 9))
        name, values = flat[2]
        assert (name, values.OrderQty, values.Price, values.Account) == ("NewOrderShort", 3, 1_500_000_000, 1)
        assert values.SelfMatchPreventionID is None
        name, values = flat[7]
        assert (name, values.OrigClOrdID, values.OrderID, values.Side) == ("OrderCancelRequest", 1, None, 1)
        assert writer.counts == {"packets": len(sizes), "messages": 8, "new": 7, "cancel": 1}


@pytest.mark.skipif(not REAL_DAY.exists(), reason="the real day is not beside this checkout (../shared/data)")
def test_the_real_day(tmp_path: Path) -> None:
    path = tmp_path / "day.pcap"
    with create_capture(path) as capture, DatagramWriter(capture) as writer:
        writer.add_all(convert_file(REAL_DAY))
    assert writer.counts == {"packets": 27_056, "messages": 27_056, "new": 13_604, "replace": 2_019, "cancel": 11_433}
    day = open_capture(path)
    assert len(day) == 27_056
    assert (day.packets["time_ns"][1:] > day.packets["time_ns"][:-1]).all()
    datagrams = messages_of(day)
    assert [first for _, _, first, _ in datagrams] == list(range(1, 27_057))
    names = Counter(messages[0][0] for *_, messages in datagrams)
    assert names == {"NewOrderShort": 13_604, "OrderCancelReplaceRequest": 2_019, "OrderCancelRequest": 11_433}
    # a reduction lowers the quantity that its order has by then, and keeps price and side
    orders: dict[int, object] = {}
    for *_, ((name, values),) in datagrams:
        if name == "NewOrderShort":
            orders[values.ClOrdID] = values
        elif name == "OrderCancelReplaceRequest":
            before = orders.pop(values.OrigClOrdID)
            assert 0 <= values.OrderQty < before.OrderQty  # type: ignore[attr-defined]
            assert (values.Price, values.Side) == (before.Price, before.Side)  # type: ignore[attr-defined]
            orders[values.ClOrdID] = values
        else:
            assert values.OrigClOrdID in orders


@pytest.mark.skipif(not REAL_DAY.exists(), reason="the real day is not beside this checkout (../shared/data)")
def test_the_real_day_is_its_own_answer() -> None:
    """Matched by price and time, the requests give what the day says, and each cancel finds what its row says."""
    found: Counter[str] = Counter()
    sides: dict[int, list[tuple[int, int]]] = {1: [], 2: []}  # (price key, place), the best first
    leaves: dict[int, int] = {}  # by place
    place_of: dict[int, int] = {}  # by ClOrdID
    ordered: dict[int, int] = {}  # OrderQty by place
    keys: dict[int, tuple[int, int, int]] = {}  # (side, price key, place) by place

    def drop(place: int) -> None:
        side, key, _ = keys.pop(place)
        sides[side].remove((key, place))

    for place, request in enumerate(convert_file(REAL_DAY)):
        if request.kind == KIND_NEW_ORDER:
            found["accepted"] += 1
            left, makers = request.qty_lots, sides[3 - request.side]
            limit = -request.price_nanos if request.side == 2 else request.price_nanos
            while left and makers and makers[0][0] <= limit:
                maker = makers[0][1]
                lots = min(left, leaves[maker])
                found["fills"] += 1
                found["shares"] += lots
                left, leaves[maker] = left - lots, leaves[maker] - lots
                if not leaves[maker]:
                    drop(maker)
            place_of[request.cl_ord_id], leaves[place], ordered[place] = place, left, request.qty_lots
            if left:
                key = -request.price_nanos if request.side == 1 else request.price_nanos
                keys[place] = (request.side, key, place)
                insort(sides[request.side], (key, place))
            continue
        order = place_of[request.orig_cl_ord_id]
        assert leaves[order] > 0, request.comment
        if request.kind == KIND_CANCEL:
            found["cancels"] += 1
            assert leaves[order] == int(request.comment.split(";")[3]), request.comment
            leaves[order] = 0
        else:
            place_of[request.cl_ord_id] = order
            leaves[order] -= ordered[order] - request.qty_lots
            ordered[order] = request.qty_lots
            found["reduced" if leaves[order] > 0 else "reduced_to_nothing"] += 1
        if leaves[order] <= 0:
            drop(order)
    assert sides == {1: [], 2: []}
    assert found == {
        "accepted": 13_604,
        "fills": 996,
        "shares": 54_378,
        "reduced": 1_364,
        "reduced_to_nothing": 655,
        "cancels": 11_433,
    }
