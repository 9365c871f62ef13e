"""Which part of a rendered chat is learned: what the assistant says and the mark that ends its turn, nothing else.

A chat template says so with ``{% generation %}`` … ``{% endgeneration %}``, which transformers and TRL read
(`assistant_only_loss`). Few templates have these marks. They are put in here by a rule, and what the rule made is
tried out on a probe: it must render the same text, and mark exactly the assistant's words and their end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from telerole.backends.base import Message
from telerole.errors import InputError

PROBE: tuple[Message, ...] = (
    {"role": "system", "content": "Sys one"},
    {"role": "user", "content": "User one"},
    {"role": "assistant", "content": "Said one"},
    {"role": "user", "content": "User two"},
    {"role": "assistant", "content": "Said two"},
)
WORDS = [message["content"] for message in PROBE if message["role"] == "assistant"]
SPECIAL = {"bos_token": "<BOS>", "eos_token": "<EOS>", "pad_token": "<PAD>", "unk_token": "<UNK>"}
ADVICE = (
    "put {% generation %} before what the assistant says and {% endgeneration %} after its end mark in the "
    "tokenizer's chat template, or take a base with a ChatML template"
)
TURN_MARK = re.compile(
    r"<[|｜][^<>\n]{1,60}[|｜]>"  # ChatML, Llama 3, Phi, DeepSeek: <|im_end|>
    r"|</?s>|\[/?INST\]|<</?SYS>>"  # Llama 2, Mistral
    r"|<(?:start|end)_of_(?:turn|utterance)>|<(?:bos|eos)>"  # Gemma, SmolVLM
)
_GENERATION = re.compile(r"\{%[-+]?\s*generation\s*[-+]?%\}")
_CONTENT = re.compile(r"(?P<message>\w+)\s*(?:\.\s*content|\[\s*(['\"])content\2\s*\])(?:\s*\|\s*\w+(?:\(\s*\))?)*")
_BLANK_END = re.compile(r"(?:\\[nrt]|\s)*\Z")
_DATA_END = re.compile(r"[^\s{]+")


def turn_mark(text: str) -> str | None:
    """The first mark in the text by which some model tells turns apart, or None: it would end a turn, or forge one.

    A tokenizer may read ``<|im_end|>`` in somebody's words as the token that ends a turn.
    """
    found = TURN_MARK.search(text)
    return found.group() if found else None


def spans(messages: Sequence[Message], template: str, special: Mapping[str, str] = SPECIAL) -> list[tuple[int, int]]:
    """Where, in the text that `template` renders, stands what is learned: ``(start, end)`` in characters.

    `special` gives the strings of the special tokens that the template names, such as ``eos_token``.
    """
    return _rendered(messages, with_generation_marks(template), special)[1]


def with_generation_marks(template: str) -> str:
    """The chat template with the marks round what the assistant says, its end-of-turn token included.

    One that has them is given back as it is. The marks go into every expression that writes ``message['content']``
    (ChatML in all its forms, Llama 3.1, Phi 3, Zephyr, …), or where that will not do, TRL's own training form of the
    template is taken: some of these learn a line feed or an empty thought, too. Raises `InputError` where neither is
    to be had, or the template takes no system message.
    """
    from jinja2 import TemplateError

    if not template:
        raise InputError("there is no chat template, so nothing says how a call is written; take a chat model")
    try:
        plain, _ = _rendered(PROBE, template, SPECIAL)
    except TemplateError as error:
        raise InputError(f"the chat template does not take a call (system, user, assistant in turn): {error}") from None
    if _GENERATION.search(template):
        if not _sound(template):
            raise InputError(f"the chat template's generation marks leave out words or end marks; {ADVICE}")
        return template
    try:
        if _exact(marked := "".join(_marked(template)), plain):
            return marked
    except TemplateError:
        pass  # a template of a kind that the rule does not know
    if (trls := _trls(template)) is not None and _sound(trls):
        return trls
    raise InputError(f"nothing is known about where an assistant's turn ends in this chat template; {ADVICE}")


def _rendered(
    messages: Sequence[Message], template: str, special: Mapping[str, str]
) -> tuple[str, list[tuple[int, int]]]:
    """The text as transformers renders it, and where its generation marks stood."""
    try:
        from transformers.utils.chat_template_utils import render_jinja_template
    except ImportError:
        raise InputError('reading chat templates needs transformers; pip install "telerole[train]"') from None
    marks = _GENERATION.search(template) is not None
    given: dict[str, Any] = {**special, "return_assistant_tokens_mask": marks}
    rendered: Any = render_jinja_template([[{**message} for message in messages]], chat_template=template, **given)
    texts, found = rendered
    return texts[0], [(start, end) for start, end in found[0]] if marks else []


def _exact(marked: str, plain: str) -> bool:
    """Whether the marked template writes the same, and marks each assistant turn of the probe, its end and no more."""
    text, found = _rendered(PROBE, marked, SPECIAL)
    learned = [text[start:end] for start, end in found]
    ends = {piece.removeprefix(words) for piece, words in zip(learned, WORDS, strict=False)}
    end = next(iter(ends), "")
    # after the last end comes nothing but a line feed, or the mark that some templates put once under the whole chat
    whole = bool(found) and text[found[-1][1] :].strip() in ("", SPECIAL["eos_token"])
    return text == plain and len(learned) == len(WORDS) and len(ends) == 1 and end == end.rstrip() != "" and whole


def _sound(marked: str) -> bool:
    """Whether what is marked holds all of the assistant's words, and something that ends a turn after them."""
    text, found = _rendered(PROBE, marked, SPECIAL)
    learned = [text[start:end] for start, end in found]
    return len(learned) == len(WORDS) and all(
        piece.partition(words)[2].strip() for piece, words in zip(learned, WORDS, strict=True)
    )


