"""Charts, drawn with Altair: made as plain data and saved as a picture or a page that works without a network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from telerole import journal
from telerole.errors import InputError, nearest

if TYPE_CHECKING:
    from telerole.postprocess.results import Funnel
    from telerole.probing import Probed
    from telerole.studio.covering import Coverage
    from telerole.training.curves import Step

Chart = Any
"""An Altair chart; Altair is loaded only where one is drawn."""

NEEDED = "charts need Altair; pip install 'telerole[report]'"
INK, NONE = "#33658a", "#d1495b"
PROBE_COLORS = ("#1b7837", "#7fbf7b", "#d8b365", "#d1495b", "#555555")
OUTCOME_COLORS = {
    "high_intention": "#1b7837",
    "interest": "#7fbf7b",
    "callback": "#5ab4ac",
    "perfunctory": "#d9d9d9",
    "no_time": "#d8b365",
    "refusal": "#ef8a62",
    "hostile": "#b2182b",
}
TRAITS = ("temper", "objection", "trade", "topic")
BANDS = ("low", "middle", "high")
FONT = "Noto Sans CJK SC, Microsoft YaHei, PingFang SC, WenQuanYi Micro Hei, DejaVu Sans, sans-serif"
HAN = re.compile(r"[\u3400-\u9fff]|\\u[3-9][0-9a-f]{3}")
PAGE = """\
<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><script>{script}</script></head>
<body><div id="chart"></div><script>vegaEmbed("#chart", {spec}, {{renderer: "svg"}});</script></body>
</html>
"""


def save(chart: Chart, path: Path | str) -> None:
    """Save a chart as .svg, .png (at double size), .html (works offline) or .json (its Vega-Lite specification).

    Chinese in a .png needs a font that has it on this machine; every other form leaves the font to who looks at it.
    """
    path = Path(path)
    writers: dict[str, Callable[[Chart], str | bytes]] = {".svg": _svg, ".png": _png, ".html": _html, ".json": _json}
    if path.suffix.lower() not in writers:
        hint = nearest(path.suffix, writers)
        raise InputError(
            f"{path}: a chart is saved as {', '.join(writers)}, not {path.suffix or 'without one'!r}{hint}"
        )
    made = writers[path.suffix.lower()](chart)
    with journal.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made.encode() if isinstance(made, str) else made)


def coverage_chart(coverage: Coverage) -> Chart:
    """What a set of personas covers: bars for each trait, what nobody shows in red, and two maps of counts."""
    alt = load_altair()
    bars = [_bars(alt, trait, coverage.counts[trait]) for trait in TRAITS]
    pairs = [{"temper": t, "objection": o, "n": n} for (t, o), n in coverage.pairs.items()]
    bands = [
        {"number": trait, "band": band, "n": n}
        for trait, values in coverage.counts.items()
        if tuple(values) == BANDS
        for band, n in values.items()
    ]
    maps = [
        _map(alt, pairs, "objection", "temper", "temper × likeliest objection"),
        _map(alt, bands, "band", "number", "disposition"),
    ]
    whole = alt.vconcat(
        alt.hconcat(*bars, spacing=30), alt.hconcat(*maps, spacing=30).resolve_scale(color="independent")
    )
    return styled(whole.properties(title=f"{coverage.personas} personas"))


def probe_chart(probed: Sequence[Probed]) -> Chart:
    """How five salespeople fared with a merchant: interest line by line, when the calls ended, what they came to."""
    alt, order = load_altair(), [one.probe for one in probed]
    color = alt.Color("probe:N", sort=order, title=None, scale=alt.Scale(domain=order, range=list(PROBE_COLORS)))
    lines = [
        {"probe": one.probe, "line": number, "interest": value}
        for one in probed
        for number, value in enumerate(one.by_turn, start=1)
    ]
    shares = [
        {"probe": one.probe, "outcome": name, "share": count / len(one.won)}
        for one in probed
        for name, count in sorted(one.outcomes.items())
    ]
    interest = alt.Chart(alt.Data(values=lines), title="interest while the call goes on", width=300, height=220)
    came_to = alt.Chart(alt.Data(values=shares), title="what the calls came to", width=300, height=220)
    return styled(
        alt.hconcat(
            interest.mark_line(point=True).encode(
                x=alt.X("line:Q", title="line of the salesperson"),
                y=alt.Y("interest:Q", title="mean interest", scale=alt.Scale(domain=[0, 1])),
                color=color,
            ),
            came_to.mark_bar().encode(
                x=alt.X("share:Q", title="share of calls", axis=alt.Axis(format="%"), stack="zero"),
                y=alt.Y("probe:N", sort=order, title=None),
                color=alt.Color("outcome:N", title=None, sort=list(OUTCOME_COLORS), scale=_outcome_scale(alt)),
            ),
        ).resolve_scale(color="independent")
    )


def funnel_chart(funnel: Funnel) -> Chart:
    """How many sessions each filter let through, and how many it rejected."""
    alt, order = load_altair(), [stage.filter for stage in funnel.stages]
    rows = [
        {"filter": stage.filter, "sessions": count, "what": what}
        for stage in funnel.stages
        for what, count in (
            ("left", stage.seen - stage.rejected - stage.unjudged),
            ("rejected", stage.rejected),
            ("not judged", stage.unjudged),
        )
    ]
    names = ["left", "rejected", "not judged"]
    color = alt.Color("what:N", title=None, sort=names, scale=alt.Scale(domain=names, range=[INK, NONE, "#999999"]))
    share = f", {funnel.kept / funnel.sessions:.0%}" if funnel.sessions else ""
    base = alt.Chart(alt.Data(values=rows), title=f"{funnel.kept} of {funnel.sessions} sessions kept{share}", width=420)
    return styled(
        base.mark_bar().encode(
            x=alt.X("sessions:Q", title="sessions that came to the filter", stack="zero"),
            y=alt.Y("filter:N", sort=order, title=None),
            color=color,
            order=alt.Order("what:N", sort="ascending"),
        )
    )


def loss_chart(steps: Sequence[Step]) -> Chart:
    """How a fine-tuning went: the loss of each step, and that on the validation rows where it was measured."""
    alt = load_altair()
    losses = [{"step": one.step, "loss": one.loss, "what": "training"} for one in steps]
    losses += [
        {"step": one.step, "loss": one.validation_loss, "what": "validation"}
        for one in steps
        if one.validation_loss is not None
    ]
    names = ["training", "validation"]
    color = alt.Color("what:N", title=None, sort=names, scale=alt.Scale(domain=names, range=[INK, NONE]))
    base = alt.Chart(alt.Data(values=losses), title="loss of the learned words", width=460, height=240)
    x = alt.X("step:Q", title="step", axis=alt.Axis(format="d", tickMinStep=1))
    lines = base.mark_line().encode(x=x, y=alt.Y("loss:Q", title="nats a token"), color=color)
    validated = base.transform_filter("datum.what == 'validation'")
    return styled(lines + validated.mark_point(filled=True).encode(x=x, y="loss:Q", color=color))


def _outcome_scale(alt: ModuleType) -> Any:
    return alt.Scale(domain=list(OUTCOME_COLORS), range=list(OUTCOME_COLORS.values()))


def styled(chart: Chart) -> Chart:
    """The look that all charts share, with fonts that have Chinese."""
    return chart.configure(font=FONT).configure_view(stroke=None).configure_axis(grid=False)


def _bars(alt: ModuleType, trait: str, counts: Any) -> Chart:
    rows = [{trait: value, "n": n} for value, n in counts.items()]
    base = alt.Chart(alt.Data(values=rows), title=trait, width=150, height=17 * len(rows))
    y = alt.Y(f"{trait}:N", sort=list(counts), title=None)
    bars = base.mark_bar(color=INK).encode(x=alt.X("n:Q", axis=None), y=y)
    text = base.mark_text(align="left", dx=3).encode(
        x="n:Q", y=y, text="n:Q", color=alt.condition("datum.n == 0", alt.value(NONE), alt.value("#333"))
    )
    return bars + text


def _map(alt: ModuleType, rows: list[dict[str, Any]], x: str, y: str, title: str) -> Chart:
    base = alt.Chart(alt.Data(values=rows), title=title).encode(
        x=alt.X(f"{x}:N", sort=None, title=None, axis=alt.Axis(labelAngle=-30)),
        y=alt.Y(f"{y}:N", sort=None, title=None),
    )
    most = max(row["n"] for row in rows)
    scale = alt.Scale(range=["white", INK], domain=[0, max(most, 1)], interpolate="rgb")
    cells = base.mark_rect(stroke="#ddd").encode(color=alt.Color("n:Q", legend=None, scale=scale))
    shade = alt.condition(f"datum.n > {most / 2}", alt.value("white"), alt.value("#333"))
    text = base.mark_text().encode(text="n:Q", color=shade)
    return (cells + text).properties(width=alt.Step(46), height=alt.Step(20))


def load_altair() -> ModuleType:
    """Altair; raises `InputError` where it is not installed."""
    try:
        import altair
    except ImportError:
        raise InputError(NEEDED) from None
    return altair


def load_converter() -> ModuleType:
    """vl-convert; raises `InputError` where it is not installed."""
    try:
        import vl_convert
    except ImportError:
        raise InputError(NEEDED) from None
    return vl_convert


@cache
def script() -> str:
    """Vega, Vega-Lite and Vega-Embed, as the text of a script of a page."""
    return str(load_converter().javascript_bundle()).replace("</script", "<\\/script")


def embedded(spec: Mapping[str, Any]) -> str:
    """The specification as the text of a script of a page: JSON in which no ``</script>`` can stand."""
    return json.dumps(spec).replace("<", "\\u003c")


def _json(chart: Chart) -> str:
    return json.dumps(chart.to_dict(), ensure_ascii=False, indent=2) + "\n"


def _svg(chart: Chart) -> str:
    return str(load_converter().vegalite_to_svg(_json(chart)))


def _html(chart: Chart) -> str:
    return PAGE.format(script=script(), spec=embedded(chart.to_dict()))


def _png(chart: Chart) -> bytes:
    text = _json(chart)
    if HAN.search(text.replace(FONT, "")) and not _draws_chinese():
        raise InputError(
            "this machine has no font with Chinese characters, so a .png would show empty boxes; "
            "save .svg or .html, or install one such as fonts-noto-cjk"
        )
    return bytes(load_converter().vegalite_to_png(text, scale=2))


@cache
def _draws_chinese() -> bool:
    """Whether two Chinese characters come out as two different pictures, and not both as the empty box."""

    def drawn(character: str) -> bytes:
        text = f'<text y="20" font-size="20" font-family="{FONT}">{character}</text>'
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="30" height="30">{text}</svg>'
        return bytes(load_converter().svg_to_png(svg))

    return drawn("一") != drawn("龥")
