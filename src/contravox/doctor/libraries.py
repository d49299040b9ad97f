"""The libraries that contravox asks for, by the metadata of what is installed."""

from dataclasses import dataclass
from importlib import import_module, metadata

from packaging.requirements import Requirement

from contravox.errors import brief

PURPOSES = {
    "train": "training, sweeps, export, models of others, .safetensors files",
    "report": "pages and pictures of evaluations",
    "hub": "models of the Hugging Face hub",
    "demo": "the demo on synthetic voices",
    "postgresql": "galleries in PostgreSQL",
    "serve": "claims and enrolment over HTTP",
    "ray": "embedding on a cluster",
}
"""Of the extras for users; the others are for contravox's own tests and pages."""


@dataclass(frozen=True)
class Library:
    """version: what is installed, or None. problem: what is wrong with it, or None."""

    name: str
    version: str | None
    problem: str | None


@dataclass(frozen=True)
class Extra:
    """purpose: what it is for. missing: its libraries that are not there, or too old."""

    name: str
    purpose: str
    missing: tuple[str, ...]


def libraries() -> list[Library]:
    """Those that contravox cannot do without, and PyTorch where it is; imported, to see it work."""
    return [
        _imported(each)
        for each in _requirements()
        if _asked(each, "") or (each.name == "torch" and _installed(each).version)
    ]


def extras() -> list[Extra]:
    """The extras of ``PURPOSES``, in their order.

    Their libraries are looked up and not imported: all of them together take many seconds.
    """
    return [Extra(name, purpose, tuple(_missing(name))) for name, purpose in PURPOSES.items()]


def _requirements() -> list[Requirement]:
    return [Requirement(line) for line in metadata.requires("contravox") or ()]


def _asked(requirement: Requirement, extra: str) -> bool:
    """Whether it is asked for on this machine by an extra, or "" for whatever the extras."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _missing(extra: str) -> list[str]:
    """Of an extra and of those that it takes in."""
    missing: dict[str, None] = {}
    for each in _requirements():
        if _asked(each, "") or not _asked(each, extra):
            continue
        if each.name == "contravox":
            for inner in sorted(each.extras):
                missing |= dict.fromkeys(_missing(inner))
        elif _installed(each).problem:
            missing[each.name] = None
    return list(missing)


def _installed(requirement: Requirement) -> Library:
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Library(requirement.name, None, "not installed")
    fits = requirement.specifier.contains(version, prereleases=True)
    problem = None if fits else f"contravox needs {requirement.specifier}"
    return Library(requirement.name, version, problem)


def _imported(requirement: Requirement) -> Library:
    found = _installed(requirement)
    if found.version is None:
        return found
    try:
        import_module(requirement.name.lower().replace("-", "_"))
    # A library of the system that it loads may be missing, or of another kind of machine.
    except Exception as error:
        reason = brief(f"cannot be imported ({type(error).__name__}: {error})", 200)
        return Library(found.name, found.version, reason)
    return found
