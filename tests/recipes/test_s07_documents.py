"""S7: documents in a folder, with a guard against deletions."""

from __future__ import annotations

from tests.recipes.stack import Installation, plain_of

NAME = "document-mirror"


def document(here: Installation, name: str, number: int, version: str = "1") -> str:
    url = f"{{{{base}}}}/api/v5/files/{number}?sig={{{{sig}}}}"
    return here.create("Project Files", name=name, version=version, url=url)


def downloads(here: Installation) -> int:
    return sum(one["count"] for one in here.simulator("GET", "/_sim/calls") if "/api/v5/files/" in one["path"])


def test_S7_an_unchanged_file_is_not_downloaded_again_and_a_name_clash_keeps_both(here: Installation) -> None:
    # Given a document that was mirrored
    id = document(here, "Slab: detail?.pdf", 901)
    here.ended(NAME, id)
    folder = here.file(f"documents/{here.project}")
    assert len(list(folder.glob("Slab*detail*.pdf"))) == 1
    before = downloads(here)
    # When it changes in what is no new version
    here.settled(1.2)
    here.update("Project Files", id, description="a note")
    here.ended(NAME, id, 2)
    # Then it was not fetched again
    assert downloads(here) == before
    # When another one has its name
    other = document(here, "Slab: detail?.pdf", 902)
    here.ended(NAME, other)
    # Then both are there, each with its checksum
    assert len(list(folder.glob("Slab*detail*.pdf"))) == 2
    assert all(len(row["sha256"]) == 64 for row in here.table("documents") if row["document_id"] in (id, other))


def test_S7_of_a_hundred_deletes_25_are_done_and_the_rest_is_reported(here: Installation) -> None:
    # Given a hundred documents in the folder
    wish = {"resource": "Project Files", "verb": "create", "project_id": int(here.project), "count": 100}
    fields = {"name": "Many.pdf", "version": "1", "url": "{{base}}/api/v5/files/903?sig={{sig}}"}
    ids = [str(id) for id in here.simulator("POST", "/_sim/change", {**wish, "fields": fields})["ids"]]
    here.until(lambda: len({row["document_id"] for row in here.table("documents")} & set(ids)) == 100, "a hundred documents", 90)
    folder = here.file(f"documents/{here.project}")
    assert len(list(folder.glob("Many*.pdf"))) == 100
    # When all of them are deleted at once
    for id in ids:
        here.change("Project Files", "delete", id)
    here.until(lambda: here.mails("deleted documents were kept"), "the list", 60)
    here.settled()
    # Then 25 went, and the list names those that are still there
    assert len(list(folder.glob("Many*.pdf"))) == 75
    told = "".join(plain_of(mail) for mail in here.mails("were kept"))
    assert told.count("Many") == 75
