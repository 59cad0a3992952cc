"""A pretend Procore: the HTTP side of the platform, with seeded records, limits, webhooks and faults.

It imports nothing of the rest of the project and speaks HTTP only. `python -m simulator` starts it;
tests start it in their own process with `simulator.app.serve`.
"""
