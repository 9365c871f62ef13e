"""Near-duplicates in a corpus: all are found, one of each kind stays, and the order they came in does not matter."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.sparse import csr_matrix

from telerole import Catalog, Simulator
from telerole.postprocess.duplicates import Duplicates
from telerole.postprocess.filtering import CorpusFilter, Reject
from telerole.postprocess.openings import Openings, opening
from telerole.postprocess.shingles import MISSED, Index, banding, jaccard, shingles
from telerole.records import LANGUAGES, Language
from telerole.session import End, Session, Turn, speaker_at

WORD: dict[Language, str] = {"en": r"[^\W_]+(?:'[^\W_]+)*", "zh": r"[a-z0-9]+|[^\W_]"}
SIZE: dict[Language, int] = {"en": 3, "zh": 5}
LINES: dict[Language, tuple[str, ...]] = {
    "en": (
        "Hello, is that the shop on Mill Lane?",
        "Speaking, who is this?",
        "I look after new sellers for the marketplace.",
        "We tried one of those before and nothing came of it.",
        "There's no fee for the first three months.",
    ),
    "zh": (
        "喂，您好，请问是陈老板吗？",
        "我就是，你哪位啊？",
        "我是平台招商这边的，跟您说个事。",
        "之前弄过，没什么用。",
        "头三个月不收您一分钱，您先试试看。",
    ),
}


def call(name: str, language: Language, lines: Sequence[str]) -> Session:
    turns = tuple(Turn(role=speaker_at(at), text=line) for at, line in enumerate(lines))
    return Session(id=name, scenario_id=name, language=language, seed=0, turns=turns, end=End(reason="stopped"))


def rejected(filter: CorpusFilter, calls: Iterable[Session]) -> Mapping[str, Reject]:
    collector = filter.collector()
    for one in calls:
        collector.add(one)
    return collector.rejected()


def grams(session: Session) -> frozenset[tuple[str, ...]]:
    """What the paper-and-pencil definition says, with no hash in it."""
    text = " ".join(turn.text for turn in session.turns).lower().replace("’", "'")
    said, size = re.findall(WORD[session.language], text), SIZE[session.language]
    return frozenset(tuple(said[at : at + size]) for at in range(max(1, len(said) - size + 1)))


def likeness(calls: Sequence[Session]) -> np.ndarray:
    """The exact Jaccard of every pair."""
    sets = [sorted(grams(one)) for one in calls]
    numbers = {gram: number for number, gram in enumerate(sorted({gram for one in sets for gram in one}))}
    columns = [numbers[gram] for one in sets for gram in one]
    sizes = np.array([len(one) for one in sets])
    held = csr_matrix((np.ones(len(columns)), columns, np.concatenate([[0], np.cumsum(sizes)])))
    shared = (held @ held.T).toarray()
    found: np.ndarray = shared / (sizes[:, None] + sizes[None, :] - shared)
    return found


@pytest.fixture(scope="module")
def corpus(catalog: Catalog) -> dict[Language, list[Session]]:
    """A thousand calls a language, put together from the library's lines; every second is a copy changed a little."""
    return {language: copied(catalog, language, 1000) for language in LANGUAGES}


