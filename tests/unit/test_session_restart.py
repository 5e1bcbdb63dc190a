"""A venue that begins again, from its log or from a snapshot: sessions go on where they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from appliance.decide_again import replay_records
from appliance.exchange import allocate
from appliance.history.state import load, save
from appliance.pipeline import drain
from tests.session_rig import Party, SessionRig, keyed_config
from tests.venue_rig import new

A, B = Party(0, 1), Party(1, 2)
CONFIG = keyed_config()


def lived(rig: SessionRig) -> None:
    """A has two orders, B one that trades with the first; A is gone when that happens, and its cancel is due."""
    rig.log_on(A, 1, cod_type=3, window=60_000)
    rig.log_on(B, 1)
    rig.send(A.frame(new(1), new(2, ticks=90), at=1), A.terminate(), B.frame(new(1, 2, Account=2), at=1))


def goes_on(rig: SessionRig) -> list[tuple[str, dict[str, object]]]:
    """A comes back, is told of the trade that it missed, and goes on. What was said."""
    rig.take_said()
    rig.shake(A, A.establish(9, number=3, cod_type=3, window=60_000))
    rig.send(A.retransmit(9, 3, 1), A.frame(new(3), new(3), at=3))
    return rig.take_said()


def restarted(rig: SessionRig) -> SessionRig:
    """Another venue, at the same time of the day, before its first input."""
    other = SessionRig(CONFIG, opens=False)
    other.now_ns = rig.now_ns
    return other


def test_from_its_log() -> None:
    """What was decided and perhaps not sent can be had."""
    with SessionRig(CONFIG) as rig:
        lived(rig)
        written = int(rig.exchange.journal.scalars[0])
        records = np.concatenate(
            [rig.exchange.journal.records[:written], np.zeros(100, rig.exchange.journal.records.dtype)]
        )
        with restarted(rig) as other:
            expected = goes_on(rig)
            other.exchange = allocate(CONFIG, records=records)
            replay_records(other.exchange, other.port.handle, 0, written)
            drain(other.exchange, other.port.handle)
            other.collect()
            assert goes_on(other) == expected
            assert other.out.again == rig.out.again == {A.uuid: [3]}
            stream = other.out.streams[A.uuid]
            assert stream == rig.out.streams[A.uuid]
            assert [stream[number][0] for number in (3, 4)] == ["ExecutionReportTrade", "ExecutionReportNew"]


def test_from_a_snapshot(tmp_path: Path) -> None:
    """Numbers, names, watermark, what is due: all there. What was told before cannot be had; that is said."""
    with SessionRig(CONFIG) as rig:
        lived(rig)
        path = save(rig.exchange, CONFIG, tmp_path)
        with restarted(rig) as other:
            load(other.exchange, CONFIG, path)
            said = goes_on(other)
            assert [name for name, _ in said] == ["EstablishmentAck", "RetransmitReject"]
            assert (said[0][1]["NextSeqNo"], said[1][1]["Code"]) == (4, 0)
            assert other.out.live[A.uuid] == [4], "the second new order has a known ClOrdID"
            other.send(A.retransmit(10, 4, 1), A.terminate())
            assert other.out.again == {A.uuid: [4]}
            other.now_ns += 60_000_000_000
            other.tick()
            assert other.counts()["venue_canceled"] == 2
            other.shake(B, A.negotiate(5))
            assert other.take_said()[-1] == (
                "NegotiationReject", {"SessionId": A.uuid, "RequestTimestamp": 5, "Code": 2, "Reason": b""}
            )  # fmt: skip
