"""moto's server, which answers one request at a time: what it does for two at once isn't atomic.

python tests/moto_in_turn.py PORT
"""

import sys
import threading
from collections.abc import Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple


def main() -> None:
    """Serve until killed."""
    moto = DomainDispatcherApplication(create_backend_app)
    turn = threading.Lock()

    def in_turn(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with turn:
            answer: Iterable[bytes] = moto(environ, start_response)
            return answer

    # In threads, since a connection may stay open between its requests.
    run_simple("127.0.0.1", int(sys.argv[1]), in_turn, threaded=True)


if __name__ == "__main__":
    main()
