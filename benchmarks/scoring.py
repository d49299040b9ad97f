"""Scoring and metrics of long trial lists beside other people's: a table a question.

    python benchmarks/scoring.py [--only NAME ...] [--threads 2] [--repeats 3] [--scale 1]

See ``scoring_metrics.py`` and ``scoring_backends.py`` for the questions and what each contestant
computes, and ``fresh_process.py`` for how it is measured.
"""

import argparse

from rich.console import Console

import scoring_backends
import scoring_metrics

QUESTIONS = scoring_metrics.QUESTIONS | scoring_backends.QUESTIONS
WIDTH = 124
"""Columns of text that a table needs; a pipe has 80."""


def parse_arguments() -> argparse.Namespace:
    """What the user asks for."""
    parser = argparse.ArgumentParser(description="Scoring and metrics beside other people's.")
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    parser.add_argument("--threads", type=int, default=2, help="of every contestant (2)")
    parser.add_argument("--repeats", type=int, default=3, help="turns of every contestant (3)")
    parser.add_argument("--scale", type=float, default=1, help="share of the sizes (1)")
    return parser.parse_args()


def main() -> None:
    """Ask every question that was asked for."""
    arguments = parse_arguments()
    console = Console()
    console.width = max(console.width, WIDTH)
    for name in arguments.only:
        scoring_backends.answer(
            QUESTIONS[name],
            threads=arguments.threads,
            repeats=arguments.repeats,
            scale=arguments.scale,
            console=console,
        )


if __name__ == "__main__":
    main()
