"""`pitwire`: the command line. Each command lives in its own module, loaded when it is used."""

from __future__ import annotations

import importlib
import os
import sys

import click

# name: (module, one line for the list of commands, so that --help loads none of them)
COMMANDS = {
    "demo": ("appliance.cli.demo", "Run the whole appliance on this machine, end to end."),
    "run": ("appliance.cli.run", "Run the appliance from a configuration file."),
    "control": ("appliance.cli.control", "Ask a running appliance: phases, limits, kill, money, stop."),
    "end-of-day": ("appliance.cli.end_of_day", "End the day of a venue and make what the next one starts with."),
    "replica": ("appliance.cli.replica", "Follow a running appliance and write snapshots of its state."),
    "replay": ("appliance.cli.replay", "Run a capture or a journal through the pipeline."),
    "candles": ("appliance.cli.candles", "Make candles of 1 s to 1 month from a feed or a journal."),
    "convert": ("appliance.cli.convert", "Convert an order flow to a capture."),
    "gen": ("appliance.cli.gen", "Generate a synthetic order flow as a capture."),
    "decode": ("appliance.cli.decode", "Show packets, journals and feed stores as lines or JSON."),
    "sbe": ("appliance.cli.sbe", "Check SBE schemas, generate codecs, decode and encode messages of any venue."),
    "client": ("appliance.cli.client", "Be a client: send, cancel, watch the feed, recover."),
    "relay": ("appliance.cli.relay", "Pass UDP lines on with loss, delay, swaps and damage on purpose."),
    "observe": ("appliance.cli.observe", "Show the counters of a running appliance."),
    "doctor": ("appliance.cli.doctor", "Judge this host: what costs latency, why, and what mends it."),
    "nic": ("appliance.cli.nic", "Prepare this host: plan, apply, verify, undo."),
    "bench": ("appliance.cli.bench", "Measure the book, the codecs and the whole way through the wire."),
    "config": ("appliance.cli.config", "Check a configuration or print the default one."),
    "warmup": ("appliance.cli.warmup", "Compile the kernels into the cache."),
}
EXIT_FAILED = 1


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import the command `name`."""
        if name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Say which command may have been meant."""
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if close:
                raise click.UsageError(f"{error.message} Did you mean '{close[0]}'?", context) from None
            raise


@click.group(cls=LazyGroup, context_settings={"auto_envvar_prefix": "PITWIRE", "help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pitwire", prog_name="pitwire")
def main() -> None:
    """Pitwire, an exchange in a box.

    \b
    Examples:
      pitwire demo
      pitwire replay pcap/captures/demo_calm.pcap --json
      pitwire run --config venue.toml

    Every option can be given by the environment, as PITWIRE_COMMAND_OPTION. Exit status: 0 done, 1 failed, 2 misused,
    3 a check failed, 4 warnings only.
    """


def entry() -> None:
    """What the `pitwire` script calls: `main`, quiet when its reader goes away."""
    try:
        main()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
