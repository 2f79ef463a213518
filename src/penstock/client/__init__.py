"""The client: commands that ask a service over HTTP, and a small Python client for the same."""

from penstock.client.files.download import download
from penstock.client.jobs.exporting import export
from penstock.client.python import Client
from penstock.client.transfer.options import DownloadOptions
from penstock.client.transfer.outcome import Downloaded
from penstock.client.transfer.stream import download_to, stream

__all__ = ["Client", "DownloadOptions", "Downloaded", "download", "download_to", "export", "stream"]