def _trls(template: str) -> str | None:
    """TRL's training form of a template that it knows."""
    try:
        from trl import chat_template_utils as known
    except ImportError:
        return None
    ending = "_training_chat_template"
    for name, training in vars(known).items():
        plain = getattr(known, name.removesuffix(ending) + "_chat_template", None) if name.endswith(ending) else None
        if plain == template and isinstance(training, str):
            return training
    return None


class _Token(NamedTuple):
    kind: str
    text: str


def _marked(template: str) -> Iterator[str]:
    """The template's source in pieces, the marks put into the expressions that write a message's content."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    lexed = ImmutableSandboxedEnvironment(keep_trailing_newline=True).lex(template)
    tokens = [_Token(kind, text) for _, kind, text in lexed]
    at = 0
    while at < len(tokens):
        if tokens[at].kind != "variable_begin":
            yield tokens[at].text
            at += 1
            continue
        end = next(n for n in range(at, len(tokens)) if tokens[n].kind == "variable_end")
        after = tokens[end + 1].text if end + 1 < len(tokens) and tokens[end + 1].kind == "data" else ""
        written, used = _expression(tokens[at : end + 1], after)
        yield written
        at = end + 1
        if used:
            yield after[used:]
            at += 1


def _expression(tokens: Sequence[_Token], after: str) -> tuple[str, int]:
    """``{{ a + message.content + end + blank }}`` with marks round content and end; else as it was.

    Where the end stands as plain text `after` the expression, as many of its characters are used as the second says.
    """
    begin, close = tokens[0].text, tokens[-1].text
    terms = list(_terms(tokens[1:-1]))
    found = next(((n, match) for n, term in enumerate(terms) if (match := _CONTENT.fullmatch(term))), None)
    if found is None:
        return "".join(token.text for token in tokens), 0
    number, match = found
    learned, blank = _without_blank_end(terms[number:])
    said = f"{{{{ {' + '.join(learned)} }}}}"
    used = 0
    if len(learned) == 1 and not blank and not close.startswith("-") and (plain := _DATA_END.match(after)):
        said, used = said + plain.group(), plain.end()
    head = f"{begin} {' + '.join(terms[:number]) or repr('')} }}}}"
    by_role = f"{{% if {match['message']}['role'] == 'assistant' %}}{{% generation %}}{said}{{% endgeneration %}}"
    return f"{head}{by_role}{{% else %}}{said}{{% endif %}}{{{{ {' + '.join(blank) or repr('')} {close}", used


def _terms(tokens: Iterable[_Token]) -> Iterator[str]:
    """The terms of a sum: what stands between its ``+`` (or ``~``) outside of brackets."""
    depth, term = 0, ""
    for kind, text in tokens:
        depth += (text in "([{") - (text in ")]}") if kind == "operator" else 0
        if kind == "operator" and text in "+~" and depth == 0:
            yield term.strip()
            term = ""
        else:
            term += text
    yield term.strip()


def _without_blank_end(terms: Sequence[str]) -> tuple[list[str], list[str]]:
    """The terms up to the last that is not blank, and the blank end, which follows a turn and is not part of it."""
    said, blank = list(terms), list[str]()
    while len(said) > 1 and said[-1][0] in "'\"":
        quote, body = said[-1][0], said[-1][1:-1]
        kept = _BLANK_END.sub("", body)
        if kept != body:
            blank.insert(0, quote + body[len(kept) :] + quote)
        if kept:
            said[-1] = quote + kept + quote
            break
        said.pop()
    return said, blank
