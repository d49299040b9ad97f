"""The site: built without a warning, whole, and without a request to another server."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import contravox

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", folder]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={"NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_built_and_in_the_navigation(site):
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in pages:
        assert (site / page.with_suffix(".html")).exists()
        assert re.search(rf"[ :]{re.escape(str(page))}$", navigation, flags=re.MULTILINE), page
    assert (site / "changelog.html").exists()


def test_nothing_comes_from_another_server(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    asked = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*=["']?(?:https?:)?//[^>]*>""")
    for page in pages:
        assert not asked.findall(page.read_text(encoding="utf-8")), page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//", sheet.read_text(encoding="utf-8"))


def test_equations_are_mathml_and_every_link_to_a_page_stays_one(site):
    method = (site / "methods" / "aamsupcon.html").read_text(encoding="utf-8")
    assert method.count("<math") > 10
    assert "arithmatex" not in method
    voices = (site / "tutorials" / "your_voices.html").read_text(encoding="utf-8")
    assert '<a href="../recipes.html">' in voices
    # benchmarks/ is no part of the site.
    objectives = (site / "objectives.html").read_text(encoding="utf-8")
    assert "benchmarks/attention.py" in objectives
    assert 'href="../benchmarks' not in objectives


def test_what_python_s_docstrings_say_is_there(site):
    text = (site / "api.html").read_text(encoding="utf-8")
    assert "Compares recordings with one model." in text
    assert "&gt;&gt;&gt;" not in text
    for name in contravox.__all__:
        assert re.search(rf'<h2 id="contravox\.[\w.]*\b{name}"', text), name
