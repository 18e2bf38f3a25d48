"""A service of the supervisor's tests: notes that it started, and waits for its end."""

import argparse
import os
import signal
import time
from pathlib import Path

from recovery_service.cli.orphans import end_with_standard_input

parser = argparse.ArgumentParser()
parser.add_argument("file", type=Path)
parser.add_argument("--deaf", action="store_true")
parser.add_argument("--until-orphaned", action="store_true")
chosen = parser.parse_args()
if chosen.deaf:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if chosen.until_orphaned:
    end_with_standard_input()
with chosen.file.open("a") as file:
    file.write(f"{os.getpid()}\n")
while True:
    time.sleep(1)
