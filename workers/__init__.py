"""When things run: broker, actors, triage, fetching, execution and the relay."""
