from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from medloom.flows.documents.markdown import code, link, table, words
from medloom.flows.plain_text import plain_text

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
anything = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


def cells(text):
    """What a reader sees in the one cell of a table: the token types and the text."""
    inline = [token for token in READER.parse(table(("h",), [(text,)])) if token.type == "inline"]
    children = inline[-1].children or []
    return {child.type for child in children}, "".join(child.content for child in children)


def seen(text):
    return " ".join(plain_text(text).split())


@given(anything)
def test_words_in_a_cell_are_read_as_written(text):
    types, shown = cells(words(text))
    assert types <= {"text", "text_special"}
    assert shown == seen(text)


@given(anything)
def test_words_on_a_line_of_their_own_start_nothing(text):
    types = {token.type for token in READER.parse(f"- x: {words(text)}")}
    assert types <= {"bullet_list_open", "list_item_open", "paragraph_open", "inline", "paragraph_close",
                     "list_item_close", "bullet_list_close"}  # fmt: skip


@given(anything.filter(lambda text: seen(text) and not seen(text).startswith("`")))
def test_code_in_a_cell_is_one_span(text):
    types, shown = cells(code(text))
    assert types == {"code_inline"} and shown == seen(text).replace("`", "'")


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "", "ftp://a.org", "//a.org", "https://", "https://a.org/\u202e"],
)
def test_only_web_addresses_become_links(address):
    assert link("a|b", address) == "a\\|b"


def test_an_address_cannot_break_out_of_its_link():
    text = link("x](http://evil.org)", 'https://a.org/p) "t" <b>(q')
    opened = [t for token in READER.parse(text) for t in token.children or () if t.type == "link_open"]
    assert [html.unescape(token.attrs["href"]) for token in opened] == ["https://a.org/p%29%20%22t%22%20%3Cb%3E%28q"]
