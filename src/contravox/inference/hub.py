"""Models of the Hugging Face hub: ``hf://OWNER/NAME[@REVISION][/FILE]``."""

import re
from pathlib import Path
from typing import NamedTuple

from contravox.errors import ModelError, brief, few
from contravox.extras import optional_packages

HUB = "hf://"
KINDS = (".onnx", ".safetensors")
"""Of files that are taken: those that can hold no code."""

_ADDRESS = re.compile(
    r"hf://(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w.-]+))?(/(?P<file>.+))?", re.ASCII
)


class FromHub(NamedTuple):
    """path: of the file here, in the hub's cache. address: the same with its commit."""

    path: Path
    address: str


def fetch_from_hub(address: str, cache: Path | None = None) -> FromHub:
    """Get a file of a repository, or find it in the cache; with HF_HUB_OFFLINE=1 only there.

    Without a file in its address, the repository must hold exactly one of KINDS. cache: the hub's
    own, where None.

    Raises ModelError, naming the address and the mend; MissingExtraError.
    """
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        raise ModelError(f"{brief(address)}: is not {HUB}OWNER/NAME[@REVISION][/FILE]")
    repository, revision, file = parts["repository"], parts["revision"], parts["file"]
    if file is not None and not file.endswith(KINDS):
        raise ModelError(
            f"{brief(address)}: of the hub only files of the kind {' or '.join(KINDS)} are taken, "
            "which can hold no code: download others yourself"
        )
    path = _fetch(address, repository, revision, file, cache)
    commit = re.search(r"snapshots[/\\]([0-9a-f]{40})[/\\](.+)", str(path))
    if commit is None:
        raise ModelError(f"{brief(address)}: the cache does not tell its commit: clear the cache")
    return FromHub(path, f"{HUB}{repository}@{commit[1]}/{Path(commit[2]).as_posix()}")


def _fetch(
    address: str, repository: str, revision: str | None, file: str | None, cache: Path | None
) -> Path:
    with optional_packages(f"{address}:"):
        import huggingface_hub
        from huggingface_hub.errors import HfHubHTTPError
    try:
        if file is not None:
            return Path(
                huggingface_hub.hf_hub_download(
                    repository, file, revision=revision, cache_dir=cache
                )
            )
        folder = huggingface_hub.snapshot_download(
            repository,
            revision=revision,
            cache_dir=cache,
            allow_patterns=[f"*{kind}" for kind in KINDS],
        )
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise ModelError(
            f"{brief(address)}: cannot be had ({brief(str(error), 120)}): check the name and the "
            "network, or fill the cache (HF_HUB_CACHE) where there is one"
        ) from error
    files = sorted(each for each in Path(folder).rglob("*") if each.suffix in KINDS)
    if len(files) != 1:
        names = [each.relative_to(folder).as_posix() for each in files]
        raise ModelError(
            f"{brief(address)}: holds {few(names) if names else 'no file'} of the kind "
            f"{' or '.join(KINDS)}: name one, {HUB}{repository}/FILE"
        )
    return files[0]
