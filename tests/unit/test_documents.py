"""Examples in the documents do what the documents say."""

from __future__ import annotations

import asyncio
import ctypes
import re
import runpy
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from appliance.book.state import allocate_book
from appliance.book.view import orders
from appliance.config import Instrument, parse
from appliance.distributor_config import Distributor
from appliance.recovery_config import Recovery
from native.jit import INTERPRETED
from native.layout import EVENT_RESTED
from tests.naive.fixp_venue import KEY_ID, SECRET, fixp_venue
from tests.venue_rig import VenueRig, small_config

DOCS = Path(__file__).parents[2] / "docs"


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / name).read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(2))
def test_the_book_is_driven_alone_as_shown(number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = blocks("HACKING.md", "python")[number]
    path = tmp_path / "example.py"  # a kernel is cached by the file that it stands in
    path.write_text(program)
    runpy.run_path(str(path))
    shown = re.search(r"# (\[.*?\])", program)
    assert shown is not None
    assert capsys.readouterr().out.strip() == shown.group(1)


def test_the_client_library_is_used_as_shown() -> None:
    plain, asynchronous = blocks("HACKING.md", "python")[2:4]
    names: dict[str, Any] = {}
    exec(compile(plain, "HACKING.md", "exec"), names)
    with fixp_venue() as (venue, address):
        assert names["trade"]([address], KEY_ID, SECRET) == ["ExecutionReportNew", "ExecutionReportCancel"]
    assert {"FinishedSending", "Terminate"} <= {name for name, _ in venue.heard}
    exec(compile(asynchronous, "HACKING.md", "exec"), names)
    with fixp_venue(tcp=True) as (_, address):
        assert asyncio.run(names["quote"](address, KEY_ID, SECRET, 5)) == 5


@pytest.mark.skipif(INTERPRETED, reason="a kernel has an address only where it is compiled")
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler `cc`")
def test_the_book_is_driven_from_c_as_shown(tmp_path: Path) -> None:
    from appliance.book.embed import APPLY_BATCH, IS_PENDING, book_address

    (program,) = blocks("HACKING.md", "c")
    (tmp_path / "example.c").write_text(program)
    library = tmp_path / "example.so"
    headers = DOCS.parent / "native" / "gen"
    command = ["cc", "-Wall", "-Werror", "-shared", "-fPIC", f"-I{headers}", "-o", str(library)]
    subprocess.run([*command, str(tmp_path / "example.c")], check=True)
    rest_one = ctypes.CDLL(str(library)).rest_one
    rest_one.argtypes, rest_one.restype = [ctypes.c_void_p, ctypes.c_int64], ctypes.c_int64
    book = allocate_book(1, 8, 8)
    assert rest_one(APPLY_BATCH.address, book_address(book)) == EVENT_RESTED
    (order,) = orders(book, 0, is_sell=False)
    assert (order.cl_ord_id, order.price_ticks, order.leaves_lots) == (7, 99, 5)
    is_pending = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(IS_PENDING.address)
    assert is_pending(book_address(book)) == 0


def test_the_configuration_of_accounts_is_one() -> None:
    (text,) = blocks("RISK.md", "toml")
    config = parse(tomllib.loads(text))
    assert config.funds.enabled
    assert config.accounts[0].instruments[0].traded_lots == 1_000_000


def test_every_configuration_in_operations_is_one() -> None:
    shown = [tomllib.loads(text) for name in ("OPERATIONS.md", "MARKET_DATA.md") for text in blocks(name, "toml")]
    whole = [parse(values) for values in shown]
    assert (whole[0].port.kind, whole[0].instruments[0].symbol) == ("xdp", "ACME")
    by_table = {name: config for values, config in zip(shown, whole, strict=True) for name in values}
    assert by_table["journal"].journal.mode == "disk"
    assert any(config.port.kind == "dpdk" for config in whole)


def test_the_sessions_in_operations_are_such() -> None:
    (text,) = (block for block in blocks("OPERATIONS.md", "toml") if "[throttle]" in block)
    config = parse(tomllib.loads(text))
    assert (config.sessions[0].key_id, config.sessions[0].ids_increase) == ("alpha-1", True)
    assert config.throttle.is_on


def test_every_key_of_the_distributor_is_shown() -> None:
    (text,) = (block for block in blocks("MARKET_DATA.md", "toml") if "[distributor]" in block)
    values = tomllib.loads(text)
    assert set(values["distributor"]) == set(Distributor.model_fields)
    config = parse(values)
    assert config.distributor.subscribers[0].channels == ("basic", "l1")
    defaults = Distributor()
    for key in ("l2_port", "l1_port_b", "snapshot_cycle_ms", "group_b", "packets_a_turn", "idle", "shuffle_seed"):
        assert getattr(config.distributor, key) == getattr(defaults, key)


def test_every_key_of_the_recovery_server_is_shown() -> None:
    (text,) = (block for block in blocks("MARKET_DATA.md", "toml") if "[[recovery.entitlements]]" in block)
    values = tomllib.loads(text)
    assert set(values["recovery"]) == set(Recovery.model_fields) - {"enabled"}
    config = parse(values)
    assert config.recovery.entitlements[-1].key == "desk-7"
    for key in ("tcp_port", "snapshots", "connections_max", "requests_a_second", "requests_a_minute", "requests_a_day"):
        assert getattr(config.recovery, key) == getattr(Recovery(), key)


def test_the_rules_of_an_instrument_in_operations_are_such() -> None:
    """Every key of an instrument is shown there (money and limits in docs/RISK.md), and the day begins in the phase of
    its time."""
    (text,) = (block for block in blocks("OPERATIONS.md", "toml") if "tick_table" in block)
    (shown,) = tomllib.loads(text)["instruments"]
    assert set(Instrument.model_fields) - set(shown) == {"status", "clearing", "limits"}
    with VenueRig(small_config(instruments=[shown]), opens=False) as rig:
        rig.now_ns += (11 * 3600 + 1) * 10**9  # the next morning, at 09:13
        rig.open_day()
        assert [fields["TradingStatus"] for _, _, fields in rig.sent.feed] == [1]
        assert rig.sent.feed[0][2]["LimitUpPrice"] == 10_000 * 10**9
