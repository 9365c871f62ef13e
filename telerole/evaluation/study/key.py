"""What stays with a study's owner, in ``secret/``: the design, and whose call each item is."""

from __future__ import annotations

from pathlib import Path
from random import Random

from pydantic import Field

from telerole.errors import FileError, InputError
from telerole.evaluation.calibration.results import Fault
from telerole.evaluation.judge.questions import Metric
from telerole.records import Language, Record, load
from telerole.speaker import derive_seed

SECRET = "secret"
ITEMS = "items"


class Key(Record):
    """Whose call an item is. `session` is its `Played.id`, `script` the seed script it was played from.

    An attention item has the `fault` that was planted in it, the `metric` that deserves a 0 for it, and the `turns`
    (from 0) in which it stands.
    """

    item: str
    session: str
    system: str
    script: str
    fault: Fault | None = None
    metric: Metric | None = None
    turns: tuple[int, ...] = ()


class Plan(Record):
    """What is asked for. `items` counts a system's calls, `overlap` is the share of them that every rater rates.

    A share `attention` of a rater's calls, rounded up, is added as attention items.
    """

    items: int = Field(ge=1)
    metrics: tuple[Metric, ...] = Field(min_length=1)
    raters: int = Field(ge=1)
    overlap: float = Field(ge=0, le=1)
    attention: float = Field(ge=0, le=1)
    seed: int

    def random(self, *purpose: object) -> Random:
        """A stream of its own for each purpose."""
        return Random(derive_seed("study", *purpose, self.seed))


class Study(Plan):
    """A study's design. `code` begins each of its items' ids, `orders` has each rater's items as they are shown."""

    code: str
    language: Language
    systems: tuple[str, ...]
    orders: dict[str, tuple[str, ...]]
    warnings: tuple[str, ...] = ()


def read_study(folder: Path | str) -> tuple[Study, list[Key]]:
    """The design and the key of the study in `folder`.

    Raises `InputError` where the key is not there, `FileError` where it is no study's.
    """
    secret = Path(folder) / SECRET
    for file in (secret / "study.json", secret / "key.jsonl"):
        if not file.exists():
            raise InputError(
                f"{file}: is not there, and without it nobody can tell whose calls were rated; the study's owner has "
                f"it, in the folder {SECRET}/ that `telerole study make` wrote beside {ITEMS}/"
            )
    studies = load(secret / "study.json", Study)
    if len(studies) > 1:
        raise FileError(secret / "study.json", [f"holds {len(studies)} studies; expected one"])
    return studies[0], load(secret / "key.jsonl", Key)
