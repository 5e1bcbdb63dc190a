"""Examples in the documents do what the documents say."""

from __future__ import annotations

import ctypes
import re
import runpy
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from appliance.book.state import allocate_book
from appliance.book.view import orders
from appliance.config import Instrument, parse
from native.jit import INTERPRETED
from native.layout import EVENT_RESTED
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


def test_the_configuration_in_operations_is_one() -> None:
    text, _, dpdk, log = blocks("OPERATIONS.md", "toml")
    config = parse(tomllib.loads(text))
    assert config.port.kind == "xdp"
    assert config.instruments[0].symbol == "ACME"
    assert parse(tomllib.loads(dpdk)).port.kind == "dpdk"
    assert parse(tomllib.loads(log)).journal.mode == "disk"


def test_the_rules_of_an_instrument_in_operations_are_such() -> None:
    """Every key of an instrument is shown there, and the day begins in the phase of its time."""
    _, text, *_ = blocks("OPERATIONS.md", "toml")
    (shown,) = tomllib.loads(text)["instruments"]
    assert set(Instrument.model_fields) - set(shown) == {"status"}
    with VenueRig(small_config(instruments=[shown]), opens=False) as rig:
        rig.now_ns += (11 * 3600 + 1) * 10**9  # the next morning, at 09:13
        rig.open_day()
        assert [fields["TradingStatus"] for _, _, fields in rig.sent.feed] == [1]
        assert rig.sent.feed[0][2]["LimitUpPrice"] == 10_000 * 10**9
