"""Private items planted in lines of sales calls, and lines without any: plain code, seeded.

The lines and words are data, ``planted.yaml``, written from how people dictate on the telephone: in groups, with
fillers between them, in figures or in words, "double five" and 幺. Nothing here knows how the filter finds them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import yaml

from telerole.records import Language

DATA: dict[Language, dict[str, Any]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
SPOKEN_ZH = dict(zip("0123456789", "零幺二三四五六七八九", strict=True))
WORDS_EN = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


class Planted(NamedTuple):
    """A line with one private item in it, from `start` to `end`."""

    language: Language
    kind: str
    text: str
    start: int
    end: int

    @property
    def secret(self) -> str:
        """What the line says of the item, word for word."""
        return self.text[self.start : self.end]


def planted(language: Language, count: int, seed: int = 0) -> Iterator[Planted]:
    """`count` lines with one item each, every kind as often as the others."""
    random = Random(f"{language}-{seed}")
    kinds = list(ITEMS[language])
    for number in range(count):
        kind = kinds[number % len(kinds)]
        secret, line = ITEMS[language][kind](random), random.choice(DATA[language]["lines"][kind])
        start = line.index("{}")
        yield Planted(language, kind.partition("/")[0], line.replace("{}", secret), start, start + len(secret))


def said(language: Language) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Lines as somebody said them, and where the private items of each stand."""
    for line in DATA[language]["said"]:
        text, spans = "", []
        for number, part in enumerate(re.split("[⟦⟧]", line)):
            if number % 2:
                spans.append((len(text), len(text) + len(part)))
            text += part
        yield text, spans


def clean(language: Language, count: int, seed: int = 0) -> Iterator[str]:
    """`count` lines full of figures and capitals in which nothing is private."""
    random = Random(f"clean-{language}-{seed}")
    for _ in range(count):
        named = random.choice(("figures", "figures", "figures", "figures", "order", "model"))
        line = random.choice(DATA[language]["clean"] if named == "figures" else DATA[language]["named"][named])
        while "{}" in line:
            line = line.replace("{}", _figure(random, language, named), 1)
        yield line


def _figure(random: Random, language: Language, named: str) -> str:
    if named == "order":
        return random.choice(("", "", "SF", "PO-", "YT", "INV")) + digits(random, random.randint(6, 15), "2369")
    kind = random.choice(("number", "number", "number", "date", "share")) if named == "figures" else named
    return word(random, language, kind)


def word(random: Random, language: Language, kind: str) -> str:
    chosen: str = random.choice(DATA[language]["words"][kind])
    return chosen


def digits(random: Random, count: int, first: str = "0123456789") -> str:
    return random.choice(first) + "".join(random.choice("0123456789") for _ in range(count - 1))


def letters(random: Random, count: int) -> str:
    return "".join(random.choice(LETTERS) for _ in range(count))


def grouped(random: Random, number: str, *shapes: tuple[int, ...]) -> list[str]:
    """The number in groups of one of these shapes; what a shape leaves over is the last group."""
    groups = []
    for size in random.choice(shapes):
        groups.append(number[:size])
        number = number[size:]
    return [*groups, number] if number else groups


def dictated(random: Random, language: Language, groups: list[str]) -> str:
    """The groups as somebody dictates them: in figures, in words, or some of each, with one sort of pause."""
    style = random.choice(("figures", "figures", "words", "words", "mixed"))
    pause = word(random, language, "pause")
    aloud = words_zh if language == "zh" else words_en
    said = [
        aloud(random, group) if style == "words" or (style == "mixed" and random.random() < 0.5) else group
        for group in groups
    ]
    left_out = language == "zh" and random.random() < 0.3  # a pause now and then only
    return said[0] + "".join(("" if left_out and random.random() < 0.3 else pause) + part for part in said[1:])


def words_zh(random: Random, group: str) -> str:
    one = random.choice("幺幺一")
    return "".join(one if digit == "1" else SPOKEN_ZH[digit] for digit in group)


