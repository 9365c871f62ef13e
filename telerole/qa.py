"""`QAPair`: an expert-written question and answer, the seed of session prefix completion (paper 4.3)."""

from __future__ import annotations

from pydantic import Field

from telerole.records import Language, Record


class QAPair(Record):
    """A merchant's question and the expert's answer, which stays word for word."""

    id: str = Field(min_length=1)
    language: Language
    topic: str
    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    source: str = ""
