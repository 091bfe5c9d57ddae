"""`python -m vergence.losses`: every loss with its variant, source, chance, floor and notebook, in Markdown."""

from __future__ import annotations

import sys

from vergence.losses.table import table

if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
