"""What a FIXP server says, and what a client has said, in bytes: for tests that play the server by hand."""

from __future__ import annotations

import uuid

from appliance.client.fixp import FixpClient
from appliance.client.ledger import BUY
from appliance.client.parse import FIXP, ORDER_ENTRY
from appliance.client.session import ClientSession
from appliance.client.terms import Notice, Terms
from wire import credentials

UUID = uuid.UUID(int=7).bytes
OTHER = uuid.UUID(int=8).bytes
SECRET = b"s" * 32
T0 = 1_700_000_000_000_000_000
MS = 1_000_000
TERMS = Terms(key_id="desk-1", secret=SECRET, keepalive_ms=1000, cod_type=3, cod_window_ms=500)


def fixp(name: str, **values) -> bytes:
    return FIXP.encode(name, **({"SessionId": UUID} | values))


def accepted(cl_ord_id: int, qty: int = 10, number: int = 0) -> bytes:
    return ORDER_ENTRY.encode(
        "ExecutionReportNew", MsgSeqNum=number, ClOrdID=cl_ord_id, OrderID=100, Price=5, OrderQty=qty, LeavesQty=qty
    )


def trade(cl_ord_id: int, last: int, leaves: int, cum: int) -> bytes:
    return ORDER_ENTRY.encode(
        "ExecutionReportTrade", ClOrdID=cl_ord_id, OrderID=100, LastQty=last, LeavesQty=leaves, CumQty=cum
    )


def context(number: int, *messages: bytes) -> bytes:
    return fixp("Context", NextSeqNo=number) + b"".join(messages)


def messages(octets: bytes) -> list[tuple[str, object]]:
    """Every message of a datagram of the client."""
    found, at = [], 0
    while at < len(octets):
        family = FIXP if FIXP.header.unpack(octets, at).schemaId == FIXP.schema_id else ORDER_ENTRY
        block, values, at = family.decode(octets, at)
        found.append((block.name, values))
    return found


def sent(client: FixpClient, now_ns: int) -> list[tuple[str, object]]:
    return [message for octets in client.outgoing(now_ns) for message in messages(octets)]


def response(request, secret: bytes = SECRET, flow: int = 0) -> bytes:
    text = credentials.response_text(UUID, request.Timestamp, flow, "desk-1")
    proof = credentials.pack(credentials.Credentials("desk-1", mac=credentials.mac(secret, text)))
    return fixp("NegotiationResponse", RequestTimestamp=request.Timestamp, ServerFlow=flow, Credentials=proof)


def ack(request, next_seq: int | None = 1, keepalive_ms: int = 500) -> bytes:
    return fixp(
        "EstablishmentAck", RequestTimestamp=request.Timestamp, KeepaliveInterval=keepalive_ms, NextSeqNo=next_seq
    )


def kinds(happened) -> list[str]:
    return [one.kind if isinstance(one, Notice) else one.name for one in happened]


def logged_on(terms: Terms = TERMS, next_seq: int = 1) -> FixpClient:
    client = FixpClient(ClientSession(UUID, account=1), terms)
    client.log_on(T0)
    [(_, negotiate)] = sent(client, T0)
    client.receive(response(negotiate), T0)
    [(_, establish)] = sent(client, T0)
    assert kinds(client.receive(ack(establish, next_seq), T0))[0] == "logged on"
    client.outgoing(T0)
    return client


def with_orders(client: FixpClient, count: int) -> FixpClient:
    for _ in range(count):
        client.session.new_order(1, BUY, 5, 10)
    client.outgoing(T0)
    return client
