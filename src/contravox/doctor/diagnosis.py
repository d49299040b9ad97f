"""Everything that the doctor looks at."""

import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from contravox.doctor.devices import Device, devices
from contravox.doctor.disk import Disk, disk
from contravox.doctor.libraries import Extra, Library, extras, libraries
from contravox.doctor.model_check import ModelCheck, check_model


@dataclass(frozen=True)
class Diagnosis:
    """python: its version. model: None where none was named, or libraries do not work."""

    contravox: str
    python: str
    system: str
    libraries: list[Library]
    extras: list[Extra]
    devices: list[Device]
    disks: list[Disk]
    model: ModelCheck | None

    @property
    def problems(self) -> list[str]:
        """What keeps contravox from working, each with its mend.

        An extra that is missing may not be wanted, and a disk that is almost full may do.
        """
        found = [
            f"{each.name}: {each.problem}: install contravox into a fresh environment"
            for each in self.libraries
            if each.problem
        ]
        if self.model and self.model.problem:
            found.append(self.model.problem)
        return found


def diagnose(model: str | Path | None) -> Diagnosis:
    """Look at everything, and at a model where one is named."""
    found = libraries()
    whole = not any(each.problem for each in found)
    places = [disk(Path.cwd(), "outputs")]
    if whole:
        # Its module imports the libraries.
        from contravox.inference.embedding_cache import default_cache

        places.append(disk(default_cache(), "embeddings that are kept"))
    return Diagnosis(
        contravox=metadata.version("contravox"),
        python=platform.python_version(),
        system=platform.platform(),
        libraries=found,
        extras=extras(),
        devices=devices(),
        disks=places,
        model=check_model(model) if whole and model is not None else None,
    )
