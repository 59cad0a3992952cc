"""The pages: one module each with its views, one folder of templates each. A view asks verbs and draws what they say."""

from __future__ import annotations

from console.pages import (
    account,
    alerts,
    approvals,
    audit,
    automations,
    changing,
    connectors,
    data,
    editing,
    effects,
    events,
    failures,
    find,
    first,
    imports,
    operations,
    overview,
    queues,
    records,
    runs,
    schedules,
    settings,
    sign_in,
    users,
    wizard,
)
from console.pages.parts import standing as standing

PAGES = (
    sign_in, first, account, overview, find, runs, editing, events, records, failures, effects, approvals, alerts, queues,
    connectors, changing, wizard, automations, schedules, data, imports, operations, audit, users, settings,
)  # fmt: skip
VIEWS = {endpoint: view for page in PAGES for endpoint, view in page.VIEWS.items()}
