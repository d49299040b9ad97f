"""Equations in the pages, written in TeX, become MathML: no script and no request shows them."""

import html
import re

from latex2mathml.converter import convert

_MARKED = re.compile(
    r'<(span|div) class="arithmatex">\s*(?:\\\(|\\\[)(.*?)(?:\\\)|\\\])\s*</\1>', re.DOTALL
)
"""What the extension arithmatex leaves of $…$ and $$…$$."""


def on_page_content(content: str, **_: object) -> str:
    """A hook of MkDocs."""
    return _MARKED.sub(_mathml, content)


def _mathml(marked: re.Match[str]) -> str:
    display = "block" if marked[1] == "div" else "inline"
    return convert(html.unescape(marked[2]).strip(), display=display)
