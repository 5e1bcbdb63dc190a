"""What `pitwire decode` prints, word for word, for one of each: request, reply, feed packet, record, unknown bytes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from appliance.config import demo_session_uuid
from appliance.decode.files import items_of
from appliance.decode.item import json_of, line_of, price_text, utc_text
from appliance.decode.journal import DecodeFileError, journal_items
from appliance.decode.payload import PayloadDecoder
from appliance.journal.records import Identity, SegmentHeader, header_bytes
from native import account_layout, layout, log_layout
from pcap.datagrams import VENUE, session_endpoint
from pcap.noise import noise_frames
from wire.blocks import schema
from wire.capture import PcapngWriter, PcapWriter
from wire.framing import packets
from wire.net.frames import build_udp_frame
from wire.sbe.codec import load_schema_text

FIXP, ORDER_ENTRY, MARKET_DATA = schema("fixp"), schema("order_entry"), schema("market_data")
SESSION = demo_session_uuid(2).bytes
AT_NS = 1_767_603_600_000_000_001
AT = "2026-01-05T09:00:00.000000001Z"
CLIENT = session_endpoint(2)
IN = f"packet=1 {AT} 198.18.1.2:40002 > 198.18.0.1:26400"
WHO = "session=b5809b71-bcd9-5976-9cd1-8041f61d67ec"


def capture_of(*frames: bytes) -> bytes:
    stream = io.BytesIO()
    writer = PcapWriter(stream)
    for frame in frames:
        writer.write(AT_NS, frame)
    return stream.getvalue()


def lines(data: bytes, **options: object) -> list[str]:
    return [line_of(item) for item in items_of(data, "file", PayloadDecoder(**options))]  # type: ignore[arg-type]


def requests(payload: bytes) -> list[str]:
    return lines(capture_of(build_udp_frame(payload, CLIENT, VENUE)))


def context(number: int) -> bytes:
    return FIXP.encode("Context", SessionId=SESSION, NextSeqNo=number)


def test_requests() -> None:
    new = ORDER_ENTRY.encode(
        "NewOrderShort", ClOrdID=5, SecurityID=3, Account=2, Price=95_800_000_000, OrderQty=7, Side=2, TimeInForce=51,
        ExecInst=0b11,
    )  # fmt: skip
    cancel = ORDER_ENTRY.encode("OrderCancelRequest", ClOrdID=6, OrigClOrdID=5, SecurityID=3, Side=2, SendingTime=AT_NS)
    assert requests(context(9) + new + cancel) == [
        f"{IN} {WHO} number=9 NewOrderShort ClOrdID=5 SecurityID=3 Account=2 Price=95.8 OrderQty=7 Side=Sell "
        "TimeInForce=IOC ExecInst=PostOnly|PostOnlySlide(0x3)",
        f"{IN} {WHO} number=10 OrderCancelRequest ClOrdID=6 OrigClOrdID=5 SecurityID=3 Side=Sell SendingTime={AT}",
    ]


def test_a_context_alone_is_shown() -> None:
    assert requests(context(4)) == [f"{IN} Context SessionId={WHO.partition('=')[2]} NextSeqNo=4"]


def test_replies_and_a_vlan() -> None:
    trade = ORDER_ENTRY.encode(
        "ExecutionReportTrade", MsgSeqNum=1, SendingTime=AT_NS, ClOrdID=5, OrderID=77, ExecID=8, TradeID=9,
        TransactTime=AT_NS, LastPx=1_234_567_890, LastQty=4, LeavesQty=3, CumQty=4, SecurityID=3, Account=2, Side=1,
        OrdStatus=49, AggressorIndicator=1, LastLiquidityInd=2,
    )  # fmt: skip
    missed = FIXP.encode("NotApplied", FromSeqNo=3, Count=2)
    frame = build_udp_frame(context(1) + trade + missed, VENUE, CLIENT, vlan_tci=0xE064)
    out = f"packet=1 {AT} 198.18.0.1:26400 > 198.18.1.2:40002 vlan=100 {WHO}"
    assert lines(capture_of(frame)) == [
        f"{out} number=1 ExecutionReportTrade MsgSeqNum=1 SendingTime={AT} ClOrdID=5 OrderID=77 ExecID=8 TradeID=9 "
        f"TransactTime={AT} LastPx=1.23456789 LastQty=4 LeavesQty=3 CumQty=4 SecurityID=3 Account=2 Side=Buy "
        "OrdStatus=PartiallyFilled AggressorIndicator=True LastLiquidityInd=RemovedLiquidity",
        f"{out} number=2 NotApplied FromSeqNo=3 Count=2",
    ]


def feed_packet(sequence: int, *frames: bytes, flags: int = packets.FLAG_INCREMENTAL) -> bytes:
    return packets.pack_header(packets.PacketHeader(AT_NS, sequence, 1, flags, len(frames), 6)) + b"".join(frames)


PUT = packets.frame(
    MARKET_DATA.encode(
        "OrderPut", InstrFlags=3, InstrSide=1, InstrumentId=3, InstrSeqNum=8, TradingSessionDate=20_458,
        TransactTime=AT_NS, OrderId=77, Price=2_500_000_000, Quantity=10, ExtPriority=12,
    )
)  # fmt: skip
DELETE = packets.frame(
    MARKET_DATA.encode("OrderDelete", InstrumentId=3, InstrSide=-1, InstrSeqNum=9, TransactTime=AT_NS, OrderId=77)
)
PUT_WORDS = (
    "OrderPut InstrFlags=StartOfTransaction|EndOfTransaction(0x3) InstrSide=1 InstrumentId=3 InstrSeqNum=8 "
    f"TradingSessionDate=20458 TransactTime={AT} OrderId=77 Price=2.5 Quantity=10 ExtOrderFlags=0 ExtPriority=12"
)
DELETE_WORDS = (
    f"OrderDelete InstrSide=-1 InstrumentId=3 InstrSeqNum=9 TradingSessionDate=0 TransactTime={AT} OrderId=77"
)


def test_feed_packets() -> None:
    topic = packets.frame(
        FIXP.encode("Topic", SessionId=SESSION, Flow=0, KeepaliveInterval=1000, Classification=b"channel=1,epoch=6")
    )
    payloads = (feed_packet(41, PUT, DELETE), feed_packet(43), feed_packet(43, topic, flags=0))
    found = lines(capture_of(*(build_udp_frame(payload, VENUE, CLIENT) for payload in payloads)))
    assert [line.partition("channel=1 ")[2] for line in found] == [
        f"epoch=6 flags=incremental number=41 {PUT_WORDS}",
        f"epoch=6 flags=incremental number=42 {DELETE_WORDS}",
        f"epoch=6 flags=incremental number=43 Heartbeat SendingTime={AT_NS}",
        f"epoch=6 flags=none Topic SessionId={WHO.partition('=')[2]} Flow=Recoverable KeepaliveInterval=1000 "
        'Classification="channel=1,epoch=6"',
    ]


def test_unknown_bytes_are_shown() -> None:
    assert requests(b"\x01\x02\x03") == [
        f"{IN} UNKNOWN These are fewer bytes than a message header has. (3 bytes: 010203)"
    ]
    assert requests(context(1) + b"\x05\0\x09\0\x63\0\0\0hello") == [
        f"{IN} {WHO} UNKNOWN No schema with id 99 is at hand. (13 bytes: 050009006300000068656c6c6f)"
    ]
    assert requests(b"") == [f"{IN} EmptyDatagram"]
    (cut,) = requests(context(1)[:-1])
    assert cut.startswith(f"{IN} UNKNOWN The block of Context has 24 bytes, 23 are there. (31 bytes: 18000900bc0a0000")
    (long,) = requests(bytes(100))
    assert long.endswith(f"(100 bytes: {'00' * 64} and 36 more)")


def test_every_noise_frame_gives_lines() -> None:
    found = lines(capture_of(*(frame for _, frame in noise_frames())))
    assert len(found) >= len(noise_frames())
    assert sum("UNKNOWN" in line for line in found) >= 12


def test_a_schema_of_the_callers() -> None:
    text = """<sbe:messageSchema xmlns:sbe="http://fixprotocol.io/2016/sbe" package="other" id="7" version="0"
      byteOrder="bigEndian"><types><composite name="messageHeader"><type name="blockLength" primitiveType="uint16"/>
      <type name="templateId" primitiveType="uint16"/><type name="schemaId" primitiveType="uint16"/>
      <type name="version" primitiveType="uint16"/></composite></types>
      <sbe:message name="Ping" id="1"><field name="Count" id="1" type="uint32"/></sbe:message></sbe:messageSchema>"""
    codec = load_schema_text(text)
    payload = codec.encode("Ping", {"Count": 258}) * 2
    frames = (build_udp_frame(payload, CLIENT, VENUE), build_udp_frame(context(4), CLIENT, VENUE))
    found = lines(capture_of(*frames), schema=codec)
    assert [line.partition("26400 ")[2] for line in found] == [
        "Ping Count=258",
        "Ping Count=258",
        f"Context SessionId={WHO.partition('=')[2]} NextSeqNo=4",
    ]


EPOCH = 3


def journal() -> bytearray:
    """A new order, the peer of its session, a record of a kind that nobody knows, and inputs without a message."""
    from native import _native

    records = np.zeros(8, dtype=layout.SEQUENCED)
    new = {
        "kind": layout.KIND_NEW_ORDER, "session": 1, "session_seq": 9, "cl_ord_id": 5, "price_ticks": 95_800,
        "qty_lots": 7, "instrument": 2, "account": 2, "side": 2, "ord_type": 50, "time_in_force": 51, "flags": 5,
        "receive_time_ns": AT_NS,
    }  # fmt: skip
    for name, value in new.items():
        records[0][name] = value
    peer = records.view(layout.SESSION_PEER)[1]
    for name, value in {
        "kind": layout.KIND_SESSION_PEER, "session": 1, "peer_ip": 0xC6120102, "local_ip": 0xC6120001,
        "peer_udp_port": 40002, "local_udp_port": 26400, "peer_mac": 0x025057010002, "local_mac": 0x025057000001,
        "vlan_tci": layout.VLAN_NONE,
    }.items():  # fmt: skip
        peer[name] = value
    records[2]["kind"] = 99
    phase = {"kind": layout.KIND_PHASE, "instrument": 2, "qty_lots": layout.PHASE_OPENING_AUCTION}
    mass = {
        "kind": layout.KIND_MASS_CANCEL, "session": 1, "cl_ord_id": 6, "instrument": 2, "account": layout.NO_INDEX,
        "side": 1, "ord_type": 3, "time_in_force": 1, "stp_instruction": 2, "price_ticks": 0, "exec_inst": 0,
        "flags": layout.COMMAND_STOP_PRICE_MISSING,
    }  # fmt: skip
    for record, values in zip(records[3:6], (phase, {"kind": layout.KIND_TIMER}, mass), strict=True):
        for name, value in values.items():
            record[name] = value
    limit = {"action": account_layout.ADMIN_SET_LIMIT, "limit": account_layout.LIMIT_TRADED_LOTS, "account": 7,
             "instrument": 2, "value": 1_000_000, "request": 12}  # fmt: skip
    settle = {"action": account_layout.ADMIN_SETTLE, "asset": 1, "value2": -1}
    for record, values in zip(records.view(account_layout.ADMIN)[6:], (limit, settle), strict=True):
        record["kind"] = layout.KIND_ADMIN
        record["operator"][:3] = np.frombuffer(b"ann", np.uint8)
        for name in ("firm", "account", "instrument", "asset", "session"):
            record[name] = layout.NO_INDEX
        for name, value in values.items():
            record[name] = value
    chain = EPOCH
    for index, record in enumerate(records):
        record["sequence"], record["length"], record["time_ns"] = index + 1, 128, AT_NS
        octets = record.tobytes()[4:]
        address = int(_native.ffi.cast("uintptr_t", _native.ffi.from_buffer(octets)))
        chain = int(_native.lib.crc32c(address, len(octets), chain))
        record["crc32c"] = chain
    identity = Identity(bytes(16), EPOCH, bytes(32), bytes(32))
    header = header_bytes(SegmentHeader(identity, log_layout.JOURNAL_FORM_MEMORY, 1, 1, 1024, EPOCH))
    return bytearray(header + records.tobytes() + bytes(256))


def test_journal() -> None:
    pytest.importorskip("native._native", reason="the native library is not built")
    found = lines(bytes(journal()))
    assert found[:2] == [
        f"record=1 {AT} NEW_ORDER receive_time_ns={AT_NS} session_seq=9 cl_ord_id=5 price_ticks=95800 qty_lots=7 "
        'instrument=2 account=2 session=1 side="Sell" ord_type="Limit" time_in_force="IOC" '
        'flags="FIRST_OF_BURST|PRICE_OFF_TICK"',
        f'record=2 {AT} SESSION_PEER session=1 peer="198.18.1.2:40002" peer_mac="02:50:57:01:00:02" '
        'local="198.18.0.1:26400" local_mac="02:50:57:00:00:01"',
    ]
    assert found[2].startswith(f"record=3 {AT} UNKNOWN Records of kind 99 are not known. (128 bytes: ")
    assert found[3:] == [
        f'record=4 {AT} PHASE instrument=2 phase="OPENING_AUCTION"',
        f"record=5 {AT} TIMER",
        f'record=6 {AT} MASS_CANCEL cl_ord_id=6 above_ticks=0 instrument=2 account="any" session=1 side="Buy" '
        'mass_action_type="CancelOrders" scope="Instrument" ack_style="Both" flags="STOP_PRICE_MISSING"',
        f'record=7 {AT} ADMIN action="SET_LIMIT" by="ann" limit="traded_lots" account=7 instrument=2 value=1000000 '
        "request=12",
        f'record=8 {AT} ADMIN action="SETTLE" by="ann" asset=1 value2=-1',
    ]


def test_a_damaged_journal() -> None:
    pytest.importorskip("native._native", reason="the native library is not built")
    data = journal()
    data[4096 + 60] ^= 1
    found = lines(bytes(data))
    assert "UNKNOWN The CRC is not that of the record behind the one before it." in found[0]
    assert "SESSION_PEER" in found[1]  # its CRC is begun with the one that record 1 tells
    data = journal()
    data[4096 + 128 : 4096 + 256] = bytes(128)
    found = lines(bytes(data))
    assert "UNKNOWN This should be record 2 with 128 bytes." in found[1]
    assert "UNKNOWN The CRC is not that of the record behind the one before it." in found[2]
    with pytest.raises(DecodeFileError, match="The log has records up to 10, the file up to 8"):
        list(journal_items(bytes(journal()), "file", 11))
    with pytest.raises(DecodeFileError, match="shorter than a segment's header"):
        lines(bytes(journal())[:100])
    data = journal()
    data[8] = 9
    with pytest.raises(DecodeFileError, match="has log format 9"):
        lines(bytes(data))


def feed_store(*payloads: bytes, committed: int | None = None) -> bytes:
    body, sequence = b"", 1
    for payload in payloads:
        count = payload[19]
        body += sequence.to_bytes(8, "little") + count.to_bytes(4, "little") + len(payload).to_bytes(4, "little")
        body += payload + bytes(-len(payload) % 8)
        sequence += count
    header = np.zeros(1, dtype=layout.FEED_HEADER)
    header["magic"], header["format_version"], header["channel_id"] = layout.FEED_MAGIC, 1, 1
    header["epoch"], header["next_sequence"] = 6, sequence
    header["committed_bytes"] = len(body) if committed is None else committed
    return header.tobytes() + body + bytes(64)


def test_feed_store() -> None:
    assert lines(feed_store(feed_packet(1, PUT), feed_packet(2, DELETE))) == [
        'FeedStore epoch=6 channel=1 topic="00000000-0000-0000-0000-000000000000" next=3 closed=0',
        f"entry=1 messages=1 channel=1 epoch=6 flags=incremental number=1 {PUT_WORDS}",
        f"entry=2 messages=1 channel=1 epoch=6 flags=incremental number=2 {DELETE_WORDS}",
    ]
    with pytest.raises(DecodeFileError, match="beyond what is committed"):
        lines(feed_store(feed_packet(1, PUT), committed=40))
    with pytest.raises(DecodeFileError, match="cut short"):
        lines(feed_store(feed_packet(1, PUT), committed=8))
    with pytest.raises(DecodeFileError, match="counts 10000 bytes"):
        lines(feed_store(committed=10_000))


def test_json() -> None:
    new = ORDER_ENTRY.encode(
        "NewOrderShort", ClOrdID=5, SecurityID=3, Account=2, Price=95_800_000_000, OrderQty=7, Side=3, TimeInForce=48,
        ExecInst=1,
    )  # fmt: skip
    data = capture_of(build_udp_frame(context(9) + new + b"zz", CLIENT, VENUE))
    found = [json.loads(json_of(item)) for item in items_of(data, "file", PayloadDecoder())]
    place = {
        "packet": 1, "time_ns": AT_NS, "from": "198.18.1.2:40002", "to": "198.18.0.1:26400",
        "session": str(demo_session_uuid(2)),
    }  # fmt: skip
    fields = {
        "ClOrdID": 5, "SecurityID": 3, "Account": 2, "Price": 95_800_000_000, "OrderQty": 7, "Side": 3,
        "TimeInForce": "Day", "ExecInst": {"set": ["PostOnly"], "raw": 1}, "SelfMatchPreventionID": None,
    }  # fmt: skip
    assert found == [
        {**place, "number": 9, "message": "NewOrderShort", "fields": fields},
        {**place, "problem": "These are fewer bytes than a message header has.", "bytes": 2, "hex": "7a7a"},
    ]


def test_a_capture_that_ends_early_is_shown_to_its_end() -> None:
    data = capture_of(*(build_udp_frame(context(n), CLIENT, VENUE) for n in (1, 2)))
    found = items_of(data[:-1], "cut.pcap", PayloadDecoder())
    assert next(found).name == "Context"
    with pytest.raises(DecodeFileError, match=r"cut.pcap: byte 114: The file ends inside a packet"):
        next(found)


def test_comments_stay_on_their_line() -> None:
    stream = io.BytesIO()
    PcapngWriter(stream).write(AT_NS, build_udp_frame(context(1), CLIENT, VENUE), comment="one\ntwo\x1b[2J")
    (line,) = lines(stream.getvalue())
    assert r'comment="one\ntwo\u001b[2J" 198.18.1.2' in line


def test_other_link_types_are_not_guessed(tmp_path: Path) -> None:
    stream = io.BytesIO()
    PcapWriter(stream, link_type=113).write(AT_NS, b"cooked")
    assert lines(stream.getvalue()) == [f"packet=1 {AT} UNKNOWN The link type is not Ethernet. (6 bytes: 636f6f6b6564)"]


@pytest.mark.parametrize(
    ("price_nanos", "text"), [(0, "0"), (1, "0.000000001"), (-2_500_000_000, "-2.5"), (10**18, "1000000000")]
)
def test_price_text(price_nanos: int, text: str) -> None:
    assert price_text(price_nanos) == text


def test_utc_text() -> None:
    assert utc_text(0) == "1970-01-01T00:00:00.000000000Z"
    assert utc_text(951_782_400_000_000_000) == "2000-02-29T00:00:00.000000000Z"
    assert utc_text((1 << 64) - 1) == "18446744073709551615"
    assert utc_text(-1) == "-1"
