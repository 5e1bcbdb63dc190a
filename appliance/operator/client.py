"""Asks a running appliance for an action."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.operator.actions import OperatorError
from appliance.operator.server import LINE_BYTES_MAX, SOCKET_NAME


def ask(folder: Path, action: str, values: Mapping[str, str], *, seconds: float = 30.0) -> dict[str, Any]:
    """Have the appliance whose shared memory is `folder` carry out `action`; returns what it answers. Raises
    OperatorError."""
    request = json.dumps({"action": action, "arguments": dict(values)}).encode() + b"\n"
    if len(request) > LINE_BYTES_MAX:
        raise OperatorError("The request is too long.")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            connection.connect(str(folder / SOCKET_NAME))
            connection.sendall(request)
            with connection.makefile("rb") as lines:
                line = lines.readline()
    except (FileNotFoundError, ConnectionRefusedError):
        raise OperatorError(f"No appliance runs at {folder}.") from None
    except TimeoutError:
        raise OperatorError(f"The appliance at {folder} did not answer within {seconds:g} s.") from None
    except OSError as error:
        raise OperatorError(f"{folder / SOCKET_NAME}: cannot be used: {error.strerror}.") from None
    if not line.endswith(b"\n"):
        raise OperatorError(f"The appliance at {folder} ended before it answered.")
    answer: dict[str, Any] = json.loads(line)
    if "refused" in answer:
        raise OperatorError(str(answer["refused"]))
    done: dict[str, Any] = answer["done"]
    return done


def is_served(folder: Path) -> bool:
    """Whether an appliance answers at `folder`."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(folder / SOCKET_NAME))
    except OSError:
        return False
    return True
