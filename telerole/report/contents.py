"""The sections of a report, in the order in which a reader asks: the answer first, single calls last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from telerole.errors import InputError
from telerole.evaluation.online.table import ABTest
from telerole.evaluation.results import Evaluation
from telerole.evaluation.study.results import StudyScore
from telerole.postprocess.results import Funnel
from telerole.report.answer import answer
from telerole.report.cost import cost
from telerole.report.data import dataset
from telerole.report.judgements import by_judges, by_people
from telerole.report.judging import judging
from telerole.report.measures import measures
from telerole.report.online import online as table3
from telerole.report.outcomes import outcomes
from telerole.report.quality import differences, table2
from telerole.report.sessions import Shown, sampled
from telerole.report.shape import Report, Section
from telerole.synthesis.table import Row

TITLE = "telerole: report"


def contents(
    evaluation: Evaluation | None,
    sessions: Sequence[Shown],
    table1: Sequence[Row],
    funnels: Mapping[str, Funnel],
    online: ABTest | None,
    study: StudyScore | None,
) -> Report:
    """All that there is to show; raises `InputError` where that is nothing."""
    sections = (
        *answer(evaluation, study, online),
        *_compared(evaluation, study),
        *dataset(table1, funnels),
        *(table3(online) if online else ()),
        *sampled(sessions),
    )
    if not sections:
        raise InputError("there is nothing to report: give an evaluation, a study, a data set, a test or calls")
    return Report(TITLE, sections)


def _compared(evaluation: Evaluation | None, study: StudyScore | None) -> Iterator[Section]:
    judgements = [*([by_judges(evaluation)] if evaluation else ()), *([by_people(study)] if study else ())]
    yield from table2(judgements, evaluation)
    yield from differences(judgements)
    yield from judging(evaluation, study)
    if evaluation:
        yield from outcomes(evaluation)
        yield from measures(evaluation)
        yield from cost(evaluation)
