"""The checks of tests/aws: what is sound passes, and each one finds the faults it is there for."""

import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from uuid import UUID

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.aws.checks import aborts, addresses, codings, load, privacy, refusals, starting
from tests.aws.checks.aborts import Arriving
from tests.aws.doors import Door, opened
from tests.aws.findings import CheckFailedError
from tests.aws.programs import Curl, Httpx, Program
from tests.aws.shelves import FolderShelf, fill
from tests.aws.signing import signer
from tests.aws.tables import as_parquet, numbers_csv, numbers_table, repeated_csv, repeated_table
from tests.conftest import missing
from tests.flows.edge_requests import ask
from tests.flows.service import serving
from tests.flows.small_edge import (
    CREDENTIALS,
    REGION,
    Faults,
    SmallEdge,
    small_edge,
)
from tests.flows.tenant_homes import add_key, add_tenant

from penstock.local.compose import compose
from penstock.local.opened_store import ServedPath
from penstock.model.tenant import Caps, Tenant
from penstock.settings import Settings
from penstock.web.app import create_app

TENANT = "probe"
HOST = "127.0.0.1"
ROWS = 40_000
CUT_BYTES = 300_000
FORGED = {"x-tenant-host": HOST, "cloudfront-viewer-address": "192.0.2.1:4711"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The service behind a small edge, and the doors to it."""

    small: SmallEdge
    edge: Door
    function: Door
    stranger: Door
    gateway: Door
    shelf: FolderShelf
    numbers: bytes
    key: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("home")
    home = folder / "home"
    caps = Caps(requests_per_minute=1_000_000)
    add_tenant(home, Tenant(id=TENANT, hosts=(HOST,), caps=caps))
    shelf = FolderShelf(store=home / "store", tenant=TENANT)
    numbers = fill(shelf, numbers=numbers_table())
    with ExitStack() as stack:
        service = stack.enter_context(
            serving(None, home=home, trusted_edge=True, spool_bytes=100_000, batch_rows=500)
        )
        small = stack.enter_context(small_edge(service.port))
        sign = signer(CREDENTIALS, region=REGION)
        host = {"x-tenant-host": HOST}
        yield Home(
            small=small,
            edge=stack.enter_context(opened(small.edge_url)),
            function=stack.enter_context(opened(small.function_url, sign=sign, always=host)),
            stranger=stack.enter_context(opened(small.function_url)),
            gateway=stack.enter_context(opened(small.gateway_url)),
            shelf=shelf,
            numbers=numbers,
            key=add_key(service.resources, TENANT),
        )


@pytest.fixture
def home(built: Home) -> Iterator[Home]:
    """Without faults, and with an empty cache."""
    built.small.faults = Faults()
    # A new one: an answer that is still on its way for the test before goes into the old one.
    built.small.cache = {}
    # One that no test before was counted by.
    built.small.viewer = str(IPv4Address(secrets.randbits(32)))
    yield built
    built.small.faults = Faults()


Check = Callable[[Home], object]


def starts(home: Home, lines: Sequence[str] | None = None) -> object:
    logs = ScriptedLogs(LINES if lines is None else lines)
    return starting.starts_and_logs(home.function, logs, tenant=TENANT, patience_seconds=0.01)


def counts_addresses(home: Home) -> None:
    addresses.the_viewers_address_counts(home.edge, home.function, own_address=home.small.viewer)


def ignores_claims(home: Home) -> None:
    addresses.claimed_hosts_are_ignored(home.edge, home.function)


def holds_up(home: Home) -> load.Load:
    return load.holds_up(home.edge, load.targets(12), requests=60, seconds=1, at_once=8)


def negotiates(home: Home) -> list[str]:
    return codings.are_negotiated(home.edge)


def revalidates(home: Home) -> None:
    codings.is_revalidated(home.edge)


def serves_ranges(home: Home) -> None:
    codings.ranges_are_served(home.edge, "/numbers.parquet", home.numbers)


def is_read_by_duckdb(home: Home) -> None:
    codings.duckdb_reads_it(f"{home.edge.url}/numbers.parquet")


def wants_a_signature(home: Home) -> None:
    refusals.the_function_wants_a_signature(home.function, home.stranger, FORGED)


def wants_the_secret(home: Home) -> None:
    refusals.the_gateway_wants_the_secret(home.gateway, home.edge, FORGED)


def stays_private(home: Home) -> list[str]:
    return privacy.private_data_stays_private(
        home.edge, "/vault.csv?n__lt=10", key=home.key, truth=numbers_csv(range(10))
    )


def is_not_kept(home: Home) -> list[str]:
    """Have an answer broken off, then ask for it again from an origin that is sound."""
    home.small.faults.cut_after = CUT_BYTES
    with pytest.raises(CheckFailedError, match="no whole answer"):
        home.edge.ask("/numbers.csv")
    home.small.faults.cut_after = None
    return aborts.keeps_nothing_of_it(
        home.edge, "/numbers.csv", truth=whole_numbers, length=len(numbers_csv())
    )


def whole_numbers() -> Iterator[bytes]:
    yield numbers_csv()


@pytest.mark.parametrize(
    "check",
    [
        starts,
        counts_addresses,
        ignores_claims,
        holds_up,
        negotiates,
        revalidates,
        serves_ranges,
        is_read_by_duckdb,
        wants_a_signature,
        wants_the_secret,
        stays_private,
        is_not_kept,
    ],
)
def test_a_sound_service_passes(home: Home, check: Check) -> None:
    check(home)


@pytest.mark.parametrize(
    ("check", "faults", "finding"),
    [
        (starts, Faults(flips_byte=11), "holds other rows"),
        (counts_addresses, Faults(believes_claims=True), "passes on what a client says"),
        (counts_addresses, Faults(hides_viewer=True), "learns another address"),
        (ignores_claims, Faults(believes_claims=True), "passes its claim on"),
        (holds_up, Faults(fails_each=20), "3 times status 502"),
        (holds_up, Faults(spoils_each=5), "wrong bytes"),
        (holds_up, Faults(cut_after=1), "no whole answer"),
        (holds_up, Faults(cut_after=1, ends_parts_cleanly=True), "wrong bytes"),
        (holds_up, Faults(mixes_codings=True), "went wrong"),
        (negotiates, Faults(mixes_codings=True), "was answered in identity, not in gzip"),
        (negotiates, Faults(loses_zstd=True), "was answered in identity, not in zstd"),
        (negotiates, Faults(believes_zstd_claims=True), "was answered in zstd, not in gzip"),
        (negotiates, Faults(flips_byte=5), "wrong bytes"),
        (revalidates, Faults(has_no_etag=True), "has no ETag"),
        (revalidates, Faults(never_not_modified=True), "is answered with 200"),
        (serves_ranges, Faults(ignores_ranges=True), "was answered with 200"),
        (serves_ranges, Faults(flips_byte=7), "wrong bytes"),
        (serves_ranges, Faults(cut_after=50), "no whole answer"),
        (wants_a_signature, Faults(admits_strangers=True), "to a stranger with"),
        (wants_the_secret, Faults(admits_strangers=True), "answers 404 to a stranger"),
        (wants_the_secret, Faults(keeps_secret_to_itself=True), "the secret doesn't arrive"),
        (stays_private, Faults(mixes_keys=True), "answered with 200"),
        (stays_private, Faults(flips_byte=11), "holds other rows"),
        (is_not_kept, Faults(keeps_parts=True), "is said to have"),
        (is_not_kept, Faults(is_no_edge=True), "no edge in front"),
        (is_not_kept, Faults(flips_byte=600_000), "wrong when asked for again"),
    ],
)
def test_a_fault_is_found(home: Home, check: Check, faults: Faults, finding: str) -> None:
    home.small.faults = faults
    with pytest.raises(CheckFailedError, match=finding):
        check(home)


def test_a_stored_file_that_is_damaged_on_its_way_is_not_read(home: Home) -> None:
    home.small.faults = Faults(flips_byte=0)
    with pytest.raises((CheckFailedError, duckdb.Error)):
        is_read_by_duckdb(home)


# Aborts, as the two programs see them.


@pytest.fixture(params=["httpx", "curl"])
def program(request: pytest.FixtureRequest) -> Program:
    return make_program(request.param, patience_seconds=60)


def make_program(name: str, *, patience_seconds: float) -> Program:
    if shutil.which("curl") is None:
        missing("curl is not installed")
    if name == "httpx":
        return Httpx(patience_seconds=patience_seconds)
    return Curl(patience_seconds=patience_seconds)


@pytest.fixture(scope="module")
def large() -> bytes:
    return as_parquet(repeated_table(ROWS), group_rows=2_000)


@pytest.mark.parametrize("door", ["edge", "function"])
@pytest.mark.parametrize("fate", ["replaced", "deleted"])
def test_a_dataset_that_changes_breaks_its_downloads_off(
    home: Home, program: Program, large: bytes, door: str, fate: str
) -> None:
    dataset = f"large-{fate}-{door}-{program.name}"
    path = f"/{dataset}.csv"
    home.shelf.put(dataset, large)

    def change() -> None:
        if fate == "replaced":
            home.shelf.put(dataset, home.numbers)
        else:
            home.shelf.take_away(dataset)

    found = aborts.breaks_off(
        getattr(home, door),
        path,
        program,
        truth=repeated_csv(ROWS),
        then=change,
        after_bytes=1_000_000,
    )
    assert found.size_bytes >= 1_000_000
    said = aborts.keeps_nothing_of_it(
        home.edge, path, truth=whole_numbers, length=len(numbers_csv())
    )
    assert said[0] == "Miss from cloudfront"


@pytest.mark.parametrize(
    ("faults", "finding"),
    [
        (Faults(cut_after=CUT_BYTES, ends_parts_cleanly=True), "takes /numbers.csv for whole"),
        (Faults(cut_after=CUT_BYTES, flips_byte=10_000), "a wrong byte at 10000"),
        (Faults(), "came whole"),
        (Faults(fails_each=1), "answered with 502 from the start"),
    ],
)
def test_an_abort_that_is_none_is_found(
    home: Home, program: Program, faults: Faults, finding: str
) -> None:
    home.small.faults = faults
    with pytest.raises(CheckFailedError, match=finding):
        aborts.breaks_off(home.edge, "/numbers.csv", program, truth=whole_numbers())


@pytest.mark.parametrize("name", ["httpx", "curl"])
def test_an_answer_that_hangs_is_no_failed_download(home: Home, name: str) -> None:
    home.small.faults = Faults(cut_after=CUT_BYTES, hangs=True)
    waiting = make_program(name, patience_seconds=1)
    with pytest.raises(CheckFailedError, match="neither went on nor broke off"):
        aborts.breaks_off(home.edge, "/numbers.csv", waiting, truth=whole_numbers())


def test_an_answer_that_breaks_off_by_itself_proves_nothing(home: Home, program: Program) -> None:
    home.small.faults = Faults(cut_after=CUT_BYTES)
    with pytest.raises(CheckFailedError, match="before its time"):
        aborts.breaks_off(
            home.edge, "/numbers.csv", program, truth=whole_numbers(), after_bytes=2_000_000
        )


def test_who_does_not_answer_at_all_is_found(program: Program) -> None:
    with (
        opened("http://127.0.0.1:1") as nobody,
        pytest.raises(CheckFailedError, match="got no answer"),
    ):
        aborts.breaks_off(nobody, "/numbers.csv", program, truth=whole_numbers())


def test_what_is_kept_without_having_been_sent_whole_is_found(home: Home) -> None:
    home.edge.ask("/numbers.csv")
    with pytest.raises(CheckFailedError, match="the edge has it: “Hit from cloudfront”"):
        aborts.keeps_nothing_of_it(
            home.edge, "/numbers.csv", truth=whole_numbers, length=len(numbers_csv())
        )


def test_a_part_that_is_kept_is_found_by_a_range(home: Home) -> None:
    """Where the first look finds a way around the cache, its ranges still tell."""
    home.small.faults = Faults(cut_after=CUT_BYTES, keeps_parts=True)
    with pytest.raises(CheckFailedError, match="no whole answer"):
        home.edge.ask("/numbers.csv")
    home.small.faults.cut_after = None
    with pytest.raises(CheckFailedError, match="is said to be of"):
        aborts.look_at_a_range(home.edge, "/numbers.csv", whole_numbers, len(numbers_csv()))


def test_what_is_large_as_csv_slips_through_the_estimate_and_ends_at_the_cap(
    tmp_path: Path,
) -> None:
    """The dataset that is to break off at 200 MB: here, a tenth of it and of the cap."""
    shelf = FolderShelf(store=tmp_path / "store", tenant=TENANT)
    shelf.put("large", as_parquet(repeated_table(32_000)))
    add_tenant(tmp_path, Tenant(id=TENANT, hosts=(HOST,)))
    with compose(Settings(home=tmp_path), ServedPath(demo=False)) as resources:
        answer = ask(
            create_app(resources), "/large.csv", headers={"host": HOST}, wire_bytes=20_000_000
        )
    assert (answer.status, answer.whole) == (200, False)
    arriving = Arriving(repeated_csv(32_000))
    arriving.add(answer.body)
    assert arriving.differs_at is None
    assert 10_000_000 < len(answer.body) <= 20_000_000


# What a start is known by.

REPORT = (
    "REPORT RequestId: {id}\tDuration: 3.40 ms\tBilled Duration: 820 ms\tMemory Size: 1024 MB\t"
    "Max Memory Used: 150 MB\tInit Duration: 812.33 ms\t\n"
)
WARM = REPORT.replace("Init Duration: 812.33 ms\t", "")
ENTRY = json.dumps(
    {
        "message": "request",
        "request_id": "{id}",
        "tenant": TENANT,
        "status": 200,
        "outcome": "complete",
        "rows": 3,
    }
).replace('"{id}"', '"__id__"')
LINES = (ENTRY, REPORT)


class ScriptedLogs:
    """Lines of a log, in which `{id}` is whichever request is asked for."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def lines(self, phrase: str) -> list[str]:
        if phrase.startswith("request-"):
            named = [each for each in self._lines if "{id}" in each or "__id__" in each]
            return [each.replace("{id}", phrase).replace("__id__", phrase) for each in named]
        return [each for each in self._lines if phrase in each]


@pytest.mark.parametrize(
    ("lines", "finding"),
    [
        ([], "holds no report and log"),
        ([REPORT], "holds no report and log"),
        ([ENTRY], "holds no report and log"),
        ([ENTRY[:-1], REPORT], "holds no report and log"),
        ([f"[INFO] {ENTRY}", REPORT], "holds no report and log"),
        ([ENTRY, WARM], "holds no report of a start"),
        ([ENTRY.replace("complete", "aborted"), REPORT], "outcome 'aborted'"),
        ([ENTRY.replace(TENANT, "other"), REPORT], "tenant 'other'"),
        ([ENTRY.replace('"rows": 3', '"rows": 2'), REPORT], "rows 2, not 3"),
        (
            [*LINES, "INIT_REPORT Init Duration: 99 ms\tPhase: init\tStatus: error"],
            "A start failed",
        ),
        ([*LINES, '{{"errorType": "Runtime.ExitError"}}'], "A start failed"),
    ],
)
def test_a_start_that_went_otherwise_is_found(home: Home, lines: list[str], finding: str) -> None:
    with pytest.raises(CheckFailedError, match=finding):
        starts(home, lines)


def test_a_start_is_found_among_other_requests(home: Home) -> None:
    report = starts(home, [ENTRY, WARM, REPORT.replace("{id}", "another")])
    assert isinstance(report, starting.Report)
    assert (report.request_id, report.init_ms) == ("another", 812.33)


@given(
    request_id=st.uuids(),
    duration=st.floats(0, 900_000).map(lambda each: round(each, 2)),
    init=st.none() | st.floats(0, 10_000).map(lambda each: round(each, 2)),
    sizes=st.tuples(st.integers(128, 10_240), st.integers(1, 10_240)),
    more=st.sampled_from(["", "\nXRAY TraceId: 1-5e9\tSegmentId: 3f\tSampled: true\t\n"]),
)
def test_every_report_is_read(
    request_id: UUID, duration: float, init: float | None, sizes: tuple[int, int], more: str
) -> None:
    line = (
        f"REPORT RequestId: {request_id}\tDuration: {duration:.2f} ms\tBilled Duration: 99999 ms\t"
        f"Memory Size: {sizes[0]} MB\tMax Memory Used: {sizes[1]} MB\t"
    )
    line += "" if init is None else f"Init Duration: {init:.2f} ms\t"
    assert starting.report_of(line + more) == starting.Report(
        request_id=str(request_id),
        duration_ms=duration,
        init_ms=init,
        memory_mb=sizes[0],
        used_mb=sizes[1],
    )


@given(st.text() | st.text().map(lambda each: f"REPORT RequestId: {each} "))
def test_what_is_no_report_is_none(line: str) -> None:
    assert starting.report_of(line) is None


@given(st.binary(max_size=40), st.binary(max_size=40), st.lists(st.integers(1, 7), max_size=20))
def test_what_arrives_is_compared_in_pieces_of_any_size(
    truth: bytes, came: bytes, sizes: list[int]
) -> None:
    def pieces(content: bytes) -> Iterator[bytes]:
        place = 0
        for size in sizes:
            yield content[place : place + size]
            place += size
        yield content[place:]

    arriving = Arriving(piece for piece in pieces(truth) if piece)
    for piece in pieces(came):
        arriving.add(piece)
    assert (arriving.differs_at is None) == truth.startswith(came)
    assert arriving.is_whole() == (truth == came)
    assert arriving.size_bytes == len(came)
    if arriving.differs_at is not None:
        place = arriving.differs_at
        assert came[:place] == truth[:place]
        assert came[place : place + 1] != truth[place : place + 1]


def test_figures_of_load_are_those_of_the_answers() -> None:
    found = load.Load(
        requests=101, seconds=30, hits=7, first_byte_seconds=[n / 1000 for n in range(101)]
    )
    assert (found.percentile(0.5), found.percentile(0.99)) == (0.05, 0.099)
    assert found.per_minute == 202
    assert "p50 50 ms, p99 99 ms" in str(found)
