"""A bucket that nobody answers for, in the midst of an export: it waits, and ends whole."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests import stand_ins
from tests.export_parts import TENANT, ExportHouse, export_house
from tests.flows.tcp_proxy import TcpProxy, tcp_proxy
from tests.long_runs import Account, amount, seed, until
from tests.s3_parts import emptied_bucket, s3_client, store_of
from tests.stand_ins import ACCESS_KEY, REGION, SECRET_KEY, StandIn
from tests.stepped_outputs import Stepped

from penstock.aws.datasets.exports import S3Exports
from penstock.aws.jobs.outputs import S3Outputs
from penstock.aws.services.clients import Clients
from penstock.exports.limits import ExportLimits
from penstock.exports.work import export
from penstock.jobs.rules import JobRules
from penstock.jobs.submit import Submission, submit
from penstock.jobs.worker import Worker
from penstock.local.jobs.owners import this_owner
from penstock.local.jobs.ports import LocalJobs, local_jobs
from penstock.local.work import work_off
from penstock.model.clock import utc_now
from penstock.model.job import SIZES, Job
from penstock.reading.engine import Engine

BUCKET = "exports-that-wait"
ROWS = 210_000
STEPS = [
    ("write", "00000.parquet"),
    ("half written", "00001.parquet"),
    ("half written", ".csv"),
    ("create", "manifest.json"),
]


@dataclass
class Outage:
    """Takes the way to the store away before a step, for a while, once."""

    step: str
    name: str
    down: Callable[[], None]
    up: Callable[[], None]
    seconds: float
    ended: threading.Event

    def __call__(self, step: str, path: str) -> None:
        if step == self.step and path.endswith(self.name) and not self.ended.is_set():
            self.down()
            self.ended.set()
            threading.Timer(self.seconds, self.up).start()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)


@contextmanager
def working(
    home: Path, proxy: TcpProxy, rules: JobRules, outage: Outage
) -> Iterator[tuple[LocalJobs, Any]]:
    """Work on jobs in a thread, on their own clocks, with files in a bucket behind a proxy."""
    with ExitStack() as stack:
        house: ExportHouse = stack.enter_context(
            export_house(home, object_store=store_of(proxy.endpoint, BUCKET))
        )
        ones = pa.repeat(pa.scalar(1, pa.int64()), ROWS)
        house.put("things", pa.table({"n": pc.cumulative_sum(ones)}))
        jobs = stack.enter_context(local_jobs(home / "real"))
        # As functions have them, patience and all.
        client = Clients().of("s3", endpoint=proxy.endpoint, read_seconds=60)
        outputs = S3Outputs(client=client, bucket=BUCKET)
        engine: Engine = house.sources.reader.engine
        exported = S3Exports(client=client, bucket=BUCKET, engine=engine, now=utc_now)
        sources = replace(
            house.sources,
            outputs=Stepped(outputs, outage),
            exported=exported,
            drafts=exported,
            reader=replace(house.sources.reader, is_stored=lambda _: True),
            now=utc_now,
            limits=ExportLimits(part_rows=100_000),
        )
        worker = Worker(
            ports=replace(jobs.ports, outputs=outputs),
            works={"export": partial(export, sources)},
            rules=rules,
            owner=this_owner(),
            now=utc_now,
        )
        ending = threading.Event()
        thread = threading.Thread(
            target=work_off,
            args=(worker, jobs.queue),
            kwargs={"sizes": SIZES, "is_ending": ending.is_set, "wait": ending.wait},
        )
        thread.start()
        try:
            yield jobs, client
        finally:
            ending.set()
            thread.join(300)


def ended_well(jobs: LocalJobs, *, seconds: float) -> Job:
    """Have a slice exported, and wait for its end, which is a good one."""
    wanted = Submission(
        tenant=TENANT,
        user="ada",
        kind="export",
        type="dataset-slice",
        params={"dataset": "things", "query": "", "formats": ["csv"]},
        size="medium",
        dataset_version="v1",
    )
    job = submit(jobs.ports, wanted, now=utc_now())

    def is_over() -> bool:
        return jobs.ports.store.get(TENANT, job.id).is_over

    until(is_over, what="the export ends", seconds=seconds)
    return jobs.ports.store.get(TENANT, job.id)


def assert_whole(job: Job, server: StandIn) -> None:
    assert job.state == "SUCCEEDED", job
    client = s3_client(server.endpoint)
    prefix = f"{TENANT}/{job.folder}/"
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
    names = {each["Key"].removeprefix(prefix) for each in listed}
    assert names == {"manifest.json", *(one.part for one in job.artifacts)}
    unfinished = client.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix)
    assert unfinished.get("Uploads", []) == []

    def content(name: str) -> bytes:
        found: bytes = client.get_object(Bucket=BUCKET, Key=f"{prefix}{name}")["Body"].read()
        return found

    rows: list[int] = []
    for one in job.artifacts:
        if one.part.startswith("part-"):
            rows += pq.read_table(pa.BufferReader(content(one.part)))["n"].to_pylist()
    assert rows == list(range(1, ROWS + 1))
    [csv] = [one.part for one in job.artifacts if one.part.startswith("file-")]
    assert content(csv).decode().split() == ["n", *map(str, rows)]


@pytest.mark.parametrize(("step", "name"), STEPS)
def test_an_export_outlives_a_store_that_is_gone_for_a_moment(
    tmp_path: Path, s3_server: StandIn, step: str, name: str
) -> None:
    emptied_bucket(s3_server, BUCKET)
    rules = JobRules(retry_seconds=(0.2, 2), report_seconds=0.1)
    with tcp_proxy(urlsplit(s3_server.endpoint).port or 0) as proxy:
        outage = Outage(step, name, proxy.down, proxy.up, 0.5, threading.Event())
        with working(tmp_path, proxy, rules, outage) as (jobs, _):
            job = ended_well(jobs, seconds=120)
        assert outage.ended.is_set()
    assert_whole(job, s3_server)


@pytest.mark.long
@pytest.mark.parametrize(("step", "name"), STEPS)
def test_an_export_outlives_a_store_that_is_down_for_half_a_minute(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], step: str, name: str
) -> None:
    account = Account(f"store down at “{step} {name}”", seed(), capfd)
    seconds = amount("OUTAGE_SECONDS", usual=30)
    folder = tmp_path / "seaweed"
    folder.mkdir()
    with ExitStack() as last:
        first = ExitStack()
        server = first.enter_context(stand_ins.seaweed(folder))
        emptied_bucket(server, BUCKET)
        proxy = last.enter_context(tcp_proxy(urlsplit(server.endpoint).port or 0))
        restarted: list[StandIn] = []
        is_up = threading.Event()

        def down() -> None:
            proxy.down()
            first.close()

        def up() -> None:
            restarted.append(last.enter_context(stand_ins.seaweed(folder)))
            proxy.up(urlsplit(restarted[0].endpoint).port)
            is_up.set()

        outage = Outage(step, name, down, up, seconds, threading.Event())
        with working(tmp_path / "home", proxy, JobRules(), outage) as (jobs, _):
            job = ended_well(jobs, seconds=seconds + 240)
        assert is_up.wait(120)
        assert_whole(job, restarted[0])
        first.close()
    account.figures |= {"down for": f"{seconds} s", "state": job.state, "attempts": job.attempt}
    account.tell()
