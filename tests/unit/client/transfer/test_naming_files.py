"""A file's name, however the server writes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.client.files.partial_file import url_digest
from penstock.client.transfer.file_names import (
    MOST_BYTES,
    name_in_disposition,
    name_in_path,
    safe_name,
)


@given(st.text(max_size=400))
def test_a_safe_name_stays_in_its_folder_and_is_not_hidden(name: str) -> None:
    safe = safe_name(name)
    if safe is None:
        return
    assert not set(safe) & set('/\\<>:"|?*\0')
    assert safe.isprintable()
    assert safe[0] not in ". "
    assert safe[-1] not in ". "
    assert 0 < len(safe.encode()) <= MOST_BYTES
    assert safe_name(safe) == safe


@given(st.text(max_size=300))
def test_a_disposition_never_fails_to_be_read(value: str) -> None:
    name = name_in_disposition(f"attachment; filename{value}")
    assert name is None or safe_name(name) == name


@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_ .-]{0,50}[A-Za-z0-9_]\.csv", fullmatch=True))
def test_a_name_of_the_grammar_is_kept_as_it_is(name: str) -> None:
    kept = safe_name(name)
    assert name_in_disposition(f'attachment; filename="{name}"') == kept
    assert kept in {name, f"_{name}"}


def test_a_long_name_keeps_its_extension() -> None:
    name = safe_name("ü" * 300 + ".csv")
    assert name is not None
    assert name.endswith("ü.csv")


@pytest.mark.parametrize("name", ["con", "NUL.csv", "com1.txt"])
def test_a_device_of_windows_is_no_name(name: str) -> None:
    assert safe_name(name) == f"_{name}"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/trees.csv", "trees.csv"),
        ("/", "download"),
        ("/a/..", "download"),
        ("/a%2Fb.csv", "b.csv"),
    ],
)
def test_a_path_names_a_file_where_the_server_does_not(path: str, name: str) -> None:
    assert name_in_path(path) == name


def test_a_url_is_recognised_with_another_signature_only() -> None:
    signed = url_digest("http://h/t.csv?a=1&_sig=x&_expires=5&_kid=k&b=2")
    assert signed == url_digest("http://h/t.csv?a=1&b=2&_kid=z&_sig=y&_expires=6#part")
    assert signed != url_digest("http://h/t.csv?a=1&b=3")
    assert signed != url_digest("http://other/t.csv?a=1&b=2")
    assert url_digest("http://h/t.csv?_signature=1") != url_digest("http://h/t.csv")
