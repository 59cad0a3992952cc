"""Who may do what: one table of every route, with the least role and how far it reaches. What is not here does not exist.

`reach` says which companies a route is about: `own` shows a person of some companies only what is theirs, `whole` is about
the installation as one and is for those who have all companies, `self` is about the one who asks, `open` needs nobody, and
`metrics` is for tokens of that scope alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from config.sign_on import ROLES as ROLES
from config.sign_on import Role as Role

Reach = Literal["open", "self", "own", "whole", "metrics"]
# The scopes of API tokens, and the role that each stands for.
SCOPES: Mapping[str, Role] = {"read": "viewer", "operate": "operator", "admin": "admin"}


@dataclass(frozen=True)
class Access:
    """`method` and `rule` are what the route is registered with."""

    method: str
    rule: str
    role: Role
    reach: Reach

    @property
    def changes(self) -> bool:
        return self.method not in ("GET", "HEAD")


@dataclass(frozen=True)
class Identity:
    """Who asks. `companies` None: all of them. `session` is the digest of a browser's session, None for a token."""

    name: str
    role: Role
    companies: frozenset[str] | None
    user_id: int | None = None
    session: str | None = None

    @property
    def actor(self) -> str:
        """As it stands in the audit."""
        return f"{'token' if self.user_id is None else 'user'}:{self.name}"

    def may(self, endpoint: str) -> bool:
        """Whether this one may use a route, whatever it is about. Unknown routes are for nobody."""
        access = TABLE.get(endpoint)
        if access is None or access.reach == "metrics":
            return False
        if access.reach == "whole" and self.companies is not None:
            return False
        if access.reach == "self" and self.user_id is None:
            return False
        return ROLES.index(self.role) >= ROLES.index(access.role)


def _table(lines: str) -> dict[str, Access]:
    found: dict[str, Access] = {}
    for line in lines.strip().splitlines():
        endpoint, method, rule, role, reach = line.split()
        assert role in ROLES, line
        assert reach in get_args(Reach), line
        assert endpoint not in found, line
        found[endpoint] = Access(method, rule, role, reach)  # type: ignore[arg-type]
    return found


