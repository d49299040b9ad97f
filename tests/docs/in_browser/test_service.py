"""The page's answers are those of Python's verifier and gallery."""

import base64

import pytest

from contravox.gallery.gallery import Gallery

ALIKE = 1e-3
"""By how much numbers of the page and of Python may differ."""


def test_two_files_are_compared_as_python_compares_them(opened, said, verifier):
    opened.task("compare")
    for others, heading in (("Ann", "The same speaker"), ("Bob", "Different speakers")):
        opened.choose("#compare .recorder:nth-of-type(1)", said["Ann"][0])
        opened.choose("#compare .recorder:nth-of-type(2)", said[others][1])
        assert opened.send("compare").startswith(heading)
        opened.press("#compare summary")
        expected = verifier.verify(said["Ann"][0], said[others][1])
        assert expected.same_speaker == (others == "Ann")
        facts = dict(zip(opened.texts("#compare dt"), opened.texts("#compare dd"), strict=True))
        assert float(facts["Score"].replace("−", "-")) == pytest.approx(expected.score, abs=1e-3)
        ratio = facts["Odds for the same speaker"].partition("ratio ")[2].rstrip(")")
        assert float(ratio.replace("−", "-")) == pytest.approx(
            expected.log_likelihood_ratio, abs=0.03
        )
        sure = max(expected.probability, 1 - expected.probability)
        assert f"{sure:.1%}".replace("%", " %") in opened.text("#compare .sure") or sure > 0.999
        assert facts["Decided by"] == expected.decided_by


ANSWERS = """const { compare, enrol, identify, verifyClaim } = await import("/page/service.js");
const recordingOf = (text) => {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  return { blob: new Blob([bytes]) };
};
const [enrolled, heard] = given;
for (const [name, files] of Object.entries(enrolled)) {
  await enrol(name, files.map(recordingOf), true);
}
const claims = {};
for (const name of Object.keys(enrolled)) {
  claims[name] = await verifyClaim(name, recordingOf(heard));
}
return { claims, identified: await identify(recordingOf(heard), 5) };"""


def test_claims_and_identification_are_the_gallery_s(modules, said, verifier, tmp_path):
    enrolled = {"Ann": said["Ann"][:3], "Bob": said["Bob"][:2]}
    texts = {
        name: [base64.b64encode(path.read_bytes()).decode() for path in paths]
        for name, paths in enrolled.items()
    }
    heard = said["Ann"][3]
    found = modules.script(ANSWERS, texts, base64.b64encode(heard.read_bytes()).decode())
    with Gallery.open(tmp_path / "gallery.sqlite", verifier) as gallery:
        for name, paths in enrolled.items():
            gallery.enrol(name, paths, allow_outliers=True)
        identified = gallery.identify(heard)
        for name in enrolled:
            expected, claim = gallery.verify_claim(name, heard), found["claims"][name]
            assert claim["accepted"] == expected.accepted == (name == "Ann")
            assert claim["match"]["score"] == pytest.approx(expected.match.score, abs=ALIKE)
            probability = pytest.approx(expected.match.probability, abs=ALIKE)
            assert claim["match"]["probability"] == probability
            assert claim["margin"] == pytest.approx(expected.margin, abs=ALIKE)
    assert found["identified"]["speaker"] == identified.speaker == "Ann"
    assert found["identified"]["nobody"] == pytest.approx(identified.nobody, abs=ALIKE)
    for match, expected in zip(found["identified"]["matches"], identified.matches, strict=True):
        assert match["speaker"] == expected.speaker
        assert match["probability"] == pytest.approx(expected.probability, abs=ALIKE)
