"""How much longer than promised something may take where others keep the machine busy.

``QUIET=1`` asks for the promise itself, on a machine that has nothing else to do::

    QUIET=1 make test-long ARGS="tests/infra/test_web_under_attack.py -q -s"
"""

import os

BUSY = 1 if os.environ.get("QUIET") == "1" else 3
