"""What the command line prints: calls, tables and lists. Text from models and files is never read as markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from telerole.folder import Failure
from telerole.outcome import OUTCOMES, outcome
from telerole.postprocess.filtering import Evidence
from telerole.postprocess.results import Funnel, Story
from telerole.probing import Contrast, Probed, trend_test
from telerole.runs import Run, Totals
from telerole.session import Session, Triplet
from telerole.synthesis.table import METHODS, PAPER, Row

NAMES = {
    "en": {"salesperson": "Salesperson", "merchant": "Merchant"},
    "zh": {"salesperson": "销售", "merchant": "商家"},
}
STYLES = {"salesperson": "cyan", "merchant": "yellow"}


def show_session(console: Console, session: Session) -> None:
    """One call, line by line, and how it ended."""
    names = NAMES[session.language]
    console.print(Text(f"── {session.id} ", style="bold"))
    for turn in session.turns:
        line = Text(f"{names[turn.role]}: ", style=STYLES[turn.role]) + Text(turn.text, style="default")
        console.print(line, soft_wrap=True)  # rich would break Chinese only before a whole sentence
    by = f" by the {session.end.by}" if session.end.by else ""
    detail = f" ({session.end.detail})" if session.end.detail else ""
    console.print(Text(f"[{session.end.reason}{by}, {len(session.turns)} turns]{detail}", style="dim"))
    console.print()


def show_run(console: Console, run: Run, *, most: int = 20) -> None:
    """How the run's calls ended, and its first sessions."""
    table = Table("session", "turns", "end", "by", "outcome")
    for number, session in enumerate(run):
        if number == most:
            break
        table.add_row(
            Text(session.id), str(len(session.turns)), session.end.reason, session.end.by or "", outcome(session)
        )
    console.print(table)
    if len(run) > most:
        console.print(f"… and {len(run) - most} more")
    show_totals(console, run.totals())


def show_totals(console: Console, totals: Totals) -> None:
    """How many calls, how they ended, what failed, and what the models used."""
    table = Table("end", "calls", "share")
    for reason, count in sorted(totals.ends.items(), key=lambda item: -item[1]):
        table.add_row(reason, str(count), f"{count / totals.sessions:.0%}")
    console.print(table)
    came_to = Table("the merchant left it as", "calls", "share")
    for name in OUTCOMES:
        if count := totals.outcomes[name]:
            came_to.add_row(name, str(count), f"{count / totals.sessions:.0%}")
    if totals.sessions:
        console.print(came_to)
    mean = ""
    if totals.sessions:
        mean = f", {totals.turns / totals.sessions:.1f} turns and {totals.seconds / totals.sessions:.0f} s each"
    console.print(f"{totals.sessions} finished calls{mean}; {totals.suspected_ai} asked whether this is a machine")
    for reason, count in totals.failures.items():
        console.print(Text(f"{count} not finished: {reason}", style="red"))
    for role, usage in totals.usage.items():
        if usage.attempts:
            console.print(
                f"{role}: {usage.calls} model calls in {usage.attempts} requests, {usage.prompt_tokens} prompt tokens "
                f"({usage.cached_tokens} cached), {usage.completion_tokens} completion tokens"
            )


def show_failures(console: Console, failures: Sequence[Failure], *, most: int = 20) -> None:
    """What could not be made, and why."""
    for failure in failures[:most]:
        console.print(Text(f"{failure.id}: {failure.reason}: {failure.message}", style="red"), soft_wrap=True)
    if len(failures) > most:
        console.print(f"… and {len(failures) - most} more")


def show_deviations(console: Console, triplets: Iterable[Triplet]) -> None:
    """How often what was made departs from what it was made from, by kind."""
    counts: Counter[str] = Counter()
    sessions: Counter[str] = Counter()
    total = 0
    for triplet in triplets:
        total += 1
        kinds = [deviation.kind for deviation in triplet.deviations]
        counts.update(kinds)
        sessions.update(set(kinds))
    table = Table("deviation", "times", f"of {total} sessions")
    for kind, times in counts.most_common():
        table.add_row(kind, str(times), str(sessions[kind]))
    if counts:
        console.print(table)


