from __future__ import annotations

from pathlib import Path

from tests.console.conftest import Tieback


def test_a_new_site_has_nothing_wrong_with_it(tieback: Tieback, tmp_path: Path) -> None:
    assert tieback("init", "site").code == 0
    checked = tieback("rules", "check")
    assert checked.code == 0
    assert "2 automations fine, 0 errors, 0 warnings" in checked.out
    assert len((tmp_path / "site/README.md").read_text().splitlines()) <= 18
    assert (tmp_path / "site/tieback.env").stat().st_mode & 0o077 == 0


def test_init_refuses_a_folder_that_holds_something(tieback: Tieback, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/plan.txt").write_text("x")
    said = tieback("init", "mine")
    assert said.code == 2
    assert "is not empty" in said.sentence()
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["plan.txt"]


def test_a_broken_file_is_told_and_what_was_in_force_stays(tieback: Tieback, tmp_path: Path) -> None:
    # Given a site in force
    tieback("init", "site")
    assert tieback("rules", "apply").out.endswith("2 in force, 0 files broken\n")
    # When a file breaks
    file = tmp_path / "site/automations/rfi-to-database.yaml"
    file.write_text(file.read_text().replace("use: db.upsert", "use: db.upsrt"))
    applied = tieback("rules", "apply")
    # Then the message has place and suggestion, and the old version is still the one in force
    assert applied.code == 1
    assert (
        'automations/rfi-to-database.yaml:21:10 error TB130: there is no action "db.upsrt"; did you mean "db.upsert"?'
        in applied.out
    )
    rows = {row["name"]: row for row in tieback("rules", "list", "--json").json()}
    assert rows["rfi-to-database"]["state"] == "broken"
    assert rows["rfi-to-database"]["version"]
    # And the doctor says so
    doctor = tieback("doctor", "--json")
    assert doctor.code == 1
    assert [one["name"] for one in doctor.json() if one["state"] == "wrong" and "db.upsrt" in one["seen"]] == ["site"]


def test_problems_are_shown_as_github_wants_them(tieback: Tieback, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("format: 1\nid: x\n")
    said = tieback("rules", "check", "x.yaml", "--format", "github")
    assert said.code == 1
    assert all(line.startswith("::error file=x.yaml,line=") for line in said.out.splitlines())


def test_a_broken_connector_file_is_found_by_check(tieback: Tieback, tmp_path: Path) -> None:
    tieback("init", "site")
    file = tmp_path / "site/connectors/acme-prod.yaml"
    file.write_text(file.read_text().replace("${file:secrets/acme}", "hunter2hunter2"))
    said = tieback("rules", "check", "--format", "json")
    assert said.code == 1
    assert said.json()[0]["file"] == "connectors/acme-prod.yaml"
    assert "hunter2" not in said.out


def test_the_catalogue_is_an_honest_table(tieback: Tieback) -> None:
    rows = {row["name"]: row for row in tieback("rules", "schema", "resources", "--json").json()}
    assert len(rows) > 100
    assert rows["RFIs"]["incremental"] is True
    one = tieback("rules", "schema", "resources", "rfis", "--json").json()
    assert one["fields"]["status"].startswith("text")
    unknown = tieback("rules", "schema", "resources", "rfiss")
    assert unknown.code == 2
    assert 'there is no resource "rfiss"; did you mean "RFIs"?' in unknown.err


def test_the_catalogue_and_its_page_of_docs_say_the_same(tieback: Tieback) -> None:
    """Both are made of the same data, in two ways; here they are held side by side."""
    page = (Path(__file__).parents[2] / "docs" / "resources.md").read_text("utf-8")
    rows = tieback("rules", "schema", "resources", "--json").json()
    assert len(rows) == len({row["name"] for row in rows})
    for row in rows:
        if row["note"] == "webhook only":
            assert f"| {row['name']} | {row['scope']} | {' '.join(row['webhook'])} |" in page
            continue
        start = f"| {row['name']} | {row['scope']} | `{row['table']}` |"
        (line,) = [one for one in page.splitlines() if one.startswith(start)]
        events, since, deletions, batch, size, shape, live = [cell.strip() for cell in line.split("|")][4:11]
        assert (events in ("-", "?")) == (not row["webhook"])
        assert (since == "yes", since == "days") == (row["incremental"], row["by_day"] and not row["incremental"])
        assert (deletions == "list", batch == "yes", live == "yes") == (row["deletions"], row["batch"], row["live"])
        assert size == ("-" if row["page"] is None else f"{row['page'][0]}/{row['page'][1]}")
        assert shape == ("open" if row["fields"] is None else "typed")


def test_one_resource_is_shown_with_all_that_is_known_of_it(tieback: Tieback) -> None:
    said = tieback("rules", "schema", "resources", "rfi replies").out
    assert "parent      rfi_id" in said
    assert "fields: open, not known to Tieback" in said


def test_a_connector_whose_file_was_taken_away_is_missed_at_once(tieback: Tieback, tmp_path: Path) -> None:
    # Given a site that was loaded with a connector's file
    assert tieback("init", "site").code == 0
    assert tieback("db", "upgrade").code == 0
    assert tieback("rules", "apply").code == 0
    # When the file is gone, and nobody has loaded the site since
    (tmp_path / "site/connectors/acme-prod.yaml").unlink()
    # Then the rules that name it are wrong
    checked = tieback("rules", "check")
    assert checked.code == 1
    assert 'there is no connector "acme-prod"' in checked.out
