"""The generated modules: in step with the schemas, importable without numba, named by the contract."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from wire.sbe import generate, parse_schema
from wire.sbe.ir import BitSet, Block, Composite, Enum, Field, Scalar

STEMS = ("order_entry", "market_data", "fixp")


def test_generated_files_are_in_step_with_the_schemas() -> None:
    assert generate.stale_files(generate.expected_files()) == []


def test_the_check_notices_a_stale_a_missing_and_a_left_over_file(tmp_path) -> None:
    expected = generate.expected_files()
    for name, text in expected.items():
        (tmp_path / name).write_text(text)
    assert generate.stale_files(expected, tmp_path) == []
    (tmp_path / "fixp.py").write_text("edited")
    (tmp_path / "order_entry.py").unlink()
    (tmp_path / "old_schema.py").write_text("")
    assert generate.stale_files(expected, tmp_path) == ["fixp.py", "order_entry.py", "old_schema.py"]


def test_constants_and_codec_import_no_numba() -> None:
    program = (
        "import sys, wire.sbe, wire.sbe.generate, wire.gen.order_entry_tables, wire.gen.market_data_tables, "
        "wire.gen.fixp_tables; print('numba' in sys.modules or 'numpy' in sys.modules)"
    )
    path = [str(generate.SCHEMAS.parent), str(generate.SCHEMAS.parent.parent)]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("stem", STEMS)
def test_every_symbol_says_what_the_schema_says(stem) -> None:
    schema = parse_schema(generate.SCHEMAS / f"{stem}.xml")
    tables = vars(importlib.import_module(f"wire.gen.{stem}_tables"))
    assert (tables["SCHEMA_ID"], tables["SCHEMA_VERSION"]) == (schema.id, schema.version)
    assert tables["SCHEMA_DIGEST"] == schema.digest
    for name, encoding in schema.types.items():
        if isinstance(encoding, Enum):
            assert all(tables[f"{name}_{member.name}"] == member.value for member in encoding.members)
        elif isinstance(encoding, BitSet):
            assert all(tables[f"{name}_{choice.name}"] == 1 << choice.bit for choice in encoding.choices)
        elif isinstance(encoding, Composite):
            assert tables[f"{name}_SIZE"] == encoding.size
    for message in schema.messages:
        assert tables[f"{message.name}_TEMPLATE_ID"] == message.id
        assert tables[f"{message.name}_BLOCK_LENGTH"] == message.block.length
        for item in message.block.fields:
            _check_field(tables, f"{message.name}_{item.name}", item)


def _check_field(tables: dict[str, object], name: str, item: Field) -> None:
    assert tables[f"{name}_OFFSET"] == item.offset
    assert tables[f"{name}_SIZE"] == item.size
    has_null = (
        item.presence == "optional"
        and not isinstance(item.encoding, (BitSet, Composite))
        and (isinstance(item.encoding, Enum) or item.encoding.length == 1)
    )
    assert (f"{name}_NULL" in tables) == has_null
    if has_null:
        encoding = item.encoding
        assert isinstance(encoding, (Scalar, Enum))
        as_int64 = int.from_bytes(int(encoding.null).to_bytes(16, "little", signed=True)[:8], "little", signed=True)
        assert tables[f"{name}_NULL"] == as_int64


def test_the_wire_is_what_the_protocol_text_says() -> None:
    """Sizes from the protocol description, written down here by hand: a schema edit must not move them."""
    blocks = {
        "order_entry": {
            "NewOrderShort": 40,
            "NewOrderSingle": 88,
            "OrderCancelReplaceRequest": 80,
            "OrderCancelRequest": 40,
            "OrderMassActionRequest": 48,
            "ExecutionReportNew": 120,
            "ExecutionReportModify": 120,
            "ExecutionReportCancel": 104,
            "ExecutionReportTrade": 120,
            "ExecutionReportReject": 88,
            "BusinessMessageReject": 48,
            "ExecutionReportTradeCancelCorrect": 96,
            "ExecutionReportRestated": 112,
            "OrderMassActionReport": 64,
        },
        "market_data": {"OrderPut": 54, "OrderDelete": 30, "Trade": 59, "TradeSummary": 58, "TopOfBook": 62},
        "fixp": {"Context": 24, "Sequence": 8, "NotApplied": 12, "RetransmitRequest": 36, "UnsequencedHeartbeat": 0},
    }
    for stem, sizes in blocks.items():
        tables = importlib.import_module(f"wire.gen.{stem}_tables")
        assert {name: getattr(tables, f"{name}_BLOCK_LENGTH") for name in sizes} == sizes
    market_data = importlib.import_module("wire.gen.market_data_tables")
    assert market_data.packetHeader_SIZE == 24
    assert market_data.instrumentHeader_SIZE == 22
    fixp = importlib.import_module("wire.gen.fixp_tables")
    ids = [message.id for message in parse_schema(generate.SCHEMAS / "fixp.xml").messages]
    assert ids == list(range(1, 20))
    assert (fixp.SCHEMA_ID, fixp.Context_SessionId_OFFSET, fixp.Context_NextSeqNo_OFFSET) == (2748, 0, 16)


def _blocks_with_instrument_header() -> list[Block]:
    schema = parse_schema(generate.SCHEMAS / "market_data.xml")
    return [message.block for message in schema.messages if message.block.fields[0].name == "InstrFlags"]


def test_every_instrument_message_starts_with_the_instrument_header() -> None:
    header = parse_schema(generate.SCHEMAS / "market_data.xml").types["instrumentHeader"]
    assert isinstance(header, Composite)
    expected = [(member.name, member.offset, member.size) for member in header.members]
    blocks = _blocks_with_instrument_header()
    assert len(blocks) == 13
    for block in blocks:
        assert [(item.name, item.offset, item.size) for item in block.fields[:7]] == expected
