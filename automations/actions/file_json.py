"""Write rows as a JSON array or as JSON Lines, or one value as a JSON document.

Times become ISO 8601 text, what is no number becomes null, bytes become base64.

```yaml
use: file.json
with: {path: exports/rfis.jsonl, table: rfis, lines: true, mode: append}
```
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from automations import effects
from automations.actions._cells import jsonable
from automations.actions._files import FIXED, OUTPUT, Moded, Rows, as_text, filed, policy, stands
from automations.context import Context
from automations.outcomes import Done
from automations.written import complain
from connectors.drafts import Draft
from connectors.rooted import Begun

__all__ = ["FIXED", "OUTPUT", "policy"]
POLICY = "by_method"


class Params(Moded):
    value: Any = None
    """one value as the whole document; not together with `rows:` or `table:`"""
    lines: bool = False
    """a line per row (JSON Lines) instead of one array"""

    def _check_source(self) -> None:
        if "value" not in self.model_fields_set:
            super()._check_source()
        elif self.table or "rows" in self.model_fields_set:
            raise complain("TB133", "value:, rows: and table: exclude each other; write one of them")
        if self.mode == "append" and not self.lines:
            raise complain("TB133", "only JSON Lines can be added to; write lines: true, or another mode:")


def run(params: Params, context: Context) -> Done:
    if "value" not in params.model_fields_set:
        return filed("file.json", params, context, lambda rows, draft, begun: _rows(params, rows, draft))
    effects.refuse_hidden("file.json", params.value)

    def document(draft: Draft, begun: Begun | None) -> int:
        with as_text(draft, "utf-8") as text:
            text.write(_one(params.value) + "\n")
        return 1

    return stands("file.json", params, context, params.mode, document)


def _rows(params: Params, rows: Rows, draft: Draft) -> int:
    count = 0
    with as_text(draft, "utf-8") as text:
        for one in _objects(rows):
            text.write(_one(one) + "\n" if params.lines else (",\n" if count else "[\n") + _one(one))
            count += 1
        if not params.lines:
            text.write("\n]\n" if count else "[]\n")
    return count


def _objects(rows: Rows) -> Iterator[dict[str, Any]]:
    names = [column.shown for column in rows.columns]
    return (dict(zip(names, row, strict=True)) for row in rows)


def _one(value: Any) -> str:
    return json.dumps(jsonable(value), ensure_ascii=False, allow_nan=False)
