from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
from tests.flows.service import serving


def test_a_folder_is_served_and_a_slice_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    pq.write_table(pa.table({"a": [1, 2, 3], "b": ["x", "y, z", None]}), folder / "t.parquet")
    with serving(folder, home=tmp_path / "home") as service:
        answer = httpx.get(f"{service.url}/t.csv", params={"a__gte": "2"})
        assert answer.status_code == 200
        assert answer.text == 'a,b\n2,"y, z"\n3,\n'
