"""What every training speaker, or utterance, sounds like: means of an epoch's embeddings."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from contravox.errors import CheckpointError


class SpeakerCentroids:
    """Sums of the embeddings of each class, of this epoch and of the one before.

    In training without labels a class is an utterance, and they are the memory from which positives
    are sampled.

    They cost nothing but their memory, for training makes the embeddings anyway. The vectors of a
    classifier would not do: its margin drives them apart, whatever the speakers sound like.

    classes, size: of labels and embeddings.
    """

    def __init__(self, classes: int, size: int) -> None:
        self.before = torch.zeros(classes, size)
        self.now = torch.zeros(classes, size)

    def add(self, embeddings: Tensor, labels: Tensor) -> None:
        """Add the embeddings (N, d) of a step, each of length 1, with their labels (N,)."""
        units = F.normalize(embeddings.detach().float(), dim=1).cpu()
        self.now.index_add_(0, labels.long().cpu(), units)

    def begin_epoch(self) -> None:
        """Let what was added be of the epoch before."""
        self.before, self.now = self.now, torch.zeros_like(self.now)

    def fill_epoch(self) -> None:
        """Let a class that this epoch was cut off before keep its sum of the one before."""
        unheard = ~self.now.any(dim=1, keepdim=True)
        self.now = torch.where(unheard, self.before, self.now)

    @property
    def vectors(self) -> Tensor | None:
        """(classes, d) of the epoch before, whose directions are those of means; None for none."""
        return self.before if self.before.any() else None

    def state(self) -> dict[str, Tensor]:
        """What ``restore`` takes."""
        return {"before": self.before, "now": self.now}

    def restore(self, state: dict[str, Tensor], path: Path) -> None:
        """Take back the state in a checkpoint. Raises CheckpointError for one of other speakers."""
        for name, own in self.state().items():
            sums = state.get(name)
            if sums is None or sums.shape != own.shape or not sums.isfinite().all():
                raise CheckpointError(
                    f"{path}: not a whole checkpoint (sums of the embeddings of {len(own)} "
                    "speakers expected): delete it and train again from the start"
                )
        self.before, self.now = state["before"].float(), state["now"].float()
