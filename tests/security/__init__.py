"""Attacks: each file is a group of the requirements that docs/security.md lists."""
