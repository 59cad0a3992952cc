"""Settings, YAML with line numbers, errors and secrets: what every other folder stands on."""
