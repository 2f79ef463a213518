"""The client: commands that ask a service over HTTP, and a small Python client for the same."""

from penstock.client.download import download
from penstock.client.exporting import export
from penstock.client.outcome import Downloaded
from penstock.client.python import Client
from penstock.client.stream import download_to, stream
from penstock.client.wish import Wish

__all__ = ["Client", "Downloaded", "Wish", "download", "download_to", "export", "stream"]
