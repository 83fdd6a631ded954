"""``python -m medtail``: the same as ``medtail``."""

from .benchmark.cli.main import main

if __name__ == "__main__":
    main()
