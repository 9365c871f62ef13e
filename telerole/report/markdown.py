"""The report as Markdown, with GitHub's tables. Charts are left out: the tables beside them have their figures."""

from __future__ import annotations

import re
from collections.abc import Iterator

from telerole.report.shape import Block, Call, Cell, Column, Figure, Line, Points, Report, Statement, Table
from telerole.report.visible import visible

SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$])")
LINKS = re.compile(r"(?i)\b(www)\.|(\w)://")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
AROUND = {"best": "**", "second": "*", "good": "", "bad": "**", "": ""}
TONES = {"plain": "", "warning": "⚠ ", "alarm": "⚠⚠ "}


def document(report: Report) -> str:
    """The whole report; all text is escaped, so that none of it is read as Markdown or HTML."""
    return "\n\n".join([f"# {escaped(report.title)}", *_sections(report)]) + "\n"


def escaped(text: str) -> str:
    """The text as Markdown that shows it, on one line."""
    text = " ".join(visible(text).split())
    text = re.sub("[&<>]", lambda match: ENTITIES[match.group()], text)
    text = SPECIAL.sub(r"\\\1", text)
    return LINKS.sub(lambda match: f"{match[1]}\\." if match[1] else f"{match[2]}\\://", text)


def _sections(report: Report) -> Iterator[str]:
    for section in report.sections:
        yield f"## {escaped(section.title)}"
        for block in section.blocks:
            yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Statement():
            yield _statement(block)
        case Points(title, items):
            yield f"### {escaped(title)}"
            yield "\n".join(f"- {_statement(item)}" for item in items)
        case Table():
            yield from _table(block)
        case Figure(_, table):
            yield from _table(table)
        case Call():
            yield from _call(block)


def _statement(one: Statement) -> str:
    about = f"**{escaped(one.about)}.** " if one.about else ""
    return TONES[one.tone] + about + escaped(one.text)


def _table(table: Table) -> Iterator[str]:
    yield f"**{escaped(table.caption)}**"
    heads = [_head(column, group) for column, group in zip(table.columns, _groups(table), strict=True)]
    rules = ["---:" if column.figures else "---" for column in table.columns]
    yield "\n".join([_row(heads), _row(rules), *_rows(table)])


def _groups(table: Table) -> list[str]:
    """The group over each column."""
    over = [group.title for group in table.groups for _ in range(group.columns)]
    return ["", *over] if over else [""] * len(table.columns)


def _head(column: Column, group: str) -> str:
    return escaped(f"{group}: {column.title}" if group else column.title)


def _rows(table: Table) -> Iterator[str]:
    for part in table.parts:
        if part.title:
            yield _row([f"**{escaped(part.title)}**", *[""] * (len(table.columns) - 1)])
        for row in part.rows:
            yield _row([_cell(one) for one in row])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(one: Cell) -> str:
    around = AROUND[one.mark] if one.text else ""
    return f"{around}{escaped(one.text)}{around}" + (f" ({escaped(one.detail)})" if one.detail else "")


def _call(call: Call) -> Iterator[str]:
    yield f"### {escaped(call.title)}"
    if call.badges:
        yield " · ".join(f"{escaped(badge.metric)} **{escaped(badge.said)}**" for badge in call.badges)
    yield "\n".join(text for line in call.lines for text in _line(line))
    yield f"*{escaped(call.ending)}*"
    if call.verdicts:
        yield from _table(call.verdicts)


def _line(line: Line) -> Iterator[str]:
    said = " ".join(_piece(text, metrics) for text, metrics in line.pieces if text.strip())
    yield f"- {escaped(line.speaker)}: {said}"
    for metric, judge, reason in line.notes:
        yield f"    - **{escaped(metric)}: 0** {escaped(reason)} ({escaped(judge)})"


def _piece(text: str, metrics: tuple[str, ...]) -> str:
    return f"**{escaped(text)}** [{escaped(', '.join(metrics))}]" if metrics else escaped(text)
