"""The URL of a Redis: what it says, and that none of it is ever shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import SetupError
from penstock.signals.redis_place import RedisPlace, redis_place


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://cache.example", RedisPlace(host="cache.example")),
        ("redis://cache.example:7000/3", RedisPlace(host="cache.example", port=7000)),
        ("redis://[::1]:7000", RedisPlace(host="::1", port=7000)),
        ("redis://:pw@h", RedisPlace(host="h", password="pw")),
        ("rediss://u:p%40w@h", RedisPlace(host="h", is_encrypted=True, user="u", password="p@w")),
        (
            "rediss://h?ssl_ca_certs=/etc/own.pem",
            RedisPlace(host="h", is_encrypted=True, authorities=Path("/etc/own.pem")),
        ),
        ("unix:///run/redis.sock", RedisPlace(socket_file=Path("/run/redis.sock"))),
        ("unix://u:p@/r.sock", RedisPlace(socket_file=Path("/r.sock"), user="u", password="p")),
    ],
)
def test_a_url_says_where_and_who(url: str, place: RedisPlace) -> None:
    assert redis_place(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hush",
        "http://hush",
        "redis://",
        "redis://hush:port",
        "redis://hush:99999",
        "redis://hush?ssl_cert_reqs=none",
        "rediss://hush?ssl_cert_reqs=none",
        "rediss://hush?ssl_ca_certs=a&ssl_ca_certs=b",
        "rediss://hush?hush",
        "redis://hush?ssl_ca_certs=/a",
        "redis://[hush",
        "unix://hush",
    ],
)
def test_what_is_no_url_of_a_redis_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(SetupError) as raised:
        redis_place(url)
    assert "hush" not in raised.value.detail


@given(user=st.text(), password=st.text(min_size=1))
def test_who_one_is_stands_in_no_repr(user: str, password: str) -> None:
    shown = repr(RedisPlace(host="cache.example", user=user, password=password))
    assert shown == repr(RedisPlace(host="cache.example"))


@given(st.text())
def test_any_text_is_a_place_or_refused(text: str) -> None:
    try:
        place = redis_place(text)
    except SetupError:
        return
    assert place.host or place.socket_file
