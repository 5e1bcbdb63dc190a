"""Whatever bytes come, the client counts them and goes on: valid datagrams with damage of every kind, and noise."""

from __future__ import annotations

import random

import pytest

from appliance.client.fixp import FixpClient
from appliance.client.ledger import BUY
from appliance.client.parse import FIXP, ORDER_ENTRY
from appliance.client.session import ClientSession
from appliance.client.terms import Terms
from wire.framing import sofh

UUID = bytes(range(16))
T0 = 1_700_000_000_000_000_000


def valid() -> list[bytes]:
    """One of everything that a server may say, reports behind a Context and behind a Retransmission."""
    own = {"SessionId": UUID}
    alone = [
        FIXP.encode(name, **(own if "SessionId" in FIXP[name].names else {}))
        for name in (
            *("NegotiationResponse", "NegotiationReject", "EstablishmentAck", "EstablishmentReject", "Sequence"),
            *("UnsequencedHeartbeat", "RetransmitReject", "Terminate", "FinishedSending", "FinishedReceiving"),
        )
    ]
    reports = [ORDER_ENTRY.encode(block.name) for block in ORDER_ENTRY.by_template.values()]
    reports += [FIXP.encode(name, FromSeqNo=1, Count=2) for name in ("Applied", "NotApplied")]
    context = FIXP.encode("Context", **own, NextSeqNo=1)
    again = FIXP.encode("Retransmission", **own, NextSeqNo=1, Count=len(reports))
    return [*alone, context, context + b"".join(reports), again + b"".join(reports), *(context + r for r in reports)]


def damaged(octets: bytes, draw: random.Random) -> bytes:
    what = draw.randrange(4)
    if what == 0:
        return octets[: draw.randrange(len(octets) + 1)]
    if what == 1:
        return draw.randbytes(draw.randrange(200))
    changed = bytearray(octets)
    for _ in range(1 if what == 2 else draw.randint(2, 20)):
        changed[draw.randrange(len(changed))] = draw.choice((0, 1, 127, 255, draw.randrange(256)))
    return bytes(changed)


@pytest.mark.parametrize("stream", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("provisioned", [False, True], ids=["keyed", "provisioned"])
def test_no_bytes_break_the_client(stream: bool, provisioned: bool) -> None:
    draw, good = random.Random(8), valid()
    refused = 0
    for _ in range(150):
        terms = Terms(key_id="" if provisioned else "desk", secret=bytes(32), stream=stream, resends=True)
        client = FixpClient(ClientSession(UUID, account=1), terms)
        if not provisioned:
            client.log_on(T0)
        now_ns = T0
        for _ in range(20):
            now_ns += draw.randrange(100_000_000)
            octets = draw.choice(good)
            octets = damaged(octets, draw) if draw.random() < 0.8 else octets
            if stream:
                octets = sofh.framed(sofh.ENCODING_SBE_LITTLE_ENDIAN, octets)
                octets = damaged(octets, draw) if draw.random() < 0.2 else octets
            if client.session.next_cl_ord_id < 1 << 60:
                client.session.new_order(1, BUY, 5, 10)
            try:
                client.receive(octets, now_ns)
            except sofh.FrameError:
                assert stream
                client.disconnected()
            client.tick(now_ns)
            client.outgoing(now_ns)
        refused += client.session.counters.datagrams_bad + client.session.counters.datagrams_of_others
    assert refused > 500
