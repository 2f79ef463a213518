"""Pages: what a browser sees of a tenant, and of a problem, without any script."""

from penstock.web.pages.accept import wants_html
from penstock.web.pages.home import home
from penstock.web.pages.problem import problem

__all__ = ["home", "problem", "wants_html"]
