"""What a model wrote, made into what is said on the phone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from telerole.persona import Role

_THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_HALF_THINKING = re.compile(r"\A.*</think(?:ing)?>|<think(?:ing)?>.*\Z", re.DOTALL | re.IGNORECASE)
_HANG_UP = re.compile(
    r"[\[(【（<]\s*(?:hangs?[ _-]?up|hung up|end(?: of)?(?: the)? call|挂断(?:电话)?|挂电话|通话结束)\s*[\])】）>]",
    re.I,
)
_NAMES: dict[Role, str] = {
    "salesperson": r"sales(?:person|man|woman|\s*rep(?:resentative)?)?|agent|销售(?:员|人员)?|业务员|坐席|客服",
    "merchant": r"merchant|customer|client|seller|商家|老板|客户|商户",
}
_LABEL = {role: re.compile(rf"\s*[*\[【]*(?:{names})[*\]】]*\s*[:：][*]*\s*", re.I) for role, names in _NAMES.items()}
_STAGE = re.compile(r"(?:\*[^*\n]{1,60}\*|[\[【][^\]】\n]{1,60}[\]】]|（[^）\n]{1,40}）|\([^)\n]{1,60}\))")
_PLAIN = re.compile(r"""[^<\[({*【（「：:\n\ud800-\udfff]*""")  # most lines: nothing in them could have to be cut
_BULLET = re.compile(r"[-–•]\s+")
_QUOTES = {'"': '"', "“": "”", "「": "」", "'": "'"}
_OPENERS = {*_QUOTES, "-", "–", "•"}


@dataclass(frozen=True, slots=True)
class Speech:
    """The words to say, whether the phone is put down after them, and what was cut away."""

    text: str
    hung_up: bool = False
    repairs: tuple[str, ...] = ()


def spoken(raw: str, role: Role) -> Speech:
    """Cut from a model's reply what nobody says on the phone; every cut is named in `repairs`.

    Reasoning blocks, the speaker's own label, stage directions, quotation marks around the whole line, and
    everything from the first line that speaks for the other side. The hang-up mark becomes `hung_up`.
    """
    if _PLAIN.fullmatch(raw) and raw[:1] not in _OPENERS:
        return Speech(" ".join(raw.split()))
    repairs: list[str] = []

    def cut(name: str, before: str, after: str) -> str:
        if after.strip() != before.strip():
            repairs.append(name)
        return after.strip()

    raw = raw.encode(errors="replace").decode()  # half a character would fit into no record
    text = cut("reasoning", raw, _HALF_THINKING.sub("", _THINKING.sub("", raw)))
    other: Role = "merchant" if role == "salesperson" else "salesperson"
    text = cut("label", text, _own_part(text, role))
    text = cut("other side", text, _until_label(text, other))
    hung_up = _HANG_UP.search(text) is not None
    text = _HANG_UP.sub(" ", text).strip()
    text = cut("stage direction", text, _STAGE.sub(" ", text))
    text = cut("bullet", text, text[match.end() :] if (match := _BULLET.match(text)) else text)
    text = cut("quotes", text, _unquoted(text))
    return Speech(re.sub(r"\s+", " ", text), hung_up, tuple(repairs))


def _own_part(text: str, role: Role) -> str:
    match = _LABEL[role].match(text)
    return text[match.end() :] if match else text


def _until_label(text: str, other: Role) -> str:
    lines = text.splitlines()
    kept = next((n for n, line in enumerate(lines) if _LABEL[other].match(line)), len(lines))
    return "\n".join(lines[:kept])


def _unquoted(text: str) -> str:
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1] and text[-1] not in text[1:-1]:
        return text[1:-1]
    return text
