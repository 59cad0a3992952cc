"""The mistakes that are planted are many, small, and what people read is left alone."""

from __future__ import annotations

import ast

import pytest

from tests.core.mutants import mutants_of

SOURCE = '''
"""What it is for."""
MOST = 3

@retrying
def take(db, id: int | None = None) -> bool:
    """Take it."""
    if id is None or not db.open:
        raise Gone(f"{id}: it is gone")
    db.execute(update(Work).where(Work.id == id, Work.free).values(free=False, n=Work.n + 1))
    return id < MOST
'''


@pytest.mark.parametrize(
    "mistake",
    [
        "module: MOST = [3 => 4]", "take: [@retrying => ]def", "if [id is None or not db.open: => not (",
        "is [ => not ]None", "None [or not db.open: => and",
        "[raise Gone(f'{id}: it is gone') => pass]", "Work.id [== => !=] id", "Work.[id == id, Work. => ]free",
        "== id[, Work.free => ]",
        "[where(Work.id == id, Work.free). => ]values", "free=[False => True]", "n=Work.n [+ => -] 1",
        "[, n=Work.n + 1 => ]", "return [id < MOST => None]", "id [< => <=] MOST", "id [< => >=] MOST",
    ],
)  # fmt: skip
def test_each_kind_of_mistake_is_planted(mistake: str) -> None:
    assert [one.name for one in mutants_of(SOURCE) if mistake in one.name]


def test_each_is_a_program_of_its_own_with_a_name_of_its_own() -> None:
    made = mutants_of(SOURCE)
    assert len({one.name for one in made}) == len({one.source for one in made}) == len(made)
    for one in made:
        compile(one.source, "mutant", "exec")
        assert one.source != ast.unparse(ast.parse(SOURCE))


def test_what_people_read_and_types_are_left_alone() -> None:
    for one in mutants_of(SOURCE):
        assert '"""What it is for."""' in one.source
        assert "id: int | None" in one.source


def test_a_mistake_keeps_its_name_when_it_moves_to_another_line() -> None:
    moved = mutants_of("import os\n\n" + SOURCE)
    assert {one.name for one in mutants_of(SOURCE)} == {one.name for one in moved}


def test_it_says_by_which_lines_a_test_must_come() -> None:
    lines = {one.name: one.lines for one in mutants_of(SOURCE)}
    (within,) = [lines[name] for name in lines if "Work.[id == id, Work. => ]free" in name]
    assert within is not None
    assert "db.execute" in SOURCE.splitlines()[within.start - 1]
    (header,) = [lines[name] for name in lines if "None [or not db.open: => and" in name]
    assert header == range(8, 9)
    assert [lines[name] for name in lines if name.startswith("module: MOST")] == [None]


def test_what_stands_in_a_class_is_carried_out_at_the_import() -> None:
    made = {one.name: one.lines for one in mutants_of("class Held:\n    most = 3\n\n    def free(self):\n        return 4\n")}
    assert made == {"Held: most = [3 => 4]": None, "Held.free: return [4 => 5]": range(5, 6)}
