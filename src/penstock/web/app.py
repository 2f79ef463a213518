"""The app: routes behind their middleware, on the framework that describes a JSON API."""

from fastapi import FastAPI
from starlette.types import ASGIApp

from penstock.web.front.middleware import Middleware
from penstock.web.resources import Resources
from penstock.web.routes import add_routes


def create_app(resources: Resources) -> ASGIApp:
    """Wire the app; no connection is made and nothing is read before its first request."""
    app = FastAPI(
        title="Penstock", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    add_routes(app, resources)
    if resources.jobs is None:
        return Middleware(app, resources)
    from penstock.web.jobs.app import add_jobs  # noqa: PLC0415 - only where jobs are taken

    return Middleware(app, resources, sockets=add_jobs(app, resources, resources.jobs))
