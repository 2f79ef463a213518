import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.aws.tenants.parameters import is_index_name, parameters_of, tenant_of
from penstock.errors import SetupError
from penstock.model.tenant import Caps, Tenant, is_host

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
hosts = st.lists(labels, min_size=1, max_size=4).map(".".join)
ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
amounts = st.none() | st.integers(min_value=1, max_value=10**15)
titles = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40).map(str.strip)
tenants = st.builds(
    Tenant,
    id=ids,
    hosts=st.lists(hosts, unique=True, min_size=1, max_size=4).map(tuple),
    title=titles.filter(lambda title: "{{" not in title),
    caps=st.builds(
        Caps, response_bytes=amounts, response_rows=amounts, requests_per_minute=amounts
    ),
)


@given(tenants)
def test_a_tenant_comes_back_from_its_parameters(tenant: Tenant) -> None:
    written = {name: value for name, (value, _) in parameters_of(tenant).items()}
    assert tenant_of(tenant.id, written) == tenant


def fault_or_hosts(values: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    try:
        return "", tenant_of("acme", values).hosts
    except SetupError as error:
        return error.detail, ()


@given(st.dictionaries(st.sampled_from(["hosts", "title", "caps", "state", "odd"]), st.text()))
def test_parameters_that_cannot_be_used_are_one_line_of_a_fault(values: dict[str, str]) -> None:
    fault, hosts = fault_or_hosts(values)
    assert bool(fault) is not bool(hosts)
    assert all(map(is_host, hosts))
    assert "\n" not in fault
    assert fault == "" or "“acme”" in fault


def test_hosts_may_be_written_with_spaces_behind_their_commas() -> None:
    assert tenant_of("acme", {"hosts": "a.example, b.example"}).hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, ["hosts", "at least one"]),
        ({"hosts": ","}, ["hosts", "at least one"]),
        ({"hosts": "A.example"}, ["“A.example”", "lower case"]),
        ({"hosts": "a.example,a.example"}, ["“a.example”", "twice"]),
        ({"hosts": "[::1]"}, ["“[::1]”", "name"]),
        ({"hosts": "a.b", "caps": "{"}, ["caps", "JSON"]),
        ({"hosts": "a.b", "caps": "[" * 100_000}, ["caps", "JSON"]),
        ({"hosts": "a.b", "caps": "[]"}, ["caps", "response_rows"]),
        ({"hosts": "a.b", "caps": '{"rows": 1}'}, ["caps", "response_rows"]),
        ({"hosts": "a.b", "caps": '{"response_rows": 0}'}, ["response_rows", "greater than 0"]),
        ({"hosts": "a.b", "caps": '{"response_rows": true}'}, ["response_rows", "whole"]),
        ({"hosts": "a.b", "caps": '{"response_rows": 1.5}'}, ["response_rows", "whole"]),
        ({"hosts": "a.b", "caps": '{"response_rows": "9"}'}, ["response_rows", "whole"]),
    ],
)
def test_a_fault_names_the_tenant_the_parameter_and_the_mend(
    values: dict[str, str], said: list[str]
) -> None:
    with pytest.raises(SetupError) as raised:
        tenant_of("acme", values)
    assert [part for part in ["“acme”", *said] if part not in raised.value.detail] == []


@pytest.mark.parametrize(
    ("tenant", "said"),
    [
        (Tenant(id="a", hosts=tuple(f"h{n}.{'a' * 60}.example" for n in range(80))), "4,096"),
        (Tenant(id="a", hosts=("a.b",), title="é" * 2100), "4,096"),
        (Tenant(id="a", hosts=("a.b",), title="{{ssm:x}}"), "{{"),
        (Tenant(id="a", hosts=("a.b",), title=" "), "spaces"),
        (Tenant(id="a", hosts=("[::1]",)), "name"),
    ],
)
def test_a_tenant_that_no_parameter_holds_is_refused(tenant: Tenant, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        parameters_of(tenant)


@given(st.text())
def test_the_index_is_never_asked_for_another_place(text: str) -> None:
    if is_index_name(text):
        assert text.isascii()
        assert not set(text) & set("/:[]*\\ \n\x00")
        assert not text.startswith(".")
