"""Bytes that processes send in a training step: `python benchmarks/communication.py`.

Run where nobody else uses the loopback, such as by
`unshare --net sh -c 'ip link set lo up; exec python benchmarks/communication.py'`. Prints, in
Markdown, what one process sends in a step, at the loopback over gloo and by formula: of what the
contrastive loss and the log gather of each segment, and of the gradients that are averaged.
"""

import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor, distributed, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from contravox.objectives.segments import Segments, gather

STEPS = 50
SEGMENTS = 96
"""Of each process."""

SIZE = 192
"""Of an embedding."""

PARAMETERS = 1_000_000
"""Of the encoder and the objectives, in 32 bits."""


def main() -> None:
    """Print a row for each number of processes and each kind of what is sent."""
    print("| processes | sent | MB a step, measured | by formula |\n|---|---|---|---|")
    for processes in (2, 4):
        for kind in ("segments", "gradients"):
            with tempfile.TemporaryDirectory() as folder:
                multiprocessing.spawn(_process, (processes, kind, folder), processes)
                sent = float((Path(folder) / "sent").read_text())
            expected = _formula(processes, kind)
            print(f"| {processes} | {kind} | {sent / 1e6:.3f} | {expected / 1e6:.3f} |")


def _formula(processes: int, kind: str) -> float:
    """Bytes that one process sends in a step, in rings."""
    if kind == "segments":
        # Embeddings; labels and views for the loss; labels and utterances for the log.
        return (processes - 1) * SEGMENTS * (4 * SIZE + 4 * 8)
    return 2 * (processes - 1) / processes * 4 * PARAMETERS


def _process(rank: int, processes: int, kind: str, folder: str) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=processes)
    module = DistributedDataParallel(nn.Linear(1000, PARAMETERS // 1000, bias=False))
    step = _gather_segments if kind == "segments" else _average_gradients
    # The first sends what the processes need to know each other.
    for _ in range(3):
        step(module)
    distributed.barrier()
    before = _bytes_sent()
    for _ in range(STEPS):
        step(module)
    distributed.barrier()
    if rank == 0:
        sent = (_bytes_sent() - before) / STEPS / processes
        (Path(folder) / "sent").write_text(str(sent))
    distributed.barrier()
    distributed.destroy_process_group()


def _gather_segments(_: nn.Module) -> None:
    numbers = torch.arange(SEGMENTS)
    embeddings = torch.randn(SEGMENTS, SIZE, requires_grad=True)
    everywhere: Tensor = Segments(embeddings, numbers, numbers).gathered().embeddings
    everywhere.square().sum().backward()
    # As the trainer does for the shares of positives.
    gather(numbers), gather(numbers)


def _average_gradients(module: nn.Module) -> None:
    module(torch.randn(2, 1000)).sum().backward()


def _bytes_sent() -> int:
    """At the loopback, headers and acknowledgements of TCP included."""
    lines = Path("/proc/net/dev").read_text().splitlines()
    [counts] = [each.partition(":")[2] for each in lines if each.strip().startswith("lo:")]
    return int(counts.split()[8])


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main()
