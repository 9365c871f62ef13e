"""The report of an evaluation: one page that works without a network, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from telerole import journal
from telerole.evaluation.online.table import ABTest
from telerole.evaluation.results import Evaluation
from telerole.evaluation.study.results import StudyScore
from telerole.postprocess.results import Funnel
from telerole.report import html, markdown
from telerole.report.contents import contents
from telerole.report.sessions import Shown
from telerole.synthesis.table import Row

__all__ = ["Shown", "write_report"]


def write_report(
    out: Path | str,
    *,
    evaluation: Evaluation | None = None,
    sessions: Sequence[Shown] = (),
    table1: Sequence[Row] = (),
    funnels: Mapping[str, Funnel] = {},
    online: ABTest | None = None,
    study: StudyScore | None = None,
) -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.md`` into the folder `out`, with a section for all that is given.

    `funnels` are cleanings by name, such as the method. The page has its charts and styles in itself and asks nothing
    of a network; text of models and files is shown, never obeyed. Raises `InputError` where nothing is given, where
    there are charts to draw and Altair is not installed, or where `out` cannot be written.
    """
    report = contents(evaluation, sessions, table1, funnels, online, study)
    page, text = html.page(report), markdown.document(report)
    paths = Path(out) / "report.html", Path(out) / "report.md"
    with journal.writing(Path(out)):
        Path(out).mkdir(parents=True, exist_ok=True)
        for path, written in zip(paths, (page, text), strict=True):
            journal.replace(path, [written.encode()])
    return paths
