"""Everything that is kept: models, sessions, migrations and every query."""
