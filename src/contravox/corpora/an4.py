"""CMU AN4: ``an4/wav/an4_clstk/<speaker>/<utterance>.sph`` and ``…/an4test_clstk/…``."""

from pathlib import Path

from contravox.corpora.scan import Recording, audio_files
from contravox.errors import ManifestError


def an4_recordings(folder: Path) -> list[Recording]:
    """Every utterance of AN4's training and test parts; one session per speaker.

    folder: ``an4`` itself or the folder around it; utterances are SPHERE, WAV, FLAC, or ``.raw``.

    Raises ManifestError, saying what was looked for, where the layout is another.
    """
    parts = sorted(part for part in folder.rglob("an4*_clstk") if part.parent.name == "wav")
    if not parts:
        raise ManifestError(
            f"{folder}: no wav/an4_clstk below it, so not the AN4 release: unpack its archive "
            "here, or use `contravox prepare folder` for a folder per speaker"
        )
    return [
        Recording(path, path.relative_to(part).as_posix(), path.parent.name, "1")
        for part in parts
        for path in audio_files(part)
    ]
