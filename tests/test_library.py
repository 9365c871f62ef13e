"""The bundled library: enough of every kind, nothing twice, nobody real; and files told what is wrong with them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import get_args

import pytest
from rapidfuzz.fuzz import ratio

from telerole import Catalog, Persona, QAPair
from telerole.checking import check
from telerole.errors import InputError
from telerole.lines import ACTS, OBJECTIONS, TOPICS
from telerole.persona import Temper, Trade
from telerole.records import LANGUAGES, SLOT, Language
from telerole.strategy import Strategy
from telerole.truth import Truth

PACKAGE = Path(str(files("telerole")))
INSTALLED = (PACKAGE / "library").is_dir()
LIBRARY = PACKAGE / "library" if INSTALLED else PACKAGE.parent
DATA = LIBRARY / "data" if INSTALLED else LIBRARY / "examples" / "data"
FOLDERS = (LIBRARY / "personas", LIBRARY / "strategies", DATA)

UNSUCCESSFUL = {"refusal", "no_time", "hostile"}
NO_IN_A_TITLE = {
    "en": re.compile(r"phone put down|(polite|curt) no$|no time"),
    "zh": re.compile(r"挂|谢绝|拒|不考虑|打发|惹毛|摔|回了$|几句就回|只做国内|没说完|没听完"),
}
PRIVATE = {
    "a phone number": re.compile(r"\d(?:[ -]?\d){6,}"),
    "a spoken number": re.compile(
        r"\b(?:(?:zero|oh|nought|one|two|three|four|five|six|seven|eight|nine|double|treble)[ ,]+){5,}"
        r"|[零〇幺一二三四五六七八九]{6,}",
        re.IGNORECASE,
    ),
    "an e-mail address": re.compile(r"\S@\S|\bat \w+ dot \w+", re.IGNORECASE),
    "an address on the web": re.compile(
        r"https?:|www\.|\b[\w-]+\.(?:com|net|org|cn|io|co\.uk)\b|\bdot com\b|点com", re.IGNORECASE
    ),
    "a real brand": re.compile(
        r"\b(?:amazon|ebay|etsy|shopify|alibaba|aliexpress|taobao|tmall|temu|shein|tiktok|walmart|wayfair|argos|tesco"
        r"|ikea|facebook|instagram|google|youtube|linkedin|paypal|stripe|klarna|dhl|ups|fedex|hermes|evri|dpd|yodel"
        r"|royal mail|lazada|shopee|nike|adidas|lego|disney|samsung|sony|dyson|bosch|makita)\b"
        r"|阿里|淘宝|天猫|京东|拼多多|抖音|快手|小红书|美团|闲鱼|亚马逊|速卖通|希音|虾皮|来赞达|顺丰|圆通|中通|申通|韵达"
        r"|支付宝|百度|腾讯|华为|小米|耐克|阿迪达斯|乐高|迪士尼|敦煌网|沃尔玛|宜家",
        re.IGNORECASE,
    ),
}


def people(catalog: Catalog, role: str, language: Language) -> list[Persona]:
    return [one for one in catalog.personas.values() if (one.role, one.language) == (role, language)]


def plans(catalog: Catalog, language: Language) -> list[Strategy]:
    return [one for one in catalog.strategies.values() if one.language == language]


def truths(language: Language) -> list[Truth]:
    return Catalog.bundled().truths(language)


def pairs(language: Language) -> list[QAPair]:
    return Catalog.bundled().qa_pairs(language)


def alike(texts: Iterable[str], bound: float) -> list[tuple[float, str, str]]:
    """The pairs of texts whose likeness, slots left out, is above `bound` of 100."""
    bare = [(SLOT.sub("", text), text) for text in texts]
    near = [(ratio(a[0], b[0], score_cutoff=bound), a[1], b[1]) for a, b in combinations(bare, 2)]
    return [pair for pair in near if pair[0] > bound]


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_enough_people_of_every_kind(catalog: Catalog, language: Language) -> None:
    merchants = people(catalog, "merchant", language)
    assert len(merchants) >= 12
    assert len(people(catalog, "salesperson", language)) >= 6
    assert {one.temper for one in merchants} == set(get_args(Temper))
    assert {kind for one in merchants for kind in one.objections} == set(OBJECTIONS)


def test_every_merchant_can_say_no_and_has_facts_to_tell(catalog: Catalog) -> None:
    for one in catalog.personas.values():
        if one.role == "merchant":
            assert len(one.refusals) >= 3, one.id
            assert len(one.facts) >= 6, one.id
            assert one.objections, one.id


def test_there_is_a_plan_and_a_template_for_every_kind_of_call(catalog: Catalog) -> None:
    assert len(catalog.strategies) >= 12
    assert len(catalog.templates) >= 6
    for language in LANGUAGES:
        assert len(plans(catalog, language)) >= 6
        assert sum(template.language == language for template in catalog.templates.values()) >= 3
        assert {plan.closes_with for plan in plans(catalog, language)} == {"meeting", "contact", "signup"}
    for plan in catalog.strategies.values():
        assert {step.asks for step in plan.flow if step.asks} <= set(TOPICS), plan.id
        assert len(plan.answers) >= 6, plan.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_one_of_sixty_scripts_has_its_profile_seed_and_trade(catalog: Catalog, language: Language) -> None:
    scripts = {script.id for script in catalog.scripts.values() if script.language == language}
    seeds = [seed for seed in catalog.seeds if seed.script in scripts]
    assert len(scripts) >= 60
    assert sorted(seed.script for seed in seeds) == sorted(scripts)
    assert len({seed.profile for seed in seeds}) == len(scripts)
    assert {seed.strategy for seed in seeds} == {plan.id for plan in plans(catalog, language)}
    assert {seed.trade for seed in seeds} == set(get_args(Trade))
    for seed in seeds:
        profile, plan = catalog.profile(seed.profile), catalog.strategy(seed.strategy)
        assert profile.template.language == plan.language == language
        assert plan.slots() <= set(profile.values), seed


def test_every_merchant_is_called_about_what_they_sell(catalog: Catalog) -> None:
    for one in catalog.personas.values():
        if one.role == "merchant":
            called = catalog.sample(3, seed=1, persona=one)
            trades = {seed.script: seed.trade for seed in catalog.seeds}
            assert not one.trades or {trades[scenario.script.id] for scenario in called} <= set(one.trades)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_truth_tells_a_script_of_the_library_by_the_steps_of_its_own_strategy(
    catalog: Catalog, language: Language
) -> None:
    known = truths(language)
    seeds = {seed.script: seed for seed in catalog.seeds}
    assert len(known) >= 30
    assert len({truth.script for truth in known}) == len(known)
    for truth in known:
        assert catalog.script(truth.script).language == language
        plan = catalog.strategy(seeds[truth.script].strategy)
        acts = {act for turn in truth.turns for act in (turn.act or "").split("+")}
        taken = {act.removeprefix("step:") for act in acts if act.startswith("step:")}
        assert taken <= {step.id for step in plan.flow}, truth.script
        assert all(turn.act for turn in truth.turns), truth.script


@pytest.mark.parametrize("language", LANGUAGES)
def test_at_least_a_third_of_the_calls_come_to_nothing(catalog: Catalog, language: Language) -> None:
    known = {truth.script: truth for truth in truths(language)}
    lost = {
        name
        for name, truth in known.items()
        if truth.outcome in UNSUCCESSFUL or (truth.turns[-1].act or "").endswith("hang_up")
    }
    assert len(lost) >= len(known) / 3
    assert {truth.outcome for truth in known.values()} >= {*UNSUCCESSFUL, "interest", "callback", "perfunctory"}
    scripts = {script.id: script.title for script in catalog.scripts.values() if script.language == language}
    told = {name for name, title in scripts.items() if name not in known and NO_IN_A_TITLE[language].search(title)}
    assert len(lost | told) >= len(scripts) / 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_sixty_questions_with_answers_over_seven_topics(language: Language) -> None:
    known = pairs(language)
    topics = Counter(pair.topic for pair in known)
    assert len(known) >= 60
    assert len(topics) == 7
    assert min(topics.values()) >= 5
    assert len({pair.id for pair in known}) == len(known)
    assert {pair.language for pair in known} == {language}
    assert topics.keys() == {pair.topic for pair in pairs("en")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_texts_of_the_library_are_nearly_the_same(catalog: Catalog, language: Language) -> None:
    scripts = [script for script in catalog.scripts.values() if script.language == language]
    everybody = [one for one in catalog.personas.values() if one.language == language]
    steps = [step for plan in plans(catalog, language) for step in plan.flow]
    assert alike(("\n".join(line.text for line in script.lines) for script in scripts), 60) == []
    assert alike(("\n".join(turn.text for turn in truth.turns) for truth in truths(language)), 60) == []
    assert alike((one.background for one in everybody), 65) == []
    assert alike((one.temperament for one in everybody), 65) == []
    assert alike((no for one in everybody for no in one.refusals), 70) == []
    assert alike((fact for one in everybody for fact in one.facts.values()), 75) == []
    assert alike((line for step in steps for line in step.say), 85) == []
    assert (
        alike((line for plan in plans(catalog, language) for said in plan.answers.values() for line in said), 85) == []
    )
    assert alike((pair.question for pair in pairs(language)), 70) == []
    assert alike((pair.answer for pair in pairs(language)), 65) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_lines_of_an_act_are_nearly_the_same_but_for_a_word_or_two(catalog: Catalog, language: Language) -> None:
    acts = defaultdict[tuple[str, str, str], list[str]](list)
    for line in catalog.lines(language):
        if len(SLOT.sub("", line.text)) >= (8 if language == "zh" else 20):
            acts[line.role, line.act, line.about].append(line.text)
    assert sum(map(len, acts.values())) > 500
    assert [pair for texts in acts.values() for pair in alike(texts, 85)] == []
    every = Counter((line.role, line.act, line.text) for line in catalog.lines(language))
    assert [line for line, count in every.items() if count > 1 and line[1] != "answer"] == []


def test_nobody_real_can_be_reached_or_recognised_by_anything_in_the_library(catalog: Catalog) -> None:
    texts = {one.id: one.model_dump_json() for one in catalog.personas.values()}
    texts |= {one.id: one.model_dump_json() for one in catalog.strategies.values()}
    for script in catalog.scripts.values():
        texts[script.id] = "\n".join((script.title, *(line.text for line in script.lines)))
    for profile in catalog.profiles.values():
        texts[f"profile {profile.id}"] = str(profile.values)
    for language in LANGUAGES:
        texts |= {f"truth {one.script}": "\n".join(turn.text for turn in one.turns) for one in truths(language)}
        texts |= {one.id: f"{one.question} {one.answer}" for one in pairs(language)}
        texts |= {f"line {one.script}:{one.line}:{one.text}": one.text for one in catalog.lines(language)}
    found = [
        (name, what, hit[0])
        for name, text in texts.items()
        for what, cue in PRIVATE.items()
        for hit in cue.finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_file_of_the_library_passes_the_check(folder: Path) -> None:
    held = check(folder)
    shown = {path for path in folder.rglob("*") if path.suffix in (".yaml", ".jsonl")}
    assert set(held) == shown
    kinds = Counter(what.partition(" ")[2] for what in held.values())
    assert (
        kinds
        == {
            "personas": {"Persona": 36},
            "strategies": {"Strategy": 12, "ProfileTemplate": 6},
            "data": dict.fromkeys(("Script", "Profile", "Seed", "Line", "QAPair", "Truth"), 2),
        }[folder.name]
    )


PERSONA = """\
id: busy-owner
role: merchant
language: en
name: Sam
background: Runs a small workshop.
temperament: Short of time.
manner: [Answers in two words.]
temper: hurried
trades: [home]
fits: {size: [one person]}
objections: [price]
facts: {channels: Online mostly.}
disposition: {patience: 0.5}
reactions: {pressed: {trust: -0.2}}
"""
STRATEGY = """\
id: plan
language: en
title: A plan
goal: They come.
closes_with: meeting
rapport: [Be kind.]
flow:
  - {id: one, goal: Say why., done_when: They know., say: [It is about the fair.]}
  - {id: two, goal: Ask., done_when: They said., say: ["Shall we meet?"]}
