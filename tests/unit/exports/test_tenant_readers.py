import pytest

from penstock.errors import NoDatabaseError, PermanentError
from penstock.exports.readers import TenantReaders


class Strings:
    """Connection strings that a test sets."""

    def __init__(self, **strings: str) -> None:
        self.strings = strings

    def connection_string(self, tenant: str) -> str:
        if tenant not in self.strings:
            raise NoDatabaseError
        return self.strings[tenant]


def place(name: str) -> str:
    return f"host=/nowhere user=reader password=s dbname={name}"


def test_a_tenants_reader_is_kept() -> None:
    readers = TenantReaders(Strings(acme=place("acme")))
    with readers.lend("acme") as one:
        pass
    with readers.lend("acme") as two:
        assert two is one
    readers.close()


def test_no_tenant_is_lent_anothers_reader() -> None:
    readers = TenantReaders(Strings(acme=place("acme"), other=place("other")))
    with readers.lend("acme") as one, readers.lend("other") as two:
        assert one is not two
    with pytest.raises(NoDatabaseError), readers.lend("third"):
        pass
    readers.close()


def test_a_tenant_whose_string_was_changed_gets_another_reader() -> None:
    strings = Strings(acme=place("acme"))
    readers = TenantReaders(strings)
    with readers.lend("acme") as one:
        strings.strings["acme"] = place("acme2")
        with readers.lend("acme") as two:
            assert two is not one
    readers.close()


def test_a_tenant_whose_string_was_taken_away_is_refused_at_once() -> None:
    strings = Strings(acme=place("acme"))
    readers = TenantReaders(strings)
    with readers.lend("acme"):
        pass
    del strings.strings["acme"]
    with pytest.raises(NoDatabaseError), readers.lend("acme"):
        pass
    readers.close()


def test_those_used_longest_ago_give_way() -> None:
    names = ["a", "b", "c"]
    readers = TenantReaders(Strings(**{name: place(name) for name in names}), most=2)
    lent = {}
    for name in names:
        with readers.lend(name) as reader:
            lent[name] = reader
    with readers.lend("c") as reader:
        assert reader is lent["c"]
    with readers.lend("a") as reader:
        assert reader is not lent["a"]
    readers.close()


def test_a_string_that_can_be_no_ones_is_refused_without_being_told() -> None:
    readers = TenantReaders(Strings(acme="password=hunter2 host=db.example"))
    with pytest.raises(PermanentError) as refused, readers.lend("acme"):
        pass
    assert "hunter2" not in refused.value.detail
    readers.close()
