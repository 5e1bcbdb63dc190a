"""`pitwire bench wire`: latency from order out to report in and to market data in, through real ports, open loop.

Servers run on one CPU, the generator on another; servers that wait are paused. The same requests go to every contender,
a slice at a time, in turn. Beside the appliances stand the floors: a raw echo over the same port and a plain polled UDP
echo. See "Measure it" in docs/OPERATIONS.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from bench.wire import contenders as known
from bench.wire.contenders import BenchError, Contender, place
from bench.wire.measure import Plan, measure, sweep_rates
from bench.wire.results import table, to_json
from bench.wire.write import write_all

EXAMPLES = """examples:
  pitwire bench wire --ports xdp,udp --json
  pitwire bench wire --ports xdp --rates 215000 --seconds 60 --rounds 1
  pitwire bench wire --ports xdp --sweep
  pitwire bench wire --compare xdp xdp@../before
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(
        prog="pitwire bench wire",
        description=(__doc__ or "").replace("`", ""),
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument(
        "--ports", default="xdp,udp", help="the appliance's ports, of xdp, udp, packet, dpdk (default: xdp,udp)"
    )
    found.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="in place of --ports two of PORT, echo:PORT (also echo:socket), PORT@CHECKOUT",
    )
    found.add_argument("--no-floor", action="store_true", help="leave out the echo servers")
    found.add_argument("--rates", default="10000", help="requests a second, one or more (default: 10000)")
    found.add_argument("--sweep", action="store_true", help="from the lowest rate up by a quarter until the knee")
    found.add_argument("--rate-max", type=int, default=400_000, help="where a sweep ends (default: 400000)")
    found.add_argument("--seconds", type=float, default=5.0, help="of each server at each rate (default: 5)")
    found.add_argument("--rounds", type=int, default=5, help="slices that they are divided into (default: 5)")
    found.add_argument("--sessions", type=int, default=4, help="order-entry sessions (default: 4)")
    found.add_argument("--instruments", type=int, default=64, help="a multiple of the sessions (default: 64)")
    found.add_argument("--client", default="same", help="the generator's port: same (default), xdp, packet or udp")
    found.add_argument(
        "--stamps", choices=("auto", "clock"), default="auto", help="auto: the port's receive stamps where it has them"
    )
    found.add_argument(
        "--xdp-mode",
        choices=("generic", "native", "auto"),
        default="generic",
        help="of both ends; on veth generic, the default, is the faster one",
    )
    found.add_argument(
        "--frames", type=int, default=4096, help="receive buffers of each end: what a stall may pile up (default: 4096)"
    )
    found.add_argument("--cpus", metavar="SERVER,GENERATOR", help="default: the last two")
    found.add_argument("--realtime", action="store_true", help="SCHED_FIFO for both; the kernel still takes 5 %% back")
    found.add_argument("--out", type=Path, help="folder of the report (default: build/wire/TIME)")
    found.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return found


def plan_of(given: argparse.Namespace) -> Plan:
    """The plan that the options ask for. Raises BenchError."""
    try:
        rates = sorted({int(word) for word in given.rates.split(",")})
    except ValueError:
        raise BenchError(f"--rates {given.rates!r} is not a list of whole numbers, as in 10000,50000.") from None
    if not rates or rates[0] < 1 or rates[-1] > 10_000_000:
        raise BenchError("--rates takes numbers from 1 to 10000000.")
    if given.rounds < 1 or not 0.01 <= given.seconds <= 86_400:
        raise BenchError("--rounds is at least 1, --seconds from 0.01 to 86400.")
    if not 1 <= given.sessions <= 1024 or given.instruments < 1 or given.instruments % given.sessions:
        raise BenchError("--instruments is a multiple of --sessions, and both are at least 1.")
    if not 256 <= given.frames <= 32_768:
        raise BenchError("--frames is from 256 to 32768.")
    if given.instruments > 4096:
        raise BenchError("--instruments is at most 4096.")
    if given.sweep:
        rates = sweep_rates(rates[0], max(given.rate_max, rates[0]))
    return Plan(
        contenders=contenders_of(given),
        rates=rates,
        seconds=given.seconds,
        rounds=given.rounds,
        cpus=place(given.cpus),
        sweep=given.sweep,
        compare=bool(given.compare),
        sessions=given.sessions,
        instruments=given.instruments,
        use_stamps=given.stamps == "auto",
        realtime=given.realtime,
        xdp_mode=given.xdp_mode,
        frames=given.frames,
    )


def contenders_of(given: argparse.Namespace) -> list[Contender]:
    """Whom to measure: what was asked for, then the floors. Raises BenchError where a port cannot be had."""
    texts = given.compare or [word for word in given.ports.split(",") if word]
    found: list[Contender] = []
    for text in texts:
        contender = known.parse(text, given.client)
        if contender.name in {one.name for one in found}:
            raise BenchError(f"{text} is named twice.")
        found.append(contender)
    if not found:
        raise BenchError(f"--ports names no port: choose of {', '.join(known.APPLIANCE_PORTS)}.")
    if not given.no_floor:
        for text in [*dict.fromkeys(f"echo:{one.port}" for one in found), "echo:socket"]:
            floor = known.parse(text, given.client)
            if floor.name not in {one.name for one in found}:
                found.append(floor)
    return found


def main() -> None:
    """Measure, write the report, print the table."""
    given = parser().parse_args()
    folder = given.out or known.ROOT / "build" / "wire" / time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    try:
        plan = plan_of(given)
        outcome = measure(plan, lambda line: print(line, file=sys.stderr, flush=True))
        whole = to_json(outcome) | {"command": " ".join(["pitwire bench wire", *sys.argv[1:]])}
        write_all(outcome, whole, folder)
    except BenchError as error:
        sys.exit(f"Error: {error}")
    except OSError as error:
        sys.exit(f"Error: {error.filename or 'The measurement'}: {error.strerror}.")
    except KeyboardInterrupt:
        sys.exit("Error: interrupted; nothing was written.")
    print(json.dumps(whole) if given.json else table(whole))
    print(f"report: {folder / 'report.html'}", file=sys.stderr)
    if whole["faults"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
