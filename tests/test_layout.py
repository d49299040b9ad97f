"""Tests lie as the source does: a newcomer finds the tests of a module by its name."""

from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "contravox"
PAGES = TESTS.parent
BENCHMARKS = TESTS.parent / "benchmarks"

OF_NO_MODULE = {
    "test_layout.py": "of the tests themselves",
    "test_on_speech.py": "the whole way, on real speech",
    "metrics/test_properties.py": "all measures, whatever the scores",
    "objectives/test_properties.py": "all losses, whatever the batch",
    "gallery/test_cohort.py": "scores of a gallery normalised by its cohort",
    "service/test_description.py": "the service against its own description",
    "fuzz/test_readers.py": "every reader of files, on damaged ones",
    "audio/test_s3.py": "all that reads from stores and writes to them, on one that speaks S3",
    "objectives/test_view_losses.py": "three losses that find a sample by its other views",
    "service/page/test_real_speech.py": "the tasks of the page, on real speech",
    "training/test_restarts.py": "training of which processes die and come back",
    "recipes/test_published_constants.py": "all recipes of papers, beside the papers",
    "recipes/test_shares.py": "all recipes of several objectives",
}


def names_what_it_tests(test: Path) -> bool:
    """Whether there is a module, a folder or, for docs, a page or script of the name.

    Tests of the benchmarks, such as the reproduction of claims, are of modules there.
    """
    place, name = test.parent.relative_to(TESTS), test.stem.removeprefix("test_")
    if place.parts[:1] == ("docs",):
        docs = PAGES / "docs"
        pages = [*PAGES.glob("*.md"), *PAGES.glob("*.yml"), *docs.iterdir()]
        pages += (docs / "in_browser").iterdir()
        return name in {"docs", *(page.stem.lower().replace("-", "_") for page in pages)}
    name = "__init__" if name == "init" else name
    if place.parts[:1] == ("benchmarks",):
        return (BENCHMARKS / f"{name}.py").exists()
    if place.parts[:1] == ("reproduction",):
        return any((BENCHMARKS / each / f"{name}.py").exists() for each in (place, ""))
    modules = (
        SOURCE / place / f"{name}.py",
        SOURCE / place / f"{name}.js",
        SOURCE / place / name,
        TESTS / f"{name}.py",
    )
    return any(path.exists() for path in modules)


def test_every_test_file_names_what_it_tests():
    nameless = {
        str(test.relative_to(TESTS))
        for test in TESTS.rglob("test_*.py")
        if not names_what_it_tests(test)
    }
    assert nameless == set(OF_NO_MODULE)


def test_no_test_imports_another():
    files = list(TESTS.rglob("*.py"))
    assert len(files) > 100
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert not [line for line in lines if line.startswith(("from test_", "import test_"))], path
