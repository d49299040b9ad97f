"""Two tiny corpora, a sweep on them, and claims of it."""

import pytest
import soundfile

from reproduction.folds import make_folds
from reproduction.speech import pooled
from tones import spoken

RECIPE = """
data: {manifest: corpus/train/manifest.tsv, segment_seconds: 0.3, workers: 0}
sampler: {name: speakers_utterances, speakers: 4, utterances: 2}
features: {bins: 20}
encoder: {name: ecapa_tdnn, channels: 16, aggregation: 24, bottleneck: 8, embedding_size: 8}
objectives:
  classification: {name: aam_softmax}
  contrast: {name: supcon}
training: {epochs: 3}
"""
SWEEP = """
recipe: recipes/supervised.yaml
trials: corpus/test
seeds: [0]
variants:
  plain: ["objectives={classification: {name: aam_softmax}}"]
  contrast: []
  also_contrast: [objectives.contrast.weight=1]
  from_first: [training.initial_model=runs/first.yaml/model.safetensors]
"""
CLAIMS = """
equivalence: 0.02
grids:
  quick: {folds: 2, seeds: 1, epochs: 1}
  full: {folds: 2, seeds: 2}
claims:
  - name: contrast
    title: Contrast
    sentence: A contrast helps.
    paper: Somebody 2020
    sweep: sweep.yaml
    comparisons: [{better: contrast, than: plain, says: contrast against none}]
    why: The contrast gives {{ share("contrast", "contrast") }} in {{ steps("contrast") }} steps.
"""


@pytest.fixture
def speech(tmp_path):
    """Two corpora of six speakers, two utterances each: Ogg, and WAV."""
    folder = tmp_path / "speech"
    for number, (corpus, suffix) in enumerate((("first", "ogg"), ("second", "wav"))):
        rows = ["speaker\tpath\tsession"]
        for speaker in range(6):
            for utterance in range(2):
                name = f"{corpus}{speaker}/u{utterance}.{suffix}"
                path = folder / corpus / name
                path.parent.mkdir(parents=True, exist_ok=True)
                sound = spoken(0.6, 90 + 20 * speaker + 7 * number, seed=10 * speaker + utterance)
                soundfile.write(path, sound, 16_000)
                rows.append(f"{corpus}{speaker}\t{name}\t1")
        (folder / corpus / "utterances.tsv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def manifest(speech, tmp_path):
    return pooled(speech, tmp_path / "output")


@pytest.fixture
def folds(manifest, tmp_path):
    return make_folds(manifest, 2, tmp_path / "output")


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    """Recipes, a sweep and claims, where paths are relative to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "supervised.yaml").write_text(RECIPE)
    (tmp_path / "recipes" / "first.yaml").write_text(RECIPE)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    (tmp_path / "claims.yaml").write_text(CLAIMS)
