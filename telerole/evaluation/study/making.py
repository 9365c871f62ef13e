"""Making a study (paper 5.2): calls drawn, disguised, put in order, and written for raters and for the owner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from telerole import journal
from telerole.errors import InputError
from telerole.evaluation.judge.questions import INFORMED, METRICS, Metric
from telerole.evaluation.played import Played
from telerole.evaluation.study import forms
from telerole.evaluation.study.design import Design, design
from telerole.evaluation.study.key import ITEMS, SECRET, Plan, Study
from telerole.evaluation.study.wording import instructions
from telerole.records import Language, explain

RATERS = 3
ATTENTION = 0.1


def make_study(
    played: Iterable[Played],
    out: Path | str,
    *,
    items: int,
    metrics: Sequence[Metric] = METRICS,
    raters: int = RATERS,
    overlap: float = 1.0,
    attention: float = ATTENTION,
    language: Language | None = None,
    seed: int = 0,
) -> Study:
    """Draw `items` calls of each system and write a double-blind study of them to `out`, a new folder.

    ``items/`` is what raters get, a file each in three formats, and instructions; nothing in it tells a system, a model
    or where a call comes from. ``secret/`` is the owner's: the design and the key, without which answers say nothing of
    systems. The same calls and seed give the same bytes.

    A share `overlap` of the calls is rated by all raters, each in an order of its own, the rest by one rater each. A
    share `attention` of a rater's calls (rounded up) is added with planted faults; 0 for none. Raises `InputError` for
    one system alone, too few calls, calls in two languages without a word which (`language`), a call without the
    profile and strategy that a metric needs, and a folder that is not empty or cannot be written.
    """
    asked = tuple(dict.fromkeys(metrics))
    plan = _plan(items=items, metrics=asked, raters=raters, overlap=overlap, attention=attention, seed=seed)
    calls = _in_one_language(list(played), language)
    _check_calls(calls, plan)
    folder = Path(out)
    if folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise InputError(f"{out}: is not empty; name a new folder, so that no rater's answers are lost")
    made = design(calls, plan)
    with journal.writing(folder):
        _write_items(folder / ITEMS, made)
        _write_secret(folder / SECRET, made)
    return made.study


def _plan(**asked: Any) -> Plan:
    try:
        return Plan(**asked)
    except ValidationError as error:
        raise InputError("\n".join(explain(error, Plan))) from None


def _in_one_language(played: Sequence[Played], language: Language | None) -> list[Played]:
    spoken = Counter(one.example.session.language for one in played)
    if language is None and len(spoken) > 1:
        counts = " and ".join(f"{count} in {name!r}" for name, count in spoken.items())
        raise InputError(f"there are calls {counts}; raters read one language: make a study of each (--language)")
    return [one for one in played if language in (None, one.example.session.language)]


def _check_calls(calls: Sequence[Played], plan: Plan) -> None:
    systems = {one.system for one in calls}
    if len(systems) < 2:
        raise InputError(f"a study compares two systems; there are calls of {', '.join(systems) or 'none'}")
    if twice := [id for id, count in Counter(one.id for one in calls).items() if count > 1]:
        raise InputError(f"two calls have the name {twice[0]!r}")
    bare = [one.id for one in calls if one.example.profile is None or one.example.strategy is None]
    if bare and (needy := [metric for metric in plan.metrics if metric in INFORMED]):
        raise InputError(f"{bare[0]}: {needy[0]} needs the profile and the strategy; leave out that metric")


def _write_items(folder: Path, made: Design) -> None:
    """What raters get."""
    study, items = made.study, {entry.item.item: entry.item for entry in made.entries}
    folder.mkdir(parents=True)
    for rater, ids in study.orders.items():
        given = [items[id] for id in ids]
        (folder / f"{rater}.csv").write_bytes(forms.sheet(rater, given, study.metrics, study.language))
        (folder / f"{rater}.jsonl").write_bytes(b"".join(forms.json_lines(rater, given, study.metrics)))
        (folder / f"{rater}.label-studio.json").write_bytes(forms.tasks(rater, given))
    (folder / "label-studio.xml").write_bytes(forms.setup(study.metrics, study.language))
    page = instructions(study.language, study.metrics)
    (folder / f"instructions.{study.language}.md").write_text(page, encoding="utf-8")


def _write_secret(folder: Path, made: Design) -> None:
    """What the owner keeps."""
    folder.mkdir(parents=True)
    (folder / "study.json").write_text(made.study.model_dump_json(indent=2) + "\n", encoding="utf-8")
    journal.replace(folder / "key.jsonl", (journal.line(entry.key) for entry in made.entries))
