"""Packages that only some verbs need, and the extra that brings each."""

from collections.abc import Iterator
from contextlib import contextmanager

from contravox.errors import MissingExtraError

EXTRAS = {
    "espeakng_loader": "demo",
    "fastapi": "serve",
    "huggingface_hub": "hub",
    "jinja2": "report",
    "lightning_fabric": "train",
    "matplotlib": "report",
    "onnx": "train",
    "onnxscript": "train",
    "pgvector": "postgresql",
    "prometheus_client": "serve",
    "psycopg": "postgresql",
    "python_multipart": "serve",
    "ray": "ray",
    "ruamel": "train",
    "safetensors": "train",
    "sklearn": "report",
    "starlette": "serve",
    "tensorboard": "train",
    "torch": "train",
    "torchjd": "train",
    "uvicorn": "serve",
    "websockets": "serve",
}
"""Modules, and the extra of contravox that installs each."""


@contextmanager
def optional_packages(user: str, otherwise: str = "") -> Iterator[None]:
    """Within, a package that is not installed is named with the extra that brings it.

    user: what needs it; otherwise: what can be done without it, for the message.

    Raises MissingExtraError.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        mend = f"pip install 'contravox[{EXTRAS[package]}]'"
        if otherwise:
            mend += f", or {otherwise}"
        raise MissingExtraError(
            f"{user} needs {package}, which is not installed: {mend}"
        ) from error