answers: {price: [It is free.]}
"""
TEMPLATE = """\
id: seller
language: en
title: A seller
fields:
  shop: {label: Shop}
  size: {label: Size, kind: tag, tags: [small, large]}
"""
SCRIPT = (
    '{"id": "s", "language": "en", "lines": [{"speaker": "salesperson", "text": "hello"}, '
    '{"speaker": "merchant", "text": "yes"}]}\n'
)
QA = '{"id": "q", "language": "en", "topic": "fees", "question": "What is it?", "answer": "It is free."}\n'
TRUTH = (
    '{"script": "en-20", "outcome": "refusal", "turns": [{"role": "salesperson", "text": "Hello?", "act": "greet"}, '
    '{"role": "merchant", "text": "No.", "act": "refuse"}, '
    '{"role": "salesperson", "text": "Well.", "act": "acknowledge+step:reason"}, '
    '{"role": "merchant", "text": "Too dear.", "act": "object:price"}]}\n'
)
GOOD = {
    "persona.yaml": PERSONA,
    "strategy.yaml": STRATEGY,
    "template.yaml": TEMPLATE,
    "script.jsonl": SCRIPT,
    "qa.jsonl": QA,
    "truth.jsonl": TRUTH,
}
# file, what is right in it, what somebody wrote instead, and what they are told
FAULTS = [
    ("persona.yaml", "temperament:", "temprament:", "temprament: unknown field (did you mean 'temperament'?)"),
    ("persona.yaml", "role: merchant", "role: merchnt", "not 'merchnt' (did you mean 'merchant'?)"),
    ("persona.yaml", "temper: hurried", "temper: hurryed", "not 'hurryed' (did you mean 'hurried'?)"),
    ("persona.yaml", "[home]", "[home, toyz]", "trades[1]: "),
    (
        "persona.yaml",
        "{size:",
        "{sise:",
        "fits.sise: no profile template in 'en' has tags of that name (did you mean 'size'",
    ),
    ("persona.yaml", "one person", "one persen", "fits.size: 'one persen' is not a tag (did you mean 'one person'?)"),
    ("persona.yaml", "[price]", "[prise]", "objections[0]: "),
    ("persona.yaml", "channels:", "chanels:", "facts.chanels: "),
    (
        "persona.yaml",
        "patience: 0.5",
        "patiance: 0.5",
        "disposition.patiance: unknown field (did you mean 'patience'?)",
    ),
    ("persona.yaml", "patience: 0.5", "patience: 5", "disposition.patience: "),
    ("persona.yaml", "patience: 0.5", "patience: yes", "disposition.patience: Input should be a valid number"),
    ("persona.yaml", "pressed:", "presed:", "not 'presed' (did you mean 'pressed'?)"),
    ("persona.yaml", "trust:", "thrust:", "not 'thrust' (did you mean 'trust'?)"),
    ("persona.yaml", "trust: -0.2", "trust: yes", "reactions.pressed.trust: Input should be a valid number"),
    ("persona.yaml", "trust: -0.2", "trust: .nan", "reactions.pressed.trust: Input should be a finite number"),
    ("persona.yaml", "name: Sam\n", "", "name: is missing"),
    ("persona.yaml", "role: merchant", "role: salesperson", "belongs to a merchant; this persona is a salesperson"),
    ("strategy.yaml", "rapport:", "raport:", "raport: unknown field (did you mean 'rapport'?)"),
    ("strategy.yaml", "closes_with: meeting", "closes_with: meting", "closes_with: "),
    ("strategy.yaml", "done_when: They know.", "done_wen: They know.", "flow[0].done_wen: unknown field"),
    ("strategy.yaml", 'say: ["Shall we meet?"]', "say: []", "flow[1].say: "),
    ("strategy.yaml", "id: two", "id: one", "two steps have the id 'one'"),
    ("strategy.yaml", "price: [", "prise: [", "not 'prise' (did you mean 'price'?)"),
    ("template.yaml", "fields:", "feilds:", "feilds: unknown field (did you mean 'fields'?)"),
    ("template.yaml", "kind: tag,", "kind: tagg,", "fields.size.kind: "),
    ("template.yaml", "small, large", "small, '  '", "fields.size.tags[1]: String should have at least 1 character"),
    ("template.yaml", "label: Shop", "lable: Shop", "fields.shop.lable: unknown field (did you mean 'label'?)"),
    ("template.yaml", "label: Size", "label: Shop", "fields: shop and size have the label 'Shop'; give each its own"),
    ("template.yaml", ", tags: [small, large]", "", "fields.size: tags: list the allowed tags"),
    ("script.jsonl", '"speaker": "merchant"', '"speaker": "merchnt"', "line 1: lines[1].speaker: "),
    ("script.jsonl", '"text": "yes"', '"txt": "yes"', "line 1: lines[1].txt: unknown field (did you mean 'text'?)"),
    ("script.jsonl", '"merchant"', '"unknown"', "line 1: lines: no line is the merchant's"),
    ("script.jsonl", '"language": "en"', '"language": "eng"', "line 1: language: "),
    ("qa.jsonl", '"answer"', '"answr"', "line 1: answr: unknown field (did you mean 'answer'?)"),
    ("qa.jsonl", "What is it?", "", "line 1: question: "),
    ("qa.jsonl", QA, QA + QA, "id: 'q' stands more than once"),
    ("qa.jsonl", '"topic": "fees", ', "", "line 1: topic: is missing"),
    ("truth.jsonl", '"refusal"', '"refusel"', "line 1: outcome: "),
    ("truth.jsonl", '"greet"', '"great"', "line 1: turns[0].act: 'great' is no act of the salesperson"),
    ("truth.jsonl", "object:price", "object:prise", "(did you mean 'object:price'?)"),
    ("truth.jsonl", '"act": "refuse"', '"act": "step:reason"', "turns[1].act: 'step:reason' is no act of the merchant"),
    ("truth.jsonl", '"outcome"', '"outcom"', "line 1: outcom: unknown field (did you mean 'outcome'?)"),
]

HIDDEN = (  # by a fault beside it
    "role: merchant",
    "{size:",
    "one person",
    "id: two",
    "label: Size",
    "fields:",
    ", tags: [small, large]",
)


def told_of(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        check(path)
    return str(caught.value).splitlines()


def test_the_files_that_the_faults_are_put_into_are_right(tmp_path: Path) -> None:
    for name, text in GOOD.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    held = {path.name: what for path, what in check(tmp_path).items()}
    assert held == {
        "persona.yaml": "1 Persona",
        "strategy.yaml": "1 Strategy",
        "template.yaml": "1 ProfileTemplate",
        "script.jsonl": "1 Script",
        "qa.jsonl": "1 QAPair",
        "truth.jsonl": "1 Truth",
    }


@pytest.mark.parametrize(("name", "right", "wrong", "told"), FAULTS)
def test_a_fault_is_one_line_with_its_file_its_place_and_the_nearest_right_name(
    tmp_path: Path, name: str, right: str, wrong: str, told: str
) -> None:
    assert right in GOOD[name]
    path = tmp_path / name
    path.write_text(GOOD[name].replace(right, wrong, 1), encoding="utf-8")
    faults = told_of(path)
    assert len(faults) == 1, faults
    assert faults[0].startswith(f"{path}: ")
    assert told in faults[0]


def test_a_persona_may_fit_the_tags_of_a_template_that_is_checked_with_it(tmp_path: Path) -> None:
    (tmp_path / "persona.yaml").write_text(PERSONA.replace("[one person]", "[small]"), encoding="utf-8")
    assert "fits.size: 'small' is not a tag" in told_of(tmp_path)[0]
    (tmp_path / "template.yaml").write_text(TEMPLATE, encoding="utf-8")
    assert len(check(tmp_path)) == 2


@pytest.mark.parametrize("name", ["persona.yaml", "strategy.yaml", "template.yaml"])
def test_every_fault_of_a_file_is_told_at_once_one_a_line(tmp_path: Path, name: str) -> None:
    text, expected = GOOD[name], []
    for where, right, wrong, told in FAULTS:
        if where == name and right not in HIDDEN and right in text:
            text = text.replace(right, wrong, 1)
            expected.append(told)
    (tmp_path / name).write_text(text, encoding="utf-8")
    faults = told_of(tmp_path / name)
    assert len(faults) == len(expected) >= 2, faults
    for told in expected:
        assert sum(told in fault for fault in faults) == 1, (told, faults)


def test_every_fault_of_every_line_and_file_is_told_at_once_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(PERSONA, encoding="utf-8")
    (tmp_path / "persona.yaml").write_text(PERSONA.replace("name", "nmae").replace("home", "hom"), encoding="utf-8")
    two = QA + QA.replace('"q"', '"r"').replace("answer", "answr") + QA.replace("en", "xx", 1).replace('"q"', '"t"')
    (tmp_path / "qa.jsonl").write_text(two, encoding="utf-8")
    (tmp_path / "truth.jsonl").write_text(TRUTH.replace("greet", "great"), encoding="utf-8")
    command = [sys.executable, "-c", "from telerole.cli import main; main()", "check", "."]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    faults = sorted(
        line.removeprefix("telerole: ").removeprefix("error: ") for line in done.stderr.strip().splitlines()
    )
    for told in (
        "persona.yaml: nmae: unknown field (did you mean 'name'?)",
        "persona.yaml: trades[0]: should be",
        "qa.jsonl: line 2: answr: unknown field (did you mean 'answer'?)",
        "qa.jsonl: line 3: language: should be 'en' or 'zh', not 'xx'",
        "truth.jsonl: line 1: turns[0].act: 'great' is no act of the salesperson (did you mean 'greet'?)",
    ):
        assert sum(told in fault for fault in faults) == 1, (told, faults)
    assert len(faults) == 5, faults


def test_the_acts_of_the_corpus_are_worded_in_both_languages(catalog: Catalog) -> None:
    spoken = {
        language: {(line.role, line.act, line.about) for line in catalog.lines(language)} for language in LANGUAGES
    }
    assert spoken["en"] == spoken["zh"]
    own = {("merchant", act) for act in ("answer", "volunteer")}  # facts are told in the persona's own words
    acts = {(role, act) for role, kinds in ACTS.items() for act in kinds}
    assert {(role, act) for role, act, _ in spoken["en"]} | own == acts


@pytest.mark.parametrize(
    ("language", "machine"), [("en", "assistant|machine|automated"), ("zh", "自动助手|机器|我是助手")]
)
def test_whoever_asks_whether_it_is_a_machine_is_told_that_it_is(
    catalog: Catalog, language: Language, machine: str
) -> None:
    told = [
        line.text
        for line in catalog.lines(language)
        if (line.role, line.act, line.about) == ("salesperson", "answer", "is_ai")
    ]
    assert told
    assert [text for text in told if not re.search(machine, text)] == []
