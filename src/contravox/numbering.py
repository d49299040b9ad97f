"""Names that come again and again: numbers in their place, or their text held once."""

import polars as pl


def number_names(names: pl.Series) -> pl.Series:
    """(n,) the number 0, 1, ... of each name, in the order of the distinct ones; null for null."""
    # A join: ranking sorts every row, and takes half a minute for seven millions.
    distinct = names.drop_nulls().unique().sort().alias("name")
    numbers = distinct.to_frame().with_row_index("number")
    named = names.alias("name").to_frame()
    return named.join(numbers, on="name", how="left", maintain_order="left")["number"]


def held_once(names: pl.Series) -> pl.Series:
    """(n,) the same names, where the text of each is held once, however often it comes.

    A parser holds it each time; a name of 30 characters that is one of a few takes 16 bytes so, in
    place of 46.
    """
    # A joined column points into the text of the table that it comes from.
    named, distinct = names.alias("name").to_frame(), names.unique().alias("name").to_frame()
    texts = distinct.with_columns(text="name")
    return named.join(texts, on="name", how="left", maintain_order="left")["text"].alias(names.name)
