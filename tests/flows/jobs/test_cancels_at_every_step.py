"""A cancel before each step of an export, asked for or forced: nothing of it stays visible."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.export_parts import TENANT, ExportHouse, export_house
from tests.postgres_parts import PostgresDatabase
from tests.s3_parts import emptied_bucket, s3_client, store_of
from tests.stand_ins import StandIn
from tests.stepped_outputs import Stepped

from penstock.aws.datasets.exports import S3Exports
from penstock.aws.jobs.outputs import S3Outputs
from penstock.errors import UnknownDatasetError, UnknownJobError
from penstock.exports.limits import ExportLimits
from penstock.exports.resources import ExportResources
from penstock.jobs.cancel import cancel, discard
from penstock.model.job import Job

ROWS = 110_000
PARTS = ExportLimits(part_rows=100_000)
BUCKET = "cancelled-exports"
MOST_STEPS = 60

How = Literal["cancelled", "cancelled by force", "deleted"]
Ask = Callable[[str, Job], None]


@dataclass
class Home:
    """Where exports are made: their jobs, what makes them, and what is seen of them."""

    house: ExportHouse
    sources: ExportResources
    names: Callable[[Job], list[str]]
    """Everything that a job's folder holds, uploads that nobody finished too."""

    def submit(self, kind: str) -> Job:
        """Ask for a slice in parts, or for a table, with a further format."""
        if kind == "slice":
            return self.house.submit("dataset-slice", {"dataset": "things"}, formats=["csv"])
        return self.house.submit("customers", {}, formats=["csv"])

    def is_visible(self, job: Job) -> bool:
        """Whether the result can be opened as a dataset."""
        try:
            self.sources.exported.export(TENANT, job.id)
        except UnknownDatasetError:
            return False
        return True


@dataclass
class At:
    """Does something before the step of this number; whatever is visible then is whole."""

    number: int
    act: Callable[[], None]
    steps: list[str] = field(default_factory=list)

    def __call__(self, step: str, path: str) -> None:
        self.steps.append(f"{step} {path.rpartition('/')[2]}")
        if len(self.steps) == self.number + 1:
            self.act()


@pytest.fixture
def house(place: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ExportHouse]:
    objects = None
    if place == "s3":
        server: StandIn = request.getfixturevalue("s3_server")
        emptied_bucket(server, BUCKET)
        objects = store_of(server.endpoint, BUCKET)
    with export_house(tmp_path, object_store=objects) as opened:
        ones = pa.repeat(pa.scalar(1, pa.int64()), ROWS)
        opened.put("things", pa.table({"n": pc.cumulative_sum(ones)}))
        yield opened


@pytest.fixture
def home(
    place: str, house: ExportHouse, demo: PostgresDatabase, request: pytest.FixtureRequest
) -> Home:
    sources = replace(house.sources, limits=PARTS)
    names = house.jobs.files
    if place == "s3":
        server: StandIn = request.getfixturevalue("s3_server")
        client = s3_client(server.endpoint)
        outputs = S3Outputs(client=client, bucket=BUCKET)
        exported = S3Exports(
            client=client,
            bucket=BUCKET,
            engine=house.sources.reader.engine,
            now=lambda: house.jobs.now,
        )
        # What cancels and sweeps removes the same files as what writes them.
        house.jobs.ports = replace(house.jobs.ports, outputs=outputs)
        sources = replace(
            sources,
            outputs=outputs,
            exported=exported,
            drafts=exported,
            reader=replace(sources.reader, is_stored=lambda _: True),
        )

        def names(job: Job) -> list[str]:
            return in_bucket(client, f"{TENANT}/{job.folder}/")

    house.databases[TENANT] = demo.connection_string
    return Home(house=house, sources=sources, names=names)


def in_bucket(client: Any, prefix: str) -> list[str]:
    objects = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    uploads = client.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix).get("Uploads", [])
    return sorted(each["Key"].removeprefix(prefix) for each in (*objects, *uploads))


def ask(home: Home, job: Job, how: How) -> None:
    """End a job in one of the ways that there are."""
    jobs = home.house.jobs
    latest = jobs.latest(job)
    if how == "deleted":
        discard(jobs.ports, latest, now=jobs.now)
        return
    cancel(jobs.ports, latest, now=jobs.now)
    if how == "cancelled by force":
        jobs.sweep()
        jobs.sweep(after=200)


@pytest.mark.parametrize(
    ("place", "kind", "how"),
    [
        ("files", "slice", "cancelled"),
        ("files", "slice", "cancelled by force"),
        ("files", "slice", "deleted"),
        ("files", "table", "cancelled"),
        ("files", "table", "cancelled by force"),
        ("s3", "slice", "cancelled"),
        ("s3", "slice", "cancelled by force"),
        ("s3", "slice", "deleted"),
        ("s3", "table", "cancelled by force"),
    ],
)
def test_what_ends_a_job_before_any_of_its_steps_leaves_nothing_of_it(
    home: Home, place: str, kind: str, how: How
) -> None:
    steps: list[str] = []
    for number in range(MOST_STEPS):
        job = home.submit(kind)
        at = At(number, lambda job=job: ask(home, job, how))  # type: ignore[misc] # bound early
        outputs = Stepped(home.sources.outputs, at)
        ran = home.house.run(sources=replace(home.sources, outputs=outputs))
        if len(at.steps) <= number:
            assert ran.outcome == "succeeded"
            assert home.is_visible(job)
            break
        steps.append(at.steps[number])
        assert ran.outcome in ("cancelled", "superseded"), (at.steps, ran)
        assert home.names(job) == [], at.steps
        assert not home.is_visible(job)
        if how == "deleted":
            with pytest.raises(UnknownJobError):
                home.house.jobs.latest(job)
        else:
            assert home.house.jobs.latest(job).state == "CANCELLED"
            assert home.house.jobs.latest(job).artifacts == ()
            told = home.house.jobs.ports.events.after(TENANT, job.id, 0)
            assert [event.name for event in told][-2:] == ["job.cancelling", "job.cancelled"]
        assert home.house.jobs.sweep(after=1000).failed == 0
        assert home.names(job) == []
    words = {step.split()[0] for step in steps}
    assert {"read", "write", "half", "written", "create", "created", "remove"} <= words, steps
