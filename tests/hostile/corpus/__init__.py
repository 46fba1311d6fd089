"""Hostile inputs by kind: what a stranger could put beside two sound models."""

from tests.hostile.corpus import deceit, growth, kinds, memory, readers, small, time, words
from tests.hostile.corpus.base import CASES, sound_models

__all__ = ["CASES", "deceit", "growth", "kinds", "memory", "readers", "small", "sound_models", "time", "words"]
