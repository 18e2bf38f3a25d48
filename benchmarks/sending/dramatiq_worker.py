"""What Dramatiq's workers load: the broker, and the one actor on it."""

import os

from benchmarks.sending.dramatiq_peer import _broker

broker = _broker(os.environ["BROKER"], int(os.environ["GONE_AFTER"]))
