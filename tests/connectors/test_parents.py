from connectors import catalogue, parents


def rows() -> list[catalogue.Resource]:
    return [row for name in catalogue.names() if (row := catalogue.resource(name))]


def test_every_parent_has_a_list_of_its_own_that_needs_no_other_parent() -> None:
    for names in parents.PARENTS.values():
        for name in names:
            row = catalogue.resource(name)
            assert row is not None
            assert row.list_path
            assert row.list_parent is None
            assert parents.needs_project(row)


def test_the_lists_whose_parents_nobody_lists_are_known() -> None:
    orphans = {row.name for row in rows() if row.list_path and row.list_parent and not parents.of(row)}
    assert orphans == {"Generic Tool Items", "Specification Section Revisions"}


def test_a_company_list_that_wants_a_project_is_read_per_project() -> None:
    per_project = {row.name for row in rows() if row.list_path and row.scope == "company" and parents.needs_project(row)}
    assert per_project == {"Line Item Types"}