def show_funnel(console: Console, funnel: Funnel) -> None:
    """What each filter saw, changed and rejected."""
    table = Table("filter", "sessions", "rewritten", "rejected", "left", title_justify="left")
    for stage in funnel.stages:
        left = stage.seen - stage.rejected - stage.unjudged
        share = f" ({stage.rejected / stage.seen:.1%})" if stage.rejected else ""
        table.add_row(
            stage.filter, str(stage.seen), str(stage.rewritten or ""), f"{stage.rejected or ''}{share}", str(left)
        )
    console.print(table)
    kept = f" ({funnel.kept / funnel.sessions:.1%})" if funnel.sessions else ""
    console.print(f"{funnel.kept} of {funnel.sessions} sessions kept{kept}")
    if funnel.left_out:
        console.print(f"Left out, as they ask a model: {', '.join(funnel.left_out)} (--backend SPEC)", soft_wrap=True)


def show_story(console: Console, story: Story) -> None:
    """What a cleaning did with one session."""
    for rewritten in story.rewritten:
        console.print(Text(f"{rewritten.filter} changed:", style="bold"))
        for change in rewritten.changes:
            console.print(_evidence(change))
    if (rejection := story.rejection) is not None:
        verdict = rejection.verdict
        limit = f" ({verdict.score:g}, the limit is {verdict.threshold:g})" if verdict.threshold is not None else ""
        console.print(Text(f"rejected by {rejection.filter}: {verdict.reason}{limit}", style="red"), soft_wrap=True)
        for one in verdict.evidence:
            console.print(_evidence(one), soft_wrap=True)
        if rejection.also:
            console.print(f"so would have: {', '.join(rejection.also)}")
        show_session(console, rejection.triplet.session)
    else:
        console.print("kept" if story.kept else "neither kept nor rejected: a model gave no verdict yet")


def show_table1(console: Console, rows: Sequence[Row]) -> None:
    """The paper's Table 1 for the data set, the paper's own figures under each method's."""
    table = Table("method", "", "seeds", "valid", "turns", "length")
    for method, title in METHODS.items():
        for one in (row for row in (*rows, *PAPER) if row.method == method):
            of = "the paper, zh" if one in PAPER else one.language
            figures = [f"{value:.2f}" if value is not None else "–" for value in (one.turns, one.length)]
            counts = (str(one.seeds), "–" if one.why_none else str(one.valid))
            table.add_row(title, of, *counts, figures[0], one.why_none or figures[1], end_section=one in PAPER)
    console.print(table)
    console.print("turns: of both sides; length: of an utterance, characters in Chinese, words in English")


def _evidence(evidence: Evidence) -> Text:
    where = f"turn {evidence.turn}: " if evidence.turn is not None else ""
    return Text(f"  {where}{evidence.text}")


def show_table(console: Console, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A plain table."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def show_mapping(console: Console, mapping: Mapping[str, str]) -> None:
    """Two columns without a heading."""
    table = Table.grid(padding=(0, 2))
    for name, value in mapping.items():
        table.add_row(Text(name), Text(value))
    console.print(table)


def show_probes(console: Console, probed: Sequence[Probed], contrasts: Sequence[Contrast]) -> None:
    """What five salespeople came to, and whether each did better than the next."""
    table = Table("salesperson", "calls", "final interest", "high intention", "turns", "resists")
    came_to = Table("share of calls", *OUTCOMES)
    for one in probed:
        calls = len(one.won)
        mean, won = f"{sum(one.interest) / calls:.2f}", f"{sum(one.won) / calls:.1%}"
        table.add_row(one.probe, str(calls), mean, won, f"{one.exit_turn:g}", f"{one.resistance:.0%}")
        came_to.add_row(one.probe, *(f"{one.outcomes[name] / calls:.0%}" for name in OUTCOMES))
    console.print(table, came_to)
    tests = Table("better", "than", "p, final interest", "p, high intention")
    for pair in contrasts:
        tests.add_row(pair.better, pair.worse, f"{pair.p_interest:.2g}", f"{pair.p_won:.2g}")
    tests.add_row(
        "all five in this order",
        "",
        f"{trend_test([one.interest for one in probed]):.2g}",
        f"{trend_test([one.won for one in probed]):.2g}",
    )
    console.print(tests)
    console.print(
        "p, one-sided, calls paired by scenario and seed: of the mean difference in interest; McNemar's exact test for "
        "high intention; in the last row Page's trend test",
        soft_wrap=True,
    )
