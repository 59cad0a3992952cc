"""The public door: a small Flask app that keeps what Procore sends and answers at once."""
