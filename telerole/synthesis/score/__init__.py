"""Scoring an extractor: what it recovered from noisy scripts, against what was really said."""

from __future__ import annotations

from telerole.synthesis.score.scoring import Answer, Scored, Scores, answers, score
from telerole.synthesis.score.shares import Match, Share

__all__ = ["Answer", "Match", "Scored", "Scores", "Share", "answers", "score"]
