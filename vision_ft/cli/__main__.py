"""`python -m vision_ft.cli`."""

from __future__ import annotations

import sys

from vision_ft.cli import main

sys.exit(main())
