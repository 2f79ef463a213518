"""OpenAPI: a description of what one tenant serves, with its real datasets and columns."""

from penstock.web.openapi.document import answer

__all__ = ["answer"]
