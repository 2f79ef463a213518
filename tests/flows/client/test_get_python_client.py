"""The Python client, against a server that breaks off."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from tests.flows.scripted_origin import Origin, Plan, serving

from penstock.client import Client, DownloadOptions
from penstock.errors import TransferError

TABLE = pa.table({"name": ["oak", "ash", None] * 700, "height": list(range(2100))})


def arrow_bytes() -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=100)
    return bytes(sink.getvalue().to_pybytes())


def test_datasets_and_their_schemas_are_listed() -> None:
    pages = {
        "/-/datasets.json": json.dumps({"datasets": [{"name": "trees"}]}).encode(),
        "/trees/-/schema.json": b'{"columns": []}',
        "/odd/-/schema.json": b"<html>",
    }
    with serving(Origin(pages=pages)) as origin:
        client = Client(origin.url + "/ignored?path")
        assert client.datasets() == [{"name": "trees"}]
        assert client.schema("trees") == {"columns": []}
        with pytest.raises(TransferError, match="JSON"):
            client.schema("odd")


def test_a_dataset_that_is_not_there_is_an_error_with_its_reason() -> None:
    problem = json.dumps({"detail": "There is no dataset “tres” here."}).encode()
    headers = {"Content-Type": "application/problem+json"}
    plans = [Plan(status=404, headers=headers, body=problem)] * 4
    with serving(Origin(script=plans)) as origin:
        client = Client(origin.url)
        for ask in (client.schema, client.get, client.batches, client.download):
            with pytest.raises(TransferError, match="There is no dataset “tres” here"):
                ask("tres")


@pytest.mark.parametrize("cuts", [[], [1], [200, 3000, 50, 11]])
def test_batches_come_whole_over_a_broken_line(cuts: list[int]) -> None:
    origin = Origin(content=arrow_bytes(), script=[Plan(cut=cut) for cut in cuts])
    with serving(origin):
        client = Client(origin.url, key="pk_key", options=DownloadOptions(retry=origin.retry))
        reader = client.batches("trees", columns=["name", "height"], height__gt=-1)
        assert reader.schema == TABLE.schema
        assert reader.read_all() == TABLE
    assert origin.asked[0].path == "/trees.arrow?_select=name%2Cheight&height__gt=-1"
    assert origin.asked[0].headers["X-Api-Key"] == "pk_key"


def test_batches_that_contradict_their_receipt_end_in_an_error() -> None:
    origin = Origin(content=arrow_bytes(), receipt=lambda fields: fields | {"bytes": 3})
    with serving(origin):
        reader = Client(origin.url, options=DownloadOptions(retry=origin.retry)).batches("trees")
        with pytest.raises(TransferError, match="not what the server sent"):
            reader.read_all()


def test_batches_of_a_server_that_gives_up_end_in_an_error() -> None:
    origin = Origin(content=arrow_bytes(), script=[Plan(cut=3000), *[Plan(drop=True)] * 20])
    with serving(origin):
        options = DownloadOptions(retry=origin.retry, coding="identity")
        with pytest.raises(TransferError, match="Gave up"):
            Client(origin.url, options=options).batches("trees").read_all()


def test_a_slice_is_given_as_bytes_or_made_a_file(tmp_path: Path) -> None:
    origin = Origin(content=b"name\noak\n", script=[Plan(cut=3)])
    with serving(origin):
        client = Client(origin.url, options=DownloadOptions(retry=origin.retry))
        assert client.get("trees", "csv", name="oak") == b"name\noak\n"
        done = client.download("trees", to=tmp_path / "t.csv", name=["oak", "ash"])
    assert done.path is not None
    assert done.path.read_bytes() == b"name\noak\n"
    assert origin.asked[-1].path == "/trees.csv?name=oak&name=ash"
