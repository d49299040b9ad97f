"""What a speaker may be called, and when two names are one."""

import unicodedata

from contravox.errors import SpeakerNameError, brief, quoted

LONGEST = 500
"""Bytes of a name in UTF-8."""

_REFUSED = {"Cc": "a control character", "Cs": "what is not UTF-8", "Zl": "a line break"}
_REFUSED["Zp"] = "a line break"
"""By Unicode's general category."""


def speaker_name(name: str) -> str:
    """A name in the form by which it is kept: NFC, so that two ways to write é are one.

    Any script, quotation marks, slashes, emoji and marks of direction are allowed: a name is never
    a path or part of a command. Case and width stay: Ann and ann are two.

    Raises SpeakerNameError for one that is empty, longer than LONGEST bytes, begins or ends with
    blanks, or has control characters.
    """
    if not isinstance(name, str):
        raise SpeakerNameError(f"a speaker's name is a text, not {brief(type(name).__name__)}")
    # Before it is normalised, which takes time and may make it longer.
    if len(name) > LONGEST:
        raise _too_long(name)
    for character in name:
        refused = _REFUSED.get(unicodedata.category(character))
        if refused is not None:
            shown = ascii(brief(name, 40))
            raise SpeakerNameError(f"the name {shown} has {refused} in it: leave that out")
    name = unicodedata.normalize("NFC", name)
    if len(name.encode()) > LONGEST:
        raise _too_long(name)
    if not name.strip():
        raise SpeakerNameError("a speaker's name is empty: give one")
    if name != name.strip():
        raise SpeakerNameError(
            f"the name {quoted(name, 40)} begins or ends with blanks: leave them out"
        )
    return name


def _too_long(name: str) -> SpeakerNameError:
    return SpeakerNameError(
        f"the name {quoted(name, 40)} is longer than {LONGEST} bytes: choose a shorter one"
    )
