"""The command `causeway`: it gathers the commands of every room and turns errors into exit statuses.

Exit status 0 = fine, 1 = findings at or above --fail-on, 2 = usage or environment. Answers go to standard output,
progress and logs to standard error.
"""

from __future__ import annotations

import sys

import typer

from causeway import guard, logs, registry
from causeway.errors import CausewayError

app = typer.Typer(
    name="causeway",
    help="Open observability: capture, call graph, impact, root cause and health patrol of services in containers.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def build() -> typer.Typer:
    """The application with the commands of all rooms; raises ConfigError if a room cannot be loaded."""
    for room in registry.names("commands"):
        registry.load("commands", room)(app)
    return app


def main() -> None:
    """Run the command line."""
    logs.configure()
    try:
        guard.check()
        build()()
    except CausewayError as error:
        sys.stderr.write(f"causeway: {error}\n")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
