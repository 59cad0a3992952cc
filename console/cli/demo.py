"""`tieback demo`"""

from __future__ import annotations

import click

from console import demo as playing

port_type = click.IntRange(1, 65535)


@click.command()
@click.option("--stay", is_flag=True, help="Stay up afterwards, until Ctrl-C.")
@click.option("--port", type=port_type, default=8000, show_default=True, help="Of Tieback (make demo PORT=…).")
@click.option("--sim-port", type=port_type, default=8900, show_default=True, help="Of the simulator (make demo SIM_PORT=…).")
def demo(stay: bool, port: int, sim_port: int) -> int:
    """Show the whole path: start a pretend Procore and Tieback, connect them, change something, show the rows that arrive.

    Works in var/demo, which is made anew each time.
    """
    return playing.run(port, sim_port, stay=stay)
