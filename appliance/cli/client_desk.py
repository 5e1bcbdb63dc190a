"""How the commands of `pitwire client` come to a session: options, memory, log-on and log-out, errors as sentences."""

from __future__ import annotations

import functools
import ipaddress
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import click

from appliance.cli.client_text import report_json, report_line
from appliance.cli.settings import config_option
from appliance.client.blocking import BlockingClient, LogOnError
from appliance.client.fixp import FixpClient
from appliance.client.ledger import Report, State
from appliance.client.memory import Memory, memory_path, remembered
from appliance.client.session import ClientSession, SessionError
from appliance.client.terms import NOTICE_GAP, NOTICE_RECOVERED, Happened, Phase, Terms
from appliance.config import Config
from wire.credentials import CredentialsError, read_keys
from wire.framing.sofh import FrameError


@dataclass(frozen=True)
class Venue:
    """Whom to talk to, and as whom."""

    endpoints: tuple[tuple[str, int], ...]
    session_id: bytes
    """Of a provisioned session."""
    account: int
    timeout_seconds: float
    next_seq: int | None
    as_json: bool
    key_id: str = ""
    secret: bytes = b""
    tcp: bool = False
    keepalive_ms: int = 1000
    cod_type: int = 0
    cod_window_ms: int = 0

    @property
    def where(self) -> str:
        """For messages."""
        return " and ".join(f"{ip}:{port}" for ip, port in self.endpoints)

    @property
    def memory_path(self) -> Path:
        """What is remembered of the session."""
        return memory_path(self.key_id or str(uuid.UUID(bytes=self.session_id)), *self.endpoints[0])


class Desk(NamedTuple):
    """A session that is established, and what is remembered of it."""

    client: BlockingClient
    memory: Memory

    @property
    def session(self) -> ClientSession:
        """Where requests are collected."""
        return self.client.client.session


class _Path(click.ParamType[tuple[str, int | None]]):
    """IP or IP:PORT."""

    name = "IP[:PORT]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int | None]:
        if isinstance(value, tuple):
            return value
        ip, _, port = str(value).partition(":")
        try:
            ipaddress.IPv4Address(ip)
            number = int(port) if port else None
        except ValueError:
            self.fail(f"{value!r} is not an IPv4 address with or without a port.", param, ctx)
        if number is not None and not 1 <= number <= 65535:
            self.fail(f"{value!r}: a port is 1 to 65535.", param, ctx)
        return ip, number


