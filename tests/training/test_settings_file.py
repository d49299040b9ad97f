import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contravox.errors import RecipeError
from contravox.training.recipe import Recipe
from profiles import examples

RECIPE = b"""\
data: {manifest: m.tsv}
encoder: {name: ecapa_tdnn, channels: 16}
objectives:
  classification: {name: aam_softmax}
training: {epochs: 3, seed: 1}
"""


def bomb(levels=9):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


def merged(levels=9):
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, levels)]
    return "\n".join(lines).encode()


FILES = {
    "a type of its own": (RECIPE + b'clean: !!int "abc"', "types such as !!int are not read"),
    "a binary value": (RECIPE + b"clean: !!binary aGk=", "types such as !!int are not read"),
    "an object": (RECIPE + b"clean: !!python/name:os.system", "types such as !!int are not read"),
    "brackets": (b"[" * 20_000, "over 20 levels deep"),
    "braces": (b"{a: " * 20_000, "over 20 levels deep"),
    "indents": (b"".join(b" " * n + b"a:\n" for n in range(400)), "over 20 levels deep"),
    "a number of many digits": (RECIPE + b"clean: " + b"9" * 6000, "over 1,000 characters"),
    "a key of many characters": (RECIPE + b"k" * 900 + b": 1", "kkk"),
    "references to references": (RECIPE + bomb(), "& and [*] are not read"),
    "merges of merges": (RECIPE + merged(), "& and [*] are not read"),
    "a reference to itself": (RECIPE + b"clean: &a [*a]", "& and [*] are not read"),
    "a key twice": (RECIPE + b"data: {manifest: n.tsv}", "not YAML: .*duplicate key"),
    "a key that is a number": (RECIPE + b"1: 2", "1: keys should be strings"),
    "a key that is nothing": (RECIPE + b"null: 2", "keys should be strings"),
    "a key that is a list": (RECIPE + b"? [a]\n: 2", ""),
    "a tab": (RECIPE + b"clean:\n\tx: 1", "not YAML"),
    "a NUL": (RECIPE + b"clean: \0", "not YAML"),
    "an escape": (RECIPE + b"clean: \x1b[31mred", "not YAML"),
    "UTF-16": (RECIPE.decode().encode("utf-16"), "not UTF-8 text .* save it as that"),
    "bytes": (bytes(range(256)) * 10, "not UTF-8|not YAML"),
    "too many bytes": (RECIPE + b"# comment\n" * 20_000, "over 100,000 bytes"),
    "two documents": (RECIPE + b"---\n" + RECIPE, "not YAML"),
    "nothing": (b"", "not a recipe"),
    "a number": (b"3", "not a recipe"),
    "a date that is none": (RECIPE + b"clean: 2020-13-45", "not YAML: month must"),
    "a date": (RECIPE.replace(b"epochs: 3", b"epochs: 2020-01-01"), "training.epochs: .*2020"),
    "minutes": (RECIPE.replace(b"epochs: 3", b"epochs: 1:30"), "training.epochs: '1:30'"),
    "not a number": (RECIPE.replace(b"epochs: 3", b"epochs: .nan"), "training.epochs: nan"),
    "a billion": (RECIPE.replace(b"epochs: 3", b"epochs: 1e9"), "training.epochs: 1000000000.0"),
    "a seed below 0": (RECIPE.replace(b"seed: 1", b"seed: -1"), "training.seed: -1"),
}


@pytest.mark.parametrize(("data", "reason"), FILES.values(), ids=FILES)
def test_a_file_that_is_no_recipe_is_one_short_line(data, reason, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(data)
    with pytest.raises(RecipeError, match=reason) as caught:
        Recipe.read(path)
    assert len(str(caught.value)) < 1000
    assert str(caught.value).isprintable()


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + RECIPE)
    assert Recipe.read(path).training.epochs == 3


@pytest.mark.parametrize(
    "override",
    [
        "training.epochs=" + "[" * 20_000,
        "training.epochs=" + "9" * 6000,
        'training.epochs=!!int "a"',
        "training.epochs=&a [*a]",
        "training.epochs=\0",
        "training.epochs=1e400",
        "training..epochs=1",
        ".=1",
        "=1",
        "a." * 2000 + "b=1",
        "k" * 5000 + "=1",
        "k" * 5000,
        "training.epochs=" + "a" * 900,
        "data.segment_seconds=.inf",
        "features.bins=10000000",
        "sampler={name: random_utterances, utterances: 1000000000}",
        "data.workers=100000",
        "training.optimiser.learning_rate=.nan",
        "data.speeds=[.nan]",
        "encoder.channels=1000000",
        "encoder={name: mfa_conformer, blocks: 1000000}",
        "encoder={name: fast_resnet34, blocks: [1000000, 1, 1, 1]}",
        "balance={name: cagrad, options: {c: .nan}}",
        "training.chunk_size=0",
        "augmentation={ambient_snr: [-.inf, 0]}",
    ],
)
def test_an_override_that_cannot_be_is_one_short_line(override, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(RECIPE)
    with pytest.raises(RecipeError) as caught:
        Recipe.read(path, [override])
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


@examples(150)
@given(
    st.integers(0, len(RECIPE)),
    st.integers(0, 30),
    st.binary(max_size=30) | st.text("&*[]{}:,-!|>'\"%@`? \n\t0129.eE~", max_size=30),
)
def test_whatever_a_file_holds_it_is_a_recipe_or_one_line(tmp_path, start, length, inserted):
    path = tmp_path / "recipe.yaml"
    inserted = inserted.encode() if isinstance(inserted, str) else inserted
    path.write_bytes(RECIPE[:start] + inserted + RECIPE[start + length :])
    with contextlib.suppress(RecipeError):
        assert isinstance(Recipe.read(path), Recipe)
