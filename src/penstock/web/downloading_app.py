"""The app of a function that starts for one download: the same routes, without the framework.

What the framework adds, it adds for a JSON API's bodies; to import it is a fifth of such a start.
"""

from starlette.applications import Starlette
from starlette.types import ASGIApp

from penstock.web.front.middleware import Middleware
from penstock.web.resources import Resources
from penstock.web.routes import add_routes


def create_downloading_app(resources: Resources) -> ASGIApp:
    """Wire the app; no connection is made and nothing is read before its first request."""
    app = Starlette()
    # A path with another slash at its end is another path.
    app.router.redirect_slashes = False
    add_routes(app, resources)
    return Middleware(app, resources)
