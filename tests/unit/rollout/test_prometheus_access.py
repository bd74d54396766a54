from __future__ import annotations

from pathlib import Path

import pytest
from plimsoll.errors import OperatorError
from plimsoll.rollout.history import HistoryUnavailable
from plimsoll.rollout.prometheus_access import checked_url, read_authority, token, trusting


@pytest.mark.parametrize(
    "url", ["prometheus:9090", "ftp://host", "http://", "", "http://h?x=1", "http://h:p", "http://h#f"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(OperatorError, match="should begin with http:// or https://"):
        checked_url(url)


@pytest.mark.parametrize("url", ["http://me:very-secret@prometheus:9090", "https://very-secret@host/prefix"])
def test_a_password_in_the_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(OperatorError, match="give a token by --token-file") as caught:
        checked_url(url)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("content", ["", "\n", "two words", "a\nb", "ä"])
def test_a_file_without_a_token_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    with pytest.raises(HistoryUnavailable, match="the token file token holds no token; expected one line of visible"):
        token(file)
    file.write_text(" abc\n")
    assert token(file) == "abc"


def test_a_ca_bundle_without_certificates_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    with pytest.raises(HistoryUnavailable, match=r"the CA bundle ca\.crt cannot be read: No such file"):
        read_authority(file)
    file.write_text("no certificate")
    with pytest.raises(HistoryUnavailable, match=r"the CA bundle ca\.crt holds no certificates in PEM"):
        trusting(read_authority(file), file)
