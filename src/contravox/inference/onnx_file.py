"""An ONNX file as bytes: what must be known of it before a runtime opens it.

A file of anybody's may keep its numbers in other files of this disk, or ask for operators that no
runtime here has. Only these few fields of the format are read, so that the `onnx` package is not
needed to use a model; see onnx.proto and https://protobuf.dev/programming-guides/encoding.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from contravox.errors import ModelError, brief, few

LARGEST = 2**30
"""Bytes of a file that is opened."""

DEEPEST = 50
"""Messages within messages: a graph within a graph is three of them."""

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Sets of operators that ONNX Runtime brings: ONNX's own, and its own for quantised layers."""

_GRAPH, _OPSETS, _METADATA = 7, 8, 14
"""Fields of a ModelProto."""
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
"""Fields of a TensorProto."""

_PARTS: Mapping[str, Mapping[int, str]] = {
    "model": {_GRAPH: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {
        **dict.fromkeys((5, 10), "tensor"),
        **dict.fromkeys((6, 11), "graph"),
        **dict.fromkeys((22, 23), "sparse tensor"),
    },
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Fields, by message, through which a tensor can be reached."""


@dataclass(frozen=True)
class OnnxFile:
    """graph: the file's bytes without its metadata; metadata: text by key."""

    graph: bytes
    metadata: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> "OnnxFile":
        """Read a file that is whole, alone and asks for no operators of others.

        Raises ModelError, naming the file and the mend.
        """
        if not path.is_file():
            raise ModelError(f"{path}: no such model: `contravox export` writes one")
        size = path.stat().st_size
        if size > LARGEST:
            raise ModelError(
                f"{path}: {size / 2**30:.1f} GiB large, models of up to {LARGEST / 2**30:.0f} GiB "
                "are opened: export a smaller one"
            )
        try:
            return cls.of(path.read_bytes(), path)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {brief(str(error.strerror))}") from error

    @classmethod
    def of(cls, data: bytes, name: str | Path) -> "OnnxFile":
        """As ``read``, of a file's bytes. name: for messages."""
        try:
            _check(name, data)
            return cls(*_without_metadata(data))
        # An index past the end, and text that is not UTF-8.
        except (IndexError, ValueError) as error:
            raise ModelError(
                f"{name}: not a whole ONNX file ({brief(str(error), 100)}): copy or export it again"
            ) from error

    @property
    def digest(self) -> bytes:
        """16 bytes that tell the graph and its weights, whatever the metadata."""
        return hashlib.blake2b(self.graph, digest_size=16).digest()

    def with_metadata(self, key: str, text: str) -> bytes:
        """The file's bytes with ``text`` under ``key``, beside the metadata it has."""
        entries = {**self.metadata, key: text}
        return self.graph + b"".join(
            _block(_METADATA, _block(1, name.encode()) + _block(2, text.encode()))
            for name, text in entries.items()
        )


def _check(name: str | Path, data: bytes) -> None:
    """Raises ModelError where a file keeps tensors elsewhere, or needs operators of others."""
    if not {_GRAPH, _OPSETS} <= {field.number for field in _fields(data, 0, len(data))}:
        raise ValueError("it has no graph")
    foreign = sorted(set(_domains(data)) - set(DOMAINS))
    if foreign:
        raise ModelError(
            f"{name}: needs operators of {few(foreign)}, which ONNX Runtime does not have: export "
            "it again with ONNX's own operators"
        )
    if any(_kept_elsewhere(data, "model", 0, len(data), 0)):
        raise ModelError(
            f"{name}: keeps its weights in another file, which is not followed: save it as one "
            "file (onnx.save without external data)"
        )


def _domains(data: bytes) -> Iterator[str]:
    """The sets of operators that a model asks for."""
    for opset in _fields(data, 0, len(data)):
        if opset.number == _OPSETS and opset.nested:
            # Absent means ONNX's own.
            for field in _fields(data, opset.start, opset.end):
                if field.number == 1:
                    yield _text(data, field)


def _kept_elsewhere(data: bytes, kind: str, start: int, end: int, depth: int) -> Iterator[bool]:
    """For every field of every tensor in a message, whether it says that numbers lie elsewhere."""
    if depth > DEEPEST:
        raise ValueError("graphs within graphs without end")
    for field in _fields(data, start, end):
        if kind == "tensor":
            location = field.number == _DATA_LOCATION and data[field.start : field.end] != b"\0"
            yield location or field.number == _EXTERNAL_DATA
        elif field.nested and field.number in _PARTS[kind]:
            part = _PARTS[kind][field.number]
            yield from _kept_elsewhere(data, part, field.start, field.end, depth + 1)


def _without_metadata(data: bytes) -> tuple[bytes, dict[str, str]]:
    """The bytes of all other fields, and the metadata."""
    kept, metadata, last = [], {}, 0
    for field in _fields(data, 0, len(data)):
        if field.number == _METADATA:
            entry = _fields(data, field.start, field.end)
            pair = {each.number: _text(data, each) for each in entry}
            metadata[pair.get(1, "")] = pair.get(2, "")
        else:
            kept.append(data[last : field.end])
        last = field.end
    return b"".join(kept), metadata


class _Field(NamedTuple):
    """Where the value of a field lies; nested: whether it is bytes, a text or a message."""

    number: int
    start: int
    end: int
    nested: bool


def _fields(data: bytes, start: int, end: int) -> Iterator[_Field]:
    """The fields of the message in data[start:end]. Raises ValueError, IndexError."""
    while start < end:
        tag, start = _varint(data, start)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            _, stop = _varint(data, start)
        elif wire == 1:
            stop = start + 8
        elif wire == 2:
            length, start = _varint(data, start)
            stop = start + length
        elif wire == 5:
            stop = start + 4
        else:
            raise ValueError("bytes that are none of its fields")
        if stop > end or number == 0:
            raise ValueError("it ends within a field" if number else "bytes that are no field")
        yield _Field(number, start, stop, wire == 2)
        start = stop


def _varint(data: bytes, start: int) -> tuple[int, int]:
    """An integer of up to ten bytes, seven bits each, and where it ends."""
    value = 0
    for place in range(10):
        byte = data[start + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, start + place + 1
    raise ValueError("a number without end")


def _text(data: bytes, field: _Field) -> str:
    return data[field.start : field.end].decode()


def _block(number: int, content: bytes) -> bytes:
    """A field with a length."""
    return _bytes_of(number << 3 | 2) + _bytes_of(len(content)) + content


def _bytes_of(value: int) -> bytes:
    """An integer as a varint."""
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
