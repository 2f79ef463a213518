"""What the API of jobs needs, beside what every request shares."""

from dataclasses import dataclass

from penstock.ports import Feed, JobPorts, Signals, Tickets
from penstock.signals.silent import SILENT

SOCKETS_URL = "/v1/events"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsApi:
    """The ports of jobs, the tickets of sockets, and where sockets are opened.

    With a `feed`, this process serves sockets at `/v1/events`, and `signals` have it look there
    before its time; without one they are served elsewhere, at `sockets_url`.
    """

    ports: JobPorts
    tickets: Tickets
    feed: Feed | None = None
    sockets_url: str = SOCKETS_URL
    sockets_a_user: int = 10
    signals: Signals = SILENT
