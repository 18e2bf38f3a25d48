"""Write what is read off the code anew: `make contract`, whenever the API changes."""

import sys

from tests.openapi.published import FILES, write

for name in FILES:
    sys.stdout.write(f"{write(name)}: {name}\n")
