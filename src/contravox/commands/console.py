"""What the verbs share: options, and how they speak to programs."""

from typing import Annotated, Any

import typer

from contravox.files.writing import json_text

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace what is there, though another command wrote it.")
]
Output = typer.Option("--output", "-o", help="Where to write.")


def print_json(value: Any) -> None:
    """Print for programs, on the output."""
    print(json_text(value))
