"""The report of an evaluation, and of what else belongs beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telerole.cli.app import app, console

if TYPE_CHECKING:
    from telerole.evaluation.online.table import ABTest
    from telerole.evaluation.results import Evaluation
    from telerole.report import Shown


@app.command()
def report(
    evaluation: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `telerole evaluate` made.")],
    dataset: Annotated[Path | None, typer.Option(help="A data set (`telerole synthesize`): Table 1, funnels.")] = None,
    study: Annotated[Path | None, typer.Option(help="What people said: score.json of `telerole study score`.")] = None,
    calls: Annotated[Path | None, typer.Option(help="Calls of an online test (`telerole ab`): Table 3.")] = None,
    baseline: Annotated[str, typer.Option(metavar="ARM", help="The arm of those calls to beat.")] = "PE",
    treatment: Annotated[str, typer.Option(metavar="ARM", help="The arm that is tested.")] = "TeleBot",
    read: Annotated[int, typer.Option(min=0, help="Calls of each system to read, those with most faults.")] = 2,
) -> None:
    """Write DIR/report.html, a page that needs no network, and DIR/report.md: Tables 1 to 3, charts, calls to read."""
    from telerole.evaluation.evaluate import read_evaluation
    from telerole.evaluation.study.results import StudyScore
    from telerole.postprocess.results import Funnel
    from telerole.records import load
    from telerole.report import write_report
    from telerole.synthesis.table import Row

    result = read_evaluation(evaluation)
    page, text = write_report(
        evaluation,
        evaluation=result,
        sessions=shown(evaluation, result, read),
        table1=load(dataset / "table1.jsonl", Row) if dataset else (),
        funnels={file.parent.name: load(file, Funnel)[0] for file in sorted(dataset.glob("*/funnel.json"))}
        if dataset
        else {},
        online=_online(calls, baseline, treatment) if calls else None,
        study=load(study, StudyScore)[0] if study else None,
    )
    console().print(f"Report: {page} and {text}", soft_wrap=True)


def shown(folder: Path, result: Evaluation, each: int) -> list[Shown]:
    """The calls to read: of the systems and merchants that were compared, not of all that the folder has."""
    from telerole.evaluation.evaluate import read_verdicts
    from telerole.evaluation.played import played_in
    from telerole.evaluation.sampling import to_read
    from telerole.report import Shown

    systems, merchants = ({one.name for one in those} for those in (result.systems, result.merchants))
    compared = (one for one in played_in(folder) if one.system in systems and one.merchant in merchants)
    return [Shown(*one) for one in to_read(compared, read_verdicts(folder).verdicts, each)]


def _online(calls: Path, baseline: str, treatment: str) -> ABTest:
    from telerole.errors import FileError
    from telerole.evaluation.online import Call, ab, read_csv

    found, faults = read_csv(calls, Call)
    if faults:
        raise FileError(calls, faults)
    return ab(found, baseline=baseline, treatment=treatment)
