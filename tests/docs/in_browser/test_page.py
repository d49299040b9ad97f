"""The page as somebody uses it."""

from browsing import PHONE
from serving import served


def test_files_enrol_and_verify_and_nothing_leaves_the_machine(page, site, said):
    with served(site) as server:
        page.open(server.base)
        # The model is here; from now on nobody answers.
        server.stop()
        server.asked.clear()
        page.task("enrol")
        page.fill("#enrol input[name=speaker]", "Ann")
        page.choose("#enrol .recorder", *said["Ann"][:3])
        assert page.send("enrol").startswith("Ann is enrolled 3 recordings added")
        page.task("verify")
        page.fill("#verify input[name=speaker]", "Ann")
        for name, answer in (("Ann", "Accepted as Ann"), ("Bob", "Not accepted as Ann")):
            page.choose("#verify .recorder", said[name][3])
            assert page.send("verify").startswith(answer)
        assert server.asked == []


def test_it_is_accessible_and_fits_a_phone(opened, said):
    found = {}
    for task in ("verify", "compare", "speakers"):
        opened.task(task)
        found[task] = opened.faults()
    opened.task("compare")
    opened.choose("#compare .recorder:nth-of-type(1)", said["Ann"][0])
    opened.choose("#compare .recorder:nth-of-type(2)", said["Bob"][0])
    opened.send("compare")
    found["compared"] = opened.faults()
    opened.devices(size=PHONE)
    found["on a phone"] = opened.too_wide()
    assert found == {state: [] for state in found}
