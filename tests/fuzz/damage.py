"""Files made worse: bytes and numbers changed, cut and repeated, in a file or in its parts."""

import io
import json
import random
import re
import sqlite3
import struct
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

Damage = Callable[[random.Random, bytes, Sequence[bytes]], bytes]
"""What makes a file worse. It draws, gets the file, and others of its kind to take pieces of."""

LARGEST = 1 << 20
"""Bytes of a damaged file."""

NUMBERS = [
    0,
    1,
    127,
    128,
    255,
    2**15,
    2**16 - 1,
    2**24,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63,
    2**64 - 1,
]
"""What a count, a size or a place may be said to be."""

WORDS = [
    *(b"", b"0", b"-1", b"1", b"nan", b"inf", b"-inf", b"1e308", b"1e400", b"1e-400", b"0.1"),
    *(
        b"9" * 30,
        b"9" * 5000,
        b"0x10",
        b"1_000",
        b"\xd9\xa1",
        b"null",
        b"true",
        b"[]",
        b"{}",
        b'""',
    ),
    *(b'"', b'""', b'"""', b"'", b"\\", b"\t", b"\n", b"\r\n", b"\r", b"\0", b" ", b",", b"/"),
    *(b"../..", b"/dev/zero", b"file:///etc/passwd", b"s3://a/b", b"#bytes=0-9", b"~", b"*", b"%s"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\xe2\x80\xa8"),
    *(
        b"[" * 2000,
        b"{" * 200,
        b"&a *a",
        b"<<: ",
        b"!!python/name:os.system",
        b"- ",
        b": ",
        b"\x1b[",
    ),
]
"""What text may hold where something else should be."""

VALUES = [
    *(None, True, -1, 0, 2**31, 2**63, 2**70, 1e308, float("nan"), float("inf"), "", "x", [], {}),
    *("9" * 5000, "\ud800", [[[]]]),
]
"""What JSON may hold where something else should be."""

COLUMN_VALUES = [
    *(None, -1, 0, 2**62, 1e308, -1e308, float("inf"), "", "x", "a\nb", "9" * 5000, "{}", "[]"),
    *('{"top": -1}', b"", bytes(32), struct.pack("<8f", *[1e38] * 8)),
]
"""What a column of a database may hold where something else should be."""

_WORD = re.compile(rb"[\w.+-]+")


def damaged(draw: random.Random, whole: bytes, others: Sequence[bytes]) -> bytes:
    """A file of bytes with a few changes, of any kind."""
    data = whole
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        data = draw.choice(_CHANGES)(draw, data, others)[:LARGEST]
    return data


def _place(draw: random.Random, data: bytes) -> int:
    """Anywhere, and half the time near an end, where headers are."""
    most = len(data)
    near = draw.randrange(min(most, draw.choice((16, 64, 512))) + 1)
    return draw.choice((draw.randrange(most + 1), draw.randrange(most + 1), near, most - near))


def _flip(draw: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    place = min(_place(draw, data), len(data) - 1)
    if place < 0:
        return b"\0"
    changed = data[place] ^ 1 << draw.randrange(8)
    return data[:place] + bytes([changed]) + data[place + 1 :]


def _replace(draw: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    place, size = _place(draw, data), draw.choice((1, 2, 4, 16))
    return data[:place] + draw.randbytes(size) + data[place + size :]


def _number(draw: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    place, size = _place(draw, data), draw.choice((1, 2, 4, 8))
    number = draw.choice(NUMBERS) % 2 ** (8 * size)
    return (
        data[:place] + number.to_bytes(size, draw.choice(("little", "big"))) + data[place + size :]
    )


def _word(draw: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    words = list(_WORD.finditer(data[:4096]))
    if not words:
        return _put_in(draw, data, _)
    word = draw.choice(words)
    return data[: word.start()] + draw.choice(WORDS) + data[word.end() :]


def _put_in(draw: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    place = _place(draw, data)
    return data[:place] + draw.choice(WORDS) + data[place:]


def _cut(draw: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: _place(draw, data)]


def _leave_out(draw: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    first, last = sorted((_place(draw, data), _place(draw, data)))
    return data[:first] + data[last:]


def _repeat(draw: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    first = _place(draw, data)
    piece = data[first : first + draw.choice((1, 4, 40, 4000))]
    return data[:first] + piece * draw.choice((2, 3, 100, 10_000)) + data[first + len(piece) :]


def _splice(draw: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = draw.choice(others) if others else data
    first = _place(draw, other)
    place = _place(draw, data)
    return data[:place] + other[first : first + draw.randrange(1, 2000)] + data[place:]


_CHANGES = [
    _flip,
    _replace,
    _number,
    _number,
    _word,
    _word,
    _put_in,
    _cut,
    _leave_out,
    _repeat,
    _splice,
]


def within_zip(draw: random.Random, whole: bytes, others: Sequence[bytes]) -> bytes:
    """An archive that is whole, of which a member, or the name of one, is damaged."""
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = [(each.filename, archive.read(each)) for each in archive.infolist()]
    place = draw.randrange(len(members))
    name, data = members[place]
    if draw.random() < 0.1:
        name = draw.choice((f"{name}x", "", "../x", members[0][0]))
    members[place] = name, damaged(draw, data, [data for _, data in members])
    if draw.random() < 0.1:
        del members[draw.randrange(len(members))]
    file = io.BytesIO()
    with zipfile.ZipFile(
        file, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    ) as archive:
        for name, data in members:
            archive.writestr(name or "x", data)
    return file.getvalue()


def within_safetensors(draw: random.Random, whole: bytes, others: Sequence[bytes]) -> bytes:
    """A file whose header has the length that it says, and is damaged as text or as JSON."""
    size = int.from_bytes(whole[:8], "little")
    header, numbers = whole[8 : 8 + size], whole[8 + size :]
    header = draw.choice((within_json, damaged))(draw, header, [])
    return len(header).to_bytes(8, "little") + header + numbers


def within_json(draw: random.Random, whole: bytes, others: Sequence[bytes]) -> bytes:
    """JSON of which a value, perhaps of JSON in a text, is another."""

    def changed(value):
        if isinstance(value, dict) and value and draw.random() < 0.9:
            key = draw.choice(list(value))
            if draw.random() < 0.1:
                return {each: value[each] for each in value if each != key}
            return {**value, key: changed(value[key])}
        if isinstance(value, list) and value and draw.random() < 0.9:
            place = draw.randrange(len(value))
            return [*value[:place], changed(value[place]), *value[place + 1 :]]
        if isinstance(value, str) and value.startswith("{") and draw.random() < 0.9:
            return json.dumps(changed(json.loads(value)))
        return draw.choice([*VALUES, [value] * 3, {"x": value}, str(value)])

    return json.dumps(changed(json.loads(whole))).encode()


def within_sqlite(draw: random.Random, whole: bytes, others: Sequence[bytes]) -> bytes:
    """A database that is whole, in which a value of a table is another, or a table is."""
    with tempfile.NamedTemporaryFile(suffix=".sqlite") as file:
        Path(file.name).write_bytes(whole)
        database = sqlite3.connect(file.name)
        tables = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        for _ in range(draw.choice((1, 1, 2))):
            table = draw.choice(tables)
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            column = draw.choice(columns)
            value = draw.choice([*COLUMN_VALUES, draw.randbytes(32)])
            try:
                match draw.randrange(10):
                    case 0:
                        database.execute(f"DELETE FROM {table}")
                    case 1:
                        database.execute(f"DROP TABLE {table}")
                    case 2:
                        database.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO other")
                    case _:
                        database.execute(f"UPDATE {table} SET {column} = ?", (value,))
            except sqlite3.Error:
                pass
            tables = [name for name in tables if name != table] or tables
        database.commit()
        database.close()
        return Path(file.name).read_bytes()


def within_ogg(draw: random.Random, whole: bytes, others: Sequence[bytes]) -> bytes:
    """A damaged file of Ogg whose pages have the checksums that they should."""
    return with_ogg_checksums(damaged(draw, whole, others))


def with_ogg_checksums(whole: bytes) -> bytes:
    """A file of Ogg with the checksums that the bytes of its pages call for."""
    data = bytearray(whole)
    for match in re.finditer(b"OggS", whole):
        start = match.start()
        if start + 27 > len(data):
            break
        segments = data[start + 27 : start + 27 + data[start + 26]]
        end = start + 27 + len(segments) + sum(segments)
        data[start + 22 : start + 26] = bytes(4)
        data[start + 22 : start + 26] = _ogg_checksum(data[start:end]).to_bytes(4, "little")
    return bytes(data)


def _ogg_checksum(page: bytes) -> int:
    checksum = 0
    for byte in page:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ _OGG_TABLE[checksum >> 24 ^ byte]
    return checksum


def _ogg_entry(byte: int) -> int:
    entry = byte << 24
    for _ in range(8):
        entry = (entry << 1 ^ (0x04C11DB7 if entry & 0x80000000 else 0)) & 0xFFFFFFFF
    return entry


_OGG_TABLE = [_ogg_entry(byte) for byte in range(256)]


def within_onnx(draw: random.Random, whole: bytes, others: Sequence[bytes]) -> bytes:
    """A graph that is whole, in which shapes, names, operators or attributes are others."""
    import onnx

    model = onnx.load_from_string(whole)
    for _ in range(draw.choice((1, 1, 2, 4))):
        graph = model.graph
        match draw.randrange(7):
            case 0 if graph.initializer:
                dims = draw.choice(graph.initializer).dims
                if dims:
                    dims[draw.randrange(len(dims))] = draw.choice((0, -1, 1, 2**20, 2**40, 2**62))
            case 1:
                node = draw.choice(graph.node)
                node.op_type = draw.choice(
                    [each.op_type for each in graph.node] + ["Loop", "If", "x"]
                )
            case 2:
                node = draw.choice(graph.node)
                names = [name for each in graph.node for name in each.output]
                if node.input:
                    node.input[draw.randrange(len(node.input))] = draw.choice([*names, "", "x"])
            case 3:
                node = draw.choice(graph.node)
                for attribute in node.attribute:
                    attribute.i = draw.choice((0, -1, 2**31, 2**62))
                    for place in range(len(attribute.ints)):
                        attribute.ints[place] = draw.choice((0, -1, 1, 2**20, 2**40))
            case 4:
                values = draw.choice((graph.input, graph.output))
                shape = draw.choice(values).type.tensor_type.shape.dim
                if shape:
                    draw.choice(shape).dim_value = draw.choice((0, -1, 1, 2**31, 2**62))
            case 5 if graph.initializer:
                tensor = draw.choice(graph.initializer)
                tensor.raw_data = damaged(draw, tensor.raw_data, [])
            case _:
                for entry in model.metadata_props:
                    entry.value = within_json(draw, entry.value.encode(), []).decode()
    return model.SerializeToString()
