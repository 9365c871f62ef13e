"""Export: what a cleaning kept becomes training rows, split by script, with a data card (paper 5.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree

import orjson

from telerole import folder, journal, runs
from telerole.backends.base import Backend
from telerole.backends.budget import Budget
from telerole.backends.cassette import Cassette
from telerole.errors import FileError, InputError
from telerole.persona import Role
from telerole.postprocess.chain import Chain
from telerole.postprocess.filtering import Example
from telerole.postprocess.privacy import Privacy
from telerole.postprocess.results import Funnel
from telerole.progress import Bar, Silent
from telerole.records import load
from telerole.session import Triplet
from telerole.synthesis.table import METHODS
from telerole.training.card import CARD, TEXT, Card, Counting, Request, digest, filters_digest, markdown
from telerole.training.formats import Format, lines
from telerole.training.masks import turn_mark
from telerole.training.pairs import Branched, Pairs, Worse, branch_each, recorded
from telerole.training.recited import Recited
from telerole.training.rows import row_of
from telerole.training.splits import Groups, Split

FILES: dict[Split, str] = {"train": "train.jsonl", "validation": "validation.jsonl"}
UNFINISHED = ".unfinished"
NO_PAIRS = (
    "holds nothing to make preference pairs of. They come from replies of the {side} that were refused while a call "
    "was played and made good by a later try, and from rejected sessions that part from a kept one at the faulty line: "
    "play scenarios several times (`telerole simulate --trials 4`) and clean them, or let a model say other lines in "
    "the kept sessions (--branch SPEC)"
)

NO_LINE = "to which no model call brought another line"
NOT_ASKED = "not branched: the budget was spent"
NO_WORSE = "without a worse line for any turn"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and where."""

    path: Path
    card: Card


@dataclass(frozen=True, slots=True)
class Kept:
    """The `file` of triplets that was kept, the run folders it comes from (none for a lone file), and their funnels."""

    file: Path
    runs: tuple[Path, ...] = ()
    funnels: Mapping[str, Funnel] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Path) -> Kept:
        """What a cleaned run, a data set, or a .jsonl file of triplets holds; an `InputError` where it is neither."""
        if run.is_file():
            if (run.parent / "run.json").is_file() and run.name in ("kept.jsonl", "dataset.jsonl"):
                return cls.of(run.parent)
            if (run.parent / "run.json").is_file() or run.suffix != ".jsonl":
                raise InputError(
                    f"{run}: is no file of kept triplets; name a run's folder, or a .jsonl file of triplets"
                )
            return cls(run)
        if not (run / "run.json").is_file():
            raise InputError(f"{run}: is neither a run folder nor a data set nor a .jsonl file of triplets")
        if folder.config_of(run).get("stage") == "synthesize":
            return cls._of_dataset(run)
        return cls(run / "kept.jsonl", (run,), {run.resolve().name: _cleaning(run)})

    @classmethod
    def _of_dataset(cls, path: Path) -> Kept:
        advice = "give the same `telerole synthesize` again"
        if not (path / "dataset.jsonl").is_file():
            raise InputError(f"{path}: the data set is not finished; {advice}")
        parts = tuple(path / method for method in METHODS if (path / method / "run.json").is_file())
        funnels = {run.name: _cleaning(run) for run in parts}
        if digest(path / "dataset.jsonl") != digest(*(run / "kept.jsonl" for run in parts)):
            raise InputError(f"{path}: its runs were cleaned anew since the data set was finished; {advice}")
        return cls(path / "dataset.jsonl", parts, funnels)

    def of_ids(self, ids: Container[str]) -> Iterator[Triplet]:
        """The triplets of these sessions."""
        return (triplet for _, triplet in self.numbered() if triplet.session.id in ids)

    def numbered(self) -> Iterator[tuple[int, Triplet]]:
        """The triplets, each with its line; the first that is broken is a `FileError`."""
        return ((number, journal.parse(self.file, number, line, Triplet)) for number, line in self.lines())

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """The lines with something on them, the last one too if it is cut off, numbered from 1."""
        try:
            with self.file.open("rb") as file:
                yield from ((number, line) for number, line in enumerate(file, start=1) if line.strip())
        except OSError as error:
            raise FileError(self.file, [f"cannot be read: {error.strerror}"]) from None


