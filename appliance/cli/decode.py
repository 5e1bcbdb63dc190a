"""`pitwire decode`: what is in a capture, journal or feed store."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from appliance.cli.progress import progress_line
from appliance.decode.files import items_of, read_file
from appliance.decode.item import json_of, line_of
from appliance.decode.journal import DecodeFileError, log_items
from appliance.decode.payload import PayloadDecoder
from wire.sbe.codec import load_schema
from wire.sbe.problems import SchemaError


@click.command("decode")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option(
    "--schema",
    "schema_file",
    type=click.Path(dir_okay=False),
    help="One more SBE schema (XML), tried before the project's own: for any SBE messages that fill a payload.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line; prices in 1e-9 and times in ns.")
def command(file: str, schema_file: str | None, as_json: bool) -> None:
    """Print FILE (`-`: standard input), a line a message: captures (pcap, pcapng) of order entry, replies and market
    data; journals; feed stores. Bytes that are none of these are shown as UNKNOWN with the reason.

    \b
    Examples:
      pitwire decode pcap/captures/smoke.pcap | less
      pitwire decode /dev/shm/pitwire-lab | tail
      pitwire decode --json out.pcap | grep ExecutionReportTrade
    """
    try:
        schema = load_schema(schema_file) if schema_file else None
        is_folder = file != "-" and Path(file).is_dir()
        data = b"" if is_folder else read_file(file)
    except SchemaError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror}.") from None
    render = json_of if as_json else line_of
    name = "standard input" if file == "-" else file
    out = sys.stdout
    try:
        with progress_line("messages", hidden=out.isatty()) as progress:  # lines on a terminal are progress enough
            items = log_items(Path(file)) if is_folder else items_of(data, name, PayloadDecoder(schema))
            for number, item in enumerate(items, 1):
                out.write(render(item) + "\n")
                if progress is not None and number % 1000 == 0:
                    progress(number)
    except DecodeFileError as error:
        out.flush()
        raise click.ClickException(str(error)) from None
