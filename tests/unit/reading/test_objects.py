"""Locations of objects: each content of each object has one, which tells both."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from penstock.reading.objects import StoredObject, is_object

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
objects = st.builds(
    StoredObject,
    bucket=st.from_regex(r"[a-z0-9][a-z0-9.-]{2,20}", fullmatch=True),
    key=texts,
    etag=texts,
)


@given(objects)
def test_a_location_tells_the_object_and_the_content_it_names(stored: StoredObject) -> None:
    assert is_object(stored.location)
    assert StoredObject.at(stored.location) == stored


@given(objects, objects)
def test_two_contents_have_two_locations(one: StoredObject, other: StoredObject) -> None:
    assume(one != other)
    assert one.location != other.location


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/a/b.parquet",
        "s3://bucket/key",
        "s3://bucket?s3_requester_pays=false&s3_requester_pays=e",
        "s3://bucket/key?s3_requester_pays=false&s3_requester_pays=",
        "http://bucket/key?s3_requester_pays=false&s3_requester_pays=e",
    ],
)
def test_what_is_no_objects_location_is_refused(location: str) -> None:
    with pytest.raises(ValueError, match="location"):
        StoredObject.at(location)
