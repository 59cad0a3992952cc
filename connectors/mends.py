"""Who can mend what validation finds, and where to click.

Source: Procore documentation, managing app installations, DMSA permissions, webhooks; the monthly sandbox's page.
"""

from __future__ import annotations

from config.errors import Permanent, TiebackError
from connectors.definition import Connector

PAIR = "Tokens of one environment are unknown in another: write both hosts of one pair."
CLOCK = "Set it: timedatectl set-ntp true (in a container: on its host). Tokens and windows of time depend on it."
SLOW = "Try again. If it stays so, look at this machine's network and at status.procore.com."
HOOKS = "It comes with the first automation that listens, or with: tieback hooks apply"
_REFRESH = " The monthly sandbox is a copy of production: what was installed or permitted there comes with the next refresh."


def install(connector: Connector) -> str:
    return (
        f"Correct company_id, or let an administrator of company {connector.company_id} install the app: "
        "Company Admin > App Management > Install App. A custom app must be allowed for the account first."
    ) + _refreshed(connector)


def permit(connector: Connector) -> str:
    return (
        "A company administrator opens Company Admin > App Management > (this app) > Permissions and adds the projects. "
        "An update or reinstall of the app empties that list."
    ) + _refreshed(connector)


def tool(project_id: str) -> str:
    return (
        f"In project {project_id} a project administrator switches the tool on: Home > Settings > Tool Settings. "
        "Its level comes from the manifest of the app and its permission template: Company Admin > App Management."
    )


def webhooks(connector: Connector) -> str:
    return (
        "The developer of the app sets Webhooks API from None to Standard in its manifest (developer portal > My Apps) and "
        f"publishes it; then an administrator of company {connector.company_id} updates the app: Company Admin > App Management, "
        "and chooses the permitted projects again, because an update empties that list."
    )


def of(error: TiebackError, name: str, connector: Connector) -> str:
    """For what the sentence of an error does not say itself."""
    kind = getattr(error, "kind", "")
    if kind == "http_403":
        return (
            "The developer of the app sets what it needs to Standard in its manifest and publishes it; "
            f"then an administrator of company {connector.company_id} updates the app: Company Admin > App Management."
        )
    if kind == "http_404" and name == "credentials":
        return "That host does not give tokens: correct login_host."
    if kind in ("connection", "timeout"):
        return "Check the host's name, this machine's DNS, clock and firewall: outgoing 443 must be open."
    return "" if isinstance(error, Permanent) else "Try again in a minute."


def _refreshed(connector: Connector) -> str:
    return _REFRESH if connector.environment == "monthly" else ""
