"""`python -m costmodel` is the command `costmodel`."""

import sys


def main() -> None:
    """Run the command. Ctrl-C ends it quietly, while its modules load as well."""
    try:
        from costmodel.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
