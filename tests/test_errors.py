import pytest

from contravox.errors import quoted


@pytest.mark.parametrize(
    "name", ["a", "a" * 999, "\x07" * 999, "a\nb", "ü\u2028" * 99, None, "it's"]
)
def test_a_quoted_name_is_short_and_on_one_line_whatever_it_holds(name):
    assert len(quoted(name)) <= 80
    assert len(quoted(name, 40)) <= 40
    assert len(quoted(name).splitlines()) == 1
    if len(repr(name)) <= 40:
        assert quoted(name, 40) == repr(name)
