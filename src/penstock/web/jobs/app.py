"""The app's part for jobs: their routes, and the sockets of this process."""

from starlette.applications import Starlette
from starlette.types import ASGIApp

from penstock.web.jobs.api import JobsApi
from penstock.web.jobs.routes import add_job_routes
from penstock.web.jobs.socket_middleware import SocketMiddleware
from penstock.web.jobs.sockets import Sockets
from penstock.web.resources import Resources


def add_jobs(app: Starlette, resources: Resources, api: JobsApi) -> ASGIApp | None:
    """Have an app take jobs; gives what serves sockets, None where they are served elsewhere."""
    add_job_routes(app, resources, api)
    if api.feed is None:
        return None
    return SocketMiddleware(Sockets(api, api.feed), resources)
