"""``python -m eda_site.run``: start Flowdeck here and stay until it is stopped."""

import sys

from eda_site.run.errors import CannotRun
from eda_site.run.options import Options
from eda_site.run.supervisor import Supervisor


def main() -> int:
    """Run until stopped; say what is wrong and what to do if that is impossible."""
    try:
        Supervisor(Options.from_environment()).run()
    except CannotRun as error:
        print(f"\nFlowdeck did not start. {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
