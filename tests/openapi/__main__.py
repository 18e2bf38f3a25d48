"""Write what is read off the code anew: `make contract`, whenever the API changes."""

import sys

from tests.openapi.changes import UnannouncedError
from tests.openapi.published import FILES, write

try:
    for name in sys.argv[1:] or FILES:
        sys.stdout.write(f"{write(name)}: {name}\n")
except UnannouncedError as refusal:
    sys.exit(str(refusal))
