"""Run the command line as ``python -m pqnlp``."""

from pqnlp.cli import main

if __name__ == "__main__":
    main()
