import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import SetupError
from penstock.local.tenants.file import TenantEntry, parse, render
from penstock.model.tenant import Caps, Tenant, is_host, is_tenant_id

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
hosts = st.lists(labels, min_size=1, max_size=4).map(".".join)
ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
amounts = st.none() | st.integers(min_value=1, max_value=10**15)
caps = st.builds(Caps, response_bytes=amounts, response_rows=amounts, requests_per_minute=amounts)


@st.composite
def tenant_lists(draw: st.DrawFn) -> list[Tenant]:
    names = draw(st.lists(ids, unique=True, max_size=5))
    pool = draw(st.lists(hosts, unique=True, min_size=2 * len(names), max_size=2 * len(names)))
    return [
        Tenant(
            id=name,
            hosts=tuple(pool[2 * place : 2 * place + draw(st.integers(1, 2))]),
            title=draw(st.text(st.characters(exclude_categories=["Cs"]))),
            caps=draw(caps),
        )
        for place, name in enumerate(names)
    ]


def fault_of(content: bytes) -> str | None:
    try:
        parse(content, named="tenants.json")
    except SetupError as error:
        return error.detail
    return None


def is_one_line(text: str) -> bool:
    return text.startswith("tenants.json") and len(text.splitlines()) == 1


@given(tenant_lists())
def test_what_is_written_reads_back_as_the_same_tenants(tenants: list[Tenant]) -> None:
    content = render({tenant.id: TenantEntry.of(tenant) for tenant in tenants})
    entries = parse(content, named="tenants.json")
    assert [entry.tenant(tenant_id) for tenant_id, entry in entries.items()] == tenants


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_tenants_or_one_line_that_says_why_not(content: bytes) -> None:
    fault = fault_of(content)
    assert fault is None or is_one_line(fault)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["tenants", "acme", "hosts", "title", "caps", "enabled"])
                | st.text(max_size=5),
                inner,
                max_size=3,
            )
        ),
    )
)
def test_any_json_is_tenants_or_one_line_that_says_why_not(document: object) -> None:
    fault = fault_of(json.dumps(document).encode())
    assert fault is None or is_one_line(fault)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"tenants": {"Acme": {"hosts": ["a.b"]}}}, ["“Acme”", "a-z, 0-9"]),
        ({"tenants": {"-a": {"hosts": ["a.b"]}}}, ["“-a”", "a-z, 0-9"]),
        ({"tenants": {"acme": {"hosts": ["A.example"]}}}, ["“acme”", "“A.example”", "lower case"]),
        ({"tenants": {"acme": {"hosts": ["a.b:80"]}}}, ["“acme”", "“a.b:80”", "port"]),
        ({"tenants": {"acme": {"hosts": ["https://a.b"]}}}, ["“https://a.b”", "scheme"]),
        ({"tenants": {"acme": {"hosts": []}}}, ["“acme”", "hosts"]),
        ({"tenants": {"acme": {}}}, ["“acme”", "hosts", "required"]),
        ({"tenants": {"acme": {"hosts": ["a.b"], "hots": 1}}}, ["“acme”", "hots", "hosts"]),
        (
            {"tenants": {"acme": {"hosts": ["a.b"], "caps": {"rows": 1}}}},
            ["“acme”", "caps.rows", "response_rows"],
        ),
        (
            {"tenants": {"acme": {"hosts": ["a.b"], "caps": {"response_rows": 0}}}},
            ["“acme”", "caps.response_rows", "greater than 0"],
        ),
        ({"tenants": {"acme": {"hosts": ["a.b", "a.b"]}}}, ["“acme”", "“a.b”", "twice"]),
        (
            {"tenants": {"acme": {"hosts": ["a.b"]}, "river": {"hosts": ["a.b"]}}},
            ["“river”", "“a.b”", "“acme”", "remove"],
        ),
        (
            {"tenants": {"acme": {"hosts": ["a.b"], "enabled": False}, "b": {"hosts": ["a.b"]}}},
            ["“b”", "“a.b”", "“acme”"],
        ),
        ({"tenant": {}}, ["tenant:", "use tenants"]),
        ({"tenants": {"": {"hosts": ["a.b"]}}}, ["“”", "a-z, 0-9"]),
        ({"tenants": {"a\nb": {"hosts": ["a.b"]}}}, ["“a b”", "a-z, 0-9"]),
        ({"tenants": {"acme": []}}, ["“acme”", "object"]),
        ({"tenants": []}, ["tenants:", "object"]),
        ([], ["object"]),
    ],
)
def test_a_fault_is_one_line_that_names_file_tenant_and_mend(
    document: object, said: list[str]
) -> None:
    with pytest.raises(SetupError) as raised:
        parse(json.dumps(document).encode(), named="tenants.json")
    line = raised.value.detail
    assert "\n" not in line
    assert [part for part in ["tenants.json", *said] if part not in line] == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe{}",
        b'{"tenants": {"a": {"hosts": ["a.b"]}, "a": {"hosts": ["c.d"]}}}',
        b'{"tenants": {"a": {"hosts": ["a.b"], "hosts": ["c.d"]}}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_or_says_a_thing_twice_is_refused(content: bytes) -> None:
    with pytest.raises(SetupError, match="no usable JSON"):
        parse(content, named="tenants.json")


def test_a_byte_order_mark_is_no_fault() -> None:
    assert parse(b'\xef\xbb\xbf{"tenants": {}}', named="tenants.json") == {}


@pytest.mark.parametrize(
    "host", ["localhost", "a.b", "127.0.0.1", "[::1]", "xn--bcher-kva.example"]
)
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", ".", "a.", ".a", "a..b", "-a.b", "a_b", "a b", "A.b", "a:80", "*.a", "a\n"),
        *("bücher.example", "[::1", "[0:0::1]", "[::G]", "::1", "[::1]\n", "[::1]:80"),
        *("a" * 64, ".".join(["a" * 50] * 6)),
    ],
)
def test_a_host_with_anything_else_is_none(host: str) -> None:
    assert not is_host(host)


@given(st.text())
def test_a_tenant_id_never_names_another_place(text: str) -> None:
    if is_tenant_id(text):
        assert text.isascii()
        assert text == text.lower()
        assert not set(text) & set("./\\ \n\x00")
