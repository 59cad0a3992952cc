"""`python -m simulator`: serve a pretend Procore until told to stop."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import threading

from simulator.app import serve


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulator", description="A pretend Procore, for tests and demonstrations.")
    parser.add_argument("--port", type=_port, default=8900, help="0 takes any free port (default 8900)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same records (default 7)")
    parser.add_argument("--profile", choices=("lenient", "strict"), default="lenient")
    parser.add_argument("--time-scale", type=_positive, default=1.0, help="speeds the sender's waits (default 1)")
    parser.add_argument("--hourly", type=_calls, default=3600, help="calls per hour (default 3600)")
    parser.add_argument("--spike", type=_calls, default=100, help="calls per 10 seconds (default 100)")
    parser.add_argument("--client-id")
    parser.add_argument("--client-secret")
    return parser.parse_args(words)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"give a number above 0, not {text!r}")
    return number


def _calls(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"give a whole number of calls, 1 or more, not {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"give a port from 0 to 65535, not {text!r}")
    return int(text)


def main(words: list[str] | None = None) -> int:
    """Exit 0 when stopped by a signal, 2 when the port cannot be had."""
    options = vars(_arguments(words))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    port = options.pop("port")
    try:
        with serve(port=port, **options) as running:
            print(f"simulator listening on {running.url}", flush=True)
            stop.wait()
    except OSError as problem:
        if problem.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
            raise
        print(f"Port {port} is not free: stop what uses it, or choose another with --port.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
