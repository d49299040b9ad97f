import json


def test_keys_are_made_told_and_removed(run, tmp_path):
    place = ("--keys", tmp_path / "keys.json")
    status, key, said = run("keys", "add", "web", "--scopes", "verify, enrol", *place)
    assert status == 0
    assert key.startswith("cvx_")
    assert "shown only now" in said
    run("keys", "add", "bot", *place)
    assert run("keys", "list", *place)[1].splitlines()[0].startswith("web  enrol,verify  since ")
    told = json.loads(run("keys", "list", "--json", *place)[1])
    assert [(each["name"], each["scopes"]) for each in told] == [
        ("web", ["enrol", "verify"]),
        ("bot", ["verify"]),
    ]
    assert run("keys", "remove", "web", *place)[:2] == (0, "web is removed\n")
    assert "web" not in run("keys", "list", *place)[1]


def test_what_is_wrong_is_a_line(run, tmp_path):
    place = ("--keys", tmp_path / "keys.json")
    for arguments, said in (
        (("add", "a", "--scopes", "verfiy"), "there is no scope 'verfiy': did you mean verify?"),
        (("add", "a", "--scopes", ","), "give --scopes"),
        (("add", "a b"), "a key's name has letters"),
        (("list",), "cannot be read"),
        (("remove", "a"), "cannot be read"),
    ):
        status, out, err = run("keys", *arguments, *place)
        assert (status, out) == (2, "")
        assert said in err
        assert len(err.splitlines()) == 1
