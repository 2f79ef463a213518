"""The download function as a web server on loopback, for the Lambda Web Adapter that calls it.

https://aws.github.io/aws-lambda-web-adapter/
"""

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack

import uvicorn

from penstock.aws.runtime.adapter_context import adapted
from penstock.lean import (
    have_engine_give_back,
    keep_trimmed,
    leave_out_unused,
    share_one_heap,
    take_short_turns,
    without_collecting,
)

PORT_VARIABLE = "AWS_LWA_PORT"


def main(environment: Mapping[str, str] = os.environ) -> None:
    """Serve until SIGTERM, on the port that the adapter calls."""
    # What a function prints is its log, and is not to wait for the next invocation.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a TextIOWrapper
    leave_out_unused()
    have_engine_give_back()
    take_short_turns()
    with ExitStack() as stack:
        with without_collecting():
            # Imported here, so that what is left out isn't loaded already.
            from penstock.aws.handlers import download  # noqa: PLC0415 - see above

            share_one_heap()
            app = stack.enter_context(download())
        stack.enter_context(keep_trimmed())
        uvicorn.run(
            adapted(app),
            host="127.0.0.1",
            port=int(environment[PORT_VARIABLE]),
            http="httptools",
            loop="uvloop" if sys.platform != "win32" else "asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )


if __name__ == "__main__":
    main()
