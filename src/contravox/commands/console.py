"""What the verbs share: options, and how they speak to people and programs."""

import json
import sys
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace what is there, though another command wrote it.")
]
Output = typer.Option("--output", "-o", help="Where to write.")


def print_json(value: Any) -> None:
    """Print for programs, on the output."""
    print(json.dumps(value, indent=2))


def note(text: str) -> None:
    """Print a line for people, on the error stream."""
    print(text, file=sys.stderr)
