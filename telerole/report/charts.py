"""The charts of a report, as Vega-Lite specifications; their colours suit a light page and a dark one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from telerole.plots import funnel_chart, load_altair, styled
from telerole.postprocess.results import Funnel
from telerole.report.shape import Chart

PALETTE = ("#3d8fc6", "#e07b39", "#2fa274", "#c45ab3", "#8b7fd6", "#a98a2c", "#e0526a", "#5a9ea8")
NEUTRAL = "#8a8f98"
DOT: dict[str, Any] = {"filled": True, "size": 55, "opacity": 1}
ROW, LANE, FRAME = 24, 13, 76  # pixels: of a row, of one group in it, and of the axis and the legend


class Span(NamedTuple):
    """A value and its interval: which row it stands in, and which colour it has."""

    label: str
    group: str
    value: float
    low: float
    high: float


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name."""
    return {name: PALETTE[at % len(PALETTE)] for at, name in enumerate(names)}


def intervals(
    title: str,
    spans: Sequence[Span],
    palette: Mapping[str, str],
    *,
    domain: tuple[float, float],
    form: str = ".0%",
    side_by_side: bool = False,
) -> Chart:
    """A point with its interval for each span, a row a label; `side_by_side` gives each group a place in the row."""
    alt = load_altair()
    groups = list(dict.fromkeys(span.group for span in spans))
    labels = list(dict.fromkeys(span.label for span in spans))
    base = alt.Chart(alt.Data(values=[span._asdict() for span in spans])).encode(
        y=alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(labelLimit=170)),
        color=_colour(alt, "group", {group: palette[group] for group in groups}),
        tooltip=["label:N", "group:N", *(alt.Tooltip(f"{name}:Q", format=form) for name in ("value", "low", "high"))],
    )
    if side_by_side:
        base = base.encode(yOffset=alt.YOffset("group:N", sort=groups))
    x = alt.X("low:Q", title=None, axis=_grid(alt, form), scale=alt.Scale(domain=list(domain)))
    lines, dots = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q"), base.mark_point(**DOT).encode(x="value:Q")
    drawn = alt.layer(*([_line_at(alt, 0.0)] if domain[0] < 0 else []), lines, dots)
    row = max(ROW, LANE * len(groups)) if side_by_side else ROW
    return _chart(title, drawn, row * len(labels) + FRAME)


def turn_lengths(title: str, lengths: Mapping[str, Mapping[int, int]], unit: str, real: float) -> Chart:
    """The share of each system's turns with so many words or fewer; `unit` is what is counted, `real` a median."""
    alt = load_altair()
    rows = [
        {"system": name, "words": words, "share": share}
        for name, counts in lengths.items()
        for words, share in _cumulated(counts)
    ]
    steps = alt.Chart(alt.Data(values=rows)).mark_line(interpolate="step-after", strokeWidth=2)
    steps = steps.encode(
        x=alt.X("words:Q", title=f"{unit} of a turn", axis=alt.Axis(tickCount=10)),
        y=alt.Y("share:Q", title="turns of so many or fewer", axis=_grid(alt, ".0%")),
        color=_colour(alt, "system", colours(list(lengths))),
        tooltip=["system:N", "words:Q", alt.Tooltip("share:Q", format=".0%")],
    )
    text = alt.Chart(alt.Data(values=[{"x": real, "what": "median of real talk"}]))
    text = text.mark_text(align="left", dx=4, baseline="top", y=0, color=NEUTRAL).encode(x="x:Q", text="what:N")
    return _chart(title, steps + _line_at(alt, real) + text, 300)


def funnel(title: str, cleaned: Funnel) -> Chart:
    """`plots.funnel_chart`, as wide as the page."""
    return _chart(title, funnel_chart(cleaned), len(cleaned.stages) * ROW + FRAME)


def _cumulated(counts: Mapping[int, int]) -> list[tuple[int, float]]:
    total, so_far, shares = sum(counts.values()), 0, []
    for words in sorted(counts):
        so_far += counts[words]
        shares.append((words, so_far / total))
    return shares


def _colour(alt: ModuleType, field: str, palette: Mapping[str, str]) -> Any:
    scale = alt.Scale(domain=list(palette), range=list(palette.values()))
    return alt.Color(
        f"{field}:N", title=None, scale=scale, legend=alt.Legend(orient="bottom", columns=2, labelLimit=200)
    )


def _grid(alt: ModuleType, form: str) -> Any:
    return alt.Axis(format=form, tickCount=5, grid=True, gridOpacity=0.25)


def _line_at(alt: ModuleType, x: float) -> Any:
    return alt.Chart(alt.Data(values=[{"x": x}])).mark_rule(strokeDash=[3, 3], color=NEUTRAL).encode(x="x:Q")


def _chart(title: str, drawn: Any, height: int) -> Chart:
    fitted = drawn.properties(width="container", height=height, autosize={"type": "fit", "contains": "padding"})
    spec: dict[str, Any] = styled(fitted).to_dict()
    return Chart(title, spec, height)
