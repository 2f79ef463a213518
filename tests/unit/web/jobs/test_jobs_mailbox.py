import asyncio
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from penstock.model.event import EventName, JobEvent
from penstock.model.progress import Progress
from penstock.web.jobs.mailbox import Mailbox

NOW = datetime(2026, 5, 3, tzinfo=UTC)
PATIENCE_SECONDS = 20


def event(job_id: str, seq: int, name: EventName = "job.progress") -> JobEvent:
    return JobEvent(
        name=name,
        tenant="acme",
        user="ada",
        job_id=job_id,
        seq=seq,
        at=NOW,
        state="RUNNING",
        attempt=1,
        progress=Progress(seq=seq, done=seq),
        high_water=seq,
    )


def emptied(mailbox: Mailbox) -> list[JobEvent]:
    """Take what waits now."""

    async def take() -> list[JobEvent]:
        taken: list[JobEvent] = []
        while True:
            try:
                async with asyncio.timeout(0):
                    arrived = await mailbox.take()
            except TimeoutError:
                return taken
            if arrived is None:
                return taken
            taken.append(arrived)

    return asyncio.run(take())


told = st.lists(
    st.tuples(st.sampled_from(["j1", "j2", "j3"]), st.sampled_from(["job.progress", "job.started"]))
)


@given(told)
def test_all_but_overtaken_progress_arrives_in_order(said: list[tuple[str, EventName]]) -> None:
    mailbox = Mailbox()
    put = [event(job_id, seq, name) for seq, (job_id, name) in enumerate(said)]
    for each in put:
        mailbox.put(each)
    taken = emptied(mailbox)
    for job_id in ("j1", "j2", "j3"):
        mine = [each for each in put if each.job_id == job_id]
        kept = [each for each in mine if each.name != "job.progress" or each is mine[-1]]
        assert [each for each in taken if each.job_id == job_id] == kept


def test_of_progress_the_latest_word_alone_waits() -> None:
    mailbox = Mailbox(most=2)
    for seq in range(10_000):
        mailbox.put(event("j1", seq))
    assert not mailbox.is_lost
    assert [each.seq for each in emptied(mailbox)] == [9_999]


def test_who_falls_too_far_behind_is_told_so_and_holds_nothing() -> None:
    mailbox = Mailbox(most=3)
    for seq in range(4):
        mailbox.put(event("j1", seq, "job.started"))
    assert mailbox.is_lost
    assert emptied(mailbox) == []


def test_who_waits_is_woken_by_an_event_and_by_a_loss() -> None:
    async def wait() -> tuple[JobEvent | None, JobEvent | None]:
        mailbox = Mailbox()
        first = asyncio.create_task(mailbox.take())
        lost = asyncio.create_task(mailbox.lost())
        await asyncio.sleep(0)
        mailbox.put(event("j1", 1))
        taken = await first
        second = asyncio.create_task(mailbox.take())
        await asyncio.sleep(0)
        mailbox.lose()
        await lost
        return taken, await second

    async def bounded() -> tuple[JobEvent | None, JobEvent | None]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await wait()

    taken, after = asyncio.run(bounded())
    assert taken is not None
    assert taken.seq == 1
    assert after is None