def _cleaning(run: Path) -> Funnel:
    """The funnel of the cleaning that all of the run went through; an `InputError` says to clean it where not."""
    if not all((run / name).is_file() for name in ("kept.jsonl", "funnel.json")):
        raise InputError(f"{run}: was not cleaned yet; run `telerole clean {run}`")
    funnel = load(run / "funnel.json", Funnel)[0]
    if (held := len(runs.read(run))) != funnel.sessions:
        seen = f"{funnel.sessions} when it was cleaned"
        raise InputError(f"{run}: holds {held} sessions, and {seen}; run `telerole clean {run}`")
    return funnel


def export(
    run: Path | str,
    out: Path | str,
    *,
    format: Format = "trl",
    side: Role = "salesperson",
    held_out: float = 0.1,
    seed: int = 0,
    branch: str | Backend | None = None,
    funnels: Mapping[str, Funnel] | None = None,
    budget: Budget | None = None,
    cassette: Cassette | None = None,
    progress: bool = False,
) -> Exported:
    """Write ``train.jsonl``, ``validation.jsonl``, ``card.md`` and ``card.json`` into the folder `out`.

    `run` is a run folder that was cleaned, a data set of `synthesize`, or a .jsonl file of triplets; `side` is whose
    words are learned; `held_out` the share of sessions for validation, by whole groups (`splits.Groups`): without any
    there is no ``validation.jsonl``. Sessions that hold something private, a mark by which models tell turns apart, a
    piece of a persona or of the script recited (six words or ten characters in a row), or no words of the side are left
    out and counted, and so are those of a lone file that a bundled filter of single sessions rejects. `branch` is a
    model, asked for worse lines where the format is ``preference``; `funnels` are, by name, the cleanings that the
    triplets of a lone file come from, for its card.

    `out` must be new, or made by the same call, which is then done anew; what is there stays until the new is whole.
    Raises `InputError` for what cannot be exported, `FileError` for a broken line.
    """
    kept, path = Kept.of(Path(run)), Path(out)
    if branch is not None and format != "preference":
        raise InputError(f"branch: other lines are for the format 'preference', not {format!r}")
    if funnels and kept.runs:
        raise InputError(f"funnels: {run} holds its own; they are for a lone file")
    kept = replace(kept, funnels=funnels or kept.funnels)
    named = branch if branch is None or isinstance(branch, str) else branch.name
    asked = Request(run=str(run), format=format, side=side, held_out=held_out, seed=seed, branch=named)
    _check_out(path, asked)
    groups, recited = Groups(), Recited(kept.runs)
    sieve = _Sieve(side, recited, lone=not kept.runs)
    groups.split(held_out, seed)  # a share that cannot be is said before the work is done
    passed, worse = sieve.passed(kept, progress), dict[str, Sequence[Worse]]()
    if format == "preference":
        fit = list(passed)
        worse = _pairs(kept, fit, asked, sieve, branch, budget, cassette)
        passed = (triplet for triplet in fit if triplet.session.id in worse)
    for triplet in passed:
        groups.add(triplet.session, triplet.source or triplet.session.scenario_id)
    sides = groups.split(held_out, seed)
    if not sides:
        why = ", ".join(f"{count} {reason}" for reason, count in sieve.left_out.items()) or "it is empty"
        raise InputError(f"{kept.file}: gives no row: {why}")
    with _replacing(path) as unfinished:
        counting = _write_rows(unfinished, kept, sides, worse, asked)
        card = _card(unfinished, asked, kept, sides, counting, sieve.left_out)
        (unfinished / TEXT).write_text(markdown(card), encoding="utf-8")
        (unfinished / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return Exported(path, card)


class _Sieve:
    """Lets through the triplets that can be rows, and counts the others by what is wrong with them."""

    def __init__(self, side: Role, recited: Recited, *, lone: bool) -> None:
        self._side, self.recited = side, recited
        self._privacy = Privacy()
        self._judges = Chain.read().sessions if lone else ()
        self.left_out: Counter[str] = Counter()

    def passed(self, kept: Kept, progress: bool) -> Iterator[Triplet]:
        """The triplets that can be rows; two sessions of one id are a `FileError`."""
        lines_of: dict[str, int] = {}
        with Bar(sum(1 for _ in kept.lines()), what="sessions looked through") if progress else Silent() as shown:
            for number, triplet in kept.numbered():
                id = triplet.session.id
                if id in lines_of:
                    raise FileError(kept.file, [f"line {number}: session {id!r} stands on line {lines_of[id]}, too"])
                lines_of[id] = number
                why = self._fault(triplet)
                shown.ended(True, "")
                if why is None:
                    yield triplet
                else:
                    self.left_out[why] += 1

    def _fault(self, triplet: Triplet) -> str | None:
        row, example = row_of(triplet, self._side), Example.of(triplet)
        if not row.learned:
            return f"without a word of the {self._side}"
        if not triplet.session.finished:
            return "not finished"
        if any(turn_mark(message["content"]) for message in row.messages):
            return "with a mark by which models tell turns apart"
        if self._privacy.rewrite(example) is not None:
            return "with something private in it: clean the run with the privacy filter"
        if self.recited.in_session(triplet.session):
            return "in which somebody recites its persona or the script"
        rejected = next((one.name for one in self._judges if one.judge(example) is not None), None)
        return rejected and f"rejected by the filter {rejected}"


def _pairs(
    kept: Kept,
    fit: Sequence[Triplet],
    asked: Request,
    sieve: _Sieve,
    branch: str | Backend | None,
    budget: Budget | None,
    cassette: Cassette | None,
) -> dict[str, Sequence[Worse]]:
    """The worse lines of each session that has any: on record, and said by the model that is to branch them."""
    found: dict[str, Sequence[Worse]] = {**recorded(kept.runs, fit, asked.side, sieve.recited)}
    made = Branched()
    if branch is not None:
        made = branch_each(branch, fit, asked.side, asked.seed, budget=budget, cassette=cassette)
        for id, more in made.pairs.items():
            known = {(one.turn, one.text) for one in found.get(id, ())}
            found[id] = [*found.get(id, ()), *(one for one in more if (one.turn, one.text) not in known)]
    if fit and not found:
        unasked = f" ({len(made.failed)} model calls failed, {len(made.left)} were not made)" if branch else ""
        raise InputError(f"{kept.file}: {NO_PAIRS.format(side=asked.side)}{unasked}")
    for id in (triplet.session.id for triplet in fit if triplet.session.id not in found):
        failed, left = id in made.failed, id in made.left
        sieve.left_out[NO_LINE if failed else NOT_ASKED if left else NO_WORSE] += 1
    return found


def _write_rows(path: Path, kept: Kept, sides: Mapping[str, Split], worse: Pairs, asked: Request) -> Counting:
    counting = Counting()
    with ExitStack() as files:
        used = {split: name for split, name in FILES.items() if split in sides.values()}
        opened = {split: files.enter_context((path / name).open("wb")) for split, name in used.items()}
        for triplet in kept.of_ids(sides):
            row, split = row_of(triplet, asked.side), sides[triplet.session.id]
            written = lines(row, asked.format, worse.get(row.id, ()))
            opened[split].writelines(orjson.dumps(line) + b"\n" for line in written)
            a_turn_each = asked.format in ("turns", "preference")
            counting.count(triplet, split, written, len(written) if a_turn_each else row.learned)
    return counting


def _card(
    path: Path, asked: Request, kept: Kept, sides: Mapping[str, Split], counting: Counting, left_out: Counter[str]
) -> Card:
    return Card(
        request=asked,
        shares=counting.shares(),
        left_out=dict(left_out.most_common()),
        table1=counting.table1(lambda: kept.of_ids(sides)),
        funnels=dict(kept.funnels),
        filters=filters_digest(kept.funnels),
        provenance=counting.provenance(),
        files={name: digest(path / name) for name in FILES.values() if (path / name).is_file()},
    )


def _check_out(out: Path, asked: Request) -> None:
    """See that `out` can be written: it is new, or was made by the same call."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; name a folder")
    there = {file.name for file in out.iterdir()} - {UNFINISHED} if out.is_dir() else set[str]()
    if not there:
        return
    if CARD not in there or there - {CARD, TEXT, *FILES.values()}:
        raise InputError(f"{out}: is not empty, and holds more than an export; name a new folder")
    before = load(out / CARD, Card)[0].request
    changed = [
        f"  {name}: was {getattr(before, name)!r}, is now {getattr(asked, name)!r}"
        for name in Request.model_fields
        if getattr(before, name) != getattr(asked, name)
    ]
    if changed:
        raise InputError("\n".join([f"{out}: holds another export; {folder.ADVICE}", *changed]))


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A folder whose files take the place of those in `out` once they are whole; after a fault nothing of it is left.

    `out` itself stays: it may be the folder that somebody's shell stands in, or a disk of its own.
    """
    made, is_new = out / UNFINISHED, not out.exists()
    try:
        rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        yield made
        for name in (*FILES.values(), TEXT, CARD):  # the card, which says what the others hold, is the last
            if (made / name).exists():
                (made / name).replace(out / name)
            else:
                (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise FileError(out, [f"cannot be written: {error.strerror}; name another folder"]) from None
    finally:
        rmtree(made, ignore_errors=True)
        if is_new:
            with suppress(OSError):  # it is not empty
                out.rmdir()
