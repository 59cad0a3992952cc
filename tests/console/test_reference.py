from __future__ import annotations

import pytest

from config.settings import TABLE
from console import reference
from console.cli import tieback as whole
from tests.console.conftest import ROOT
from tests.console.test_family import commands


@pytest.mark.parametrize("name", reference.pages())
def test_the_pages_are_what_the_program_says(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == reference.pages()[name], "run: python -m console.reference"


def test_every_command_and_setting_has_its_place() -> None:
    page = reference.commands()
    for path, command in commands(whole):
        assert f"# tieback {path}\n" in page
        for one in command.params:
            for spelled in one.opts if one.param_type_name == "option" else ():
                assert spelled in page, f"{path} {spelled}"
    assert all(f"`{one.name}`" in reference.settings() for one in TABLE)
