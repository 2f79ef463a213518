import inspect

from hypothesis import given
from hypothesis import strategies as st

from penstock.model.signature import (
    SigningKey,
    seal,
    sign_url,
    unseal,
    url_signature_fits,
)

KEY = SigningKey(id="k1", secret=b"one secret")


def test_signatures_are_compared_in_constant_time() -> None:
    for compares in (url_signature_fits, unseal):
        source = inspect.getsource(compares)
        assert "hmac.compare_digest(good" in source
        assert "== good" not in source
        assert "good ==" not in source


def test_a_signature_fits_what_it_was_made_of_and_nothing_else() -> None:
    signature = sign_url(KEY, tenant="acme", path="/area", expires=1_800_000_000)
    assert url_signature_fits(KEY, signature, tenant="acme", path="/area", expires=1_800_000_000)
    for tenant, path, expires in (
        ("brook", "/area", 1_800_000_000),
        ("acme", "/areas", 1_800_000_000),
        ("acme", "/area", 1_800_000_001),
    ):
        assert not url_signature_fits(KEY, signature, tenant=tenant, path=path, expires=expires)
    other = SigningKey(id="k1", secret=b"another secret")
    renamed = SigningKey(id="k2", secret=KEY.secret)
    for key in (other, renamed):
        assert not url_signature_fits(
            key, signature, tenant="acme", path="/area", expires=1_800_000_000
        )


@given(st.text(max_size=60))
def test_no_other_text_is_a_signature_and_none_is_an_error(text: str) -> None:
    signature = sign_url(KEY, tenant="acme", path="/area", expires=1)
    fits = url_signature_fits(KEY, text, tenant="acme", path="/area", expires=1)
    assert fits == (text == signature)


@given(st.binary(max_size=40), st.text(max_size=10))
def test_what_is_sealed_opens_under_its_own_context_alone(payload: bytes, context: str) -> None:
    token = seal(KEY, payload, context=context)
    assert unseal(KEY, token, context=context) == payload
    assert unseal(KEY, token, context=context + "x") is None
