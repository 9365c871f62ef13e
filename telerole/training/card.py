"""The data card of an export: what it holds, what was left out and why, who wrote it, and how it was cleaned."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from telerole import __version__
from telerole.persona import Role
from telerole.postprocess.results import Funnel, Stage
from telerole.records import Language, Record
from telerole.report.markdown import document
from telerole.report.shape import Cell, Column, Points, Report, Section, Statement, Table, columns, plain_table
from telerole.session import Method, Triplet
from telerole.synthesis import table
from telerole.synthesis.table import METHODS
from telerole.training.formats import Format, Line
from telerole.training.splits import ALIKE, Split

CARD, TEXT = "card.json", "card.md"

LICENCE = (
    "What comes from the bundled library (scripts, profiles, strategies, questions and answers) is under the project's "
    "licence, Apache-2.0. What a model wrote is subject to the terms of whoever provides it; what came from your own "
    "scripts, to theirs."
)


class Request(Record):
    """What was asked for: the same again makes the same export anew."""

    run: str
    format: Format
    side: Role
    held_out: float
    seed: int
    branch: str | None = None


class Share(Record):
    """What one method gave in one language to one side of the split.

    `turns` are both sides' in the sessions, `learned` those that are learned from, `rows` the lines of the file.
    """

    split: Split
    method: Method
    language: Language
    sessions: int
    rows: int
    turns: int
    learned: int


class Card(Record):
    """The card. `table1` counts as seeds the sources that gave a session here; `funnels` are those of the cleanings.

    `filters` is a digest of which filters the cleanings had, in their order, and of their settings.
    `provenance` counts the sessions by who sat in each chair; `left_out` those that gave no row, by why; `files` are
    the SHA-256 digests of the rows' files.
    """

    request: Request
    shares: tuple[Share, ...]
    left_out: dict[str, int]
    table1: tuple[table.Row, ...]
    funnels: dict[str, Funnel]
    filters: str
    provenance: dict[str, dict[str, int]]
    licence: str = LICENCE
    files: dict[str, str]
    telerole: str = __version__

    @property
    def rows(self) -> int:
        """The lines of both files."""
        return sum(share.rows for share in self.shares)


class Counting:
    """Counts what is written, session by session."""

    def __init__(self) -> None:
        self._shares: dict[tuple[Split, Method, Language], Counter[str]] = {}
        self._sources: dict[tuple[Method, Language], set[str]] = {}
        self._provenance: dict[str, Counter[str]] = {}

    def count(self, triplet: Triplet, split: Split, lines: Sequence[Line], learned: int) -> None:
        """A session, and its lines, from which so many turns are learned."""
        session = triplet.session
        counts = self._shares.setdefault((split, triplet.method, session.language), Counter())
        counts.update(sessions=1, rows=len(lines), turns=len(session.turns), learned=learned)
        self._sources.setdefault((triplet.method, session.language), set()).add(triplet.source or session.scenario_id)
        for chair, who in session.provenance.items():
            self._provenance.setdefault(chair, Counter())[who] += 1

    def shares(self) -> tuple[Share, ...]:
        """The counts so far."""
        found = sorted(self._shares.items())
        return tuple(Share(split=s, method=m, language=lang, **counts) for (s, m, lang), counts in found)

    def table1(self, exported: Callable[[], Iterable[Triplet]]) -> tuple[table.Row, ...]:
        """Table 1 of what was exported, which is read once for each method and language: it may be large."""
        return tuple(
            table.row(method, language, len(sources), (one for one in exported() if one.method == method))
            for (method, language), sources in sorted(self._sources.items())
        )

    def provenance(self) -> dict[str, dict[str, int]]:
        """Who sat in each chair, the most frequent first."""
        return {chair: dict(counts.most_common()) for chair, counts in sorted(self._provenance.items())}


def filters_digest(funnels: Mapping[str, Funnel]) -> str:
    """Ten hex digits over the filters of each cleaning and their settings, those that were not asked too."""
    had = {
        name: [[[stage.filter, stage.settings] for stage in one.stages], one.left_out] for name, one in funnels.items()
    }
    return hashlib.sha256(json.dumps(had, sort_keys=True).encode()).hexdigest()[:10]


def digest(*files: Path) -> str:
    """The SHA-256 of the files, one after the other."""
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            while block := opened.read(2**20):
                whole.update(block)
    return whole.hexdigest()


def markdown(card: Card) -> str:
    """The card to read; no text in it is read as Markdown."""
    asked = card.request
    about = (
        f"{card.rows} rows in the form {asked.format!r} from {asked.run}: what the {asked.side} says is learned. "
        f"{asked.held_out:.0%} of the sessions of each language are held out by whole groups (seed {asked.seed}): no "
        f"script and no two sessions that are alike (Jaccard of {ALIKE} or more) stand on both sides. "
        f"Written by telerole {card.telerole}."
    )
    if asked.branch:
        about += f" Other lines were asked of {asked.branch}."
    left = [f"{count} {why}" for why, count in card.left_out.items()] or ["nothing"]
    sections = [
        Section("What it holds", (Statement(about), _shares(card), _table1(card))),
        Section("What was left out", (Points("Sessions", tuple(map(Statement, left))),)),
        Section("How it was cleaned", tuple(_funnel(name, one) for name, one in card.funnels.items()) or (_UNCLEANED,)),
        Section("Who wrote it", (_provenance(card),)),
        Section("Licence", (Statement(card.licence),)),
        Section("Files", (_files(card),)),
    ]
    return document(Report("Data card", tuple(sections)))


_UNCLEANED = Statement(
    "No cleaning is on record; every session was put through the bundled filters of single sessions."
)


def _plain(caption: str, heads: tuple[Column, ...], rows: Iterable[Sequence[object]]) -> Table:
    return plain_table(caption, heads, tuple(tuple(Cell(str(one)) for one in row) for row in rows))


def _shares(card: Card) -> Table:
    heads = columns(("split", "method", "language"), ("sessions", "rows", "turns", "learned turns"))
    rows = [
        (one.split, METHODS[one.method], one.language, one.sessions, one.rows, one.turns, one.learned)
        for one in card.shares
    ]
    for split in ("train", "validation"):
        of_it = [one for one in card.shares if one.split == split]
        sums = (sum(getattr(one, name) for one in of_it) for name in ("sessions", "rows", "turns", "learned"))
        rows.append((split, "all", "", *sums))
    return _plain("Rows", heads, rows)


def _table1(card: Card) -> Table:
    heads = columns(("method", "language"), ("sources", "valid sessions", "turns", "length of an utterance"))
    rows = [
        (METHODS[one.method], one.language, one.seeds, one.valid, f"{one.turns:.2f}", f"{one.length:.2f}")
        for one in card.table1
    ]
    return _plain(
        "Table 1 of what was exported (turns of both sides; characters in Chinese, words in English)", heads, rows
    )


def _funnel(name: str, funnel: Funnel) -> Table:
    heads = columns(("filter", "settings"), ("came to it", "rewritten", "rejected", "not judged"))
    rows: list[tuple[object, ...]] = [
        (one.filter, _settings(one), one.seen, one.rewritten, one.rejected, one.unjudged) for one in funnel.stages
    ]
    rows += [(f"{one} (not asked: no model)", *["–"] * 5) for one in funnel.left_out]
    return _plain(f"{name}: {funnel.kept} of {funnel.sessions} sessions kept", heads, rows)


def _settings(stage: Stage) -> str:
    return ", ".join(f"{name} {value}" for name, value in stage.settings.items()) or "–"


def _provenance(card: Card) -> Table:
    rows = [(chair, who, count) for chair, counts in card.provenance.items() for who, count in counts.items()]
    return _plain("Sessions by who sat in each chair, and by prompts", columns(("chair", "who"), ("sessions",)), rows)


def _files(card: Card) -> Table:
    rows = [*card.files.items(), ("filters", card.filters)]
    return _plain("Digests (SHA-256)", columns(("file", "digest"), ()), rows)
