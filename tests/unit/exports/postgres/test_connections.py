"""A tenant's connection string is taken as it is meant, or refused without being repeated."""

import pytest
from psycopg import pq

from penstock.errors import PermanentError
from penstock.exports.postgres.connections import verified

SECRET = "hunter2secret"


def of(text: str) -> dict[str, str]:
    return dict(verified(text, application="penstock", connect_seconds=7))


def test_what_is_elsewhere_is_reached_with_verified_tls() -> None:
    given = of(f"postgresql://reader:{SECRET}@db.example:5433/acme")
    assert given["sslmode"] == "verify-full"
    assert given["sslrootcert"]
    assert (given["host"], given["port"], given["dbname"]) == ("db.example", "5433", "acme")
    assert (given["application_name"], given["connect_timeout"]) == ("penstock", "7")


def test_roots_that_the_string_names_are_used() -> None:
    given = of("host=db.example user=u dbname=d sslmode=verify-full sslrootcert=/roots.pem")
    assert given["sslrootcert"] == "/roots.pem"


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
@pytest.mark.parametrize(
    "host",
    ["db.example", "10.0.0.5", "localhost,db.example", "127.0.0.1.example", "/tmp,db.example"],
)
def test_less_than_verified_tls_is_refused_elsewhere(host: str, mode: str) -> None:
    with pytest.raises(PermanentError, match="verify-full"):
        of(f"host={host} user=u password={SECRET} dbname=d sslmode={mode}")


def test_a_loopback_name_with_an_address_elsewhere_is_elsewhere() -> None:
    assert of("host=localhost hostaddr=10.0.0.5 user=u dbname=d")["sslmode"] == "verify-full"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1", "::1", "/run/postgres"])
def test_tls_may_be_left_out_on_this_machine(host: str) -> None:
    assert of(f"host={host} user=u dbname=d")["sslmode"] == "prefer"
    assert of(f"host={host} user=u dbname=d sslmode=disable")["sslmode"] == "disable"


def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGSSLMODE"):
        monkeypatch.setenv(name, "other")
    given = of("host=db.example user=u dbname=d")
    assert given["password"] == ""
    assert given["sslmode"] == "verify-full"
    with pytest.raises(PermanentError, match="its host"):
        of("user=u dbname=d")


def test_no_variable_is_left_to_speak_where_a_string_is_silent() -> None:
    given = of("host=db.example user=u dbname=d")
    open_to_variables = {
        default.envvar
        for default in pq.Conninfo.get_defaults()
        if default.envvar and default.keyword.decode() not in given
    }
    assert open_to_variables == {b"PGSERVICE"}


def test_a_service_that_a_variable_names_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICE", SECRET)
    with pytest.raises(PermanentError, match="PGSERVICE") as raised:
        of("host=db.example user=u dbname=d")
    assert SECRET not in raised.value.detail


def test_an_address_here_for_each_host_is_here() -> None:
    two = "host=a.example,b.example user=u dbname=d"
    assert of(f"{two} hostaddr=127.0.0.1,::1")["sslmode"] == "prefer"
    for addresses in ("127.0.0.1,", ",", "127.0.0.1", "127.0.0.1,10.0.0.5"):
        assert of(f"{two} hostaddr={addresses}")["sslmode"] == "verify-full"


def test_a_host_is_judged_as_it_is_written() -> None:
    assert of("host=' localhost' user=u dbname=d")["sslmode"] == "verify-full"


def test_a_certificate_is_shown_only_where_the_string_names_one() -> None:
    assert of("host=db.example user=u dbname=d")["sslcertmode"] == "disable"
    named = of("host=db.example user=u dbname=d sslcert=/mine.pem sslkey=/mine.key")
    assert (named["sslcertmode"], named["sslcert"]) == ("allow", "/mine.pem")


def test_verified_tls_on_this_machine_has_roots_to_verify_by() -> None:
    usual = of("host=localhost user=u dbname=d")
    verified_here = of("host=localhost user=u dbname=d sslmode=verify-full")
    assert verified_here["sslmode"] == "verify-full"
    assert verified_here["sslrootcert"] == of("host=db.example user=u dbname=d")["sslrootcert"]
    assert usual["sslrootcert"] != verified_here["sslrootcert"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"postgresql://u:{SECRET}@/d", "its host"),
        (f"postgresql://db.example/d?password={SECRET}", "its user"),
        (f"host=db.example user=u password={SECRET}", "its dbname"),
        (f"host=db.example user=u dbname=d service={SECRET}", "a service"),
        (f"host=db.example {SECRET}", "can't be read"),
        (f"postgresql://u:{SECRET}@db.example/d?nonsense=1", "can't be read"),
        (f"postgresql://u:{SECRET}@[db.example/d", "can't be read"),
    ],
)
def test_an_unusable_string_is_refused_and_not_repeated(text: str, said: str) -> None:
    with pytest.raises(PermanentError, match=said) as raised:
        of(text)
    shown: BaseException | None = raised.value
    while shown is not None:
        assert SECRET not in f"{shown!r} {shown}"
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
