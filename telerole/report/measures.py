"""What is measured without a judge, and how long the salesperson's turns are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from telerole.evaluation.measures.names import WORDS, change, figure
from telerole.evaluation.results import Evaluation, MeasureDifference, System
from telerole.records import Language
from telerole.report.charts import turn_lengths
from telerole.report.figures import LANGUAGE_NAMES, NONE, count, p_value
from telerole.report.shape import Block, Cell, Figure, Part, Section, Statement, Table, columns, plain_table
from telerole.style import Style, target

REAL = "real talk"
QUANTILES = {"a quarter has at most": 0.25, "half": 0.5, "three quarters": 0.75, "nine in ten": 0.9}


def measures(result: Evaluation) -> Iterator[Section]:
    """The section of the measures, language by language."""
    blocks: list[Block] = []
    for language in result.languages:
        spoken = [system for system in result.systems if language in system.measures]
        if spoken:
            blocks += [_measures(spoken, language), *_differences(result, language), _lengths(spoken, language)]
            blocks.append(Statement(_source(language)))
    yield Section("Measures", tuple(blocks))


def _measures(systems: Sequence[System], language: Language) -> Table:
    names = list(dict.fromkeys(name for system in systems for name in system.measures[language]))
    return plain_table(
        f"{LANGUAGE_NAMES[language]}: means over calls, with their 95 % intervals by seed script; words, questions and "
        "style are the salesperson's",
        columns(("Measure",), (system.name for system in systems)),
        tuple((Cell(WORDS[name]), *(_measure(system, language, name) for system in systems)) for name in names),
    )


def _measure(system: System, language: Language, name: str) -> Cell:
    reach = system.reach.get(language, {}).get(name)
    detail = f"{figure(name, reach.low)} to {figure(name, reach.high)}" if reach else ""
    return Cell(figure(name, system.measures[language].get(name)), detail)


def _differences(result: Evaluation, language: Language) -> Iterator[Block]:
    """All differences to the baseline; of the others those that are told apart, for pairs grow with the square."""
    found = [one for one in result.measure_differences if one.language == language]
    shown = [one for one in found if result.baseline in (one.baseline, one.treatment) or one.better]
    yield Table(
        f"{LANGUAGE_NAMES[language]}: differences in measures, paired by seed script; Holm's p within two systems",
        columns(("Difference",), ("By", "95 % interval", "p", "Holm's p"), ("Finding",)),
        tuple(
            Part(WORDS[name], tuple(_difference(one) for one in shown if one.measure == name))
            for name in dict.fromkeys(one.measure for one in shown)
        ),
    )
    if left := len(found) - len(shown):
        yield Statement(f"Not told apart either, and left out here: {count(left, 'difference')} between other systems.")


def _difference(one: MeasureDifference) -> tuple[Cell, ...]:
    compared = one.comparison
    reach = f"{change(one.measure, compared.low)} to {change(one.measure, compared.high)}"
    finding = f"{one.better} is better" if one.better else "not told apart"
    values = (change(one.measure, compared.difference), reach, p_value(compared.p), p_value(one.holm), finding)
    return (Cell(f"{one.treatment} − {one.baseline}"), *map(Cell, values))


def _lengths(systems: Sequence[System], language: Language) -> Figure:
    unit = "characters" if language == "zh" else "words"
    lengths = {system.name: system.lengths[language] for system in systems if system.lengths.get(language)}
    real = target(language, "salesperson").style
    table = plain_table(
        f"{LANGUAGE_NAMES[language]}: {unit} of the salesperson's turns",
        columns(("System",), ("Turns", "Mean", *QUANTILES)),
        (*(_length(name, counts) for name, counts in lengths.items()), _real(real)),
    )
    charts = (turn_lengths(table.caption, lengths, unit, real.median_length),) if lengths else ()
    return Figure(charts, table)


def _length(name: str, counts: Mapping[int, int]) -> tuple[Cell, ...]:
    turns = sum(counts.values())
    mean = sum(length * count for length, count in counts.items()) / turns
    return tuple(
        map(Cell, (name, f"{turns:,}", f"{mean:.1f}", *(str(_quantile(counts, one)) for one in QUANTILES.values())))
    )


def _quantile(counts: Mapping[int, int], share: float) -> int:
    """The fewest words that this share of the turns has at most."""
    so_far, wanted = 0, share * sum(counts.values())
    for length in sorted(counts):
        so_far += counts[length]
        if so_far >= wanted:
            return length
    return max(counts)


def _real(style: Style) -> tuple[Cell, ...]:
    known = {"half": f"{style.median_length:g}"}
    return tuple(
        map(Cell, (REAL, f"{style.turns:,}", f"{style.length:.1f}", *(known.get(one, NONE) for one in QUANTILES)))
    )


def _source(language: Language) -> str:
    real = target(language, "salesperson")
    return f"Real talk: {real.source}, {real.calls} calls; {real.note}."
