"""What an evaluation plays: scripts that no training call was made from, with sampled profiles and strategies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

from telerole.catalog import Catalog, Seed
from telerole.errors import FileError, InputError
from telerole.records import Language, read_text
from telerole.scenario import Scenario
from telerole.speaker import derive_seed
from telerole.synthesis.dataset import Shares, split

EACH = 3


def held_out(
    catalog: Catalog | None = None,
    *,
    dataset: Path | str | None = None,
    each: int = EACH,
    seed: int = 0,
    language: Language | None = None,
) -> list[Scenario]:
    """The scenarios of the scripts held out for evaluation (paper 5.2: 100 scripts, 300 sessions).

    Those are the scripts that ``split.json`` of a `dataset` (`synthesize`) holds out, or `split` of the catalog by
    `seed`. Each script meets `each` pairs of a profile and a strategy: its own, and others of merchants of the same
    trade drawn by `seed` (fewer where the library has fewer); people are drawn for each. Raises `InputError` where no
    script is held out.
    """
    library = catalog or Catalog.bundled()
    seeds = _of_dataset(library, Path(dataset)) if dataset else split(library, Shares(), seed, language).held_out
    wanted = [one for one in seeds if language in (None, library.script(one.script).language)]
    if not wanted:
        raise InputError(f"{dataset or 'the library'}: holds out no script{f' in {language!r}' if language else ''}")
    pairs = [pair for one in wanted for pair in _pairs(library, one, each, seed)]
    return [
        library.cast(pair, number, Random(derive_seed("people", seed, pair.script, number)))
        for number, pair in enumerate(pairs)
    ]


def _of_dataset(catalog: Catalog, dataset: Path) -> list[Seed]:
    file = dataset / "split.json"
    try:
        names = set(json.loads(read_text(file))["held_out"])
    except (ValueError, KeyError, TypeError):
        raise FileError(file, ["holds no data set's split; name a folder that `telerole synthesize` made"]) from None
    return [one for one in catalog.seeds if one.script in names]


def _pairs(catalog: Catalog, seed: Seed, each: int, number: int) -> Sequence[Seed]:
    """The seed, and others of its trade and language with its script in the place of theirs."""
    language = catalog.script(seed.script).language
    others = [
        one.model_copy(update={"script": seed.script})
        for one in catalog.seeds
        if one.script != seed.script and one.trade == seed.trade and catalog.script(one.script).language == language
    ]
    drawn = Random(derive_seed("pairs", number, seed.script)).sample(others, min(each - 1, len(others)))
    return [seed, *drawn]
