"""``contravox verify --as NAME``: is a recording of somebody who is enrolled?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contravox.commands.console import print_json
from contravox.commands.galleries import model_of, open_gallery
from contravox.commands.recording_options import warn_of
from contravox.terminal.messages import note, tell

if TYPE_CHECKING:
    from contravox.inference.deciding import Prior


def verify_claim(
    name: str,
    recording: str,
    gallery: str,
    model: Path | None,
    *,
    prior: "Prior | None",
    as_json: bool,
    **how: Any,
) -> bool | None:
    """Tell whether a recording is of a speaker of a gallery; give the decision."""
    from contravox.inference.default_model import told_of

    chosen = model_of(model)
    with open_gallery(gallery, chosen) as opened:
        claim = opened.verify_claim(name, recording, prior=prior, **how)
    if as_json:
        print_json({"model": told_of(chosen), **asdict(claim)})
    else:
        tell(str(claim))
        if claim.margin is not None and claim.margin < 0:
            tell("somebody else of the gallery is closer: see `contravox identify`")
        warn_of(claim.warnings)
    if claim.accepted is None:
        note("error: no decision, as there is no threshold for these scores: pass --threshold")
    return claim.accepted
