"""What goes to raters, as bytes: a sheet, JSON lines, and Label Studio's tasks and setup."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from io import StringIO
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from telerole import journal
from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.study.items import Item, Sheet
from telerole.evaluation.study.wording import Wording, wording
from telerole.records import Language

FORMULA = re.compile(r"[=+\-@＝＋－＠\t\r]")


def sheet(rater: str, items: Sequence[Item], metrics: Sequence[Metric], language: Language) -> bytes:
    """A CSV file: an item a row, the metrics as columns to fill in, headings in the raters' language.

    It begins with a byte order mark, without which Excel misreads Chinese. No cell is taken for a formula.
    """
    words, out = wording(language), StringIO(newline="")
    head, note = (
        [words.columns[name] for name in ("rater", "item", "profile", "strategy", "call")],
        words.columns["note"],
    )
    writer = csv.writer(out)
    writer.writerow([*head, *(words.metrics[metric].name for metric in metrics), note])
    for one in items:
        call = "\n".join(f"{number} {line.speaker}: {line.text}" for number, line in enumerate(one.turns, start=1))
        cells = (rater, one.item, one.profile, one.strategy, call)
        writer.writerow([*map(inert, cells), *("" for _ in metrics), ""])
    return out.getvalue().encode("utf-8-sig")


def inert(cell: str) -> str:
    """The cell as a spreadsheet shows it and never runs it: one that begins like a formula gets a ' before it."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def json_lines(rater: str, items: Sequence[Item], metrics: Sequence[Metric]) -> Iterator[bytes]:
    """A `Sheet` a line."""
    for one in items:
        yield journal.line(Sheet(rater=rater, **dict(one), answers=dict.fromkeys(metrics)))


def tasks(rater: str, items: Sequence[Item]) -> bytes:
    """Label Studio's import format: a list of tasks, whose ``data`` the setup's ``$`` names point into."""
    listed = [
        {
            "data": {
                "rater": rater,
                "item": one.item,
                "profile": one.profile,
                "strategy": one.strategy,
                "call": [{"author": line.speaker, "text": line.text} for line in one.turns],
            }
        }
        for one in items
    ]
    return json.dumps(listed, ensure_ascii=False, indent=1).encode() + b"\n"


def setup(metrics: Sequence[Metric], language: Language) -> bytes:
    """Label Studio's labelling setup: the call as a dialogue, and a choice of 1 or 0 for each metric."""
    words, view = wording(language), Element("View")
    for name in ("profile", "strategy"):
        SubElement(view, "Header", value=words.columns[name], size="4")
        SubElement(view, "Text", name=name, value=f"${name}")
    SubElement(view, "Header", value=words.columns["call"], size="4")
    SubElement(view, "Paragraphs", name="call", value="$call", layout="dialogue", nameKey="author", textKey="text")
    for metric in metrics:
        _choice(view, metric, words)
    SubElement(view, "Header", value=words.columns["note"], size="4")
    SubElement(view, "TextArea", name="note", toName="call", rows="2", maxSubmissions="1")
    indent(view)
    return bytes(tostring(view, encoding="utf-8")) + b"\n"


def _choice(view: Element, metric: Metric, words: Wording) -> None:
    """A question; the answer comes back as its alias, 1 or 0."""
    asked = words.metrics[metric]
    SubElement(view, "Header", value=f"{asked.name}: {asked.question}", size="4")
    choices = SubElement(view, "Choices", name=metric, toName="call", choice="single-radio", showInline="true")
    SubElement(choices, "Choice", value=words.good, alias="1")
    SubElement(choices, "Choice", value=words.bad, alias="0")
