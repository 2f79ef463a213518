import penstock.client


def test_programs_may_count_on_these_names() -> None:
    assert penstock.client.__all__ == [
        "Client",
        "DownloadOptions",
        "Downloaded",
        "download",
        "download_to",
        "export",
        "stream",
    ]
    assert {name for name in dir(penstock.client.Client) if not name.startswith("_")} == {
        "batches",
        "datasets",
        "download",
        "export",
        "export_batches",
        "get",
        "schema",
        "url",
    }