def copied(catalog: Catalog, language: Language, calls: int) -> list[Session]:
    rng = random.Random(7)
    pool = sorted(
        {line.text for script in catalog.scripts.values() if script.language == language for line in script.lines}
    )
    texts: list[list[str]] = []
    for _ in range(calls):
        if texts and rng.random() < 1 / 2:
            new = list(rng.choice(texts))
            for at in rng.sample(range(15), rng.randint(0, 6)):
                new[at] = rng.choice(pool)
        else:
            new = rng.choices(pool, k=15)
        texts.append(new)
    return [call(f"{language}-{number}", language, lines) for number, lines in enumerate(texts)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_pair_over_the_threshold_is_a_candidate(
    corpus: dict[Language, list[Session]], language: Language
) -> None:
    index, found = Index(0.6), set()
    for number, one in enumerate(corpus[language]):
        sketch = index.sketch(shingles(" ".join(turn.text for turn in one.turns), language))
        found |= {(other, number) for other in index.near(sketch)}
        index.add(number, sketch)
    alike = np.argwhere(np.triu(likeness(corpus[language]) >= 0.6, 1)).tolist()
    assert len(alike) > 200
    assert {(one, other) for one, other in alike} <= found


def test_in_two_thousand_calls_no_two_kept_are_alike_and_every_rejected_one_is_like_a_kept_one(
    corpus: dict[Language, list[Session]],
) -> None:
    found = rejected(Duplicates(), [*corpus["en"], *corpus["zh"]])
    assert len(found) > 400
    for calls in corpus.values():
        exact = likeness(calls)
        place = {one.id: at for at, one in enumerate(calls)}
        kept = [at for at, one in enumerate(calls) if one.id not in found]
        assert np.triu(exact[np.ix_(kept, kept)], 1).max() < 0.6
        for name, at in place.items():
            if name in found:
                other = place[found[name].reason.rpartition(" ")[2]]
                assert other in kept
                assert found[name].score == pytest.approx(exact[at, other])
                assert exact[at, other] >= 0.6


def test_shuffling_a_corpus_changes_nothing(corpus: dict[Language, list[Session]]) -> None:
    calls = [*corpus["en"][:300], *corpus["zh"][:300]]
    shuffled = random.Random(1).sample(calls, len(calls))
    for filter in (Duplicates(), Openings(at_least=1)):
        assert rejected(filter, calls) == rejected(filter, shuffled) != {}


@settings(deadline=None, max_examples=40)
@given(st.data(), st.sampled_from(LANGUAGES), st.sampled_from([0.3, 0.6, 0.9, 1.0]))
def test_any_corpus_keeps_one_of_each_kind(data: st.DataObject, language: Language, threshold: float) -> None:
    talks = st.lists(st.sampled_from(LINES[language]), min_size=1, max_size=6)
    calls = [call(str(at), language, talk) for at, talk in enumerate(data.draw(st.lists(talks, max_size=10)))]
    found = rejected(Duplicates(threshold=threshold), data.draw(st.permutations(calls)))
    assert found == rejected(Duplicates(threshold=threshold), calls)
    known = {one.id: grams(one) for one in calls}
    kept = set(known) - set(found)

    def alike(one: str, other: str) -> float:
        return len(known[one] & known[other]) / len(known[one] | known[other])

    assert all(alike(one, other) < threshold for one, other in combinations(sorted(kept), 2))
    for one, reject in found.items():
        like = reject.reason.rpartition(" ")[2]
        assert like in kept
        assert reject.score == alike(one, like) >= threshold


def test_of_a_chain_both_ends_stay_where_the_middle_is_the_shortest() -> None:
    words = [f"w{number}" for number in range(100)]
    left, middle, right = (" ".join(words[start:end]) for start, end in ((0, 76), (17, 80), (22, 100)))
    calls = [call(name, "en", [text]) for name, text in (("left", left), ("middle", middle), ("right", right))]
    found = rejected(Duplicates(), calls)
    assert set(found) == {"middle"}
    assert jaccard(shingles(left, "en"), shingles(right, "en")) < 0.6


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_rejected_call_shows_the_lines_it_shares_and_with_whom(language: Language) -> None:
    kept = call("first", language, LINES[language])
    other = "Fine." if language == "en" else "行。"
    found = rejected(Duplicates(), [kept, call("second", language, [*LINES[language][:4], other])])
    reject = found["second"]
    assert reject.reason == "is nearly the same as session first"
    assert reject.threshold == 0.6
    assert reject.score is not None
    assert 0.6 <= reject.score < 1
    assert len(reject.evidence) == 3
    assert all(one.turn is not None and LINES[language][one.turn] == one.text for one in reject.evidence)


@pytest.mark.parametrize(
    ("language", "one", "other", "same"),
    [
        ("en", "It’s 5 O'CLOCK, Mr. Bell!", "it's 5 o’clock mr bell", True),
        ("en", "Is it 5 pounds?", "Is it 6 pounds?", False),
        ("zh", "您加我ＱＱ，好吗？", "您加我qq好吗", True),
        ("zh", "一年三百，三十天能退", "一年五百，三十天能退", False),
    ],
)
def test_case_width_and_punctuation_make_no_other_call_and_figures_do(
    language: Language, one: str, other: str, same: bool
) -> None:
    found = rejected(Duplicates(threshold=1), [call("a", language, [one]), call("b", language, [other])])
    assert len(found) == same


def test_a_call_is_only_like_calls_of_its_language() -> None:
    talk = ["OK OK", "12345 67890 OK", "bye bye bye"]
    assert rejected(Duplicates(), [call("a", "en", talk), call("b", "zh", talk)]) == {}


@pytest.mark.parametrize(("lines", "repeats"), [(("喂？", "喂，"), 1), (("喂？", "你好"), 0), (("……", "。"), 1)])
def test_calls_with_hardly_a_word_in_them_are_judged_too(lines: tuple[str, str], repeats: int) -> None:
    assert len(rejected(Duplicates(), [call(line, "zh", [line]) for line in lines])) == repeats


@pytest.mark.parametrize("threshold", [0.2, 0.3, 0.5, 0.6, 0.8, 0.95, 1.0])
def test_the_bands_miss_one_pair_in_a_million_at_the_threshold(threshold: float) -> None:
    rows, bands = banding(threshold)
    assert (1 - threshold**rows) ** bands <= MISSED


def test_a_threshold_that_is_no_share_is_refused() -> None:
    for threshold in (0.0, 1.1):
        with pytest.raises(ValidationError, match="threshold"):
            Duplicates(threshold=threshold)


SAME_WORDS: dict[Language, list[list[str]]] = {
    "en": [
        [f"Hello, is that {name}?", "Yeah?", f"Hi, um, it's {me} from Seabridge. Have you got a minute for me?"]
        for name, me in (("Mr. Bell", "Nina Marsh"), ("Mrs. Amari", "Tom"), ("Dr. Jane Osei", "Priya Nair"))
    ],
    "zh": [
        [f"喂，是{name}吧？", "哎，说。", f"您好，我是海桥国际站的{me}，呃，方便说两句吗，就几句话。"]
        for name, me in (("王总", "小方"), ("李老板", "老周"), ("陈姐", "阿秀"))
    ],
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_and_fillers_make_no_other_opening(language: Language) -> None:
    calls = [call(str(at), language, lines) for at, lines in enumerate(SAME_WORDS[language])]
    assert len({opening(one) for one in calls}) == 1
    assert len(opening(calls[0])) == {"en": 12, "zh": 16}[language]
    assert opening(call("x", language, LINES[language])) != opening(calls[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_more_calls_than_the_limit_begin_in_the_same_words_and_the_longest_stay(language: Language) -> None:
    begin = SAME_WORDS[language][0]
    calls = [call(str(length), language, [*begin, *LINES[language][:length]]) for length in range(5)]
    calls.append(call("other", language, LINES[language]))
    found = rejected(Openings(at_least=2), calls)
    assert set(found) == {"0", "1", "2"}
    assert (found["0"].score, found["0"].threshold) == (5, 2)
    assert "as 4 other sessions" in found["0"].reason
    assert found["0"].evidence[0].text == begin[0]


def test_the_limit_grows_with_the_corpus() -> None:
    assert [Openings().limit(sessions) for sessions in (10, 500, 501, 20_000)] == [5, 5, 6, 200]


def test_offline_calls_open_in_words_enough_and_are_no_duplicates(catalog: Catalog) -> None:
    calls = list(Simulator(seed=5).run_many(catalog.sample(300, seed=5)))
    assert rejected(Openings(), calls) == {}
    assert rejected(Duplicates(), calls) == {}
