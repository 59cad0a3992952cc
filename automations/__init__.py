"""What we do: automations as people write them, and the engine that runs them. Never sees the database."""
