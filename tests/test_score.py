"""Scores of extractors: the truth scores 1, and each kind of noise moves the figures that it should."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from telerole import Catalog, Script
from telerole.records import LANGUAGES, Language
from telerole.script import ScriptLine
from telerole.session import End, Session, Triplet, Turn, speaker_at
from telerole.synthesis.noise import KINDS, Kind, Noise, noisy
from telerole.synthesis.score import Answer, Match, Scores, Share, answers, score
from telerole.synthesis.score.baselines import copied, perfect
from telerole.synthesis.score.words import content_words, words
from telerole.truth import Truth

SPEAKER = {"speaker accuracy"}
BOUNDARY = {"turn-boundary precision", "turn-boundary recall", "turn-boundary F1"}
PRECISION, RECALL, ADDED = {"content-word precision"}, {"content-word recall"}, {"added-fact rate"}
CHOSEN = {"profile-field F1", "right strategy"}

# What a reader that copies the script loses to each kind of noise. Its steps are not among the figures: it names none,
# and `acts_in` reads them from question marks and sample lines, so that nearly every kind moves them.
MOVES: dict[Kind, set[str]] = {
    "recognition": PRECISION | RECALL | ADDED,  # forty is heard as fourteen: a fact that nobody told
    "deletions": RECALL,
    "fillers": set(),
    "restarts": PRECISION | ADDED,  # "two two hundred" is another number
    "numerals": set(),
    "punctuation": set(),
    "merged": SPEAKER | BOUNDARY,
    "split": set(),  # neighbouring lines of one speaker are one turn
    "speakers": SPEAKER | BOUNDARY,
    "crosstalk": PRECISION,
    "overlap": SPEAKER | BOUNDARY,  # the words are all there
}
# How far a figure has to move. Below lies what follows from that alone that words meet which stood apart: 六百，三个月
# without its comma reads as 630. One claim in a hundred is enough to be made so.
MOVED = dict.fromkeys(SPEAKER | BOUNDARY | PRECISION | RECALL | CHOSEN, 0.003) | dict.fromkeys(ADDED, 0.015)


class Library:
    """The bundled pairs of truths and scripts."""

    def __init__(self, catalog: Catalog) -> None:
        self.languages: dict[str, Language] = {
            truth.script: language for language in LANGUAGES for truth in catalog.truths(language)
        }
        self.truths = [truth for language in LANGUAGES for truth in catalog.truths(language)]
        self.scripts = [catalog.script(truth.script) for truth in self.truths]
        self.answers = answers(catalog)

    def copied(self, scripts: Iterable[Script]) -> Scores:
        """The scores of copying these scripts; leaks are not looked for."""
        return score([copied(one, self.answers[one.id]) for one in scripts], self.truths, [], self.answers).total()

    def noisy(self, level: float, *kinds: Kind, truths: Sequence[Truth] = ()) -> Scores:
        """The scores of copying scripts with noise of these kinds, or of all."""
        noise = Noise(level=level, kinds=frozenset(kinds or KINDS))
        return self.copied(noisy(truth, noise, 1).script for truth in truths or self.truths)


@pytest.fixture(scope="module")
def library(catalog: Catalog) -> Library:
    return Library(catalog)


@pytest.fixture(scope="module")
def answer(library: Library) -> Answer:
    return library.answers["en-20"]


def turns(*texts: str) -> tuple[Turn, ...]:
    """These lines in turn."""
    acts = {"salesperson": "acknowledge", "merchant": "listen"}
    roles = [speaker_at(number) for number in range(len(texts))]
    return tuple(Turn(role=role, text=text, act=acts[role]) for role, text in zip(roles, texts, strict=True))


def scored(said: Sequence[Turn], found: Sequence[Turn], answer: Answer, language: Language = "en") -> Scores:
    """The scores of one session against what was said, without an answer for profile and strategy."""
    session = Session(
        id="s.0", scenario_id="s", language=language, seed=0, turns=tuple(found), end=End(reason="stopped")
    )
    triplet = Triplet(
        profile=answer.profile, strategy=answer.strategy, session=session, method="extraction", source="s"
    )
    return score([triplet], [Truth(script="s", outcome="interest", turns=tuple(said))], [], {}).total()


def test_the_truth_itself_scores_1_everywhere_and_adds_and_leaks_nothing(library: Library) -> None:
    triplets = [perfect(one, library.languages[one.script], library.answers[one.script]) for one in library.truths]
    whole = score(triplets, library.truths, library.scripts, library.answers)
    assert whole.total().triplets == 81
    for name, share in whole.total().shares().items():
        assert share.value == 1 or (name in ("added-fact rate", "PII leak rate") and not share.count), (name, share)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_noise_moves_its_figures_and_no_other(kind: Kind, library: Library) -> None:
    shares = library.noisy(1, kind).shares()
    moved = {
        name
        for name, threshold in MOVED.items()
        if abs((shares[name].value or 0) - (name not in ADDED)) > threshold  # of a clean script all are 1, or 0
    }
    assert moved == MOVES[kind]


def test_more_noise_scores_less(library: Library) -> None:
    levels = [library.noisy(level, truths=library.truths[::3]).shares() for level in (0, 0.25, 0.5, 0.75, 1)]
    for name in SPEAKER | BOUNDARY | PRECISION | RECALL:
        values = [shares[name].value or 0 for shares in levels]
        assert values == sorted(values, reverse=True), name
        assert values[0] == 1 > values[-1]
    added = [shares["added-fact rate"].value or 0 for shares in levels]
    assert added[0] == 0 < added[-1]


def test_the_corpus_own_scripts_score_like_noise_of_some_middle_level(library: Library) -> None:
    own = library.copied(library.scripts).shares()
    mild, strong = library.noisy(0.2).shares(), library.noisy(0.8).shares()
    for name in SPEAKER | PRECISION | RECALL | {"turn-boundary F1"}:
        assert (strong[name].value or 0) < (own[name].value or 0) < (mild[name].value or 0), name


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "Um, a hundred and eighty-six, Mr. Hale.", "186 mister hale"),
        ("en", "Uh-huh, that's forty pounds", "that's 40 pounds"),
        ("zh", "嗯，一共一百八十六块。", "一共186块"),
        ("zh", "那个，我们走批发", "我们走批发"),
    ],
)
def test_words_are_the_same_whichever_way_they_are_written(language: Language, one: str, other: str) -> None:
    assert words(one, language) == words(other, language)


def test_content_words_hold_no_function_words() -> None:
    assert content_words("Well, I think it's the mugs that we sell.", "en") == ["think", "mugs", "sell"]
    assert "".join(content_words("我们的货主要就走批发市场吧", "zh")) == "货主要走批发市场"


def test_a_swapped_turn_costs_its_words_and_both_its_boundaries(answer: Answer) -> None:
    said = turns("Do you sell online?", "Only markets.", "And abroad?", "Never.")
    found = turns("Do you sell online? Only markets. And abroad?", "Never.")
    got = scored(said, found, answer)
    assert got.speakers == Share(7, 9)
    assert got.boundaries == Match(matched=1, found=1, true=3)
    assert got.content.f1.value == 1


def test_a_lost_turn_costs_its_words_alone(answer: Answer) -> None:
    said = turns("Do you sell online?", "Right.", "And abroad?", "Never.")
    found = turns("Do you sell online? And abroad?", "Never.")
    got = scored(said, found, answer)
    assert (got.speakers.value, got.boundaries.f1.value) == (1, 1)


def test_a_fact_that_nobody_told_is_added(answer: Answer) -> None:
    said = turns("It costs forty pounds a month.", "Fine.")
    same = turns("It costs 40 pounds a month.", "Fine.")
    more = turns("It costs 50 pounds a month.", "Fine.")
    assert scored(said, same, answer).added.count == 0
    assert scored(said, more, answer).added.count == 1


def test_steps_are_read_from_acts_and_without_acts_from_the_words(library: Library) -> None:
    truth = next(one for one in library.truths if one.script == "en-20")
    answer = library.answers["en-20"]
    bare = truth.model_copy(update={"turns": tuple(turn.model_copy(update={"act": None}) for turn in truth.turns)})
    whole, plain = (score([perfect(one, "en", answer)], [truth], [], library.answers) for one in (truth, bare))
    assert whole.total().steps.f1.value == 1
    assert 0.5 < (plain.total().steps.f1.value or 0) <= 1


def test_profile_and_strategy_count_field_by_field_and_whole(library: Library) -> None:
    mine, other = library.answers["en-20"], library.answers["en-60"]
    truth = next(one for one in library.truths if one.script == "en-20")
    fitted = mine.strategy.model_copy(update={"id": f"{mine.strategy.id}@en-20"})
    triplet = perfect(truth, "en", Answer(profile=mine.profile, strategy=fitted))
    assert score([triplet], [], [], library.answers).total().strategy == Share(1, 1)
    values = {**mine.profile.values, "product": "SOMETHING else"}
    wrong = triplet.model_copy(update={"profile": mine.profile.model_copy(update={"values": values})})
    got = score([wrong], [], [], library.answers).total().profile
    assert (got.matched, got.found) == (got.true - 1, got.true)
    swapped = triplet.model_copy(update={"strategy": other.strategy})
    assert score([swapped], [], [], library.answers).total().strategy.count == (mine.strategy.id == other.strategy.id)


def test_a_private_number_that_is_kept_is_a_leak(answer: Answer) -> None:
    text = "你记一下，我电话是幺三八幺二三四五六七八。"
    script = Script(
        id="s",
        language="zh",
        lines=(ScriptLine(speaker="salesperson", text="您电话多少？"), ScriptLine(speaker="merchant", text=text)),
    )
    truth = Truth(script="s", outcome="interest", turns=turns("您电话多少？", text))
    kept = copied(script, answer)
    masked = kept.model_copy(
        update={
            "session": kept.session.model_copy(update={"turns": turns("您电话多少？", "你记一下，我电话是[电话]。")})
        }
    )
    assert score([kept], [truth], [script], {}).total().leaked == Share(1, 1)
    assert score([masked], [truth], [script], {}).total().leaked == Share(0, 1)


def test_the_copying_reader_joins_lines_of_one_speaker_and_begins_with_the_salesperson(answer: Answer) -> None:
    said = [
        ("merchant", "Yes?"),
        ("unknown", "Mind the door."),
        ("salesperson", "Hello."),
        ("merchant", "Who"),
        ("merchant", "is it?"),
    ]
    lines = tuple(ScriptLine.model_validate({"speaker": speaker, "text": text}) for speaker, text in said)
    read = copied(Script(id="s", language="en", lines=lines), answer).session.turns
    assert [turn.text for turn in read] == ["Yes? Mind the door. Hello.", "Who is it?"]


def test_scores_are_summed_by_language_and_a_script_without_a_triplet_is_missing(library: Library) -> None:
    chosen = [library.scripts[0], library.scripts[-1]]
    whole = score([copied(one, library.answers[one.id]) for one in chosen], library.truths, library.scripts, {})
    assert whole.total("en") + whole.total("zh") == whole.total()
    assert len(whole.missing) == 79
    headings, *cells = whole.rows()
    assert headings == ("", "en", "zh", "all")
    rows = {name: row for name, *row in cells}
    assert rows["scripts"] == ["1", "1", "2"]
    assert rows["right strategy"] == ["–"] * 3
    share = whole.total().speakers
    assert rows["speaker accuracy"][2] == f"{share.count / share.of:.3f} ({share.count}/{share.of})"
