from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.access.keys import KeyEntry, KeyFileError, KeyRing, new_key, read_keys


def entry(label: str = "a", key: str = "k", scopes: tuple[str, ...] = ("predict",)) -> dict[str, object]:
    return {"label": label, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": list(scopes)}


def written(folder: Path, *entries: dict[str, object]) -> Path:
    file = folder / "keys.yaml"
    file.write_text(yaml.safe_dump({"keys": list(entries)}))
    return file


def test_a_fresh_key_is_long_recognisable_and_never_the_same() -> None:
    keys = {new_key()[0] for _ in range(50)}
    assert len(keys) == 50
    assert all(key.startswith("plim_") and len(key) >= 48 for key in keys)


def test_a_key_is_found_by_what_it_is_and_nothing_else(tmp_path: Path) -> None:
    key, sha256 = new_key()
    ring = read_keys(written(tmp_path, entry("other"), {"label": "mine", "sha256": sha256, "scopes": ["admin"]}))
    found = ring.find(key)
    assert found is not None
    assert (found.label, found.scopes) == ("mine", frozenset({"admin"}))
    for wrong in ("", key[:-1], key + " ", key.upper(), sha256):
        assert ring.find(wrong) is None


@given(presented=st.text(max_size=80))
def test_any_text_can_be_presented(presented: str) -> None:
    ring = KeyRing((KeyEntry.model_validate(entry(key="the only one")),))
    assert (ring.find(presented) is not None) == (presented == "the only one")


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("keys:", "the list of entries is missing under `keys:`; `plimsoll keys new` prints an entry"),
        ("{}", "the list of entries is missing under `keys:`; `plimsoll keys new` prints an entry"),
        ("", "the document"),
        ("[]", "the document"),
        ("keys: [{label: a}]", "keys.0"),
        ("keys: [{label: a, key: plim_secret, scopes: [predict]}]", "never the key itself"),
        ("keys: [{label: a, sha256: plim_secret, scopes: [predict]}]", "never the key itself"),
        (yaml.safe_dump({"keys": [entry(scopes=("superuser",))]}), "'predict' or 'admin'"),
        (yaml.safe_dump({"keys": [entry(scopes=())]}), "scopes"),
        (yaml.safe_dump({"keys": [entry(), entry(key="other")]}), "two keys have the label 'a'"),
        (yaml.safe_dump({"keys": [entry("a"), entry("b")]}), "'a' and 'b' have the same sha256"),
        ("keys: []\nkeys: [{label: a}]", "is not YAML at line 2, column 1"),
        ("plim_secret: &a 1\nb: *plim_secret", "is not YAML at line 2"),
        (yaml.safe_dump({"keys": [entry(label="a b")]}), "label"),
        ("keys: [plim_secret", "is not YAML"),
        ("plim_secret: !!python/object/apply:os.system [true]", "is not YAML"),
    ],
)
def test_a_wrong_file_is_told_in_one_sentence_that_holds_no_key(tmp_path: Path, document: str, told: str) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(document)
    with pytest.raises(KeyFileError) as caught:
        read_keys(file)
    assert told in caught.value.message
    assert "plim_secret" not in caught.value.message
    assert "\n" not in caught.value.message


PRINTED = (
    ": delete all that `plimsoll keys new` has printed but its last line, the entry with the sha256, and put that "
    "under `keys:`"
)
HASH_ONLY = (
    "the file holds the sha256 of a key, 64 hexadecimal digits, and never the key itself; "
    "`plimsoll keys new` makes both"
)
NO_ENTRIES = "the list of entries is missing under `keys:`; `plimsoll keys new` prints an entry"
DOCUMENT = "the document should be `keys:` and under it a list of entries, each as `plimsoll keys new` prints it"
AS_LABEL = "the log shows labels, and this label contains an API key; choose a name"


