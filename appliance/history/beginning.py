"""What the day of a journal began with, for a replay of it: nothing, or what the day before left over."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from appliance.config import Config
from appliance.exchange import Exchange
from appliance.history.snapshot import SnapshotError, find_snapshots, sequence_of_name
from appliance.history.state import load
from appliance.replay import ReplayError
from native.layout import KIND_NEW_DAY


def begin_as_the_day_did(exchange: Exchange, config: Config, records: np.ndarray) -> None:
    """Bring `exchange`, as `allocate` gave it, to the state before the first of `records`, a whole day of `config`: its
    `journal.snapshots` has that where the day carried something on. Raises ReplayError."""
    folder = config.journal.snapshots
    found = find_snapshots(Path(folder), config.epoch) if folder else []
    starts = [path for path in found if sequence_of_name(path) == 0]
    if starts:
        try:
            load(exchange, config, starts[0])
        except SnapshotError as error:
            raise ReplayError(str(error)) from None
    elif records.size and int(records[0]["kind"]) == KIND_NEW_DAY:
        raise ReplayError(
            "This day began with what the day before left over; the configuration must name the folder of that in "
            "journal.snapshots."
        )
