"""What a trigger with `hold:`, `repeat:` or `sweep:` waits for: is it so now, of the record as it is?"""

from __future__ import annotations

from typing import NamedTuple

from automations import transitions
from automations.conditions import judge
from automations.parts import Automation, Trigger
from automations.scope import Scope

# A sweep at seven that told of a record at seven tells of it again at seven, not a day later.
EARLY_S, EARLY_PART = 60.0, 0.1


class Met(NamedTuple):
    """`faulty`: the condition could not be evaluated. Then it counts as met, so that the run says what is wrong with it."""

    so: bool
    faulty: bool = False
    why: str = ""


def still(rule: Automation, trigger: Trigger, scope: Scope) -> Met:
    """Whether what was waited for is (still) so."""
    why = transitions.why_no_longer(trigger, scope.event, scope.previous, scope.record)
    if why is not None:
        return Met(False, why=why)
    lines = judge(enumerate(trigger.where), scope.values(rule, trigger.id))
    if not lines or lines[-1].held:
        return Met(True)
    return Met(lines[-1].held is None, lines[-1].held is None)


def found(rule: Automation, trigger: Trigger, scope: Scope) -> Met:
    """Whether a sweep's trigger is met by a record it looks at; `from:` is compared with the copy before."""
    why = transitions.why_no_longer(trigger, scope.event, scope.previous, scope.record)
    if why is None and trigger.transition is not None and trigger.transition.was is not None:
        why = transitions.why_not(trigger, scope.event, scope.previous, scope.record)
    return Met(False, why=why) if why is not None else still(rule, trigger, scope)


def early_s(trigger: Trigger) -> float:
    """So much before its time a sweep may tell of a record again."""
    return min(EARLY_S, (trigger.repeat_s or 0.0) * EARLY_PART)
