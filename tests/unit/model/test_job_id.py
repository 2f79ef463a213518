from hypothesis import given
from hypothesis import strategies as st

from penstock.model.job_id import is_job_id, new_job_id


def test_ids_have_the_form_of_a_ulid_and_differ() -> None:
    ids = {new_job_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(is_job_id(each) for each in ids)


@given(st.text(max_size=30))
def test_few_texts_are_ids(text: str) -> None:
    assert is_job_id(text) == (
        len(text) == 26
        and text[0] <= "7"
        and all(each in "0123456789ABCDEFGHJKMNPQRSTVWXYZ" for each in text)
    )
