"""Hints as they travel."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.model.job_id import is_job_id, new_job_id
from penstock.model.tenant import is_tenant_id
from penstock.ports import Hint
from penstock.signals.wire import MOST_BYTES, body_of, channel_of, hint_from

TENANTS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)


@given(TENANTS)
def test_a_hint_is_read_as_it_was_written(tenant: str) -> None:
    hint = Hint(tenant=tenant, job_id=new_job_id())
    assert len(body_of(hint)) <= MOST_BYTES
    assert hint_from(body_of(hint)) == hint


@given(st.one_of(st.binary(), st.binary(min_size=26, max_size=110), st.text().map(str.encode)))
def test_what_is_read_is_a_place_of_a_job_or_nothing(body: bytes) -> None:
    hint = hint_from(body)
    assert hint is None or (is_tenant_id(hint.tenant) and is_job_id(hint.job_id))
    assert hint is None or body_of(hint) == body


def test_a_channel_is_its_installations_and_its_audiences_own() -> None:
    names = {channel_of(scope, who) for scope in ("a", "b") for who in ("watchers", "workers")}
    assert len(names) == 4
