"""`python -m shared.commands` is the same as the console script `pairs`."""

import sys

from shared.commands import main

sys.exit(main())
