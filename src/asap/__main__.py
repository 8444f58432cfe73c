"""`python -m asap`."""

import sys

from asap.cli import main

sys.exit(main())
