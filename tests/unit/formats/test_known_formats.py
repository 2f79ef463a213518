"""Formats are found by their modules, and each is known by its extension."""

import pytest

from penstock.errors import UnknownFormatError
from penstock.formats import all_formats, named


def test_every_format_of_the_contract_is_there_text_first() -> None:
    assert list(all_formats()) == ["csv", "json", "ndjson", "arrow", "parquet"]


def test_each_format_has_the_media_type_that_readers_know() -> None:
    assert {extension: one.media_type for extension, one in all_formats().items()} == {
        "csv": "text/csv; charset=utf-8",
        "json": "application/json",
        "ndjson": "application/x-ndjson",
        "arrow": "application/vnd.apache.arrow.stream",
        "parquet": "application/vnd.apache.parquet",
    }


@pytest.mark.parametrize("extension", ["", "xls", "CSV", "rows", "csv.gz"])
def test_an_unknown_extension_is_refused_with_those_that_are_known(extension: str) -> None:
    with pytest.raises(UnknownFormatError) as refusal:
        named(extension)
    assert refusal.value.facts["formats"] == list(all_formats())
