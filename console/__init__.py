"""The operator's hands: the command line, later pages and a JSON API; and the processes it starts."""
