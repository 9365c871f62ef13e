"""`Persona`: who speaks, the salesperson or the merchant, and how they talk (paper 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from telerole.records import Language, Record, Text

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


Temper = Literal[
    "hurried",  # no time, decides fast
    "wary",  # has been had before
    "warm",  # likes a chat, hates to say no
    "dry",  # wants figures, no small talk
    "blunt",  # says what they think, at once
    "timid",  # afraid of doing something wrong
    "shrewd",  # bargains, plays one off against another
    "proud",  # knows it all, wants to be asked
    "polite",  # says yes, means no
    "restless",  # curious, jumps from one thing to the next
]

Trade = Literal[
    "home",  # furniture, lamps, textiles
    "kitchen",
    "clothing",  # shoes and bags too
    "toys",  # children's and babies' things
    "sports",  # outdoor, camping
    "tools",  # hardware, garden
    "electronics",
    "beauty",
    "food",  # tea, snacks
    "pets",
    "stationery",  # crafts, gifts, party
    "auto",  # cars and bicycles
]

Event = Literal[
    "greeted",  # asks for the person
    "introduced",  # says who is calling
    "asked_permission",  # asks whether this is a good moment
    "new_value",  # a point not made before
    "repeated",  # the same point again
    "monologue",  # went on for too long
    "asked",  # asks for a fact
    "asked_again",  # asks what has been told already
    "answered",  # answers the merchant's question or objection
    "ignored",  # leaves the merchant's question or objection open
    "pushed_on",  # goes on pitching at somebody who said they have no time
    "pressed",  # keeps at it after a refusal
    "backed_off",  # takes a no as a no
    "boasted",  # a claim nobody can check
    "chatted",  # goes along with small talk
    "proposed",  # asks for the meeting, the contact or the sign-up
    "offered_callback",
    "listened",  # leaves the merchant the floor
    "said_nothing",  # words without content, or silence
    "said_goodbye",
]

Feeling = Literal["interest", "trust", "patience", "suspicion"]

# Strict, for YAML's yes would be 1.
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Move = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Disposition(Record):
    """Where a merchant's mind stands when the phone rings: each a number from 0 to 1.

    Read by the merchant's mind, never shown to a model: a number in a prompt is recited, not lived.
    """

    interest: Share = 0.4
    patience: Share = 0.6
    busyness: Share = 0.3
    talkativeness: Share = 0.4
    suspicion: Share = 0.3


MERCHANT_ONLY = ("temper", "trades", "fits", "objections", "refusals", "facts", "reactions")


class Persona(Record):
    """A person on the phone. Trade-independent: what they sell stands in the profile and the seed script.

    `facts` are what a merchant can tell when asked, by topic, in the merchant's own words. `objections`
    are those this merchant raises, likeliest first; `refusals` are their own ways to say no, each with its reason.
    `temper` names the merchant's row of the reaction table, and `reactions` changes single entries of it:
    event → how much it moves interest, trust, patience or suspicion. A merchant with `trades` sells only those,
    and one with `fits` only has a business of these tags: profile field → tags (``size: [one person]``).
    `company` is the salesperson's.
    """

    id: str = Field(min_length=1)
    role: Role
    language: Language
    name: str
    background: str = Field(min_length=1)
    temperament: str = Field(min_length=1)
    manner: tuple[Text, ...] = Field(min_length=1)
    company: str = ""
    temper: Temper | None = None
    trades: tuple[Trade, ...] = ()
    fits: dict[str, tuple[Text, ...]] = {}
    objections: tuple[Objection, ...] = ()
    refusals: tuple[Text, ...] = ()
    facts: dict[Topic, Text] = {}
    disposition: Disposition = Disposition()
    reactions: dict[Event, dict[Feeling, Move]] = {}

    def suits(self, trade: str, values: Mapping[str, object]) -> bool:
        """Whether somebody like this can run a business of that trade, with these values in its profile."""
        told = {name: value if isinstance(value, tuple) else (value,) for name, value in values.items()}
        return (not self.trades or trade in self.trades) and all(
            name not in told or set(told[name]) & set(tags) for name, tags in self.fits.items()
        )

    @model_validator(mode="after")
    def _fits_role(self) -> Self:
        if self.role == "salesperson" and (given := [name for name in MERCHANT_ONLY if getattr(self, name)]):
            raise ValueError(f"{', '.join(given)}: belongs to a merchant; this persona is a salesperson")
        if self.role == "salesperson" and not self.company:
            raise ValueError("company: a salesperson calls for a company; name it")
        if self.role == "merchant" and self.company:
            raise ValueError("company: belongs to a salesperson; this persona is a merchant")
        return self
