"""One line a rule of the session stage: what a frame leads to, in the order of the checks.

Every row runs on a venue of its own, frame after frame, through the pipeline and through the naive twin.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from pcap.datagrams import VENUE
from pcap.messages import encode_context
from tests.naive.venue import Venue
from tests.venue_rig import START_NS, Client, VenueRig, cancel, new, replies, run_twin, small_config
from wire.blocks import schema
from wire.net.frames import build_udp_frame

FIXP, ORDERS = schema("fixp"), schema("order_entry")
CONFIG = small_config()
NEXT = 0
"""Stands for the session's next number."""
NOBODY = uuid.uuid5(uuid.NAMESPACE_DNS, "nobody.pitwire.example").bytes
A = Client(1)
CONTEXT = encode_context(A.uuid, 1)
GAP_MAX = 1 << 31
MESSAGE = new(1)


def raw(payload: bytes) -> bytes:
    return build_udp_frame(payload, A.endpoint, VENUE)


def at(number: int, *messages: bytes) -> bytes:
    return A.frame(*messages, at=number)


def header(block_length: int, template_id: int, schema_id: int) -> bytes:
    return FIXP.header.pack(blockLength=block_length, templateId=template_id, schemaId=schema_id, version=0)


def lost(first: int, count: int) -> tuple[str, dict[str, Any]]:
    return "NotApplied", {"FromSeqNo": first, "Count": count}


def ack(cl_ord_id: int) -> tuple[str, dict[str, Any]]:
    return "ExecutionReportNew", {"ClOrdID": cl_ord_id}


def gone(cl_ord_id: int) -> tuple[str, dict[str, Any]]:
    return "ExecutionReportCancel", {"ClOrdID": cl_ord_id}


def message_of(template_id: int, schema_id: int = ORDERS.schema_id, size: int = 40) -> bytes:
    return header(size, template_id, schema_id) + bytes(size)


