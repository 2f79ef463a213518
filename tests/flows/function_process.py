"""A function in a process of its own, as the managed runtime has it: one event after another."""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from penstock.aws.invoke.managed import Context
from penstock.aws.runtime.loop import handler_named

_PATIENCE_SECONDS = 60.0


class FailedError(Exception):
    """The handler raised; the text says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionProcess:
    """Answers events, and keeps what it logs."""

    process: "subprocess.Popen[str]"
    answers: IO[str]
    logged: IO[str]

    def __call__(self, event: Mapping[str, Any], *, seconds: float = 60) -> Any:
        """Have the handler answer an event within so many seconds; raises FailedError."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"event": event, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.answers], [], [], _PATIENCE_SECONDS)
        line = self.answers.readline() if ready else ""
        assert line, self.log()
        said = json.loads(line)
        if "error" in said:
            raise FailedError(said["error"])
        return said["answer"]

    def log(self) -> str:
        """Give all that was logged."""
        self.logged.seek(0)
        return self.logged.read()

    def lines(self, message: str) -> list[dict[str, Any]]:
        """Give the logged lines of JSON with this message."""
        found = []
        for line in self.log().splitlines():
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict) and said.get("message") == message:
                    found.append(said)
        return found


@contextmanager
def function(handler: str, variables: Mapping[str, str]) -> Iterator[FunctionProcess]:
    """Run a function for the body; `variables` are its whole environment."""
    reading, writing = os.pipe()
    environment = {**variables, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with tempfile.TemporaryFile("w+") as logged, os.fdopen(reading) as answers:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.flows.function_process", handler, str(writing)],
            stdin=subprocess.PIPE,
            stdout=logged,
            stderr=logged,
            pass_fds=[writing],
            env=environment,
            text=True,
        )
        os.close(writing)
        try:
            yield FunctionProcess(process=process, answers=answers, logged=logged)
        finally:
            process.kill()
            process.communicate()


def main() -> None:
    """Answer each line of standard input with a line to the descriptor that is named."""
    handler = handler_named(sys.argv[1])
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a TextIOWrapper
    with os.fdopen(int(sys.argv[2]), "w", buffering=1) as answers:
        for line in sys.stdin:
            said = json.loads(line)
            try:
                answer = {"answer": handler(said["event"], _context(said["seconds"]))}
            except Exception as error:  # noqa: BLE001 - whatever a handler raises fails its event
                answer = {"error": f"{type(error).__name__}: {error}"}
            answers.write(json.dumps(answer) + "\n")


def _context(seconds: float) -> Context:
    return Context(
        aws_request_id="4f2c5f1e-8b57-4b9a-9d2f-0c4f7a3d1e60",
        invoked_function_arn="arn:aws:lambda:eu-west-2:123456789012:function:this",
        function_name="this",
        function_version="1",
        memory_limit_in_mb="1024",
        log_group_name="/penstock/here",
        log_stream_name="this",
        deadline_milliseconds=int((time.time() + seconds) * 1000),
    )


if __name__ == "__main__":
    main()
