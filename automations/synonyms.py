"""The keys of other systems, and what they are called here. Only a key that is none of the place is looked up."""

from __future__ import annotations

import difflib
from collections.abc import Collection

_WORDS = {
    "when": "trigger triggers event events on listen listens source sources rules",
    "do": "steps step then run runs jobs job tasks task perform execute pipeline actions action",
    "use": "uses action call type module task kind plugin run op do",
    "with": "params parameters args arguments inputs input options config settings body",
    "if": "conditions condition where filter filters only_if unless when match",
    "id": "name key slug uid",
    "title": "name description summary comment subject label heading",
    "owner": "team contact author maintainer email",
    "runbook": "docs documentation url link help",
    "labels": "tags tag metadata annotations",
    "stage": "enabled status mode state active disabled dry_run env environment",
    "vars": "variables constants env define parameters values",
    "limits": "limit quota caps",
    "retry": "retries retry_policy attempts",
    "on_error": "on_failure catch rescue except error onerror continue_on_error",
    "finally": "always ensure after cleanup",
    "foreach": "for_each loop each with_items for items iterate map over",
    "parallel": "concurrency max_parallel workers",
    "coalesce": "debounce batch group window",
    "overlap": "concurrency mutex lock",
    "throttle": "rate_limit ratelimit limit",
    "expect": "expected assert sla monitor",
    "tests": "test cases examples",
    "actions": "events verbs event verb action on types methods",
    "resource": "object entity type model record table resources",
    "connector": "connection account company source client",
    "cron": "schedule crontab expression",
    "timezone": "tz time_zone zone",
    "every": "interval period frequency",
    "field": "property attribute path column",
    "from": "old before previous was",
    "to": "new after becomes channel channels destination destinations recipients target dest value",
    "where": "filter filters query if condition conditions",
    "attempts": "times count max_attempts tries retries",
    "backoff": "strategy policy",
    "first": "delay initial interval wait min",
    "max": "maximum max_delay limit",
    "path": "url uri endpoint route file filename",
    "json": "data payload body content",
    "method": "verb type",
    "idempotency_key": "key dedupe_key dedup idempotency",
    "row": "values data record value fields",
    "key": "primary_key keys id ids unique",
    "table": "into name tablename",
    "text": "message body msg content",
    "fields": "values data attributes row",
    "rows": "records data items values",
    "duration": "time seconds delay for",
    "question": "text message prompt title",
    "quiet": "wait delay debounce",
    "rate": "limit max",
    "over": "exceeded otherwise",
    "policy": "mode strategy",
    "automation": "rule workflow name id job",
    "timeout": "time_limit max_time",
}
_MEANT: dict[str, list[str]] = {}
for _right, _others in _WORDS.items():
    for _other in _others.split():
        _MEANT.setdefault(_other, []).append(_right)


def synonym(word: str, known: Collection[object]) -> str | None:
    """The key of this place that another system calls so, None when there is none or when it is not clear which."""
    spelt = word.lower().replace("-", "_")
    close = [spelt] if spelt in _MEANT else difflib.get_close_matches(spelt, _MEANT, n=1, cutoff=0.85)
    found = [right for name in close for right in _MEANT[name] if right in known]
    return found[0] if len(found) == 1 else None