TABLE: Mapping[str, Access] = _table("""
static                GET   /static/<path:filename>                   viewer    open
health.alive          GET   /healthz                                  viewer    open
health.ready          GET   /readyz                                   viewer    open
metrics.show          GET   /metrics                                  viewer    metrics
sign_in.form          GET   /sign-in                                  viewer    open
sign_in.submit        POST  /sign-in                                  viewer    open
sign_in.provider      GET   /sign-in/oidc                             viewer    open
sign_in.back          GET   /sign-in/oidc/back                        viewer    open
first.form            GET   /first                                    viewer    open
first.submit          POST  /first                                    viewer    open
sign_in.out           POST  /sign-out                                 viewer    self
account.show          GET   /account                                  viewer    self
account.password      POST  /account/password                         viewer    self
account.factor        POST  /account/second-factor                    viewer    self
account.revoke        POST  /account/sessions                         viewer    self
overview.show         GET   /                                         viewer    own
find.go               GET   /find                                     viewer    own
runs.list             GET   /runs                                     viewer    own
runs.show             GET   /runs/<id:id>                             viewer    own
runs.retry            POST  /runs/<id:id>/retry                       operator  own
runs.edit             GET   /runs/<id:id>/edit                        operator  own
runs.retry_edited     POST  /runs/<id:id>/edit                        operator  own
runs.cancel           POST  /runs/<id:id>/cancel                      operator  own
operations.list       GET   /operations                               viewer    own
operations.show       GET   /operations/<id:id>                       viewer    own
operations.ask        GET   /operations/new                           operator  own
operations.start      POST  /operations                               operator  own
operations.pause      POST  /operations/<id:id>/pause                 operator  own
operations.resume     POST  /operations/<id:id>/resume                operator  own
operations.cancel     POST  /operations/<id:id>/cancel                operator  own
operations.take_back  POST  /operations/<id:id>/take-back             operator  own
events.list           GET   /events                                   viewer    own
events.show           GET   /events/<id:id>                           viewer    own
deliveries.list       GET   /deliveries                               viewer    own
deliveries.show       GET   /deliveries/<id:id>                       viewer    own
records.show          GET   /records/<connector>/<resource>/<id>      viewer    own
failures.list         GET   /failures                                 viewer    own
failures.mark         POST  /failures/<cause>/mark                    operator  whole
effects.list          GET   /effects                                  viewer    own
effects.settle        POST  /effects/<id:id>/settle                   operator  own
connectors.list       GET   /connectors                               viewer    own
connectors.show       GET   /connectors/<name>                        viewer    own
connectors.pause      POST  /connectors/<name>/pause                  operator  own
connectors.resume     POST  /connectors/<name>/resume                 operator  own
connectors.validate   POST  /connectors/<name>/validate               operator  own
connectors.hooks      POST  /connectors/<name>/hooks                  operator  own
connectors.rotate     POST  /connectors/<name>/rotate                 operator  own
connectors.repair     POST  /connectors/<name>/repair                 operator  own
connectors.edit       GET   /connectors/<name>/edit                   admin     whole
connectors.change     POST  /connectors/<name>/edit                   admin     whole
connectors.export     GET   /connectors/<name>/export                 admin     own
connectors.remove     POST  /connectors/<name>/remove                 admin     whole
wizard.show           GET   /add-connector                            admin     whole
wizard.connect        POST  /add-connector/connect                    admin     whole
wizard.company        POST  /add-connector/company                    admin     whole
wizard.add            POST  /add-connector/add                        admin     whole
wizard.leave          POST  /add-connector/leave                      admin     whole
approvals.list        GET   /approvals                                viewer    own
approvals.answer      POST  /approvals/<id:id>/answer                 operator  own
alerts.list           GET   /alerts                                   viewer    whole
alerts.ack            POST  /alerts/<id:id>/ack                       operator  whole
schedules.list        GET   /schedules                                viewer    whole
schedules.run         POST  /schedules/<path:name>/run                operator  whole
schedules.catch_up    POST  /schedules/<path:name>/catch-up           operator  whole
schedules.pause       POST  /schedules/<path:name>/pause              operator  whole
schedules.resume      POST  /schedules/<path:name>/resume             operator  whole
changes.hold          POST  /changes/hold                             operator  whole
changes.resume        POST  /changes/resume                           operator  whole
automations.list      GET   /automations                              viewer    whole
automations.show      GET   /automations/<name>                       viewer    whole
automations.pause     POST  /automations/<name>/pause                 operator  whole
automations.resume    POST  /automations/<name>/resume                operator  whole
automations.start     POST  /automations/<name>/start                 operator  whole
automations.hold      POST  /automations/<name>/hold                  operator  whole
automations.follow    POST  /automations/<name>/follow                operator  whole
automations.diff      GET   /automations/<name>/diff                  viewer    whole
automations.version   GET   /automations/<name>/versions/<version>    viewer    whole
automations.activate  POST  /automations/<name>/versions/<version>/activate operator whole
automations.backtest  POST  /automations/<name>/versions/<version>/backtest operator whole
queues.show           GET   /queues                                   viewer    whole
queues.pause          POST  /queues/<lane>/pause                      operator  whole
queues.drain          POST  /queues/<lane>/drain                      operator  whole
queues.resume         POST  /queues/<lane>/resume                     operator  whole
queues.limit          POST  /queues/<lane>/limit                      operator  whole
queues.unlimit        POST  /queues/<lane>/unlimit                    operator  whole
workers.drain         POST  /workers/<name>/drain                     operator  whole
workers.resume        POST  /workers/<name>/resume                    operator  whole
data.list             GET   /data                                     viewer    own
data.table            GET   /data/<name>                              viewer    own
data.export           GET   /data/<name>/export.csv                   viewer    own
imports.list          GET   /imports                                  viewer    own
imports.show          GET   /imports/<id:id>                          viewer    own
imports.start         POST  /imports                                  operator  own
imports.cancel        POST  /imports/<id:id>/cancel                   operator  own
repairs.list          GET   /repairs                                  viewer    own
audit.list            GET   /audit                                    viewer    whole
users.list            GET   /users                                    admin     whole
users.add             POST  /users                                    admin     whole
users.change          POST  /users/<name>/change                      admin     whole
users.remove          POST  /users/<name>/remove                      admin     whole
users.revoke          POST  /users/<name>/sessions                    admin     whole
tokens.add            POST  /tokens                                   admin     whole
tokens.revoke         POST  /tokens/<name>/revoke                     admin     whole
settings.show         GET   /settings                                 operator  whole
api.openapi           GET   /api/v1/openapi.json                      viewer    open
api.overview          GET   /api/v1/overview                          viewer    own
api.runs              GET   /api/v1/runs                              viewer    own
api.run               GET   /api/v1/runs/<id:id>                      viewer    own
api.run_retry         POST  /api/v1/runs/<id:id>/retry                operator  own
api.run_edit          POST  /api/v1/runs/<id:id>/retry-with-edits     operator  own
api.run_cancel        POST  /api/v1/runs/<id:id>/cancel               operator  own
api.operations        GET   /api/v1/operations                        viewer    own
api.operation         GET   /api/v1/operations/<id:id>                viewer    own
api.operation_count   POST  /api/v1/operations/count                  operator  own
api.operation_start   POST  /api/v1/operations                        operator  own
api.operation_pause   POST  /api/v1/operations/<id:id>/pause          operator  own
api.operation_resume  POST  /api/v1/operations/<id:id>/resume         operator  own
api.operation_cancel  POST  /api/v1/operations/<id:id>/cancel         operator  own
api.operation_back    POST  /api/v1/operations/<id:id>/take-back      operator  own
api.events            GET   /api/v1/events                            viewer    own
api.event             GET   /api/v1/events/<id:id>                    viewer    own
api.deliveries        GET   /api/v1/deliveries                        viewer    own
api.failures          GET   /api/v1/failures                          viewer    own
api.effects           GET   /api/v1/effects                           viewer    own
api.effect_settle     POST  /api/v1/effects/<id:id>/settle            operator  own
api.approvals         GET   /api/v1/approvals                         viewer    own
api.approval_answer   POST  /api/v1/approvals/<id:id>/answer          operator  own
api.alerts            GET   /api/v1/alerts                            viewer    whole
api.alert_ack         POST  /api/v1/alerts/<id:id>/ack                operator  whole
api.schedules         GET   /api/v1/schedules                         viewer    whole
api.schedule_run      POST  /api/v1/schedules/<path:name>/run         operator  whole
api.schedule_catch_up POST  /api/v1/schedules/<path:name>/catch-up    operator  whole
api.schedule_pause    POST  /api/v1/schedules/<path:name>/pause       operator  whole
api.schedule_resume   POST  /api/v1/schedules/<path:name>/resume      operator  whole
api.changes_hold      POST  /api/v1/changes/hold                      operator  whole
api.changes_resume    POST  /api/v1/changes/resume                    operator  whole
api.connectors        GET   /api/v1/connectors                        viewer    own
api.connector         GET   /api/v1/connectors/<name>                 viewer    own
api.connector_pause   POST  /api/v1/connectors/<name>/pause           operator  own
api.connector_resume  POST  /api/v1/connectors/<name>/resume          operator  own
api.connector_validate POST /api/v1/connectors/<name>/validate        operator  own
api.connector_rotate  POST  /api/v1/connectors/<name>/rotate          operator  own
api.connector_repair  POST  /api/v1/connectors/<name>/repair          operator  own
api.connector_history GET   /api/v1/connectors/<name>/history         viewer    own
api.connector_update  POST  /api/v1/connectors/<name>/update          admin     whole
api.hooks             GET   /api/v1/hooks                             viewer    own
api.quota             GET   /api/v1/quota                             viewer    own
api.automations       GET   /api/v1/automations                       viewer    whole
api.automation_pause  POST  /api/v1/automations/<name>/pause          operator  whole
api.automation_resume POST  /api/v1/automations/<name>/resume         operator  whole
api.automation        GET   /api/v1/automations/<name>                viewer    whole
api.automation_diff   GET   /api/v1/automations/<name>/diff           viewer    whole
api.automation_start  POST  /api/v1/automations/<name>/start          operator  whole
api.automation_hold   POST  /api/v1/automations/<name>/hold           operator  whole
api.automation_follow POST  /api/v1/automations/<name>/follow         operator  whole
api.version           GET   /api/v1/automations/<name>/versions/<version> viewer whole
api.version_tests     GET   /api/v1/automations/<name>/versions/<version>/tests viewer whole
api.version_activate  POST  /api/v1/automations/<name>/versions/<version>/activate operator whole
api.version_backtest  POST  /api/v1/automations/<name>/versions/<version>/backtest operator whole
api.queues            GET   /api/v1/queues                            viewer    whole
api.queue_pause       POST  /api/v1/queues/<lane>/pause               operator  whole
api.queue_drain       POST  /api/v1/queues/<lane>/drain               operator  whole
api.queue_resume      POST  /api/v1/queues/<lane>/resume              operator  whole
api.queue_limit       POST  /api/v1/queues/<lane>/limit               operator  whole
api.queue_unlimit     POST  /api/v1/queues/<lane>/unlimit             operator  whole
api.workers           GET   /api/v1/workers                           viewer    whole
api.worker_drain      POST  /api/v1/workers/<name>/drain              operator  whole
api.worker_resume     POST  /api/v1/workers/<name>/resume             operator  whole
api.imports           GET   /api/v1/imports                           viewer    own
api.repairs           GET   /api/v1/repairs                           viewer    own
api.audit             GET   /api/v1/audit                             viewer    whole
""")
