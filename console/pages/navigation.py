"""The menu: what there is, in the order in which it is needed. Each person sees what they may use."""

from __future__ import annotations

NAVIGATION = (
    (
        "Now",
        (
            ("overview.show", "/", "Overview"),
            ("failures.list", "/failures", "Failures"),
            ("approvals.list", "/approvals", "Approvals"),
            ("alerts.list", "/alerts", "Alerts"),
            ("queues.show", "/queues", "Queues"),
        ),
    ),
    (
        "What happened",
        (
            ("runs.list", "/runs", "Runs"),
            ("events.list", "/events", "Events"),
            ("effects.list", "/effects", "Effects"),
            ("operations.list", "/operations", "Operations"),
            ("imports.list", "/imports", "Imports"),
            ("repairs.list", "/repairs", "Repairs"),
        ),
    ),
    (
        "What there is",
        (
            ("connectors.list", "/connectors", "Connectors"),
            ("automations.list", "/automations", "Automations"),
            ("schedules.list", "/schedules", "Schedules"),
            ("data.list", "/data", "Data"),
        ),
    ),
    (
        "This installation",
        (("audit.list", "/audit", "Audit"), ("users.list", "/users", "Users"), ("settings.show", "/settings", "Settings")),
    ),
)
