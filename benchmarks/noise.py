"""How noisy the seed corpus is, and which level of generated noise comes nearest to it.

``python benchmarks/noise.py --measure`` puts each truth beside its script and counts what `telerole.synthesis.noise`
takes for its rates; ``python benchmarks/noise.py`` scores a reader that copies the script as it stands, on the corpus'
own scripts and on generated ones.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import fmean

from rapidfuzz.distance import Levenshtein

from telerole import Catalog, Script
from telerole.records import LANGUAGES, Language
from telerole.session import speaker_at
from telerole.style import SHORT
from telerole.synthesis.noise import Noise, noisy
from telerole.synthesis.noise.alike import sound_alikes
from telerole.synthesis.noise.clean import parted
from telerole.synthesis.score import Scores, answers, score
from telerole.synthesis.score.baselines import copied
from telerole.truth import Truth

UNIT: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"[a-z0-9]+(?:'[a-z]+)*"),
    "zh": re.compile(r"[\u4e00-\u9fff]|[a-z0-9]+"),
}
FILLERS: dict[Language, re.Pattern[str]] = {
    "en": re.compile("u[hm]|erm?|oh|like|h?mm?|hm"),
    "zh": re.compile("[嗯呃唔哦啊]"),
}
WRITTEN = {("mr", "mister"), ("mrs", "missus"), ("ms", "miss")}
THIRD_PARTY = 4  # a run of so many words that nobody said is somebody else's
COMPARED = (
    "speaker accuracy",
    "turn-boundary precision",
    "turn-boundary recall",
    "content-word precision",
    "content-word recall",
    "added-fact rate",
)


@dataclass(frozen=True)
class Pair:
    """A truth and its script, unit by unit: English words, Chinese characters."""

    truth: Truth
    script: Script

    def said(self) -> Iterator[tuple[str, int, int]]:
        """The truth's units, each with its word's number and its turn's."""
        for number, word in enumerate(parted(self.truth.turns, self.script.language)):
            for unit in self._units(word.text):
                yield unit, number, word.turn or 0

    def heard(self) -> Iterator[tuple[str, int]]:
        """The script's units, each with its line's number."""
        for number, line in enumerate(self.script.lines):
            for unit in self._units(line.text):
                yield unit, number

    def _units(self, text: str) -> list[str]:
        return UNIT[self.script.language].findall(text.lower().replace("’", "'"))


def count(pair: Pair) -> tuple[Counter[str], Counter[str]]:
    """How often each kind of noise struck, and how often it could have."""
    said, heard = list(pair.said()), list(pair.heard())
    language = pair.script.language
    words = parted(pair.truth.turns, language)
    struck: Counter[str] = Counter()
    could = Counter(
        recognition=sum(bool(sound_alikes(word.text, language)) for word in words),
        deletions=len(said),
        fillers=len(words),
        restarts=len(words),
    )
    changed: set[int] = set()
    lines: defaultdict[int, Counter[int]] = defaultdict(Counter)  # of each turn
    for block in Levenshtein.opcodes([unit for unit, *_ in said], [unit for unit, _ in heard]):
        ours, theirs = said[block.src_start : block.src_end], heard[block.dest_start : block.dest_end]
        match block.tag:
            case "replace":
                changed |= {a[1] for a, b in zip(ours, theirs, strict=True) if (a[0], b[0]) not in WRITTEN}
            case "delete":
                struck["deletions"] += len(ours)
            case "insert":
                struck += inserted([unit for unit, _ in theirs], heard, block.dest_start, language)
            case "equal":
                for (_, _, turn), (_, line) in zip(ours, theirs, strict=True):
                    lines[turn][line] += 1
    struck["recognition"] = len(changed)
    laid_out, places = layout(pair, lines)
    return struck + laid_out, could + places


