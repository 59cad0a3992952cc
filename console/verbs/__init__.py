"""What an operator can do, as plain functions: pages, API and commands are three faces of it.

They take what is at hand (settings, store, keys) and give plain dicts; the one who asks draws them.
"""
