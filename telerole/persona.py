"""`Persona`: who speaks, the salesperson or the merchant, and how they talk (paper 4.2)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from telerole.records import Language, Record

Role = Literal["salesperson", "merchant"]

Objection = Literal[
    "price",  # it costs too much, what does it cost
    "no_need",  # I have enough business as it is
    "tried_before",  # I tried that and it brought nothing
    "trust",  # are you a fraud; everybody promises that
    "capacity",  # I could not deliver more orders; nobody to look after it
    "complexity",  # language, customs, rules: too complicated
    "decision",  # somebody else decides
]

Topic = Literal[
    "channels",  # where they sell now
    "capacity",  # how much they can make or ship
    "export",  # whether they have sold abroad
    "decision",  # who decides
    "team",  # who looks after the shop
    "trouble",  # what bothers them at the moment
    "season",  # when business is high
    "schedule",  # when they have time
]


class Disposition(Record):
    """Where a merchant's mind stands when the phone rings: each a number from 0 to 1.

    Read by the merchant's mind, never shown to a model: a number in a prompt is recited, not lived.
    """

    interest: float = Field(0.4, ge=0, le=1)
    patience: float = Field(0.6, ge=0, le=1)
    busyness: float = Field(0.3, ge=0, le=1)
    talkativeness: float = Field(0.4, ge=0, le=1)
    suspicion: float = Field(0.3, ge=0, le=1)


class Persona(Record):
    """A person on the phone. Trade-independent: what they sell stands in the profile and the seed script.

    `facts` are what a merchant can tell when asked, by topic, in the merchant's own words. `objections`
    are those this merchant raises, likeliest first. `company` is the salesperson's.
    """

    id: str = Field(min_length=1)
    role: Role
    language: Language
    name: str
    background: str = Field(min_length=1)
    temperament: str = Field(min_length=1)
    manner: tuple[str, ...] = Field(min_length=1)
    company: str = ""
    objections: tuple[Objection, ...] = ()
    facts: dict[Topic, str] = {}
    disposition: Disposition = Disposition()

    @model_validator(mode="after")
    def _fits_role(self) -> Self:
        if self.role == "salesperson" and (self.objections or self.facts):
            raise ValueError("objections and facts belong to a merchant; this persona is a salesperson")
        if self.role == "salesperson" and not self.company:
            raise ValueError("company: a salesperson calls for a company; name it")
        if self.role == "merchant" and self.company:
            raise ValueError("company: belongs to a salesperson; this persona is a merchant")
        return self