@pytest.mark.parametrize(
    ("form", "line", "advice"),
    [
        ("key (shown only now): {key}\n\nfor the key file, under `keys:`\n- {entry}", 1, PRINTED),
        ("keys:\nkey (shown only now): {key}\n\nfor the key file, under `keys:`\n- {entry}", 2, PRINTED),
        (
            "key (shown only now): {key}",
            1,
            f"; it has wrong fields: {NO_ENTRIES}; key (shown only now): Extra inputs are not permitted",
        ),
        ("{key}", 1, f"; it has wrong fields: {DOCUMENT}"),
        (
            "keys:\n- {entry}\n- {{label: b, sha256: {key}, scopes: [predict]}}",
            3,
            f"; it has wrong fields: keys.1.sha256: {HASH_ONLY}",
        ),
        (
            "keys:\n- {{label: a, key: {key}, scopes: [predict]}}",
            2,
            f"; it has wrong fields: keys.0.sha256: Field required; keys.0.key: {HASH_ONLY}",
        ),
        (
            "keys:\n- {{label: {key}, sha256: {sha256}, scopes: [admin]}}",
            2,
            f"; it has wrong fields: keys.0.label: {AS_LABEL}",
        ),
        (
            "keys:\n- {{label: a, sha256: {sha256}, scopes: [admin], {key}: 1}}",
            2,
            "; it has wrong fields: keys.0.…: Extra inputs are not permitted",
        ),
        ("keys:\n- {entry}  # {key}", 2, ", not even in a comment: delete it there"),
        ("# {key}\nkeys: [{entry}", 1, "; it is not YAML at line 3, column 1"),
        (
            "# {key}\nkeys: [{{label: a, sha256: {sha256}, scopes: [superuser]}}]",
            1,
            "; it has wrong fields: keys.0.scopes.0: Input should be 'predict' or 'admin'",
        ),
    ],
)
def test_a_key_in_the_file_is_told_by_its_line_and_with_what_to_do(
    tmp_path: Path, form: str, line: int, advice: str
) -> None:
    key, sha256 = new_key()
    file = tmp_path / "keys.yaml"
    file.write_text(form.format(key=key, sha256=sha256, entry=f"{{label: a, sha256: {sha256}, scopes: [predict]}}"))
    with pytest.raises(KeyFileError) as caught:
        read_keys(file)
    assert caught.value.message == (
        f"the key file keys.yaml holds an API key itself in line {line}, and should hold none{advice}"
    )


def test_a_key_as_a_label_is_refused_however_yaml_spells_it(tmp_path: Path) -> None:
    key, sha256 = new_key()
    file = tmp_path / "keys.yaml"
    file.write_text(f'keys: [{{label: "\\x70{key[1:]}", sha256: {sha256}, scopes: [predict]}}]')
    with pytest.raises(KeyFileError) as caught:
        read_keys(file)
    assert caught.value.message == f"the key file keys.yaml has wrong fields: keys.0.label: {AS_LABEL}"


def test_entries_without_the_line_above_them_are_told_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(f"- {{label: a, sha256: {new_key()[1]}, scopes: [predict]}}")
    with pytest.raises(KeyFileError) as caught:
        read_keys(file)
    assert caught.value.message == (
        "the key file keys.yaml has wrong fields: the document should be `keys:` and under it a list of entries, each "
        "as `plimsoll keys new` prints it"
    )


def test_a_file_that_is_not_there_or_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read: No such file"):
        read_keys(tmp_path / "none.yaml")
    (tmp_path / "long.yaml").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(KeyFileError, match="is longer than 1048576 bytes"):
        read_keys(tmp_path / "long.yaml")


def test_a_file_of_no_keys_lets_nobody_in(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text("keys: []")
    ring = read_keys(file)
    assert ring == KeyRing()
    assert ring.find("") is None


@given(labels=st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=20, unique=True))
def test_each_key_of_a_ring_is_found_under_its_own_label(labels: list[str]) -> None:
    ring = KeyRing(tuple(KeyEntry.model_validate(entry(label, key=f"key of {label}")) for label in labels))
    for label in labels:
        found = ring.find(f"key of {label}")
        assert found is not None
        assert found.label == label