def inserted(units: list[str], heard: list[tuple[str, int]], start: int, language: Language) -> Counter[str]:
    """What a run of words that were not said is: a third party, fillers, or words begun twice."""
    if len(units) >= THIRD_PARTY:
        return Counter(crosstalk=1)
    around = {heard[place][0] for place in (start - 1, start + len(units)) if 0 <= place < len(heard)}
    return Counter(
        fillers=sum(FILLERS[language].fullmatch(unit) is not None for unit in units),
        restarts=sum(unit in around for unit in units),
    )


def layout(pair: Pair, lines: dict[int, Counter[int]]) -> tuple[Counter[str], Counter[str]]:
    """How turns stand in lines."""
    line = {turn: counts.most_common(1)[0][0] for turn, counts in lines.items()}
    short = {turn for turn, counts in lines.items() if counts.total() <= SHORT}
    inner = [turn for turn in sorted(line) if turn - 1 in line]
    swallowed = [turn for turn in inner if turn in short and turn + 1 in line]
    open_ = [turn for turn in inner if turn not in short and turn - 1 not in short]
    owner: dict[int, int] = {}
    for turn in sorted(line, key=lambda one: lines[one].total()):
        owner[line[turn]] = turn  # the longest turn of a line comes last
    labels = [(pair.script.lines[number].speaker, speaker_at(turn)) for number, turn in owner.items()]
    struck = Counter(
        merged_short=sum(line[turn - 1] == line[turn] == line[turn + 1] for turn in swallowed),
        merged=sum(line[turn - 1] == line[turn] for turn in open_),
        split=sum(len(counts) > 1 for counts in lines.values()),
        wrong_speaker=sum(label not in (right, "unknown") for label, right in labels),
        unknown_speaker=sum(label == "unknown" for label, _ in labels),
    )
    turns = len(pair.truth.turns)
    return struck, Counter(
        merged_short=len(swallowed),
        merged=len(open_),
        split=turns,
        wrong_speaker=len(labels),
        unknown_speaker=len(labels),
        crosstalk=turns,
    )


def measure(pairs: Iterable[Pair]) -> dict[str, float]:
    """The rates over all pairs, micro-averaged."""
    struck, could = Counter[str](), Counter[str]()
    for one, other in map(count, pairs):
        struck, could = struck + one, could + other
    return {kind: struck[kind] / could[kind] for kind in sorted(could)}


def copying(catalog: Catalog, scripts: Iterable[Script], truths: list[Truth]) -> Scores:
    """The scores of the reader that copies these scripts."""
    known, scripts = answers(catalog), list(scripts)
    triplets = [copied(script, known[script.id]) for script in scripts]
    return score(triplets, truths, scripts, known).total()


def values(scores: Scores) -> dict[str, float]:
    """The figures compared."""
    shares = scores.shares()
    return {figure: shares[figure].value or 0.0 for figure in COMPARED}


def show(name: str, own: dict[str, float], corpus: dict[str, float]) -> None:
    """One line of the table; the last column is how far the figures are from the corpus' in the mean."""
    apart = fmean(abs(own[figure] - corpus[figure]) for figure in COMPARED)
    print(f"{name:>8} " + " ".join(f"{own[figure]:>{len(figure)}.3f}" for figure in COMPARED) + f" {apart:.3f}")


def main() -> None:
    """Measure the corpus' rates, or compare levels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    catalog = Catalog.bundled()
    for language in LANGUAGES:
        truths = catalog.truths(language)
        print(language)
        if given.measure:
            pairs = [Pair(truth, catalog.script(truth.script)) for truth in truths]
            for kind, rate in measure(pairs).items():
                print(f"  {kind}: {rate:.4f}")
            continue
        print(f"{'':>8} " + " ".join(COMPARED) + " apart")
        corpus = values(copying(catalog, [catalog.script(truth.script) for truth in truths], truths))
        show("corpus", corpus, corpus)
        for level in (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0):
            scores = Scores()
            for seed in range(given.seeds):
                made = [noisy(truth, Noise(level=level), seed).script for truth in truths]
                scores += copying(catalog, made, truths)
            show(f"{level:g}", values(scores), corpus)


if __name__ == "__main__":
    main()