# name, frames, expected reports in order, expected counters (those named; drops that are not named must be 0)
RULES: list[tuple[str, list[bytes], list[tuple[str, dict[str, Any]]], dict[str, int]]] = [
    ("port", [build_udp_frame(CONTEXT + MESSAGE, A.endpoint, VENUE._replace(udp_port=26401))], [],
     {"drop_not_for_us": 1}),
    ("size: 1400 is taken", [raw(CONTEXT + MESSAGE * 28 + message_of(1, size=1400 - 32 - 28 * 48 - 8))], [ack(1)],
     {"datagrams_in": 1, "orders_rejected": 27, "drop_message_schema": 1}),
    ("size: 1401 is not", [raw(CONTEXT + bytes(1401 - 32))], [], {"drop_datagram_size": 1}),
    ("context: empty", [raw(b"")], [], {"drop_context_missing": 1}),
    ("context: 31 bytes", [raw(CONTEXT[:31])], [], {"drop_context_missing": 1}),
    ("context: another template", [raw(header(24, 8, 2748) + CONTEXT[8:])], [], {"drop_context_missing": 1}),
    ("context: another schema", [raw(header(24, 9, 2749) + CONTEXT[8:])], [], {"drop_context_missing": 1}),
    ("context: block too short", [raw(header(23, 9, 2748) + CONTEXT[8:])], [], {"drop_context_missing": 1}),
    ("context: block beyond the datagram", [raw(header(25, 9, 2748) + CONTEXT[8:])], [], {"drop_context_missing": 1}),
    ("context: a longer block is skipped over", [raw(header(26, 9, 2748) + CONTEXT[8:] + b"xx" + MESSAGE)], [ack(1)],
     {"datagrams_in": 1}),
    ("session: unknown", [raw(encode_context(NOBODY, 1) + MESSAGE)], [], {"drop_session_unknown": 1}),
    ("session: another's UUID is that session", [raw(encode_context(Client(2).uuid, 1) + MESSAGE)], [],
     {"datagrams_in": 1, "orders_rejected": 1}),
    ("number: 0", [at(0, MESSAGE)], [], {"drop_session_seq": 1}),
    ("number: 2**63", [at(1 << 63, MESSAGE)], [], {"drop_session_seq": 1}),
    ("number: 2**64 - 1", [at((1 << 64) - 1, MESSAGE)], [], {"drop_session_seq": 1}),
    ("number: as far as a gap can be", [at(1 + GAP_MAX, MESSAGE)], [lost(1, GAP_MAX), ack(1)],
     {"gaps": 1, "not_applied": GAP_MAX}),
    ("number: one further", [at(2 + GAP_MAX, MESSAGE)], [], {"drop_session_seq": 1}),
    ("number: also for a heartbeat", [at(2 + GAP_MAX)], [], {"drop_session_seq": 1}),
    ("in order", [at(1, new(1)), at(2, new(2), new(3))], [ack(1), ack(2), ack(3)], {"datagrams_in": 2}),
    ("duplicate", [at(1, new(1)), at(1, new(1))], [ack(1)], {"drop_duplicate": 1}),
    ("duplicate in front", [at(1, new(1)), at(1, new(1), new(2))], [ack(1), ack(2)], {"drop_duplicate": 1}),
    ("duplicate with another body", [at(1, new(1)), at(1, new(9))], [ack(1)], {"drop_duplicate": 1}),
    ("duplicate that cannot be read", [at(1, new(1)), at(1, message_of(999))], [ack(1)], {"drop_duplicate": 1}),
    ("gap", [at(3, new(1))], [lost(1, 2), ack(1)], {"gaps": 1, "not_applied": 2}),
    ("gap is closed for good", [at(3, new(3)), at(1, new(1), new(2)), at(4, new(4))], [lost(1, 2), ack(3), ack(4)],
     {"drop_duplicate": 2, "gaps": 1}),
    ("two gaps", [at(2, new(1)), at(5, new(2))], [lost(1, 1), ack(1), lost(3, 2), ack(2)], {"gaps": 2}),
    ("heartbeat", [at(1)], [], {"heartbeats_in": 1, "datagrams_in": 1}),
    ("heartbeat below what is expected", [at(1, new(1)), at(1)], [ack(1)], {"heartbeats_in": 1}),
    ("heartbeat reveals a gap", [at(4), at(4, new(4))], [lost(1, 3), ack(4)], {"heartbeats_in": 1, "gaps": 1}),
    ("message: header cut short", [raw(CONTEXT + MESSAGE[:7])], [], {"drop_message_truncated": 1}),
    ("message: block cut short", [raw(CONTEXT + MESSAGE[:-1])], [], {"drop_message_truncated": 1}),
    ("message: the ones before stay", [raw(CONTEXT + new(1) + new(2)[:-1])], [ack(1)], {"drop_message_truncated": 1}),
    ("message: another schema", [at(1, message_of(100, schema_id=9200))], [], {"drop_message_schema": 1}),
    ("message: unknown template", [at(1, message_of(999))], [], {"drop_message_schema": 1}),
    ("message: one that only the venue sends", [at(1, message_of(200, size=120))], [], {"drop_message_schema": 1}),
    ("message: schema before block", [at(1, message_of(999, size=0))], [], {"drop_message_schema": 1}),
    ("message: new order's block too short", [at(1, message_of(100, size=39))], [], {"drop_message_block": 1}),
    ("message: replace's block too short", [at(1, message_of(104, size=79))], [], {"drop_message_block": 1}),
    ("message: cancel's block too short", [at(1, message_of(105, size=39))], [], {"drop_message_block": 1}),
    ("message: a longer block's tail is skipped", [at(1, header(48, 100, 9100) + new(1)[8:] + bytes(8), new(2))],
     [ack(1), ack(2)], {"datagrams_in": 1}),
    ("message: unread ones keep their number", [at(1, message_of(999), new(2))], [lost(1, 1), ack(2)],
     {"drop_message_schema": 1, "gaps": 1}),
    ("message: an unread last one is lost later", [at(1, new(1), message_of(999)), at(3, cancel(3, 1))],
     [ack(1), lost(2, 1), gone(3)], {"drop_message_schema": 1, "gaps": 1}),
    ("VLAN", [build_udp_frame(CONTEXT + MESSAGE, A.endpoint, VENUE, vlan_tci=100)], [ack(1)], {"datagrams_in": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("frames", "reports", "counts"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_rule(frames: list[bytes], reports: list[tuple[str, dict[str, Any]]], counts: dict[str, int]) -> None:
    twin = Venue(CONFIG)
    twin.open_day(START_NS)
    with VenueRig(CONFIG) as rig:
        for frame in frames:
            rig.send(frame)
            run_twin(twin, [frame], rig.now_ns)
        rig.compare(twin)
        told = [one for one in replies(rig.sent, A) if one[0] != "ExecutionReportReject"]
        assert [name for name, _ in told] == [name for name, _ in reports]
        for (_, fields), (_, expected_fields) in zip(told, reports, strict=True):
            assert fields | expected_fields == fields
        seen = rig.counts()
        drops = {name: value for name, value in seen.items() if name.startswith("drop_")}
        assert drops == {name: value for name, value in counts.items() if name.startswith("drop_")}
        assert seen | counts == seen


def test_replies_go_to_where_the_newest_message_came_from() -> None:
    """By address, port, MAC and VLAN tag; a duplicate or a heartbeat from elsewhere moves nothing."""
    client = Client(1)
    first = (client.endpoint, VENUE, None)
    elsewhere = client.endpoint._replace(udp_port=50_000)
    with VenueRig(CONFIG) as rig:
        rig.send(client.frame(new(1)))
        assert rig.sent.last_peer[client.uuid] == first
        client.endpoint = elsewhere
        rig.send(client.frame(new(1), at=1), client.frame())
        assert rig.counts()["drop_duplicate"] == 1
        client.endpoint = first[0]
        rig.send(client.frame(new(2)))
        assert rig.sent.last_peer[client.uuid] == first
        for endpoint, tci in (
            (elsewhere, None),
            (elsewhere._replace(mac=b"\x02\0\0\0\0\x99"), None),
            (elsewhere._replace(ip=b"\xc6\x12\x01\x63"), None),
            (elsewhere, 7),
            (elsewhere, 0),
        ):
            client.endpoint = endpoint
            rig.send(client.frame(new(client.next_number), vlan_tci=tci))
            assert rig.sent.last_peer[client.uuid] == (endpoint, VENUE, tci)
        assert len(rig.sent.reports[client.uuid]) == 7
