"""Ask a person, and wait for the answer, for days if need be. Who may answer does so with `tieback approvals` or in the console.

Nobody's answer within `timeout` gives the choice `timeout`. A choice is no error: later steps ask for it, such as
`if: steps.ask.output.choice == "approve"`. In stage shadow nobody is asked, and the first choice is assumed.

```yaml
use: ask.approve
with:
  question: "Send RFI ${record.number} to the ERP?"
  about: {title: "${record.title}"}
  timeout: 3d
```
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from automations.context import Context
from automations.effects import summary
from automations.fields import TEXT, a_map, one_of
from automations.fields import Field as Field_
from automations.known import Known
from automations.outcomes import Ask, Done
from automations.values import plain
from automations.written import Duration, Strict

POLICY = "none"
TIMEOUT = "timeout"
CHOICES = ["approve", "reject"]


class Params(Strict):
    question: Annotated[str, Field(min_length=1, max_length=1000, description="what is to be decided")]
    choices: Annotated[list[str], Field(min_length=1, max_length=10, description="the possible answers")] = CHOICES
    about: Annotated[Any, Field(description="what the person is shown beside the question")] = None
    timeout: Annotated[Duration | None, Field(gt=0, description="how long to wait; without it for ever")] = None


def output(given: dict[str, Any], known: Known) -> Field_:
    """the choice, or `timeout`; who made it, when, and what they noted"""
    choices = given.get("choices", CHOICES)
    fixed = isinstance(choices, list) and all(isinstance(one, str) and "${" not in one for one in choices)
    return a_map(None, choice=one_of(*choices, TIMEOUT) if fixed else TEXT, by=TEXT, at=TEXT, note=TEXT)


def run(params: Params, context: Context) -> Done | Ask:
    if context.dry:
        told = summary("ask.approve", params.question) | {"choice": params.choices[0], "by": "", "at": "", "note": ""}
        return Done(told)
    answer = context.answer
    if answer is not None:
        return Done({"choice": answer.choice or TIMEOUT, "by": answer.by, "at": answer.at, "note": answer.note})
    until = None if params.timeout is None else context.moment + timedelta(seconds=params.timeout)
    return Ask(params.question, tuple(params.choices), until, plain(params.about))
