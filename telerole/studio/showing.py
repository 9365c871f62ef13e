"""What ``telerole persona`` prints. Text from models and files is never read as markup."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping

from rich.console import Console
from rich.text import Text

from telerole.display import NAMES, STYLES, show_table
from telerole.errors import BackendError
from telerole.studio.covering import KNOWN, Coverage
from telerole.studio.examining import Finding
from telerole.studio.interview import Interview
from telerole.studio.likeness import Likeness
from telerole.studio.previewing import SIDES, Preview

COLOURS = {"contradiction": "red", "leak": "red", "style": "yellow", "likeness": "yellow"}
DIFF = {"+": "green", "-": "red", "@": "cyan"}


def show_findings(console: Console, findings: Iterable[Finding]) -> None:
    """One line a finding."""
    for finding in findings:
        line = Text(f"{finding.kind}: ", style=COLOURS[finding.kind]) + Text(str(finding), style="default")
        console.print(line, soft_wrap=True)


def show_likeness(console: Console, likeness: Likeness | None) -> None:
    """The nearest bundled persona, what is the same and what differs."""
    if likeness is None:
        console.print("the library has no persona of this role and language to compare with")
        return
    same, other = ", ".join(likeness.shared) or "nothing", ", ".join(likeness.differs) or "nothing"
    told = (
        f"nearest in the library: {likeness.persona.id}, {likeness.likeness:.0%} alike (same: {same}; differs: {other})"
    )
    console.print(Text(told), soft_wrap=True)


def show_text(console: Console, text: str) -> None:
    """A text as it is."""
    console.print(Text(text.rstrip("\n")), soft_wrap=True)


def show_diff(console: Console, before: str, after: str, name: str) -> None:
    """What changes, as a unified diff in colour."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, f"{name} (changed)", lineterm="")
    for line in lines:
        console.print(Text(line, style=DIFF.get(line[:1], "default")), soft_wrap=True)


def show_preview(console: Console, preview: Preview) -> None:
    """Each side's messages, how long they are, and who sees what."""
    for side in SIDES:
        title = f"── {side}, {preview.characters(side)} characters "
        console.print(Text(title, style="bold"))
        for message in preview.messages[side]:
            console.print(Text(f"[{message['role']}]", style="cyan"))
            show_text(console, message["content"])
        console.print()
    rows = [(part, *("yes" if side in seen else "no" for side in SIDES)) for part, seen in preview.sees.items()]
    show_table(console, ("who is shown", *SIDES), rows)
    show_text(console, "A merchant with a mind is given its facts one at a time, when they are asked for.")
    show_text(console, "The numbers of the disposition are shown to nobody.")


def show_coverage(console: Console, coverage: Coverage) -> None:
    """Counts by trait, temper against likeliest objection, and what is left out."""
    console.print(f"{coverage.personas} personas")
    counts = [(trait, _counted(values)) for trait, values in coverage.counts.items()]
    show_table(console, ("trait", "personas of each value"), counts)
    console.print("temper × likeliest objection")
    rows = [(t, *(str(coverage.pairs[t, o] or "·") for o in KNOWN["objection"])) for t in KNOWN["temper"]]
    show_table(console, ("", *(o.replace("_", " ") for o in KNOWN["objection"])), rows)
    for trait, values in coverage.missing.items():
        console.print(Text(f"missing: {trait} {', '.join(values)}", style="red"), soft_wrap=True)
    if rare := coverage.rare():
        told = ", ".join(f"{temper} × {objection}" for temper, objection in rare[:5])
        console.print(Text(f"never together ({len(rare)} pairs), such as: {told}", style="yellow"), soft_wrap=True)


def hold(console: Console, interview: Interview, *, read: Callable[[str], str] = input, mind: bool = False) -> None:
    """The interview at the keyboard, until somebody ends the call; the end of the input puts the phone down."""
    show_text(console, "The phone rings. An empty line or Ctrl-D hangs up.")
    names = NAMES[interview.scenario.language]
    heard = interview.start()
    while interview.end is None or heard:
        if heard:
            line = Text(f"{names[interview.persona.role]}: ", style=STYLES[interview.persona.role])
            console.print(line + Text(heard, style="default"), soft_wrap=True)
            heard = None
        if mind and interview.persona.role == "merchant" and interview.turns:
            felt = "  ".join(f"{feeling} {value:.2f}" for feeling, value in interview.mind().items())
            console.print(Text(f"  [{felt}]", style="dim"))
        if interview.end is None:
            heard = _next(console, interview, read)
    by = f" by the {interview.end.by}" if interview.end.by else ""
    console.print(Text(f"[{interview.end.reason}{by}, {len(interview.turns)} turns]", style="dim"))


def _next(console: Console, interview: Interview, read: Callable[[str], str]) -> str | None:
    try:
        line = read(f"you ({interview.you}): ").strip()
    except EOFError:
        console.print()
        line = ""
    if not line:
        interview.hang_up()
        return None
    try:
        return interview.say(line)
    except BackendError as error:
        console.print(Text(f"no answer ({error}); say it again, or hang up", style="red"), soft_wrap=True)
        return None


def _counted(values: Mapping[str, int]) -> str:
    return ", ".join(f"{value} {count}" for value, count in values.items())
