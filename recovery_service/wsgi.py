"""What a WSGI server loads: ``recovery_service.wsgi:app``."""

import os

from config.settings import Settings
from recovery_service.app import create_app
from recovery_service.garbage import collect_rarely

app = create_app(Settings.from_environ(os.environ))
collect_rarely()
