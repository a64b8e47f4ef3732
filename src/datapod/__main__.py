"""`python -m datapod`: the same program as `datapod`."""

import sys

from datapod.cli.main import main

sys.exit(main())
