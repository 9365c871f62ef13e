"""How long the next turn is to be: lengths sampled as real people's turns are spread, per language and role."""

from __future__ import annotations

import math
from random import Random

from telerole.persona import Role
from telerole.records import Language
from telerole.style import SHORT, target


def aimed_length(role: Role, language: Language, random: Random) -> int:
    """A number of words (Chinese: characters), at least 1.

    A turn is short (1 to 3 words) as often as in real talk; the others are 4 words and an exponential tail, so that the
    mean is that of real talk (`style.target`).
    """
    real = target(language, role).style
    if random.random() < real.short_turns:
        return random.randint(1, SHORT)
    mean_short = (1 + SHORT) / 2
    mean_long = (real.length - real.short_turns * mean_short) / (1 - real.short_turns)
    return SHORT + 1 + round(-math.log(1 - random.random()) * (mean_long - SHORT - 1))
