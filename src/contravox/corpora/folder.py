"""Any folder with a sub-folder per speaker: ``DIR/<speaker>/[<session>/…]<utterance>.wav``."""

from pathlib import Path

from contravox.corpora.scan import Recording, audio_files
from contravox.errors import ManifestError


def folder_recordings(folder: Path) -> list[Recording]:
    """Speakers are the first level of folders; sessions are the levels below it, if any.

    An utterance is named by its path from ``folder``.

    Raises ManifestError where there is no audio, or audio outside a speaker's folder.
    """
    recordings = []
    for path in audio_files(folder):
        name = path.relative_to(folder)
        if len(name.parts) < 2:
            raise ManifestError(
                f"{path}: lies in no speaker's folder: "
                f"move it to {folder}/<speaker>/{name} for a speaker of that name"
            )
        speaker, *sessions, _ = name.parts
        recordings.append(Recording(path, name.as_posix(), speaker, "/".join(sessions) or None))
    return recordings
