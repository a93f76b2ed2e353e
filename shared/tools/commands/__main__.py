"""`python -m shared.tools.commands` is the same as the console script `pairs`."""

import sys

from shared.tools.commands import main

sys.exit(main())
