"""Reading scripts as users have them: records, or plain transcripts with a speaker before each line.

A bad file or record is named and left out; the others are read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from telerole.errors import FileError, InputError
from telerole.records import Language, explain, load_each, read_text
from telerole.script import Script, ScriptLine

MOST_LINES = 2000  # two hours of quick talk; more than that is several calls in one file
RECORDS = (".jsonl", ".json", ".yaml", ".yml")

Speaker = Literal["salesperson", "merchant", "unknown"]
SPEAKERS: dict[str, Speaker] = {
    **dict.fromkeys(
        (
            "salesperson",
            "sales",
            "agent",
            "seller",
            "rep",
            "caller",
            "sales rep",
            "sales agent",
            "customer service",
            "account manager",
            "销售",
            "销售员",
            "坐席",
            "客服",
            "业务员",
            "业务",
        ),
        "salesperson",
    ),
    **dict.fromkeys(
        (
            "merchant",
            "customer",
            "client",
            "shop",
            "owner",
            "shop owner",
            "store owner",
            "商家",
            "客户",
            "老板",
            "商户",
            "店主",
        ),
        "merchant",
    ),
    **dict.fromkeys(("unknown", "?", "？", "未知"), "unknown"),
}
_LINE = re.compile(
    r"\s*(?:\[?[\d:.,\s-]+\]?\s+)?"  # a time stamp
    r"(?P<speaker>[^\W\d_]{1,12}|[?？]|(?:speaker|spk|说话人|发言人)[\s_]*\w{1,3}|[A-Za-z]"
    r"|[^\W\d_][\w.'’-]*(?:\s+[\w.'’-]+){1,2}?)"
    r"(?:\s*(?:[(\[（][\d:.]{4,}[)\]）]|(?P<bare>[\d:.]{4,})|[(\[（](?P<note>[^()（）\[\]:：]{1,30})[)\]）]))?"
    r"\s*[:：]\s*(?P<text>.*)",
    re.I,
)
_BEFORE_TIME = re.compile(  # "At 10:30: fine" goes on with the line before
    r"(?:at|by|from|until|till|after|before|around|about|say|maybe|or|and|so|上午|下午|早上|晚上|中午|凌晨|"
    r"今天|明天|后天|大概|大约|到|在|就)",
    re.I,
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_LETTER = re.compile(r"[A-Za-z\u3400-\u9fff]")


@dataclass(slots=True)
class Scripts:
    """The scripts that could be read, and what is wrong with the others, each with its file and its line or field."""

    scripts: list[Script] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_scripts(path: Path | str) -> Scripts:
    """The scripts of a file, or of every file in a folder at any depth; two with one id are a fault of the second.

    ``.jsonl``, ``.json`` and ``.yaml`` hold `Script` records; ``.txt`` is one call, each line with its speaker before a
    colon. Raises `InputError` where there is nothing at `path`.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    found = Scripts()
    seen: set[str] = set()
    for file in [path] if path.is_file() else sorted(_files(path)):
        read, faults = _read(file)
        found.faults += [f"{file}: {fault}" for fault in faults]
        for script in read:
            if script.id in seen:
                found.faults.append(f"{file}: id: {script.id!r} stands more than once")
            else:
                seen.add(script.id)
                found.scripts.append(script)
    return found


def transcript(text: str, id: str) -> Script:
    """A plain transcript as a `Script`; a line without a speaker belongs to the line before.

    A speaker is one word, or several that are names or say a role, and may have a time or a note in brackets:
    "Sales Rep:", "Agent (Tom):", "Tom Baker [00:31]:".
    Where the speakers have no names but numbers or letters, whoever says more is taken for the salesperson: it is a
    guess, as every speaker of a script is. Raises `InputError` or pydantic's `ValidationError`.
    """
    lines: list[tuple[str, str]] = []
    for line in filter(str.strip, text.splitlines()):
        if (match := _LINE.fullmatch(line)) is not None and (label := _label(match)):
            lines.append((label, match["text"].strip()))
        elif lines:
            lines[-1] = (lines[-1][0], f"{lines[-1][1]} {line.strip()}")
    said = [(speaker, text) for speaker, text in lines if text]
    if not said:
        raise InputError("no line has a speaker and words; write each as 'speaker: words'")
    roles = _roles(said)
    return Script(
        id=id,
        language=language_of(text),
        lines=tuple(ScriptLine(speaker=roles[speaker], text=words) for speaker, words in said),
        source=f"{id}.txt",
    )


def language_of(text: str) -> Language:
    """Chinese where at least a fifth of the letters are Han characters."""
    letters = len(_LETTER.findall(text))
    return "zh" if letters and len(_HAN.findall(text)) >= 0.2 * letters else "en"


def _label(match: re.Match[str]) -> str:
    """Who speaks, in lower case, or nothing where the words before the colon are no speaker's."""
    words = match["speaker"].split()
    label = " ".join(words).lower()
    if match["bare"] and not _role(label) and (words[-1].islower() or _BEFORE_TIME.fullmatch(label)):
        return ""
    named = all(word[0].isupper() or word.isdigit() or _HAN.match(word) for word in words)
    if len(words) > 1 and not named and label not in SPEAKERS and not re.match(r"speaker|spk", label):
        return ""
    if len(words) > 1 and _HAN.search(label) and not _role(label):
        return ""
    return f"{label} ({match['note'].lower()})" if match["note"] and not _role(label) else label


def _role(label: str) -> Speaker | None:
    """The role that a label says: as a whole, in its last word, or in its first ("sales rep", "agent 2", 销售 小林)."""
    words = label.split()
    return next((SPEAKERS[one] for one in (label, words[-1], words[0]) if one in SPEAKERS), None)


def _roles(said: list[tuple[str, str]]) -> dict[str, Speaker]:
    """Who each label is: by its name, and of two nameless ones the one who says more sells."""
    labels = list(dict.fromkeys(speaker for speaker, _ in said))
    roles = {label: role for label in labels if (role := _role(label))}
    nameless = [label for label in labels if label not in roles]
    amount = {label: sum(len(text) for speaker, text in said if speaker == label) for label in nameless}
    free: list[Speaker] = [role for role in ("salesperson", "merchant") if role not in roles.values()]
    for label in sorted(nameless, key=lambda one: -amount[one]):
        roles[label] = free.pop(0) if free else "unknown"
    return roles


def _files(folder: Path) -> Iterator[Path]:
    return (
        file
        for file in folder.rglob("*")
        if file.is_file() and not file.name.startswith(".") and not file.name.lower().startswith(("readme", "license"))
    )


def _read(file: Path) -> tuple[list[Script], list[str]]:
    try:
        if file.suffix.lower() == ".txt":
            return _short([transcript(read_text(file), file.stem)], [])
        if file.suffix.lower() in RECORDS:
            return _short(*load_each(file, Script))
        return [], [f"unknown file type {file.suffix!r}; use {', '.join(RECORDS)} or .txt"]
    except FileError as error:
        return [], error.faults
    except ValidationError as error:
        return [], explain(error, Script)
    except InputError as error:
        return [], [str(error)]


def _short(scripts: list[Script], faults: list[str]) -> tuple[list[Script], list[str]]:
    """The scripts that can be calls, and what is wrong with the others."""
    long = [script for script in scripts if len(script.lines) > MOST_LINES]
    faults = faults + [
        f"script {one.id!r} has {len(one.lines):,} lines, a call at most {MOST_LINES:,}: split it into its calls"
        for one in long
    ]
    return [script for script in scripts if script not in long], faults
