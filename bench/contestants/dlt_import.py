"""The same import with dlt's REST source, as its users write it: run by the Python of `build/peers/dlt`, which has dlt.

Nested values stay in one column, as ours do: dlt's own default of a table for each of them would take it longer.
`RAW_*` in the environment says where things are.
"""

from __future__ import annotations

import json
import os

import dlt
from dlt.sources.rest_api import rest_api_source

source = rest_api_source({
    "client": {
        "base_url": os.environ["RAW_PROCORE"],
        "headers": json.loads(os.environ["RAW_HEADERS"]),
        "paginator": {"type": "header_link"},
    },
    "resources": [{
        "name": "rfis",
        "primary_key": "id",
        "write_disposition": "replace",
        "endpoint": {"path": os.environ["RAW_PATH"], "params": {"per_page": 100}},
    }],
}, max_table_nesting=0)  # fmt: skip
pipeline = dlt.pipeline(
    pipeline_name="rfis",
    pipelines_dir=os.environ["RAW_FOLDER"],
    destination=dlt.destinations.postgres(os.environ["RAW_DATABASE"]),
    dataset_name="by_dlt",
)
pipeline.run(source)
