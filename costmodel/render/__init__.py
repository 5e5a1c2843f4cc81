"""Views of a `CostTable` for people and for programs. Nothing here knows operators, graphs or files.

A `Page` says what is shown; `text`, `markdown` and `html` draw it; `data` writes raw numbers for programs.
"""
