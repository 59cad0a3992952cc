"""Do at Procore what a plan of `procore.plan_hooks` says, at once or when a person agrees.

With `approve: operator`, which holds when nothing is written, the run waits for an answer; whoever declines leaves the
hooks as they are. Applying a plan twice does nothing the second time.

```yaml
use: procore.apply_hooks
with: {plan: "1", approve: auto}
```
"""

from __future__ import annotations

from typing import Literal

from automations.actions._shapes import Text
from automations.chores import Planned
from automations.context import Context
from automations.effects import summary
from automations.fields import BOOL, INT, TEXT, a_list, a_map
from automations.outcomes import Ask, Done
from automations.written import Strict

POLICY = "idempotent"
OUTPUT = a_map(None, applied=INT, approved=BOOL, by=TEXT, lines=a_list(TEXT))
TARGET = "procore: hooks"


class Params(Strict):
    plan: Text
    """`steps.<id>.output.id` of the plan"""
    approve: Literal["auto", "operator"] = "operator"


def run(params: Params, context: Context) -> Done | Ask:
    port = context.tools.subscriptions()
    plan = port.planned(params.plan)
    if context.dry:
        return Done(summary("procore.apply_hooks", _said(plan)) | {"applied": 0, "approved": False, "by": "", "lines": []})
    by = ""
    if params.approve == "operator" and plan.changes:
        if context.answer is None:
            return Ask(f"Apply {_said(plan)} at Procore?", about={"lines": list(plan.lines)})
        by = context.answer.by
        if context.answer.choice != "approve":
            return Done({"applied": 0, "approved": False, "by": by, "lines": []})
    line = f"apply {_said(plan)}"
    lines = context.perform("idempotent", TARGET, line, list(plan.lines), lambda: port.apply(params.plan))
    return Done({"applied": len(lines), "approved": True, "by": by, "lines": lines})


def _said(plan: Planned) -> str:
    changes = f"{plan.changes} change{'' if plan.changes == 1 else 's'} of hooks"
    return changes + (f", {plan.deletes} of them deletions," if plan.deletes else "")
