"""Edits of a spec's text: fields, layers, moves, and which of them to suggest."""
