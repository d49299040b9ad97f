"""What a trial list is, so that results of different lists are not compared."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from contravox.errors import TrialsError, brief, few, near_miss
from contravox.files.writing import write_text

PROTOCOL = "protocol.json"


def find_protocol(name: str, corpora: Path) -> Path:
    """The folder of a protocol below that of the prepared corpora.

    Raises TrialsError where there is none of the name, or are several.
    """
    folders = sorted(path.parent for path in corpora.glob(f"**/{PROTOCOL}"))
    named = [folder for folder in folders if folder.name == name]
    if len(named) == 1:
        return named[0]
    if named:
        places = few([folder.relative_to(corpora) for folder in named])
        raise TrialsError(
            f"{name}: there are several such lists below {corpora}, {places}: give the folder of "
            "one in place of --protocol"
        )
    found = list(dict.fromkeys(folder.name for folder in folders))
    if not found:
        raise TrialsError(
            f"{corpora}: holds no official trial list: make it with `contravox prepare CORPUS DIR "
            f"-o {corpora}/CORPUS`, or say where they are by --corpora"
        )
    hint = near_miss(name, found, f"there are {few(found)}")
    raise TrialsError(f"{name}: no such list below {corpora}: {hint}")


@dataclass(frozen=True)
class Protocol:
    """name: such as ``voxceleb1-o``; for a list that nobody named, its path.

    corpus, trial_list: where it comes from: the corpus and the file in its release.
    trials_in_release: how many that file should hold. trials_dropped: how many were left out for
    want of their audio. enrolment: what stands behind the first side of a trial.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    corpus: str | None = None
    trial_list: str | None = None
    trials_in_release: int | None = None
    trials_dropped: int = 0
    enrolment: Literal["one utterance", "utterances concatenated", "several utterances"] = (
        "one utterance"
    )

    @classmethod
    def read(cls, folder: Path) -> "Protocol | None":
        """What ``write`` wrote to a folder, if it did. Raises TrialsError where it is damaged."""
        path = folder / PROTOCOL
        if not path.is_file():
            return None
        try:
            return TypeAdapter(cls).validate_json(path.read_bytes())
        except (ValidationError, OSError) as error:
            raise TrialsError(
                f"{path}: not a protocol ({brief(str(error))}): prepare the corpus again"
            ) from error

    def write(self, folder: Path) -> None:
        """Write ``protocol.json``, whole or not at all. Raises OutputError."""
        write_text(folder / PROTOCOL, json.dumps(asdict(self), indent=2) + "\n")
