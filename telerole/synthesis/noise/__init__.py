"""Noise for clean calls: a `Script` as speech recognition might have left it, with what was really said beside it."""

from __future__ import annotations

from telerole.synthesis.noise.making import Noisy, Origin, noisy
from telerole.synthesis.noise.settings import KINDS, Kind, Noise, kinds_named

__all__ = ["KINDS", "Kind", "Noise", "Noisy", "Origin", "kinds_named", "noisy"]
