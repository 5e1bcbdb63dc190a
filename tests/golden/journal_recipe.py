"""Makes the committed journal again: `python -m tests.golden.journal_recipe`, where its format or the rules changed.

`day.hashes` is what `pitwire replay day.journal --config day.json --hash-every 25 --json` prints.
"""

from __future__ import annotations

from pathlib import Path

from appliance.history.timeline import Mark, play_to, sequenced_records, sized_exchange
from tests.history_rig import CONFIG, make_day, write_journal

FOLDER = Path(__file__).resolve().parent / "journal"
SEED = 20261121
MESSAGES = 220
HASH_EVERY = 25


def make(folder: Path) -> None:
    """Write day.journal, day.json and day.hashes into `folder`."""
    journal = write_journal(make_day(SEED, MESSAGES), folder / "day.journal")
    (folder / "day.json").write_text(CONFIG.to_json() + "\n", encoding="utf-8")
    marks: list[Mark] = []
    _, records = sequenced_records(journal, CONFIG)
    play_to(records, sized_exchange(records, CONFIG), hash_every=HASH_EVERY, told=marks.append)
    (folder / "day.hashes").write_text("".join(one.to_line() + "\n" for one in marks), encoding="utf-8")


if __name__ == "__main__":
    make(FOLDER)