def words_en(random: Random, group: str) -> str:
    zero, doubles = random.choice(("oh", "zero")), random.random() < 0.6
    said: list[str] = []
    while group:
        run = len(group) - len(group.lstrip(group[0]))
        take = run if doubles and run in (2, 3) else 1
        name = zero if group[0] == "0" else WORDS_EN[int(group[0])]
        said.append({1: name, 2: f"double {name}", 3: f"triple {name}"}[take])
        group = group[take:]
    return random.choice((" ", " ", ", ", "-")).join(said)


def mobile_zh(random: Random) -> str:
    number = "1" + random.choice("3456789") + digits(random, 9)
    shapes = ((3, 4, 4), (3, 4, 4), (3, 3, 5), (11,), (4, 4, 3), (3, 2, 2, 2, 2), (1,) * 11)
    said = dictated(random, "zh", grouped(random, number, *shapes))
    return random.choice(("", "", "", "+86 ", "86-")) + said if said[0].isdigit() else said


def landline_zh(random: Random) -> str:
    number = random.choice("25678") + digits(random, 7)
    return dictated(random, "zh", [word(random, "zh", "area"), *grouped(random, number, (4, 4), (8,), (3, 5))])


def service_zh(random: Random) -> str:
    number = random.choice(("400", "800")) + digits(random, 7)
    return dictated(random, "zh", grouped(random, number, (3, 3, 4), (3, 4, 3), (10,)))


def resident_id(random: Random) -> str:
    body = random.choice(("110101", "330782", "440305", "320583", "510104", "370211"))
    body += (
        f"{random.randint(1950, 2005)}{random.randint(1, 12):02}{random.randint(1, 28):02}{random.randint(0, 999):03}"
    )
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


def resident_id_zh(random: Random) -> str:
    number = resident_id(random)
    shapes = ((17,), (6, 8, 3), (6, 4, 4, 3), (3, 3, 4, 4, 3))
    said = dictated(random, "zh", grouped(random, number[:17], *shapes))
    if number[17] == "X":
        return said + random.choice(("X", "x", " X", "，叉"))
    return said + (number[17] if said[-1].isdigit() else SPOKEN_ZH[number[17]])


