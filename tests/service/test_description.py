"""The service against its own description: requests that fit it, and others, by schemathesis."""

import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from contravox.gallery.gallery import Gallery
from contravox.service.app import make_app
from contravox.service.keys import KeyFile, add_key
from contravox.service.service import Service
from voices import pitch_verifier, said_by

EXAMPLES = 25
"""Requests of each kind and operation, the same every time."""

OPERATIONS = (
    "POST /v1/verify",
    "POST /v1/identify",
    "POST /v1/enrol",
    "GET /v1/speakers",
    "DELETE /v1/speakers/{name}",
    "GET /health",
    "GET /metrics",
)


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("service") / "keys.json"
    return path, add_key(path, "all", ["verify", "enrol", "administer"])


@pytest.fixture(scope="module")
def description(key_file):
    """Of a service where Ann is enrolled, which it is held against."""
    path, _ = key_file
    gallery = Gallery.open(path.with_name("gallery.sqlite"), pitch_verifier(threshold=0.5))
    gallery.enrol("Ann", said_by("Ann", 1))
    service = Service(gallery, "pitch.onnx", keys=KeyFile(path))
    app = make_app(service)

    async def never_ending(scope, receive, send):
        # schemathesis would end it with each test, and what has ended is not started anew.
        if scope["type"] != "lifespan":
            await app(scope, receive, send)

    yield schemathesis.openapi.from_asgi("/openapi.json", never_ending)
    service.close()


@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        (each, mode)
        for each in OPERATIONS
        for mode in GenerationMode
        # Of what takes nothing nothing can be wrong.
        if "/v1/" in each or mode is GenerationMode.POSITIVE
    ],
)
def test_it_answers_as_it_is_described(description, key_file, operation, mode):
    method, path = operation.split()
    headers = {"Authorization": f"Bearer {key_file[1]}"}
    # What fits the description of a file need not be a recording.
    excluded = [positive_data_acceptance]

    @settings(max_examples=EXAMPLES)
    @given(description[path][method].as_strategy(generation_mode=mode))
    def answered(case):
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    answered()


def test_every_operation_is_asked(description):
    assert {each.ok().label for each in description.get_all_operations()} == set(OPERATIONS)
