"""``contravox keys``: who may ask a service for what."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contravox.commands.console import Json, print_json
from contravox.terminal.messages import note, tell

if TYPE_CHECKING:
    from contravox.service.keys import Scope

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
"""The verbs of ``contravox keys``."""

DEFAULT = Path("keys.json")

KeysFile = Annotated[
    Path, typer.Option("--keys", envvar="CONTRAVOX_KEYS", help="The file that holds their digests.")
]
Name = Annotated[str, typer.Argument(help="Of the key: who has it.")]


@app.command()
def add(
    name: Name,
    scopes: Annotated[
        str, typer.Option(help="What it is for, by commas: verify, enrol, administer.")
    ] = "verify",
    keys: KeysFile = DEFAULT,
) -> None:
    """Make a key and print it. It is shown this once, and kept as a digest."""
    from contravox.service.keys import add_key

    key = add_key(keys, name, _scopes(scopes))
    tell(key)
    note(f"kept in {keys}; the key itself is shown only now")


@app.command("list")
def list_keys(keys: KeysFile = DEFAULT, as_json: Json = False) -> None:
    """Tell the names of the keys, and what they are for."""
    from contravox.service.keys import read_keys

    known = read_keys(keys)
    if as_json:
        told = [{"name": each.name, "scopes": sorted(each.scopes)} for each in known]
        print_json([{**of, "created": each.created} for of, each in zip(told, known, strict=True)])
        return
    if not known:
        tell("there are no keys")
    for each in known:
        tell(f"{each.name}  {','.join(sorted(each.scopes))}  since {each.created[:10]}")


@app.command()
def remove(name: Name, keys: KeysFile = DEFAULT) -> None:
    """Let a key be refused from now on, by services that run too."""
    from contravox.service.keys import remove_key

    remove_key(keys, name)
    tell(f"{name} is removed")


def _scopes(text: str) -> "list[Scope]":
    from typing import get_args

    from contravox.errors import KeyFileError, near_miss
    from contravox.service.keys import Scope

    known = get_args(Scope)
    wanted = [each.strip() for each in text.split(",") if each.strip()]
    for each in wanted:
        if each not in known:
            near = near_miss(each, known, f"there are {', '.join(known)}")
            raise KeyFileError(f"there is no scope {each[:40]!r}: {near}")
    return [scope for scope in known if scope in wanted]
