"""Conditions and goals on what has an interval: they go by its median, where `check` holds the end to a limit."""

from __future__ import annotations

from collections.abc import Mapping

from costmodel.measures import MEASURES, SPOKEN, meant


def by_median(asked: Mapping[str, str]) -> list[str]:
    """Return a note on each measure that goes by its median, with the one that goes by the worse end.

    `asked` maps columns to the words that people named them by; those that have no interval are passed over.
    """
    return [_note(word, _end(name)) for name, word in asked.items() if name in MEASURES and MEASURES[name].ends]


def _end(name: str) -> str:
    """Return the measure of the end of an interval that people want less of."""
    low, high = MEASURES[name].ends
    return low if MEASURES[name].more else high


def _note(word: str, end: str) -> str:
    return f"{word} goes by the median of its 90 % interval; {_word(end, word)} goes by the worse end, as budgets do"


def _word(end: str, word: str) -> str:
    """Return what people call an end, in the unit of the word for the whole."""
    if meant(word)[1] != 1:
        return f"{end.rpartition('_')[0]}_{word.rpartition('_')[2]}"
    return next((spoken for spoken, name in SPOKEN.items() if name == end), end)
