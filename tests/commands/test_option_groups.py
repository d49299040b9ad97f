from dataclasses import dataclass
from typing import Annotated, Literal

import typer
from typer.testing import CliRunner

from contravox.commands.option_groups import with_option_groups


@dataclass(frozen=True)
class Cooking:
    """Two options."""

    heat: Annotated[Literal["low", "high"], typer.Option(help="How hot.")] = "low"
    minutes: Annotated[int, typer.Option("--for", min=1)] = 5


def run(*arguments: str):
    """What a verb of a group between two options of its own was given."""
    app, given = typer.Typer(), []

    @app.command()
    @with_option_groups
    def cook(dish: str, cooking: Cooking = Cooking(), lid: bool = False) -> None:
        """Cook it."""
        given.append((dish, cooking, lid))

    return CliRunner().invoke(app, arguments), given


def test_a_group_is_given_as_one_and_asked_for_as_options():
    _, given = run("soup", "--for", "9", "--lid")
    assert given == [("soup", Cooking("low", 9), True)]
    _, given = run("soup")
    assert given == [("soup", Cooking(), False)]


def test_options_of_a_group_keep_their_help_place_and_limits():
    done, _ = run("--help")
    places = [done.output.index(name) for name in ("Cook it.", "--heat", "--for", "--lid")]
    assert places == sorted(places)
    assert "How hot." in done.output
    for wrong in (("--heat", "mild"), ("--for", "0")):
        done, given = run("soup", *wrong)
        assert (done.exit_code, given) == (2, [])
