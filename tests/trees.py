"""Small trees of exactly the shapes in which the public corpora lie on disk."""

from pathlib import Path

import soundfile

from tones import tone


def write_audio(path: Path, seconds: float = 0.3, seed: int = 0, **keywords) -> None:
    """A tone of its own for each ``seed``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pitch = 90 + 7 * (seed % 40)
    soundfile.write(path, tone(seconds, pitch, seed=seed), 16_000, **keywords)


def write_lines(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def voxceleb1(folder: Path, *, merged: bool = False, suffix: str = "wav") -> None:
    """Three speakers of dev and two of test, two videos each; three of the six lists."""
    for seed, speaker in enumerate(("id10001", "id10269", "id11251", "id10270", "id10309")):
        part = "test" if speaker in ("id10270", "id10309") else "dev"
        wav = folder / "wav" if merged else folder / part / "wav"
        for video in ("1zcIwhmdeo4", "-x_Y6uqmx31"):
            for number in (1, 2):
                path = wav / speaker / video / f"{number:05}.{suffix}"
                write_audio(path, seed=100 * seed + 10 * (video[0] == "1") + number)
    target = "1 id10270/1zcIwhmdeo4/00001.wav id10270/-x_Y6uqmx31/00002.wav"
    other = "0 id10270/1zcIwhmdeo4/00001.wav id10309/1zcIwhmdeo4/00001.wav"
    write_lines(folder / "veri_test2.txt", target, other)
    write_lines(folder / "veri_test.txt", target, other, other)
    of_dev = "1 id10001/1zcIwhmdeo4/00001.wav id10001/-x_Y6uqmx31/00001.wav"
    write_lines(folder / "list_test_hard2.txt", target, other, of_dev)
    write_lines(
        folder / "vox1_meta.csv",
        "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet",
        "id10001\tA.J._Buckley\tm\tIreland\tdev",
        "id10270\tEartha_Kitt\tf\tUSA\ttest",
    )


def voxceleb2(folder: Path, suffix: str) -> None:
    """Two speakers of dev; ``m4a`` are not audio, only named so."""
    for seed, speaker in enumerate(("id00012", "id09272")):
        path = folder / "dev" / "aac" / speaker / "21Uxsk56VDQ" / f"00001.{suffix}"
        if suffix == "m4a":
            write_lines(path, f"AAC {seed}")
        else:
            write_audio(path, seed=seed)


def cnceleb(folder: Path) -> None:
    """CN-Celeb1 with two speakers of dev and two of eval, and CN-Celeb2 with one."""
    first, second = folder / "CN-Celeb_flac", folder / "CN-Celeb2_flac"
    sessions = ("singing-01", "interview-02")
    for seed, speaker in enumerate(("id00000", "id00799", "id00800", "id00999")):
        for place, session in enumerate(sessions):
            for number in (1, 2, 3):
                name = f"{session}-{number:03}.flac"
                keys = {"seconds": 0.5, "seed": 100 * seed + 10 * place + number}
                write_audio(first / "data" / speaker / name, **keys)
                if speaker >= "id00800" and number == 3:
                    write_audio(first / "eval" / "test" / f"{speaker}-{name}", **keys)
        if speaker >= "id00800":
            write_audio(first / "eval" / "enroll" / f"{speaker}-enroll.flac", 1.0, 100 * seed + 50)
    for number in (1, 2):
        write_audio(second / "data" / "id10000" / f"vlog-01-{number:03}.flac", seed=900 + number)
    write_lines(second / "spk.lst", "id10000")
    write_lines(first / "dev" / "dev.lst", "id00000", "id00799")
    lists, speakers = first / "eval" / "lists", ("id00800", "id00999")
    write_lines(lists / "enroll.lst", *(f"{s}-enroll enroll/{s}-enroll.wav" for s in speakers))
    behind = (
        f"{s}-enroll {s}/singing-01-001.wav {s}/singing-01-002.wav {s}/interview-02-001.wav"
        for s in speakers
    )
    write_lines(lists / "enroll.map", *behind)
    tests = [f"test/{speaker}-{session}-003.wav" for speaker in speakers for session in sessions]
    write_lines(lists / "test.lst", *tests)
    pairs = (f"{s}-enroll {test} {int(s in test)}" for s in speakers for test in tests)
    write_lines(lists / "trials.lst", *pairs)


def voices(folder: Path) -> None:
    """Two speakers of two recordings; the lists name them by other folders, as they may."""
    around = folder / "Development_Data" / "Speaker_Recognition"
    stems = [
        f"Lab41-SRI-VOiCES-rm1-none-{speaker}-ch000206-sg00{number}-mc01-stu-clo-dg080"
        for speaker in ("sp0032", "sp0050")
        for number in (28, 29)
    ]
    for seed, stem in enumerate(stems):
        write_audio(around / "sid_dev" / stem.split("-")[5] / f"{stem}.wav", seed=seed)
    lists = around / "sid_dev_lists_and_keys"
    write_lines(lists / "dev-enroll.lst", f"000000 {stems[0]}.wav", f"000001 a/b/{stems[2]}.wav")
    write_lines(lists / "dev-test.lst", f"a/b/{stems[1]}.wav", f"a/b/{stems[3]}.wav")
    write_lines(
        lists / "dev-trial-keys.lst",
        f"000000 a/b/{stems[1]}.wav tgt",
        f"000000 a/b/{stems[3]}.wav imp",
        f"000001 a/b/{stems[1]}.wav imp",
        f"000001 a/b/{stems[3]}.wav tgt",
    )


def librispeech(folder: Path) -> None:
    """dev-clean with two women of three utterances and three men of two; train-clean-100."""
    around = folder / "LibriSpeech"
    people = {"1272": ("F", 3), "2078": ("F", 3), "84": ("M", 2), "174": ("M", 2), "251": ("M", 2)}
    for seed, (speaker, (_, chapters)) in enumerate(people.items()):
        for chapter in range(chapters):
            name = f"{speaker}-{100 + chapter}-0000.flac"
            place = around / "dev-clean" / speaker / str(100 + chapter)
            write_audio(place / name, seed=10 * seed + chapter)
    for seed, speaker in enumerate(("19", "26", "27")):
        place = around / "train-clean-100" / speaker / "198"
        write_audio(place / f"{speaker}-198-0000.flac", seed=100 + seed)
    write_lines(
        around / "SPEAKERS.TXT",
        ";ID  |SEX| SUBSET           |MINUTES| NAME",
        *(f"{speaker:5}| {sex} | dev-clean | 8 | A | B" for speaker, (sex, _) in people.items()),
    )


def an4(folder: Path) -> None:
    for part, speaker, names in (
        ("an4_clstk", "fash", ("an251-fash-b", "an253-fash-b")),
        ("an4_clstk", "mkem", ("an190-mkem-b",)),
        ("an4test_clstk", "fcaw", ("an406-fcaw-b",)),
    ):
        for seed, name in enumerate(names):
            path = folder / "an4" / "wav" / part / speaker / f"{name}.sph"
            write_audio(path, seed=seed, format="NIST", subtype="PCM_16")


def musan(folder: Path) -> None:
    for seed, name in enumerate(
        (
            "music/fma/music-fma-0000",
            "noise/free-sound/noise-free-sound-0000",
            "noise/sound-bible/noise-sound-bible-0000",
            "speech/librivox/speech-librivox-0000",
        )
    ):
        write_audio(folder / "musan" / f"{name}.wav", seed=seed)


def rirs(folder: Path) -> None:
    around = folder / "RIRS_NOISES"
    for size in ("small", "medium", "large"):
        room = around / "simulated_rirs" / f"{size}room" / "Room001"
        write_audio(room / "Room001-00001.wav", 0.05)
    for name in ("RVB2014_type1_rir_largeroom1_far_angla", "RVB2014_type1_noise_largeroom1_1"):
        write_audio(around / "real_rirs_isotropic_noises" / f"{name}.wav")
    write_audio(around / "pointsource_noises" / "noise-free-sound-0000.wav", seed=1)
