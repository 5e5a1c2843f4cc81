"""`python -m costmodel` is the command `costmodel`."""

import sys

from costmodel.cli import main

sys.exit(main())
