"""`pitwire gen`: a seeded order flow as a capture."""

from __future__ import annotations

import json

import click

from appliance.cli.progress import progress_line
from appliance.config import DEMO_INSTRUMENTS_COUNT, DEMO_SESSIONS_COUNT
from pcap.datagrams import MESSAGES_PER_DATAGRAM_MAX
from pcap.scenarios import SCENARIOS
from pcap.write import VLAN_ID, Recipe, make_capture

_SCENARIO_HELP = "What the market does. " + " ".join(f"{name}: {s.sentence}." for name, s in SCENARIOS.items())


@click.command("gen")
@click.argument("out", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--seed", type=click.IntRange(min=0), required=True, help="The same seed gives the same bytes anywhere.")
@click.option("--scenario", type=click.Choice(list(SCENARIOS)), default="calm", show_default=True, help=_SCENARIO_HELP)
@click.option("--messages", type=click.IntRange(0, 100_000_000), default=20_000, show_default=True, help="Requests.")
@click.option("--instruments", type=click.IntRange(1, DEMO_INSTRUMENTS_COUNT), default=16, show_default=True)
@click.option("--sessions", type=click.IntRange(1, DEMO_SESSIONS_COUNT), default=4, show_default=True)
@click.option(
    "--messages-per-datagram",
    type=click.IntRange(1, MESSAGES_PER_DATAGRAM_MAX),
    default=1,
    show_default=True,
    help="Most requests of one session that share a datagram when they come close together.",
)
@click.option(
    "--faults-per-10k",
    "faults_per_10000",
    type=click.IntRange(0, 5000),
    default=0,
    show_default=True,
    help="Of 10,000 requests: datagrams that arrive twice, never, or too late.",
)
@click.option(
    "--noise-per-10k",
    "noise_per_10000",
    type=click.IntRange(0, 10_000),
    default=0,
    show_default=True,
    help="After so many of 10,000 requests: a frame that must be dropped (broken headers, strangers).",
)
@click.option(
    "--vlan-session",
    type=click.IntRange(0, DEMO_SESSIONS_COUNT),
    default=0,
    show_default=True,
    help=f"The session whose frames carry VLAN tag {VLAN_ID}; 0: none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the facts about the capture as one JSON object.")
def command(
    out: str,
    seed: int,
    scenario: str,
    messages: int,
    instruments: int,
    sessions: int,
    messages_per_datagram: int,
    faults_per_10000: int,
    noise_per_10000: int,
    vlan_session: int,
    as_json: bool,
) -> None:
    """Write seeded synthetic order flow to the capture OUT (pcapng if it ends in .pcapng; `-`: standard output).

    \b
    Example:
      pitwire gen --seed 26 --scenario crash --messages 100000 crash.pcap
    """
    recipe = Recipe(
        seed,
        scenario,
        messages,
        instruments,
        sessions,
        messages_per_datagram,
        faults_per_10000,
        noise_per_10000,
        vlan_session,
    )
    try:
        with progress_line("requests", messages) as progress:
            facts = make_capture(recipe, out, progress=progress)
    except BrokenPipeError:
        raise  # click ends quietly
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror}.") from None
    to_stderr = out == "-"
    if as_json:
        click.echo(json.dumps(facts), err=to_stderr)
        return
    counts = facts["counts"]
    kinds = ", ".join(f"{counts.get(kind, 0)} {kind}" for kind in ("new", "replace", "cancel"))
    packets, requests = counts.get("packets", 0), counts.get("messages", 0)
    click.echo(f"{out}: {packets} packets, {requests} requests ({kinds})", err=to_stderr)
