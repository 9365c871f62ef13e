"""Characters that nobody sees, made visible: they could turn a line of text round, or hide what it says."""

from __future__ import annotations

import re

CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """The text with each such character as its number, ``[U+202E]``; tab and line feed stay."""
    return UNSEEN.sub(_number, CONTROLS.sub(_number, text))


def _number(match: re.Match[str]) -> str:
    return f"[U+{ord(match.group()):04X}]"
