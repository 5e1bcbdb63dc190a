"""Any schema, any values, through the generated C: bytes and values of the generic codec, cuts refused alike."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from wire.sbe import DecodeError, load_schema_text
from wire.sbe.compiled import CompiledCodec, build

_path = Path(__file__).with_name("test_sbe_any_schema.py")
_spec = importlib.util.spec_from_file_location("sbe_any_schema", _path)
assert _spec is not None and _spec.loader is not None
any_schema = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(any_schema)

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
_numbers = itertools.count()


def check(folder: Path, text: str, version: int, fields: dict[str, Any]) -> None:
    generic = load_schema_text(text)
    stem = f"any{next(_numbers)}"
    compiled = CompiledCodec(generic.schema, build(generic.schema, folder, stem, optimise="-O0"))
    encoded = generic.encode_plain("M", fields, version=version)
    assert compiled.encode_plain("M", fields, version=version) == encoded
    message = compiled.decode(encoded + b"\xaa")
    assert (message.end, message.plain()) == (len(encoded), fields)
    assert compiled.check(encoded) == len(encoded)
    for octets in (*(encoded[:cut] for cut in range(len(encoded))), *changed(encoded)):
        assert outcome(compiled, octets) == outcome(generic, octets), octets.hex()


def changed(octets: bytes) -> list[bytes]:
    """The message with each byte behind the header's first two set to 0xFF, one at a time."""
    return [octets[:at] + b"\xff" + octets[at + 1 :] for at in range(2, min(len(octets), 60))]


def outcome(codec: Any, octets: bytes) -> tuple[Any, ...]:
    try:
        message = codec.decode(octets)
    except DecodeError as error:
        return error.code, error.offset
    return message.end, repr(message.plain())


@settings(max_examples=12, deadline=None, suppress_health_check=any_schema.SLOW)
@given(drawn=any_schema.messages())
def test_any_message_through_c(drawn: tuple[str, int, dict[str, Any]], tmp_path_factory: Any) -> None:
    check(tmp_path_factory.mktemp("any"), *drawn)


@pytest.mark.long
@settings(max_examples=600, deadline=None, suppress_health_check=any_schema.SLOW)
@given(drawn=any_schema.messages())
def test_many_messages_through_c(drawn: tuple[str, int, dict[str, Any]], tmp_path_factory: Any) -> None:
    check(tmp_path_factory.mktemp("any"), *drawn)
