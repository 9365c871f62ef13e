"""`Profile`: structured facts about a merchant, by a `ProfileTemplate` (paper section 3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from numbers import Integral
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from telerole.errors import nearest
from telerole.records import Language, Record, Text


def _stated(value: object) -> object:
    """`value`, where it can be one: a yes would count as 1."""
    match value:
        case bool():
            pass
        case str() | Integral():
            return value
        case float() if value.is_integer():
            return value
        case list() | tuple() if all(isinstance(one, str) for one in value):
            return value
    wanted = "must be text, a whole number or a list of texts"
    raise ValueError(f"{wanted}, not {value!r}; YAML wants a text such as yes or 1.5 in quotes")


Value = Annotated[str | int | tuple[str, ...], BeforeValidator(_stated)]


class ProfileField(Record):
    """One field of a template. `merchant_knows` is false for what only the platform knows (its own ratings)."""

    label: str
    kind: Literal["text", "number", "tag", "tags"] = "text"
    tags: tuple[Text, ...] = ()
    required: bool = True
    merchant_knows: bool = True

    @model_validator(mode="after")
    def _tags_where_needed(self) -> Self:
        if (self.kind in ("tag", "tags")) != bool(self.tags):
            raise ValueError("tags: list the allowed tags exactly where kind is 'tag' or 'tags'")
        return self

    def fault(self, value: Value) -> str | None:
        """What is wrong with `value` in this field, or None."""
        match self.kind:
            case "number":
                return None if isinstance(value, int) else f"must be a whole number, not {value!r}"
            case "text":
                return None if isinstance(value, str) and value else f"must be text, not {value!r}"
        if (self.kind == "tags") != isinstance(value, tuple) or not value:
            return f"must be {'a list of tags' if self.kind == 'tags' else 'one tag'}, not {value!r}"
        given = value if isinstance(value, tuple) else (value,)
        wrong = [str(tag) for tag in given if tag not in self.tags]
        return (
            f"{wrong[0]!r} is not a tag{nearest(wrong[0], self.tags)}; allowed: {', '.join(self.tags)}"
            if wrong
            else None
        )


class ProfileTemplate(Record):
    """Which facts a profile states, in the order in which they are shown."""

    id: str = Field(min_length=1)
    language: Language
    title: str
    fields: dict[str, ProfileField] = Field(min_length=1)

    @field_validator("fields")
    @classmethod
    def _labels_differ(cls, fields: dict[str, ProfileField]) -> dict[str, ProfileField]:
        named: dict[str, list[str]] = {}  # facts are told by label: of two with the same one would be lost
        for name, field in fields.items():
            named.setdefault(field.label, []).append(name)
        faults = [
            f"{' and '.join(names)} have the label {label!r}; give each its own"
            for label, names in named.items()
            if len(names) > 1
        ]
        if faults:
            raise ValueError("\n".join(faults))
        return fields


class Profile(Record):
    """Facts about one merchant. `values` are checked against the template's fields and tags."""

    id: str = Field(min_length=1)
    template: ProfileTemplate
    values: dict[str, Value]

    @model_validator(mode="after")
    def _fits_template(self) -> Self:
        fields = self.template.fields
        faults = [f"values.{name}: unknown field{nearest(name, fields)}" for name in self.values if name not in fields]
        misspelt = {
            name for wrong in self.values.keys() - fields.keys() for name in get_close_matches(wrong, fields, 1)
        }
        faults += [
            f"values.{name}: is missing"
            for name, f in fields.items()
            if f.required and name not in self.values.keys() | misspelt
        ]
        faults += [
            f"values.{name}: {fault}"
            for name, value in self.values.items()
            if name in fields and (fault := fields[name].fault(value))
        ]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def facts(self, *, for_merchant: bool = False) -> dict[str, str]:
        """Label → value as text, in the template's order; for the merchant only what the merchant knows."""
        return {
            field.label: self.text(name)
            for name, field in self.template.fields.items()
            if name in self.values and (field.merchant_knows or not for_merchant)
        }

    def text(self, name: str) -> str:
        """One value as text; several tags are joined in the language's way."""
        value = self.values[name]
        if isinstance(value, tuple):
            return ("、" if self.template.language == "zh" else ", ").join(value)
        return str(value)

    def slots(self) -> dict[str, str]:
        """Every field's value as text, to fill lines such as ``"your {product}"``."""
        return {name: self.text(name) for name in self.values}


def unknown_tags(
    fits: Mapping[str, Iterable[str]], templates: Iterable[ProfileTemplate], language: Language
) -> Iterator[tuple[str, str]]:
    """What `fits` names and no template of the language has: the field, and what is wrong with it or with a tag."""
    known: defaultdict[str, dict[str, None]] = defaultdict(dict)  # field → its tags in all templates
    for template in templates:
        for name, field in template.fields.items():
            if field.tags and template.language == language:
                known[name] |= dict.fromkeys(field.tags)
    for name, tags in fits.items():
        if name not in known:
            yield name, f"no profile template in {language!r} has tags of that name{nearest(name, known)}"
            continue
        for tag in tags:
            if tag not in known[name]:
                yield name, f"{tag!r} is not a tag{nearest(tag, known[name])}; allowed: {', '.join(known[name])}"
