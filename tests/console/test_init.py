"""`tieback init`: a new site with chosen recipes and all that they need."""

from __future__ import annotations

from pathlib import Path

import pytest

from automations import recipes
from tests.console.conftest import Tieback


@pytest.mark.parametrize("name", recipes.names())
def test_a_new_site_with_a_recipe_has_nothing_to_complain_of(tieback: Tieback, tmp_path: Path, name: str) -> None:
    assert tieback("init", "mine", "--recipe", name).code == 0
    checked = tieback("rules", "check", TIEBACK_SITE=str(tmp_path / "mine"))
    assert (checked.code, "0 errors, 0 warnings" in checked.out) == (0, True), checked.out + checked.err


def test_secrets_of_destinations_are_named_and_stand_in_the_settings_to_be_filled_in(tieback: Tieback, tmp_path: Path) -> None:
    said = tieback("init", "mine", "--recipe", "weather-delay")
    assert "SLACK_SITE_OPS, TEAMS_PM_OFFICE" in said.out
    assert "# SLACK_SITE_OPS=\n" in (tmp_path / "mine/tieback.env").read_text()


def test_an_unknown_recipe_makes_nothing_and_names_the_nearest(tieback: Tieback, tmp_path: Path) -> None:
    said = tieback("init", "mine", "--recipe", "rfi-escalatoin")
    assert (said.code, 'did you mean "rfi-escalation"' in said.sentence()) == (2, True)
    assert not (tmp_path / "mine").exists()


def test_the_list_says_what_each_recipe_does_and_needs(tieback: Tieback) -> None:
    shown = {one["name"]: one for one in tieback("init", "--list", "--json").json()}
    assert set(shown) == set(recipes.names())
    assert shown["weather-delay"]["needs"] == ["slack:site-ops", "teams:pm-office"]
    assert "comes with: payment-to-procore" in tieback("init", "--list").out


def test_without_a_folder_it_says_what_to_type(tieback: Tieback) -> None:
    said = tieback("init")
    assert (said.code, "tieback init mysite" in said.err) == (2, True)


def test_the_tests_of_every_recipe_pass_in_a_new_site(tieback: Tieback, tmp_path: Path) -> None:
    wanted = [word for name in recipes.names() for word in ("--recipe", name)]
    assert tieback("init", "mine", *wanted).code == 0
    proved = tieback("rules", "test", TIEBACK_SITE=str(tmp_path / "mine"))
    assert proved.code == 0, proved.out
    assert "0 failed" in proved.out
    assert "without tests" not in proved.out
