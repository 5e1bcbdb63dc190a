"""`pitwire bench`: the benchmarks of a checkout, each checked for equal results before it is timed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]


@click.group("bench")
def command() -> None:
    """Measure parts of the appliance. Results are compared with a slow twin or with each other before they are timed.

    \b
    Examples:
      pitwire bench core
      pitwire bench codec --json
      pitwire bench wire --ports xdp,udp
    """


def _run(name: str, words: tuple[str, ...]) -> None:
    module = ROOT / "bench" / name
    if not (module.with_suffix(".py").exists() or (module / "__main__.py").exists()):
        raise click.ClickException("The benchmarks are part of a checkout, not of an installed package.")
    paths = [str(ROOT), str(ROOT / "codecs"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, "-m", f"bench.{name}", *words], env=environment, check=False)
    if done.returncode:
        raise click.exceptions.Exit(1)


def _add(name: str, line: str, example: str) -> None:
    @command.command(
        name,
        help=f"{line}\n\n--json prints one object with headline, results, equal, host and commit; the other options "
        f"are those of `python -m bench.{name} --help`.\n\n\b\nExample:\n  {example}",
        context_settings={"ignore_unknown_options": True},
    )
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def run(words: tuple[str, ...]) -> None:
        _run(name, words)


_add("core", "Messages a second through the book alone, over flows of different kinds.", "pitwire bench core --json")
_add("history", "Records a second of a replay, seconds of a recovery from a snapshot.", "pitwire bench history --json")
_add("codec", "Nanoseconds to decode SBE messages: kernels, C, cffi, plain Python.", "pitwire bench codec --json")
_add("stages", "What the loop's always-on stamps cost a message.", "pitwire bench stages --json")
_add(
    "pipeline",
    "The whole turn over the memory port: orders a second, latency at an offered rate beside the host's own stalls, "
    "nanoseconds of each stage.",
    "pitwire bench pipeline --json",
)
_add("recovery", "Messages a second over TCP, and the loop's turns meanwhile.", "pitwire bench recovery --json")
_add("journal", "Nanoseconds to append a record, records a second on disk, recovery.", "pitwire bench journal --json")
_add("feed", "Publishing L3, L2 and L1, and building books of them; a late joiner.", "pitwire bench feed --json")
_add(
    "wire",
    "Latency through real ports, from order out to report in and to market data in, beside echo servers.",
    "pitwire bench wire --ports xdp,udp --json",
)