def luhn(random: Random, prefix: str, length: int) -> str:
    body = prefix + digits(random, length - 1 - len(prefix))
    doubled = [int(d) * (2 if place % 2 == 0 else 1) for place, d in enumerate(reversed(body))]
    return body + str(-sum(d // 10 + d % 10 for d in doubled) % 10)


def card(random: Random, language: Language, *issuers: tuple[str, int]) -> str:
    number = luhn(random, *random.choice(issuers))
    return dictated(random, language, grouped(random, number, (4, 4, 4), (4, 4, 4, 4), (len(number),)))


def uk_phone(random: Random) -> str:
    number, shapes = random.choice(
        (
            ("07700900" + digits(random, 3), ((5, 3, 3), (5, 6), (11,), (3, 4, 4))),
            ("07" + random.choice("4589") + digits(random, 8), ((5, 3, 3), (5, 6), (11,), (3, 2, 3, 3))),
            ("02079460" + digits(random, 3), ((3, 4, 4), (11,))),
            ("01632960" + digits(random, 3), ((5, 3, 3), (5, 6))),
            ("0161496" + digits(random, 4), ((4, 3, 4), (11,))),
        )
    )
    said = dictated(random, "en", grouped(random, number, *shapes))
    return "+44 " + said[1:] if said.startswith("07") and random.random() < 0.3 else said


def us_phone(random: Random) -> str:
    area, exchange = random.choice(("212", "415", "503", "617", "303")), random.choice(("555", "624", "867"))
    said = dictated(
        random, "en", grouped(random, area + exchange + digits(random, 4), (3, 3, 4), (3, 3, 4), (3, 3, 2, 2))
    )
    if said[:3].isdigit() and random.random() < 0.4:
        return random.choice(("+1 ", "1-")) + said
    return f"({said[:3]}) {said[4:]}" if said[:3].isdigit() and said[3] in " -" else said


def passport_en(random: Random) -> str:
    groups = [digits(random, 3), digits(random, 3), digits(random, 3)]
    whole = "".join(groups)
    return random.choice((whole, dictated(random, "en", groups), letters(random, 1) + whole[1:]))


def passport_zh(random: Random) -> str:
    number = digits(random, 8)
    return random.choice("EG") + random.choice((number, words_zh(random, number)))


def qq(random: Random) -> str:
    number = digits(random, random.choice((6, 8, 9, 10)), "123456789")
    return dictated(random, "zh", grouped(random, number, (len(number),), (3, 3)))


def email(random: Random, language: Language) -> str:
    mailbox, host, domain = (word(random, language, kind) for kind in ("mailbox", "host", "domain"))
    return f"{mailbox}@{host}.{domain}"


def email_spoken_en(random: Random) -> str:
    mailbox, host, domain = (word(random, "en", f"{kind} spoken") for kind in ("mailbox", "host", "domain"))
    return f"{mailbox} at {host} dot {domain}"


def email_spoken_zh(random: Random) -> str:
    return "".join(word(random, "zh", f"{kind} spoken") for kind in ("mailbox", "at", "host", "domain"))


def plate_zh(random: Random) -> str:
    tail = random.choice((digits(random, 5), digits(random, 3) + letters(random, 2), "D" + digits(random, 5)))
    if random.random() < 0.3:
        tail = "".join(SPOKEN_ZH.get(sign, sign) for sign in tail)
    return random.choice("京沪浙苏粤鲁川闽豫") + random.choice("ABCDEFG") + random.choice(("", "", "·", " ")) + tail


def plate_en(random: Random) -> str:
    return f"{letters(random, 2)}{random.randint(51, 74)}{random.choice((' ', ''))}{letters(random, 3)}"


def address_zh(random: Random) -> str:
    town, road, house, rest = (word(random, "zh", kind) for kind in ("town", "road", "house", "rest"))
    return f"{town}{road}{house}{'' if rest.startswith('弄') else '号'}{rest}"


ITEMS: dict[Language, dict[str, Callable[[Random], str]]] = {
    "zh": {
        "phone/mobile": mobile_zh,
        "phone/landline": landline_zh,
        "phone/service": service_zh,
        "id/resident": resident_id_zh,
        "id/passport": passport_zh,
        "card": lambda random: card(random, "zh", ("6222", 19), ("6217", 19), ("6228", 16), ("4392", 16), ("5187", 16)),
        "account/wechat": lambda random: word(random, "zh", "account") + digits(random, random.choice((4, 5, 6))),
        "account/spoken": lambda random: word(random, "zh", "account spoken") + words_zh(random, digits(random, 5)),
        "account/qq": qq,
        "email/written": lambda random: email(random, "zh"),
        "email/spoken": email_spoken_zh,
        "plate": plate_zh,
        "address/road": address_zh,
        "address/estate": lambda random: "".join(word(random, "zh", kind) for kind in ("city", "estate", "flat")),
        "name/told": lambda random: word(random, "zh", "surname") + word(random, "zh", "given"),
    },
    "en": {
        "phone/uk": uk_phone,
        "phone/us": us_phone,
        "phone/world": lambda random: word(random, "en", "abroad") + digits(random, 2),
        "card": lambda random: card(random, "en", ("4", 16), ("51", 16), ("4929", 16), ("2221", 16)),
        "id/passport": passport_en,
        "account": lambda random: word(random, "en", "account") + digits(random, 2),
        "email/written": lambda random: email(random, "en"),
        "email/spoken": email_spoken_en,
        "plate": plate_en,
        "address/road": lambda random: (
            f"{word(random, 'en', 'house')} {word(random, 'en', 'road')} {word(random, 'en', 'kind')}"
            f"{word(random, 'en', 'town')}"
        ),
        "address/postcode": lambda random: word(random, "en", "postcode"),
        "name/told": lambda random: f"{word(random, 'en', 'first')} {word(random, 'en', 'last')}",
    },
}
