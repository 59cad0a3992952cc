"""How we reach a system: the Procore connector, its catalogue, quota and the destinations."""
