"""`pitwire gen`, `convert` and `decode` as commands: exit status, sentences, pipes, and no numba."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from appliance.cli import convert, decode, gen
from pcap.committed import FOLDER, RECIPES

ROOT = Path(__file__).parents[2]
FLOW = "ordtype;uid;is_buy;qty;price;timestamp\nnew;a;True;10;95.8;2019-05-23 09:00:30.216\n"


def run(command: click.Command, *arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("command", [gen.command, convert.command, decode.command], ids=["gen", "convert", "decode"])
def test_help_has_an_example(command: click.Command) -> None:
    status, out, _ = run(command, "--help")
    assert status == 0
    assert f"pitwire {command.name} " in out


def test_gen_makes_the_committed_capture_by_its_command(tmp_path: Path) -> None:
    words = RECIPES["smoke.pcap"].command(str(tmp_path / "smoke.pcap")).split()
    status, out, _ = run(gen.command, *words[2:])
    assert (status, out.count("\n")) == (0, 1)
    assert "2000 requests" in out
    assert (tmp_path / "smoke.pcap").read_bytes() == (FOLDER / "smoke.pcap").read_bytes()


def test_gen_json(tmp_path: Path) -> None:
    status, out, _ = run(gen.command, "--seed", "1", "--messages", "50", "--json", str(tmp_path / "a.pcapng"))
    facts = json.loads(out)
    assert (status, facts["counts"]["packets"], facts["recipe"]["seed"]) == (0, 50, 1)


@pytest.mark.parametrize(
    "arguments",
    [(), ("out.pcap",), ("--seed", "x", "o"), ("--seed", "1", "--scenario", "boom", "o"), ("--seed", "-1", "o")],
)
def test_gen_misused(arguments: tuple[str, ...]) -> None:
    assert run(gen.command, *arguments)[0] == 2


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    out = str(tmp_path / "absent" / "out.pcap")
    flow = tmp_path / "flow.csv"
    flow.write_text(FLOW)
    for command, arguments in ((gen.command, ("--seed", "1")), (convert.command, (str(flow),))):
        status, _, sentence = run(command, *arguments, out)
        assert status == 1
        assert sentence.startswith("Error: ") and sentence.count("\n") == 1 and "No such file" in sentence


def test_convert(tmp_path: Path) -> None:
    flow, out = tmp_path / "flow.csv", tmp_path / "out.pcapng"
    flow.write_text(FLOW)
    status, text, _ = run(convert.command, "--utc-offset", "+02:00", str(flow), str(out))
    assert (status, text) == (0, f"{out}: 1 packets, 1 rows (1 new, 0 replace, 0 cancel)\n")
    status, text, _ = run(decode.command, str(out))
    assert status == 0
    assert "2019-05-23T07:00:30.216000000Z" in text and "Price=95.8" in text and "comment=line 2: new;a;" in text


def test_convert_faults(tmp_path: Path) -> None:
    flow, out = tmp_path / "flow.csv", tmp_path / "out.pcap"
    flow.write_text(FLOW + "cancel;b;;1;;2019-05-23 09:00:31\n")
    status, _, sentence = run(convert.command, str(flow), str(out))
    assert (status, sentence) == (1, f"Error: {flow}:3: The uid b was not seen in a row before with ordtype new.\n")
    assert not out.exists()
    assert run(convert.command, str(tmp_path / "absent.csv"), str(out))[0] == 1
    assert run(convert.command, "--utc-offset", "2", str(flow), str(out))[0] == 2
    assert list(tmp_path.iterdir()) == [flow]


def test_decode_faults(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"what is this")
    assert run(decode.command, str(path))[::2] == (1, f"Error: {path}: This is no capture, journal or feed store.\n")
    assert run(decode.command, str(tmp_path / "absent"))[0] == 1
    path.write_bytes((FOLDER / "smoke.pcap").read_bytes()[:500])
    status, out, sentence = run(decode.command, str(path))
    assert status == 1 and out.count("\n") == 3 and "byte 438: The file ends inside a packet" in sentence
    path.write_text("<messageSchema/>")
    assert run(decode.command, "--schema", str(path), str(FOLDER / "smoke.pcap"))[0] == 1


def python(code: str, **options: object) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "codecs")))}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=ROOT, **options)  # type: ignore[call-overload]


def test_a_pipe_that_closes_is_no_error() -> None:
    code = "from appliance.cli.decode import command; command(['pcap/captures/demo_calm.pcap'])"
    process = python(code, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(100)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.wait(60)


def test_standard_output_and_input() -> None:
    made = python(
        "from appliance.cli.gen import command; command(['--seed', '1', '--messages', '20', '-'])",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    shown = python(
        "from appliance.cli.decode import command; command(['-'])", stdin=made.stdout, stdout=subprocess.PIPE
    )
    out, _ = shown.communicate(timeout=60)
    assert (shown.returncode, out.count(b"\n")) == (0, 20)
    assert made.wait(60) == 0


def test_no_numba() -> None:
    code = """
import sys
import appliance.cli.convert, appliance.cli.decode, appliance.cli.gen, pcap.committed
sys.exit(sorted({"numba", "llvmlite", "scapy", "rich", "pyroute2"} & set(sys.modules)) or 0)
"""
    assert python(code).wait(60) == 0
