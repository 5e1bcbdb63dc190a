"""What a process does that must not outlive the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

from appliance.journal.records import JournalError

_PR_SET_PDEATHSIG: Final = 1


def die_with(parent_pid: int) -> None:
    """Ask the kernel for SIGTERM when process `parent_pid`, our parent, ends. Raises JournalError if it has already.

    The kernel means the thread that started us: a parent must start such a process from a thread that stays.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent_pid:
        raise JournalError(f"The parent process {parent_pid} has ended already.")
