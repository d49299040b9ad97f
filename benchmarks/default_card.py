"""The card of the default model: docs/model-card.md, from docs/model-card.json.

python benchmarks/default_card.py
"""

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from jinja2 import Environment, StrictUndefined

from contravox.files.writing import write_text

DOCS = Path(__file__).parent.parent / "docs"
CARD = DOCS / "model-card.json"
"""What was measured."""
TEMPLATE = Path(__file__).with_suffix(".md.jinja")

SPEECH = {
    "an4": "US English, headset, short phrases and spelling (free for any purpose)",
    "arabic_commands": "Arabic words, own computers (CC BY 4.0)",
    "dspspeech20": "Mandarin and English words, own computers (MIT)",
    "librispeech": "read English, volunteers' microphones (CC BY 4.0)",
    "speech_commands": "English words, browsers and phones, noisy (CC BY 4.0)",
}


def write_card(results: Mapping[str, Any]) -> None:
    """Write what was measured, and the page of it."""
    write_text(CARD, json.dumps(results, indent=1) + "\n")
    write_text(DOCS / "model-card.md", card(results))


def card(results: Mapping[str, Any]) -> str:
    """The page."""
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    environment.filters |= {
        "percent": lambda share: f"{100 * share:.1f}",
        "mean": lambda shares: fmean(shares),
        "rate": lambda entry: _with_interval(entry, "rate", ""),
        "difference": lambda entry: _with_interval(entry, "difference", "+"),
    }
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    page = template.render(results, speech=SPEECH, corpora=list(results["trials"]))
    lines = [line.rstrip() for line in page.splitlines()]
    return "\n".join(lines).rstrip() + "\n"


def _with_interval(entry: Mapping[str, Any], key: str, sign: str) -> str:
    low, high = (format(100 * end, f"{sign}.1f") for end in entry["interval"])
    return f"{format(100 * entry[key], f'{sign}.1f')} ({low} to {high})"


if __name__ == "__main__":
    write_card(json.loads(CARD.read_text(encoding="utf-8")))
