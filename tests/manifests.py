"""Manifests of recordings that are nowhere."""

import polars as pl

from contravox.manifest import COLUMNS, Manifest


def manifest(speakers: int = 10, utterances: int = 3) -> Manifest:
    """So many utterances of each speaker, of no known session or corpus."""
    rows = [
        (f"s{s}/u{u}", f"s{s}", None, f"/audio/s{s}/u{u}.wav", 0.0, 1.5, 16_000)
        for s in range(speakers)
        for u in range(utterances)
    ]
    return Manifest(pl.DataFrame(rows, schema=COLUMNS, orient="row"))


def pooled(*rows: tuple[str, str | None, str | None]) -> Manifest:
    """A manifest of utterances with their speakers and corpora."""
    names, speakers, corpora = zip(*rows, strict=True)
    return Manifest(
        pl.DataFrame({"utterance": names, "speaker": speakers, "corpus": corpora}).with_columns(
            session=pl.lit(None, pl.String),
            path=pl.format("/{}.wav", "utterance"),
            start=0.0,
            duration=1.0,
            sample_rate=16_000,
        )
    )
