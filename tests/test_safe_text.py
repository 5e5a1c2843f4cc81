"""Text that only shows: no character of it acts on a terminal, a page or a spreadsheet."""

import json
import unicodedata

import pytest

from costmodel.cli.output import emit
from costmodel.documents.safe_text import cell, one_line, safe
from costmodel.render.formula import Sheet, python
from costmodel.render.markdown import escaped, fenced, markdown, paragraph
from costmodel.render.page import Column, Fact, Page, Section
from costmodel.sweeps.store import _Csv

EVERY = [chr(code) for code in range(0x110000)]
ACTING = [c for c in EVERY if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")] + list(
    "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\xad\U000e0041"
)
HONEST = ["ResNet-50 (v1.5)", "Réseau à 3 %", "深度残差网络", "Σ ≤ Ω", "Сеть", "👨‍👩‍👧 🙂", "می‌خواهم", "a\\x1b b"]


def test_no_acting_character_is_left():
    shown = one_line("".join(ACTING) + "end")
    assert not set(shown) & set(ACTING)
    assert set(safe("".join(ACTING) + "end")) & set(ACTING) == {"\n", "\t"}


@pytest.mark.parametrize("text", HONEST)
def test_honest_text_stays(text):
    assert one_line(text) == safe(text) == cell(text) == text


def test_what_was_there_can_be_seen():
    assert one_line("\x1b[31mred\x07\x9b\u202e\r\ntab\tend\n") == r"\x1b[31mred\x07\u009b\u202e\r\ntab\tend"
    assert safe("one\r\ntwo\tthree\rfour\n") == "one\r\ntwo\tthree\\rfour\n"
    assert one_line("co\u200dnv") == r"co\u200dnv"


@pytest.mark.parametrize("text", [*HONEST, "".join(ACTING), "a\n\n", "=1;=2", "\t=1"])
def test_twice_is_once(text):
    for made in (one_line, safe, cell):
        assert made(made(text)) == made(text)


def test_json_on_its_way_out_stays_the_same_json():
    data = {"name": "".join(ACTING), "after a backslash": "\\\u202e\\\x9b"}
    out = safe(json.dumps(data, ensure_ascii=False, indent=2))
    assert json.loads(out) == json.loads(json.dumps(data))
    assert set(out) & set(ACTING) == {"\n"}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('=HYPERLINK("http://evil")', '\'=HYPERLINK("http://evil")'),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(1)", "'@SUM(1)"),
        (" =1", "' =1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\t=1", "\\t=1"),
        ("\r=1", "\\r=1"),
        ("a;=1+1", "a;'=1+1"),
        ("-5", "-5"),
        ("+2.5e-3", "+2.5e-3"),
        ("-.5", "-.5"),
        ("conv1x1 - a", "conv1x1 - a"),
    ],
)
def test_a_cell_is_no_formula_unless_it_is_a_number(text, written):
    assert cell(text) == written


def test_whatever_stands_on_a_page_is_one_line():
    evil = "a\x1b[2J\nb"
    parts = [Fact(evil, evil, evil), Column(evil, [evil, "ok"], evil), Section(evil, (), evil), Page(evil, [evil])]
    assert not [part for part in parts if "\x1b" in str(vars(part).values()) or "\n" in str(vars(part).values())]
    assert parts[1].cells == [r"a\x1b[2J\nb", "ok"]
    assert parts[3].lines == [r"a\x1b[2J\nb"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("&lt;b&gt; R&D", "&amp;lt;b&amp;gt; R&D"),
        ("![a](http://e/x.png)", r"!\[a\](http:\//e/x.png)"),
        ("www.evil.com", r"www\.evil.com"),
        ("a | `b`", r"a \| \`b\`"),
        ("\\|", r"\\\|"),
        ("**bold** _i_ ~~no~~ $x$", r"\*\*bold\*\* \_i\_ \~\~no\~\~ \$x\$"),
        ("conv_1 -> conv*2 * 3 ~ x", r"conv_1 -> conv\*2 * 3 ~ x"),
    ],
)
def test_markdown_shows_text_as_it_is(text, shown):
    assert escaped(text) == shown


@pytest.mark.parametrize("text", ["# a", "> a", "- a", "+ a", "---", "1. a", "12) a"])
def test_no_line_becomes_a_heading_or_a_list(text):
    at = 2 if text.startswith("12") else 1 if text[0] == "1" else 0
    assert paragraph(text) == f"{text[:at]}\\{text[at:]}"
    assert paragraph(f"  {text}") == paragraph(text)


@pytest.mark.parametrize("text", ["a\n```\n# b", "a\n`````\nb", "plain"])
def test_no_line_closes_its_fence(text):
    fence, *_ = fenced(text).partition("text\n")
    assert fenced(text) == f"{fence}text\n{text}\n{fence}"
    assert set(fence) == {"`"}
    assert len(fence) >= 3
    assert fence not in text
    assert markdown(Page("", complaints=[text])) == f"{fence}text\n{text}\n{fence}\n"


def test_a_title_is_no_python():
    title = 'x"""\nimport os\nprocess = os\n"""\\'
    scope = {}
    exec(python(Sheet(title, (), (), {})), scope)  # the file that a person would import
    assert "process" not in scope
    assert scope["__doc__"].startswith('x"""')


def test_rows_of_a_sweep_hold_no_formula():
    assert _Csv().rows({"act": ["=relu", "tanh"], "width": [-1, 2]}, True) == b"'=relu,-1\ntanh,2\n"


@pytest.mark.parametrize("colour", [False, True])
def test_the_door_lets_only_our_colours_pass(capsys, monkeypatch, colour):
    monkeypatch.setenv("FORCE_COLOR", "1" if colour else "")
    monkeypatch.delenv("NO_COLOR", raising=False)
    emit("\x1b[36mcool\x1b[0m \x1b[41mnot ours \x9b\u202e\n")
    ours = "\x1b[36mcool\x1b[0m" if colour else r"\x1b[36mcool\x1b[0m"
    assert capsys.readouterr().out == ours + r" \x1b[41mnot ours \u009b\u202e" + "\n"
