"""Write the published vectors anew: `make vectors`, whenever rules, items or words change."""

import sys

from tests.safety_rules.vectors import FOLDER, files

for name, text in files().items():
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    changed = not path.exists() or path.read_text(encoding="utf-8") != text
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{'written' if changed else 'as it was'}: {name}\n")
