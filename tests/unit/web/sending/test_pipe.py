import asyncio
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import DatasetDamagedError, ScanCancelledError
from penstock.web.sending.pipe import Pipe

MEGABYTE = 1_000_000
CHUNK = 65_536


def pipe_in(folder: Path, *, spool_bytes: int = 100 * MEGABYTE) -> Pipe:
    return Pipe(spool_dir=folder, spool_bytes=spool_bytes, chunk_bytes=CHUNK)


def produce(
    pipe: Pipe, pieces: Iterable[bytes], error: Exception | None = None
) -> threading.Thread:
    """Put pieces from a thread, as a scan does."""

    def run() -> None:
        raised: BaseException | None = error
        try:
            for piece in pieces:
                pipe.put(piece)
        except (ScanCancelledError, OSError) as caught:
            raised = caught
        pipe.end(raised)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def produce_on(pipe: Pipe, pieces: Iterable[bytes]) -> threading.Thread:
    """Put pieces from a thread, and don't say that they are all."""

    def run() -> None:
        for piece in pieces:
            pipe.put(piece)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


async def all_of(pipe: Pipe) -> bytes:
    return b"".join([chunk async for chunk in pipe.chunks()])


async def until_an_error(pipe: Pipe) -> tuple[bytes, Exception]:
    """Everything that comes out before the error, and the error."""
    read = b""
    try:
        async for chunk in pipe.chunks():
            read += chunk
    except (DatasetDamagedError, ScanCancelledError, OSError) as error:
        return read, error
    pytest.fail("it ended without an error")


async def ended(thread: threading.Thread) -> None:
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=200_000)))
def test_what_is_put_in_comes_out_in_order(pieces: list[bytes]) -> None:
    async def main() -> None:
        pipe = pipe_in(Path("/nowhere"))
        produce(pipe, pieces)
        assert await all_of(pipe) == b"".join(pieces)

    asyncio.run(main())


def test_no_chunk_is_larger_than_was_said(tmp_path: Path) -> None:
    async def main() -> None:
        pipe = pipe_in(tmp_path)
        produce(pipe, [bytes(3 * CHUNK + 1)])
        sizes = [len(chunk) async for chunk in pipe.chunks()]
        assert sum(sizes) == 3 * CHUNK + 1
        assert max(sizes) <= CHUNK

    asyncio.run(main())


def names_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def numbered(count: int) -> list[bytes]:
    return [bytes([number]) * MEGABYTE for number in range(count)]


def test_a_reader_that_stands_still_makes_the_producer_slow_and_loses_nothing(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        pipe = pipe_in(tmp_path)
        assert not pipe.is_slow()
        producing = produce(pipe, numbered(20))
        await ended(producing)
        assert pipe.is_slow()
        assert not names_in(tmp_path)
        assert await all_of(pipe) == b"".join(numbered(20))

    asyncio.run(main())


def test_a_producer_that_waits_goes_on_from_memory_when_everything_was_read(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        pipe = pipe_in(tmp_path)
        await ended(produce_on(pipe, numbered(6)))
        assert pipe.is_slow()
        waiting = asyncio.create_task(asyncio.to_thread(pipe.wait))
        chunks = pipe.chunks()
        read = b""
        while len(read) < 6 * MEGABYTE:
            assert not waiting.done()
            read += await anext(chunks)
        await waiting
        assert not pipe.is_slow()
        pipe.put(b"more")
        pipe.end()
        assert read == b"".join(numbered(6))
        assert await anext(chunks) == b"more"
        assert [chunk async for chunk in chunks] == []

    asyncio.run(main())


def test_the_file_of_a_slow_reader_stays_within_its_bound(tmp_path: Path) -> None:
    put: list[int] = []

    def pieces() -> Iterable[bytes]:
        for piece in numbered(15):
            put.append(len(piece))
            yield piece

    async def main() -> None:
        pipe = pipe_in(tmp_path, spool_bytes=3 * MEGABYTE)
        producing = produce(pipe, pieces())
        chunks = pipe.chunks()
        read = b""
        while len(read) < 15 * MEGABYTE:
            read += await anext(chunks)
            assert sum(put) - len(read) <= 3 * MEGABYTE + 6 * MEGABYTE
        assert read == b"".join(numbered(15))
        await ended(producing)

    asyncio.run(main())


@pytest.mark.parametrize("count", [1, 8])
def test_an_error_comes_after_every_byte_before_it(tmp_path: Path, count: int) -> None:
    async def main() -> None:
        pipe = pipe_in(tmp_path)
        error = DatasetDamagedError("trees", reason="a test")
        await ended(produce(pipe, numbered(count), error))
        read, raised = await until_an_error(pipe)
        assert raised is error
        assert read == b"".join(numbered(count))

    asyncio.run(main())


def test_an_error_before_the_first_byte_is_known_before_the_first_byte(tmp_path: Path) -> None:
    async def main() -> None:
        pipe = pipe_in(tmp_path)
        produce(pipe, [], DatasetDamagedError("trees", reason="a test"))
        with pytest.raises(DatasetDamagedError):
            await pipe.ready()

    asyncio.run(main())


def test_no_bytes_at_all_are_an_end(tmp_path: Path) -> None:
    async def main() -> None:
        pipe = pipe_in(tmp_path)
        produce(pipe, [b"", b""])
        await pipe.ready()
        assert await all_of(pipe) == b""

    asyncio.run(main())


def wait_until_slow(pipe: Pipe) -> None:
    while not pipe.is_slow():
        os.sched_yield()


@pytest.mark.parametrize("count", [0, 3, 30])
def test_a_reader_that_leaves_ends_its_producer_and_closes_its_file(
    tmp_path: Path, count: int
) -> None:
    def is_in_use(folder: Path) -> bool:
        for descriptor in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                if str(descriptor.readlink()).startswith(str(folder)):
                    return True
        return False

    async def main() -> None:
        pipe = pipe_in(tmp_path, spool_bytes=10 * MEGABYTE)
        producing = produce(pipe, numbered(count))
        if count > 10:
            await asyncio.to_thread(wait_until_slow, pipe)
        pipe.leave()
        await ended(producing)
        assert pipe.has_left
        with suppress(ScanCancelledError):
            assert await all_of(pipe) == b""
        with pytest.raises(ScanCancelledError):
            pipe.put(b"more")
        with pytest.raises(ScanCancelledError):
            pipe.wait()
        assert not is_in_use(tmp_path)

    asyncio.run(main())


def test_leaving_wakes_a_reader_that_waits_for_bytes(tmp_path: Path) -> None:
    async def main() -> None:
        pipe = pipe_in(tmp_path)
        reading = asyncio.create_task(all_of(pipe))
        await asyncio.sleep(0)
        pipe.leave()
        assert await reading == b""

    asyncio.run(main())


def test_where_no_file_can_be_made_the_reader_gets_what_is_in_memory_and_the_error(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        pipe = pipe_in(tmp_path / "gone")
        await ended(produce(pipe, numbered(20)))
        read, raised = await until_an_error(pipe)
        assert isinstance(raised, FileNotFoundError)
        assert read
        assert b"".join(numbered(20)).startswith(read)

    asyncio.run(main())


def test_a_producer_may_still_end_when_the_loop_is_closed(tmp_path: Path) -> None:
    async def main() -> Pipe:
        pipe = pipe_in(tmp_path)
        pipe.leave()
        return pipe

    pipe = asyncio.run(main())
    pipe.end(OSError(os.strerror(5)))