COD_TYPES = {"never": 0, "loss": 1, "logout": 2, "both": 3}
GTC_STAYS = 4
_OPTIONS = (
    config_option,
    click.option("--host", metavar="IP", help="Address of the appliance. [default: the configuration's]"),
    click.option("--port", type=click.IntRange(1, 65535), help="Its order-entry port."),
    click.option(
        "--also-via",
        type=_Path(),
        multiple=True,
        help="A second path to it: every datagram goes to both (UDP). Repeatable.",
    ),
    click.option("--tcp", is_flag=True, help="Over TCP; needs --key-file."),
    click.option("--session", type=click.IntRange(min=1), default=1, show_default=True, help="Session number."),
    click.option("--uuid", "uuid_text", metavar="UUID", help="The session by its UUID instead."),
    click.option(
        "--key-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Log on with the key in this file, in place of a provisioned session.",
    ),
    click.option("--key-id", help="Which key of the file. [default: its first]"),
    click.option("--account", type=click.IntRange(0, (1 << 32) - 2), help="Account. [default: the session's]"),
    click.option("--timeout", type=click.FloatRange(min=0.01), default=2.0, show_default=True, help="Seconds to wait."),
    click.option(
        "--next-seq", type=click.IntRange(min=1), help="Number of the message; else the last one sent, plus 1."
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON object a report."),
)


_NAMES = (
    *("config", "host", "port", "also_via", "tcp", "session", "uuid_text", "key_file", "key_id", "timeout", "account"),
    *("next_seq", "as_json", "cancel_on", "cancel_after_ms", "gtc_stay"),
)
"""The options that make a Venue."""


def venue_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of everything that sends; the command gets `venue`."""

    @functools.wraps(function)  # takes the options along that are there already
    def with_venue(**given: Any) -> Any:
        mine = {name: given.pop(name) for name in _NAMES if name in given}
        return function(venue=_venue(**mine), **given)

    wrapped: Callable[..., Any] = with_venue
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _venue(
    config: Config,
    host: str | None,
    port: int | None,
    also_via: tuple[tuple[str, int | None], ...],
    tcp: bool,
    session: int,
    uuid_text: str | None,
    key_file: Path | None,
    key_id: str | None,
    account: int | None,
    timeout: float,
    next_seq: int | None,
    as_json: bool,
    cancel_on: str = "never",
    cancel_after_ms: int = 0,
    gtc_stay: bool = False,
) -> Venue:
    if cancel_on != "never" and key_file is None:
        raise click.UsageError("--cancel-on needs --key-file: only a session with a key is watched.")
    if (cancel_after_ms or gtc_stay) and cancel_on == "never":
        raise click.UsageError("--cancel-after-ms and --gtc-stay say how --cancel-on cancels: give that, too.")
    if (tcp or key_id) and key_file is None:
        raise click.UsageError(f"{'--tcp' if tcp else '--key-id'} needs --key-file: only a session with a key logs on.")
    if tcp and also_via:
        raise click.UsageError("--also-via is for UDP: a TCP connection has one path.")
    first = (host or config.order_entry.ip, port or (config.gateway.tcp_port if tcp else config.order_entry.udp_port))
    endpoints = (first, *((ip, number or first[1]) for ip, number in also_via))
    if key_file is None:
        session_id, its_account = _identity(config, session, uuid_text)
        return Venue(endpoints, session_id, its_account if account is None else account, timeout, next_seq, as_json)
    found_id, secret = key_of(key_file, key_id)
    if account is None:
        account = next((one.account for one in config.sessions if one.key_id == found_id), 0)
    return Venue(
        endpoints,
        b"",
        account,
        timeout,
        next_seq,
        as_json,
        found_id,
        secret,
        tcp,
        cod_type=COD_TYPES[cancel_on] + GTC_STAYS * gtc_stay,
        cod_window_ms=cancel_after_ms,
    )


def key_of(path: Path, key_id: str | None) -> tuple[str, bytes]:
    """Key id and secret from a key file: that one, or the first. Raises click.ClickException."""
    try:
        keys = read_keys(path)
    except CredentialsError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}.") from None
    if not keys:
        raise click.ClickException(f"{path}: holds no key.")
    chosen = key_id or next(iter(keys))
    if chosen not in keys:
        raise click.ClickException(f"{path}: holds no key {chosen}.")
    return chosen, keys[chosen]


def _identity(config: Config, number: int, uuid_text: str | None) -> tuple[bytes, int]:
    """UUID and account of the chosen session."""
    if uuid_text is not None:
        try:
            session_id = uuid.UUID(uuid_text).bytes
        except ValueError:
            raise click.UsageError(f"--uuid {uuid_text!r} is not a UUID.") from None
        accounts = {session.uuid_bytes: session.account for session in config.sessions}
        return session_id, accounts.get(session_id, 0)
    if number > len(config.sessions):
        raise click.UsageError(f"--session {number}: the configuration has {len(config.sessions)} sessions.")
    session = config.sessions[number - 1]
    if not session.uuid_bytes:
        raise click.UsageError(f"--session {number} is opened with a key: give --key-file.")
    return session.uuid_bytes, session.account


@contextmanager
def open_desk(venue: Venue, *, resends: bool = False) -> Iterator[Desk]:
    """A session that is established; what is remembered of it is written when the block ends, and it logs out.

    Everything that goes wrong is a ClickException.
    """
    try:
        with remembered(venue.memory_path) as memory, _client(venue, memory, resends) as client:
            desk = Desk(client, memory)
            if venue.key_id:
                _log_on(desk, venue)
            try:
                yield desk
            finally:
                if venue.key_id and client.client.phase is Phase.ESTABLISHED:
                    show(client.log_out(), venue)
                memory.remember(desk.session)
                if venue.key_id:
                    memory.next_seq = desk.session.next_seq
                    memory.session_id = str(uuid.UUID(bytes=desk.session.uuid))
    except (SessionError, LogOnError, FrameError) as error:
        raise click.ClickException(str(error)) from None
    except ConnectionRefusedError:
        raise click.ClickException(f"Nobody listens at {venue.where}: is the appliance running there?") from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or venue.where}: {error.strerror or error}.") from None


def _client(venue: Venue, memory: Memory, resends: bool) -> BlockingClient:
    terms = Terms(
        key_id=venue.key_id,
        secret=venue.secret,
        keepalive_ms=venue.keepalive_ms,
        cod_type=venue.cod_type,
        cod_window_ms=venue.cod_window_ms,
        resends=resends,
        stream=venue.tcp,
    )
    goes_on = bool(venue.key_id and memory.session_id)
    session_id = venue.session_id
    if venue.key_id:
        session_id = uuid.UUID(memory.session_id).bytes if goes_on else uuid.uuid4().bytes
    is_new = bool(venue.key_id) and not goes_on
    session = ClientSession(
        session_id,
        venue.account,
        next_seq=1 if is_new else venue.next_seq or memory.next_seq,
        next_report_seq=(1 if is_new else memory.next_report_seq) if venue.key_id else None,
        next_cl_ord_id=memory.next_cl_ord_id,
    )
    return BlockingClient(FixpClient(session, terms, is_negotiated=goes_on), venue.endpoints, venue.timeout_seconds)


def _log_on(desk: Desk, venue: Venue) -> None:
    """Go on with the session of last time, where the venue still has it; else open a new one."""
    fixp = desk.client.client
    if fixp.phase is Phase.NEGOTIATED:
        try:
            show(list(desk.client.log_on(venue.timeout_seconds)), venue)
            return
        except LogOnError as error:
            click.echo(f"The last session does not go on, so a new one is opened. ({error})", err=True)
            fixp.begin_anew(uuid.uuid4().bytes)
            if venue.tcp:
                desk.client.reconnect()
    show(list(desk.client.log_on(venue.timeout_seconds)), venue)
    if desk.memory.next_cl_ord_id == 1:  # nothing is remembered, so the venue is asked where ClOrdIDs go on
        query = desk.session.ask_watermark()
        desk.client.settle(venue.timeout_seconds)
        if query.state is not State.DONE:
            raise LogOnError("The venue did not say which ClOrdIDs were used.")


def show(happened: Happened, venue: Venue) -> None:
    """Print what happened: reports to standard output, what became of the session to standard error."""
    render = report_json if venue.as_json else report_line
    for one in happened:
        if isinstance(one, Report):
            click.echo(render(one))
        elif one.kind not in (NOTICE_GAP, NOTICE_RECOVERED):
            click.echo(f"{one.kind}: {one.text}", err=True)
