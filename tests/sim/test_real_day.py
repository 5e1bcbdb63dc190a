"""A real trading day, converted to a capture and replayed: it is its own answer (see ../shared/data/README.md)."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from appliance.book.check import check_book
from appliance.config import Config, demo_session_uuid
from appliance.exchange import Exchange
from appliance.replay import replay_capture
from native import codes
from native.jit import INTERPRETED
from pcap.convert import convert_file
from pcap.datagrams import DatagramWriter
from tests.venue_rig import Sent
from wire.capture import create_capture, open_capture

DAY = Path(__file__).resolve().parents[3] / "shared" / "data" / "bme_ANA_20190523_orders.csv"


@pytest.mark.skipif(not DAY.exists(), reason=f"the recorded day is not at {DAY}")
@pytest.mark.skipif(INTERPRETED, reason="a whole day takes minutes in interpreted kernels")
@pytest.mark.parametrize("a_datagram", [1, 8])
def test_the_day_gives_its_own_answer(tmp_path: Path, a_datagram: int) -> None:
    day, out = tmp_path / "day.pcap", tmp_path / "out.pcap"
    with create_capture(day) as capture, DatagramWriter(capture, messages_per_datagram=a_datagram) as writer:
        writer.add_all(convert_file(DAY))
    kept: list[Exchange] = []
    result = replay_capture(day, Config(), out=out, keep=kept)

    assert (result.orders_accepted, result.orders_rejected) == (13_604, 0)
    assert (result.fills, result.shares_traded) == (996, 54_378)
    assert (result.replaces - result.replaces_to_nothing, result.replaces_to_nothing) == (1_364, 655)
    assert (result.cancels, result.cancels_rejected, result.replaces_rejected) == (11_433, 0, 0)
    assert (result.open_orders, result.gaps, result.dropped) == (0, 0, {})
    assert check_book(kept[0].book) == []

    sent = Sent(Config())
    for packet in open_capture(out):
        sent.read(bytes(packet.data))
    reports = sent.reports[demo_session_uuid(1).bytes]
    assert len(reports) == result.reports_out == 13_604 + 2 * 996 + 1_364 + 655 + 11_433
    told = Counter(name for _, name, _ in reports)
    assert told == {
        "ExecutionReportNew": 13_604,
        "ExecutionReportTrade": 2 * 996,
        "ExecutionReportModify": 1_364,
        "ExecutionReportCancel": 655 + 11_433,
    }
    cancels = {fields["ClOrdID"]: fields for _, name, fields in reports if name == "ExecutionReportCancel"}
    with DAY.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert len(rows) == 27_056
    cancelled = 0
    for cl_ord_id, row in enumerate(rows, 1):  # the converter numbers its requests by row
        if row["ordtype"] == "cancel":
            report = cancels[cl_ord_id]
            assert report["CxlQty"] == int(row["qty"]), row
            assert report["ExecRestatementReason"] == codes.RESTATEMENT_NONE
            cancelled += 1
    to_nothing = [one for one in cancels.values() if one["ExecRestatementReason"] != codes.RESTATEMENT_NONE]
    assert cancelled == 11_433
    assert len(to_nothing) == 655
    assert {one["ExecRestatementReason"] for one in to_nothing} == {codes.RESTATEMENT_REPLACED_TO_NOTHING}
