"""The generated C under AddressSanitizer and UBSan: negatives, every cut and changed byte of vectors, and a fuzzer."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from wire.sbe import DecodeError, generate, load_schema
from wire.sbe.c_names import identifier
from wire.sbe.emit_c import CODES, emit_c

HERE = Path(__file__).parent
SHARED = Path(__file__).parents[2].parent / "shared" / "sbe"
WARNINGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")
SANITIZERS = ("-g", "-O1", "-fno-sanitize-recover=all")
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/sbe is not here")
SECONDS = int(os.environ.get("PITWIRE_FUZZ_SECONDS", "600"))


def sources(schema_file: Path, folder: Path) -> tuple[str, list[str]]:
    """The generated C in `folder`; (its source, the definitions that the driver needs)."""
    stem = identifier(schema_file.stem)
    for name, text in emit_c(load_schema(schema_file).schema, stem, schema_file.name).items():
        (folder / name).write_text(text)
    return str(folder / f"{stem}.c"), [f'-DSBE_HEADER="{stem}.h"', f"-DSBE_PREFIX={stem}", f"-I{folder}"]


@cache
def can_build(compiler: str, *flags: str) -> bool:
    """Does this host's compiler link with these flags?"""
    if shutil.which(compiler) is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        program = "int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n);\n"
        program += "int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n) { return p && n > 9; }\n"
        program += "" if "fuzzer" in "".join(flags) else "int main(void) { return 0; }\n"
        command = [compiler, *flags, "-x", "c", "-", "-o", f"{folder}/a.out"]
        return subprocess.run(command, input=program, text=True, capture_output=True, check=False).returncode == 0


def compile_driver(compiler: str, schema_file: Path, folder: Path, *flags: str) -> Path:
    if not can_build(compiler, *flags):
        pytest.skip(f"{compiler} is not here or does not link {' '.join(flags)}")
    source, definitions = sources(schema_file, folder)
    out = folder / "driver"
    command = [compiler, *WARNINGS, *SANITIZERS, *flags, *definitions, source, str(HERE / "sbe_driver.c")]
    done = subprocess.run([*command, "-o", str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]
    return out


def results(driver: Path, messages: list[bytes]) -> list[int]:
    lines = "".join(message.hex() + "\n" for message in messages)
    done = subprocess.run([driver], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]
    return [int(line) for line in done.stdout.split()]


def generic_result(codec: Any, message: bytes) -> int:
    try:
        return int(codec.decode(message).end)
    except DecodeError as error:
        return -1 - CODES.index(error.code)


@needs_shared
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_negatives_are_refused_before_any_read_outside(compiler: str, tmp_path: Path) -> None:
    vectors = json.loads((SHARED / "vectors" / "negative.json").read_text())["vectors"]
    for name in sorted({vector["schema"] for vector in vectors}):
        driver = compile_driver(compiler, SHARED / name, tmp_path, "-fsanitize=address,undefined")
        mine = [vector for vector in vectors if vector["schema"] == name]
        found = results(driver, [bytes.fromhex(vector["hex"]) for vector in mine])
        for vector, result in zip(mine, found, strict=True):
            wanted = vector["end"] if vector["verdict"] == "accept" else -1 - CODES.index(vector["reason"])
            assert result == wanted, vector["label"]


def mutated(messages: list[bytes], count: int) -> list[bytes]:
    """The messages cut at every byte, and `count` of them with one to three bytes changed."""
    dice = random.Random(20261121)
    out = [message[:cut] for message in messages for cut in range(len(message))]
    for _ in range(count):
        octets = bytearray(dice.choice(messages))
        for _ in range(dice.randint(1, 3)):
            octets[dice.randrange(len(octets))] = dice.choice([0, 1, 0xFF, 0x7F, 0x80, dice.randrange(256)])
        out.append(bytes(octets))
    return out


@needs_shared
@pytest.mark.parametrize(
    ("schema", "vectors"),
    [
        ("car.xml", "car_checked_in_baseline.json"),
        ("car-extension.xml", "car_checked_in_extension.json"),
        ("fix-spec-Examples-v1.xml", "fix-spec-Examples-v1.json"),
        pytest.param("ilinkbinary.xml", "ilinkbinary.json", marks=pytest.mark.long),
        pytest.param("FixBinary.xml", "FixBinary.json", marks=pytest.mark.long),
        pytest.param("since-version-filter-schema.xml", "since-version-filter-schema.json", marks=pytest.mark.long),
        pytest.param("composite-elements-schema.xml", "composite-elements-schema.json", marks=pytest.mark.long),
    ],
)
def test_cut_and_changed_messages_end_as_in_the_generic_codec(schema: str, vectors: str, tmp_path: Path) -> None:
    driver = compile_driver("gcc", SHARED / "schemas" / schema, tmp_path, "-fsanitize=address,undefined")
    wholes = [bytes.fromhex(v["hex"]) for v in json.loads((SHARED / "vectors" / vectors).read_text())["vectors"]]
    messages = mutated(wholes[:60], 3000)
    codec = load_schema(SHARED / "schemas" / schema)
    for message, result in zip(messages, results(driver, messages), strict=True):
        assert result == generic_result(codec, message), message.hex()


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 300)
def test_fuzzer_finds_nothing(tmp_path: Path) -> None:
    """libFuzzer with AddressSanitizer on check, decode and encode; PITWIRE_FUZZ_SECONDS says how long (600)."""
    schema_file = SHARED / "schemas" / "car.xml" if SHARED.is_dir() else generate.SCHEMAS / "fixp.xml"
    driver = compile_driver("clang", schema_file, tmp_path, "-DSBE_FUZZ", "-fsanitize=fuzzer,address,undefined")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    codec = load_schema(schema_file)
    if SHARED.is_dir():
        [vector] = json.loads((SHARED / "vectors" / "car_checked_in_baseline.json").read_text())["vectors"]
        (corpus / "whole").write_bytes(bytes.fromhex(vector["hex"]))
    else:
        (corpus / "whole").write_bytes(
            codec.encode("Terminate", {"Code": 0}) if codec.schema.message("Terminate") else b""
        )
    command = [driver, f"-max_total_time={SECONDS}", "-max_len=2048", "-print_final_stats=1", corpus]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
