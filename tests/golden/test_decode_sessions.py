"""The log of a session's life, as people read it."""

from __future__ import annotations

from pathlib import Path

from appliance.decode.item import line_of
from appliance.decode.journal import journal_items
from appliance.exchange import save_journal
from tests.session_rig import Party, SessionRig, keyed_config, name_of
from tests.venue_rig import ORDERS, new

ENDS = 'peer="198.18.1.1:40000" peer_mac="02:00:00:00:01:00" local="198.18.0.1:26400" local_mac="02:50:57:00:00:01"'


def test_a_life(tmp_path: Path) -> None:
    config = keyed_config()
    a = Party(0, 1)
    with SessionRig(config) as rig:
        rig.log_on(a, 100, cod_type=7, window=50)
        query = ORDERS.encode("OrderStatusRequest", OrdStatusReqID=7, ClOrdID=1)
        rig.send(a.frame(new(1), query), a.retransmit(9, 1, 2), a.finished_sending(3), a.terminate(1))
        rig.shake(a, a.negotiate(200))
        rig.shake(Party(0, 2), Party(0, 2).negotiate(201), connection=5)
        rig.finish_own(0)
        rig.lose(0)
        save_journal(rig.exchange, config, tmp_path / "log")
    items = list(journal_items((tmp_path / "log").read_bytes(), "log"))
    told = [line_of(item).split(" ", 2)[2] for item in items if item.name not in ("PHASE", "NEW_ORDER")]
    first, second = name_of(1), name_of(2)
    assert told == [
        f'NEGOTIATE session=0 session_id="{first}" timestamp_ns=100 {ENDS} client_flow="Idempotent"',
        f'ESTABLISH session=0 session_id="{first}" timestamp_ns=101 {ENDS} keepalive_ms=1000 next_seq=1 '
        'cancel_on="LOSS_OR_TERMINATE" gtc_stay=1 cancel_window_ms=50',
        "STATUS_QUERY session=0 session_seq=2 template=130 request_id=7 cl_ord_id=1",
        "RETRANSMIT_REQUEST session=0 generation=1 timestamp_ns=9 number=1 count=2",
        'FINISHED session=0 generation=1 which="SENDING" last_seq=3',
        'TERMINATE session=0 generation=1 code="UnspecifiedError"',
        f'NEGOTIATE session=0 session_id="{first}" timestamp_ns=200 {ENDS} client_flow="Idempotent"',
        f'NEGOTIATE session=0 session_id="{second}" timestamp_ns=201 connection=5 client_flow="Idempotent"',
        'FINISHED session=0 generation=2 which="SERVER"',
        'SESSION_LOST session=0 generation=2 cause="SILENT"',
    ]
