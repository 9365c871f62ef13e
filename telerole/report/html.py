"""The report as one HTML page: styles, charts and data are in it, and nothing is loaded."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from telerole import plots
from telerole.report.shape import Call, Chart, Figure, Points, Report, Statement, Table
from telerole.report.visible import visible

KINDS = {Statement: "statement", Points: "points", Table: "table", Figure: "figure", Call: "call"}
TAGS = {"en": "en", "zh": "zh-CN"}


def page(report: Report) -> str:
    """The page. Text is escaped wherever it stands, and what nobody sees is made visible."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    script = _script() if any(_charts(report)) else ""
    return (
        environment.from_string(_file("page.html.j2"))
        .render(
            report=report,
            kind=lambda block: KINDS[type(block)],
            tags=TAGS,
            embedded=lambda chart: Markup(plots.embedded(chart.spec)),
            policy=_policy(script),
            style=Markup(_file("page.css").replace("FONT", plots.FONT)),
            script=Markup(script),
        )
        .lstrip()
    )


def _shown(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _policy(script: str) -> str:
    """What a browser may do with the page: run the one script that it came with, and load nothing."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    runs = f"'sha256-{digest}'" if script else "'none'"
    return f"default-src 'none'; script-src {runs}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def _charts(report: Report) -> Iterator[Chart]:
    for section in report.sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                yield from block.charts


def _script() -> str:
    """Vega, Vega-Lite and Vega-Embed, and the lines that draw the charts with them."""
    return f"{plots.script()}\n{_file('page.js')}"


def _file(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
