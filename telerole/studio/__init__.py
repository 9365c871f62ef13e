"""The persona studio: draft, refine, examine, preview and interview a persona; see what a set of them leaves out."""

from telerole.studio.covering import Coverage, coverage
from telerole.studio.drafting import adraft, arefine, draft, refine
from telerole.studio.examining import Finding, examine
from telerole.studio.interview import Interview
from telerole.studio.likeness import Likeness, compare, nearest
from telerole.studio.previewing import Preview, preview, scenario_for
from telerole.studio.shelf import Found, find, personas_in
from telerole.studio.writing import comments_lost, edited, save, schema_line, written

__all__ = [
    "Coverage",
    "Finding",
    "Found",
    "Interview",
    "Likeness",
    "Preview",
    "adraft",
    "arefine",
    "comments_lost",
    "compare",
    "coverage",
    "draft",
    "edited",
    "examine",
    "find",
    "nearest",
    "personas_in",
    "preview",
    "refine",
    "save",
    "scenario_for",
    "schema_line",
    "written",
]
