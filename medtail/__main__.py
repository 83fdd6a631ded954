"""``python -m medtail``, the same as ``medtail``: signals count from the first import on."""

from .benchmark.execution.ending import in_one_line


def main() -> None:
    """Entry point."""
    with in_one_line():
        from .benchmark.cli.main import main as command

        command()


if __name__ == "__main__":
    main()
