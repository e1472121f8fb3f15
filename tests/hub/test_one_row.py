"""One row can be had without its row group: footer, page index, and the pages that hold it."""

from __future__ import annotations

import httpx2
import pyarrow.parquet as pq
from corpora import build, draw_folders, write_catalog
from page_index import pages


def test_one_picture_costs_its_page_and_not_its_row_group(tmp_path, start_hub) -> None:
    draw_folders(tmp_path / "open", range(64), size=512)
    catalog = write_catalog(tmp_path, "1.0.0", open="bytes")
    catalog.write_text(catalog.read_text().replace("rows: 8", "rows: 600").replace("caption, vqa.closed", "caption"))
    shard = build(catalog, tmp_path / "one") / "data" / "image_text" / "train-00000-of-00001.parquet"

    hub = start_hub("lfs")
    hub.client(
        "import sys; from huggingface_hub import HfApi; api = HfApi(); kind = {'repo_type': 'dataset'};"
        "api.create_repo('org/one', **kind);"
        "api.upload_file(path_or_fileobj=sys.argv[1], path_in_repo='a.parquet', repo_id='org/one', **kind)",
        tmp_path / "home",
        str(shard),
    )
    address = f"{hub.address}/datasets/org/one/resolve/main/a.parquet"
    ranges: list[int] = []

    def read(offset: int, length: int) -> bytes:
        found = httpx2.get(address, headers={"Range": f"bytes={offset}-{offset + length - 1}"})
        assert found.status_code == 206
        ranges.append(len(found.content))
        return found.content

    size = shard.stat().st_size
    there = pages(read, size)
    table = pq.ParquetFile(shard)
    assert table.num_row_groups == 1
    row = 40
    holding = [page for page in there if page.first <= row < page.behind]
    assert len(holding) == len({page.column for page in there})
    picture = next(page for page in holding if page.column.startswith("images") and page.column.endswith("bytes"))
    wanted = table.read(columns=["images"]).column("images")[row].as_py()[0]["bytes"]
    assert wanted in read(picture.offset, picture.size)
    whole = table.metadata.row_group(0).total_byte_size
    assert sum(ranges) < whole / 2
    assert len(ranges) == 4  # footer's length, footer, page index, the page
    assert sum(page.size for page in holding) < whole / 2
