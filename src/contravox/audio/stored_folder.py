"""Files of one folder, here or in a store of objects, each there whole or not at all."""

import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from contravox.audio.storage import (
    Location,
    check_store,
    claim_store,
    is_url,
    read_bytes,
    remove,
    stored_names,
    stored_size,
    upload,
)
from contravox.files.writing import write_bytes


@dataclass(frozen=True)
class StoredFolder:
    """A folder that several machines may read and write.

    place: the absolute path of a folder, or a URL that fsspec knows; without a slash at its end.
    """

    place: str

    @classmethod
    def at(cls, given: str | Path) -> "StoredFolder":
        """The folder of a path or a URL.

        Raises StorageError where no store is known by such a URL, MissingExtraError.
        """
        path = Location.parse(given).path
        if not is_url(path):
            return cls(str(Path(path).absolute()))
        check_store(path)
        return cls(path.rstrip("/"))

    @property
    def in_store(self) -> bool:
        """Whether it is a URL."""
        return is_url(self.place)

    def claim(self) -> None:
        """See that a store can be written to. Raises StorageError, MissingExtraError."""
        if self.in_store:
            claim_store(self.place)

    def __truediv__(self, name: str) -> str:
        return f"{self.place}/{name}"

    def names(self) -> set[str]:
        """Of the files that are there; nothing where there is no folder. Raises StorageError."""
        if self.in_store:
            return {PurePosixPath(path).name for path in stored_names(self.place)}
        folder = Path(self.place)
        return {each.name for each in folder.iterdir()} if folder.is_dir() else set()

    def has(self, name: str) -> bool:
        """Whether a file is there. Raises StorageError."""
        if self.in_store:
            return stored_size(self / name) is not None
        return Path(self / name).is_file()

    def read(self, name: str) -> bytes:
        """A file that is there. Raises AudioError where it is not, StorageError."""
        return read_bytes(Location(self / name))

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all. Raises OutputError, StorageError."""
        if not self.in_store:
            write_bytes(Path(self / name), data)
            return
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            upload(Path(file.name), self / name)

    def remove(self, name: str) -> None:
        """Take a file away, if it is there. Raises OutputError, StorageError."""
        if self.in_store:
            remove(self / name)
        else:
            Path(self / name).unlink(missing_ok=True)
