"""The names of PyTorch's ResNet, which most toolkits kept, as ours."""

from collections.abc import Mapping


def residual_stages(theirs: str, ours: str, shortcut: str) -> Mapping[str, str]:
    """Modules of stages of residual blocks of theirs to those of ours, see ``renamed``.

    theirs, ours: what stands before them, with its dot. shortcut: their name of it.
    """
    layer, stage = f"{theirs}layer#1.#0", f"{ours}stages.#.blocks.#"
    return {
        f"{layer}.conv1": f"{stage}.first",
        f"{layer}.bn1": f"{stage}.first_norm",
        f"{layer}.conv2": f"{stage}.last",
        f"{layer}.bn2": f"{stage}.last_norm",
        f"{layer}.{shortcut}.0": f"{stage}.shortcut",
        f"{layer}.{shortcut}.1": f"{stage}.shortcut_norm",
    }
